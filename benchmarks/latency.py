"""How old a row is when a reader can first see it: from the flood's send, which is the row's event time.

A reader on a connection of its own asks every few milliseconds how far the ledger has one symbol; whatever is new since
the last look became visible no later than this one.

Examples:
  python -m benchmarks.latency
  python -m benchmarks.latency --rates 5000 --seconds 10 --quick LOADER_BATCH_AGE_MS=25 --quick JOURNAL_FLUSH_MS=10
"""  # noqa: INP001  # programs, no package

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from benchmarks.lab.processes import options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import RECORDER, recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server
from orderflow_recorder.postgres.connection import connect

QUICK: Final = ("LOADER_BATCH_AGE_MS=25", "JOURNAL_FLUSH_MS=10")
_COVERED: Final = "SELECT last_id FROM coverage WHERE symbol = 'BTCUSDT' AND last_id IS NOT NULL"
_ROWS: Final = """
SELECT trade_id, extract(epoch FROM event_time)::float8, extract(epoch FROM receive_time)::float8
FROM trades WHERE symbol = 'BTCUSDT' ORDER BY trade_id
"""


class Reader:
    """Notes when ids became visible, from a thread; use it as a context manager."""

    def __init__(self, url: str, every_s: float) -> None:
        """Connect.

        Args:
            url: The database.
            every_s: Pause between looks.
        """
        self.seen: list[tuple[float, int]] = []
        self._connection = connect(url)
        self._connection.autocommit = True
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        newest = 0
        while not self._ended.wait(self._every_s):
            row = self._connection.execute(_COVERED).fetchone()
            now = time.time()
            if row is not None and row[0] > newest:
                newest = int(row[0])
                self.seen.append((now, newest))


def main() -> int:
    """Measure and return 0 if every frame is a row."""
    options = _parser().parse_args()
    results = Results("latency", "Latency from the venue's send to a visible row, ms; spot trades")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for label, settings in (("default", ()), ("quick", options.quick or QUICK)):
            for rate in options.rates.split(","):
                _measure(results, options, rate, (label, settings), Path(name), where)
    return results.finish()


def _measure(  # what, how, where to
    results: Results,
    options: argparse.Namespace,
    rate: str,
    labelled: tuple[str, Sequence[str]],
    folder: Path,
    where: str,
) -> None:
    label, changed = labelled
    settings = {**streams_of("spot", "trade", options.symbols), **options_of([*changed, *options.set])}
    arguments = ("--spot", str(options.symbols), "--rate", f"trade={rate}", "--seconds", str(options.seconds))
    with recording(where, folder, arguments, settings) as run:
        with stage(f"{rate} trades a second, {label}", options.seconds), Reader(run.url, options.look / 1000) as reader:
            run.start(options.symbols)
            ended = run.end(options.seconds, patience=options.patience)
        with connect(run.url) as connection:
            rows = np.array(connection.execute(_ROWS).fetchall(), dtype=np.float64)
    ids, sent_at, received_at = rows.T
    looks = np.array(reader.seen)
    visible_at = looks[np.searchsorted(looks[:, 1], ids), 0]
    # The first second is that of a loader that has slept until now.
    steady = sent_at >= sent_at[0] + options.settle
    latency = (visible_at - sent_at)[steady] * 1000
    intake = (received_at - sent_at)[steady] * 1000
    results.add(
        settings=f"{label}: {' '.join(changed)}" if changed else label,
        offered_per_s=int(rate),
        sent_per_s=ended.sent.frames / ended.sending_s,
        rows_seen=len(latency),
        **{f"p{point}_ms": float(np.percentile(latency, point)) for point in (50, 99)},
        max_ms=float(latency.max()),
        to_collector_p99_ms=float(np.percentile(intake, 99)),
        recorder_cores=ended.cores(*RECORDER),
        postgres_cores=ended.cores("postgres"),
    )
    results.faults += [f"{label} at {rate}: {fault}" for fault in ended.faults]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", default="1000,5000,20000", help="comma list of trades a second (1000,5000,20000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each (30)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--look", type=float, default=3.0, help="ms between the reader's looks (3)")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds at the beginning that do not count (2)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the last row (600)")
    parser.add_argument(
        "--quick", action="append", metavar="NAME=VALUE", help=f"settings of the second part ({' '.join(QUICK)})"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of both parts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
