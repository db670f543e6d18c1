"""Where a campaign plays: a simulated venue, a recorder, a Postgres, and everything that can be done to them."""

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import psycopg

from orderflow_recorder.ports.crashpoint import CrashPoint
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from orderflow_recorder.postgres.embedded_process import read_pid
from tests.support.campaign_plan import Fault
from tests.support.processes import PatientSimulatorProgram, RecorderProgram, wait_until

COLLECTOR: Final = "collector"
LOADER: Final = "loader-postgres"
SETTINGS: Final = {
    "SYMBOLS_SPOT": "*",
    "SYMBOLS_FUTURES": "*",
    "SPOT_STREAMS_TRADES": "trade,aggTrade",
    "FUTURES_STREAMS_TRADES": "trade,aggTrade",
    "SPOT_STREAMS_EXTRA": "bookTicker",
    "FUTURES_STREAMS_EXTRA": "bookTicker,markPrice@1s",
    "JOURNAL_SEGMENT_BYTES": "500000",
    "JOURNAL_FSYNC_SECONDS": "0.2",
    "LOADER_BATCH_ROWS": "500",
    "LOADER_BACKOFF_S": "0.1",
    "LOADER_BACKOFF_MAX_S": "0.5",
    "WS_RECONNECT_BACKOFF_S": "0.1",
    "WS_RECONNECT_BACKOFF_MAX_S": "0.5",
    "WS_MAX_SESSION_S": "20",
    "WS_STALL_S": "3",
    "WS_FIRST_FRAME_S": "5",
    "SNAPSHOT_REFRESH_S": "30",
}
_PATIENCE_S: Final = 40.0
_MOST_DEATHS: Final = 2
"""Of one child, before the recorder is started anew: the supervisor waits longer after each."""


