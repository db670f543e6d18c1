"""Becomes an unprivileged user, then the program: run as a script by root, never imported.

``python -I -S embedded_launcher.py '{"uid": 65534, "gid": 65534, "paths": [...], "command": [...]}'``

Postgres refuses to run as root, and so does initdb. Their user must be able to walk to the programs and to the
data, but the folders above may be closed to everybody except root (``/root``, ``mktemp -d``, a virtual environment
made with umask 077). Opening folders that are not ours is no answer. So, when (and only when) such a path is closed
to the user, the program keeps one right of root across the change of user: to read and enter any folder
(CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE where only that is left, as in a default container). It stays "ambient",
which alone survives exec and reaches the processes that Postgres starts.

A process of its own because none of this may happen between fork and exec of a program with threads, and because
the checks below change this process's user. It uses the standard library only and imports nothing of ours.
"""

import ctypes
import json
import os
import sys
from typing import NoReturn

FAILED = 126
"""Exit status when the program could not be started."""

_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522

_ADVICE = "move DATA_DIR and the installation to folders that every user may enter, or run as a normal user"


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"cannot start {message}\n")
    sys.exit(FAILED)


def _closed_paths(paths: list[str]) -> list[str]:
    """Return those that the real user may not read; access(2) ignores the rights of the effective one."""
    return [path for path in paths if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0))]  # noqa: PTH112  # start-up time: pathlib doubles it


def _capabilities(libc: ctypes.CDLL) -> "ctypes.Array[ctypes.c_uint32]":
    """Return effective, permitted and inheritable sets, low words first, as capget(2) fills them."""
    sets = (ctypes.c_uint32 * 6)()
    if libc.capget((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), sets):
        raise OSError(ctypes.get_errno(), "capget")
    return sets


def _become_with_read_right(uid: int) -> None:
    """Become ``uid`` for good, keeping the right to read and enter every folder, and only that.

    Raises:
        OSError: The kernel or the container does not allow it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    permitted = _capabilities(libc)[1]
    right = next((cap for cap in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE) if permitted & 1 << cap), None)
    if right is None:
        message = "this root has neither CAP_DAC_READ_SEARCH nor CAP_DAC_OVERRIDE"
        raise PermissionError(message)
    # Else access(2), by which Postgres looks for its own files, would not count the right. It also keeps all rights
    # across setuid, so they are cut down to the one right after it.
    if libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_SECUREBITS needs CAP_SETPCAP")
    os.setuid(uid)
    mask = 1 << right
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    if libc.capset((ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0), sets):
        raise OSError(ctypes.get_errno(), "capset")
    if libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, right, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_CAP_AMBIENT_RAISE")


def main() -> None:
    """Change user, then exec the command."""
    plan = json.loads(sys.argv[1])
    uid, gid, command = int(plan["uid"]), int(plan["gid"]), plan["command"]
    try:
        os.setgroups([])
        os.setgid(gid)
        # Real user only: access(2) below judges by it, while the effective one is still root and can decide.
        os.setreuid(uid, 0)
    except OSError as error:
        _refuse(f"{command[0]} as user {uid}: this root may not change its user ({error}); run as a normal user")
    closed = _closed_paths(plan["paths"])
    try:
        if closed and sys.platform == "linux":
            _become_with_read_right(uid)
        elif closed:
            _refuse(f"{command[0]}: user {uid} cannot reach {closed[0]}; {_ADVICE}")
        else:
            os.setuid(uid)
    except OSError as error:
        _refuse(f"{command[0]}: user {uid} cannot reach {closed[0] if closed else command[0]}, and {error}; {_ADVICE}")
    try:
        os.execv(command[0], command)  # noqa: S606  # the command comes from our own parent process
    except OSError as error:
        _refuse(f"{command[0]}: {error}")


if __name__ == "__main__":
    main()
