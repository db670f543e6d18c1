"""The embedded server's files: make a cluster whole or not at all, and refuse a folder that is none."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from orderflow_recorder.postgres.embedded_process import (
    PID_FILE,
    EmbeddedPostgresError,
    Ownership,
    ServerUser,
    judge,
    major_version,
    read_pid,
    spawn,
)
from orderflow_recorder.postgres.embedded_socket import SOCKET_NAME

SUPERUSER = "postgres"


def prepare_cluster(data_dir: Path, programs: Path, user: ServerUser | None) -> bool:
    """Make sure that ``data_dir`` is a cluster of this major version; the caller holds the start lock.

    Returns:
        True if the cluster was made just now.

    Raises:
        EmbeddedPostgresError: The folder holds something else, or initdb failed.
        OSError: The folder cannot be read or written.
    """
    for leftover in _unfinished(data_dir):
        # An initdb that outlived its recorder may still be writing here: what it saves from removal goes next time.
        shutil.rmtree(leftover, ignore_errors=True)
    expected = major_version(programs)
    if not data_dir.exists() or (data_dir.is_dir() and not any(data_dir.iterdir())):
        _make_cluster(data_dir, programs, user)
        return True
    if not (data_dir / "PG_VERSION").is_file():
        message = (
            f"{data_dir} is neither empty nor a Postgres cluster: expected a file PG_VERSION; choose another DATA_DIR"
        )
        raise EmbeddedPostgresError(message)
    found = (data_dir / "PG_VERSION").read_text(encoding="ascii").strip()
    if found != expected:
        message = (
            f"{data_dir} was made by Postgres {found}, expected {expected}: move the folder away and let the recorder "
            "make a new one (the journal can be replayed into it), or upgrade it with pg_upgrade"
        )
        raise EmbeddedPostgresError(message)
    return False


def _unfinished(data_dir: Path) -> Iterator[Path]:
    """Yield the folders in which an initdb was interrupted."""
    return (path for path in data_dir.parent.iterdir() if path.name.startswith(f"{data_dir.name}.new-"))


def _make_cluster(data_dir: Path, programs: Path, user: ServerUser | None) -> None:
    """Run initdb beside ``data_dir``, then rename: a crash on the way leaves nothing that looks like a cluster."""
    unfinished = Path(tempfile.mkdtemp(prefix=f"{data_dir.name}.new-", dir=data_dir.parent))
    try:
        if user is not None:
            os.chown(unfinished, user.uid, user.gid)
        _run_initdb(unfinished, programs, user)
        unfinished.rename(data_dir)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    # Without this a power cut could undo the rename after rows were acknowledged.
    parent = os.open(data_dir.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def _run_initdb(folder: Path, programs: Path, user: ServerUser | None) -> None:
    # Trust is safe: there is no port, and the socket is inside a folder closed to every other user.
    options = ["--locale=C", "--encoding=UTF8", "--auth=trust", f"--username={SUPERUSER}", "--no-instructions"]
    command = [str(programs / "initdb"), "-D", str(folder), *options]
    process = spawn(command, user=user, reaches=[folder], output=subprocess.PIPE)
    try:
        output = process.communicate()[0].decode(errors="replace")
    finally:
        if process.poll() is None:
            process.kill()  # we were interrupted; it is our own child, and its folder is thrown away
            process.wait()
    if process.returncode != 0:
        raise failure(f"initdb could not make a cluster in {folder.parent}", output)


def clear_stale_pid_files(data_dir: Path) -> None:
    """Remove pid files that would keep the server from starting; the caller found no running postmaster.

    One is the directory's, one the socket's. Postgres itself ignores them where their process is dead. It refuses
    where the number now belongs to another process of the same user, or where a power cut left no number. Its guard
    against a second server on the directory does not need them: the shared memory block is found by the directory's
    inode.
    """
    for name in (PID_FILE, f"{SOCKET_NAME}.lock"):
        pid = read_pid(data_dir, name)
        if pid is None or (psutil.pid_exists(pid) and judge(pid, data_dir) is Ownership.OTHER):
            (data_dir / name).unlink(missing_ok=True)


def failure(what: str, output: str) -> EmbeddedPostgresError:
    """Return the error for a program that ended, with the last lines it wrote."""
    lines = [line for line in output.splitlines() if line.strip()][-6:] or ["(nothing)"]
    advice = "free some space or move DATA_DIR" if "No space left on device" in output else "it wrote last"
    return EmbeddedPostgresError("\n  ".join([f"{what}; {advice}:", *lines]))