class Stage:
    """One simulator and one recorder, with a database of a server that may be ended. Use `close` at the end."""

    def __init__(
        self, folder: Path, captures: Sequence[Path], *, speed: float, server: EmbeddedPostgres, url: str
    ) -> None:
        """Start everything.

        Args:
            folder: Empty, for logs and the recorder's data.
            captures: What is played.
            speed: How fast.
            server: Which runs.
            url: Of a database of it, with the schema.
        """
        self.folder = folder
        self.url = url
        self._server = server
        self._crash_request = folder / "crash"
        self.simulator = PatientSimulatorProgram(folder / "simulator.log", captures, speed=speed)
        self.environment = {
            "DB_URL": url,
            **self.simulator.environment(),
            **SETTINGS,
            "ORDERFLOW_CRASH_FILE": str(self._crash_request),
        }
        self._start_recorder()

    def close(self) -> None:
        """End what still runs."""
        for program in (self.recorder, self.simulator):
            with program:
                pass

    def inject(self, fault: Fault) -> None:
        """Let ``fault`` happen, and wait until the recorder records again."""
        kind = "crash_at" if fault.kind.startswith("crash_at_") else fault.kind
        getattr(self, f"_{kind}")(**fault.arguments)
        self.wait_recovered()
        if max(self._deaths.values()) >= _MOST_DEATHS:
            self.recorder.stop()
            self._start_recorder()

    def wait_recovered(self) -> None:
        """Wait until collector and loader say that every socket is open and the database connected."""
        now = time.time_ns()
        wait_until(lambda: self._is_well(now), within_s=_PATIENCE_S, what="the recorder records again")

    def played_s(self) -> float:
        """Return how far the playback is, seconds of the captures' time."""
        return float(self.simulator.control("status")["played_seconds"])

    def pause(self) -> None:
        """Let the venue stand still."""
        self._control("pause")

    def resume(self) -> None:
        """Let it go on."""
        self._control("resume")

    def open_gaps(self) -> int:
        """Return how many gaps wait to be healed."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute("select count(*) from gaps where status = 'open'").fetchone()
        return int(row[0]) if row else 0

    def _start_recorder(self) -> None:
        self._deaths = {COLLECTOR: 0, LOADER: 0}
        self.recorder = RecorderProgram(self.folder, self.environment)
        pid = self.recorder.process.pid
        wait_until(
            lambda: self.recorder.process.poll() is not None or self.recorder.health("supervisor").get("pid") == pid,
            within_s=_PATIENCE_S,
            what="the recorder starts",
        )
        assert self.recorder.process.poll() is None, self.recorder.output()[-2000:]
        self.wait_recovered()

    def _is_well(self, since: int) -> bool:
        collector, loader = self.recorder.health(COLLECTOR), self.recorder.health(LOADER)
        return bool(
            min(collector.get("updated_at", 0), loader.get("updated_at", 0)) > since
            and collector["connections_wanted"] > 0
            and collector["connections_open"] == collector["connections_wanted"]
            and loader["figures"]["connected"]
        )

    def _control(self, command: str, **arguments: Any) -> None:  # noqa: ANN401  # whatever the command takes
        self.simulator.control(f"{command}?{urlencode(arguments)}")

    def _disturb_books(self) -> None:
        """Make the recorder ask REST: for snapshots and for lost trades."""
        self._control("lose", pattern="*@depth*", count=6)
        self._control("lose", pattern="*rade", count=6)

    def _drop(self, *, count: int) -> None:
        self._control("drop", count=count)

    def _close(self, *, code: int) -> None:
        self._control("close", code=code)

    def _lose(self, *, pattern: str, count: int) -> None:
        self._control("lose", pattern=pattern, count=count)

    def _lose_some(self, *, pattern: str, probability: float, seconds: float) -> None:
        self._control("lose", pattern=pattern, probability=probability, seconds=seconds)

    def _duplicate(self, *, pattern: str, count: int) -> None:
        self._control("duplicate", pattern=pattern, count=count)

    def _reorder(self, *, pattern: str, count: int) -> None:
        self._control("reorder", pattern=pattern, count=count)

    def _malform(self, *, pattern: str, count: int, kind: str) -> None:
        self._control("malform", pattern=pattern, count=count, kind=kind)

    def _silence(self, *, pattern: str, seconds: float) -> None:
        self._control("silence", pattern=pattern, seconds=seconds)
        pause(seconds)

    def _refuse(self, *, seconds: float, how: str) -> None:
        self._control("refuse", seconds=seconds, how=how)
        self._control("drop")
        pause(seconds)

    def _shutdown_notice(self, *, seconds: float) -> None:
        self._control("shutdown_notice", seconds=seconds)
        pause(seconds)

    def _stale_snapshots(self, *, count: int) -> None:
        self._control("stale_snapshots", count=count)
        self._disturb_books()

    def _rate_limit(self, *, status: int, count: int) -> None:
        self._control("rate_limit", status=status, retry_after=1, count=count)
        self._disturb_books()

    def _slow_rest(self, *, seconds: float, count: int) -> None:
        self._control("slow_rest", seconds=seconds, count=count)
        self._disturb_books()

    def _error_rest(self, *, status: int, count: int) -> None:
        self._control("error_rest", status=status, count=count)
        self._disturb_books()

    def _kill_collector(self) -> None:
        self._kill(COLLECTOR)

    def _kill_loader(self) -> None:
        self._kill(LOADER)

    def _kill_both(self) -> None:
        self._kill(COLLECTOR, LOADER)

    def _kill_recorder(self, *, seconds: float) -> None:
        children = [self._pid(COLLECTOR), self._pid(LOADER)]
        self.recorder.kill()
        wait_until(lambda: not any(map(exists, children)), within_s=_PATIENCE_S, what="the children notice and end")
        pause(seconds)
        self._start_recorder()

    def _restart_recorder(self, *, seconds: float) -> None:
        assert self.recorder.stop() == 0, self.recorder.output()[-2000:]
        pause(seconds)
        self._start_recorder()

    def _freeze_collector(self, *, seconds: float) -> None:
        self._freeze(COLLECTOR, seconds)

    def _freeze_loader(self, *, seconds: float) -> None:
        self._freeze(LOADER, seconds)

    def _stop_database(self, *, seconds: float) -> None:
        self._server.stop()
        pause(seconds)
        self._server.start()

    def _crash_database(self, *, seconds: float) -> None:
        pid = read_pid(self._server.data_dir)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        pause(seconds)
        self._server.start()

    def _end_connections(self) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and pid <> pg_backend_pid()"""
            )

    def _crash_at(self, *, point: CrashPoint, hits: int) -> None:
        """Have the child that passes ``point`` started again, and end there."""
        child = COLLECTOR if point.startswith("journal.") else LOADER
        self._crash_request.write_text(f"{point}:{hits}")
        self._kill(child)
        wait_until(lambda: not self._crash_request.exists(), within_s=_PATIENCE_S, what=f"the {child} dies at {point}")
        self._deaths[child] += 1

    def _kill(self, *children: str) -> None:
        pids = {child: self._pid(child) for child in children}
        for child, pid in pids.items():
            os.kill(pid, signal.SIGKILL)
            self._deaths[child] += 1
        wait_until(
            lambda: all(self._pid(child) != pid for child, pid in pids.items()),
            within_s=_PATIENCE_S,
            what=f"{' and '.join(children)} run again",
        )

    def _freeze(self, child: str, seconds: float) -> None:
        pid = self._pid(child)
        os.kill(pid, signal.SIGSTOP)
        pause(seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _pid(self, child: str) -> int:
        return int(wait_until(lambda: self.recorder.health(child).get("pid"), within_s=_PATIENCE_S, what="health"))


def pause(seconds: float) -> None:
    """Let things take their course."""
    threading.Event().wait(seconds)


def exists(pid: int) -> bool:
    """Say whether there is a process ``pid``."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
