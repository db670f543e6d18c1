"""Made-up order flow as journals, without a venue, a socket or a recorder."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.sim.frames import PlayedFrame
from orderflow_recorder.sim.synthetic import SyntheticSource
from tests.support.manual_clock import ManualClock

START: Final = 1_700_000_000_000_000_000
"""When the flow begins, ns."""


def frames() -> Iterator[PlayedFrame]:
    """Yield trades, aggregates and diffs of a spot and a futures symbol, the same ones every time, without end."""
    source = SyntheticSource(symbols_spot=1, symbols_usdm=1, rate=30.0, seed=7)
    for frame in source.frames(START, lambda _market, _stream: False):
        if frame.stream.endswith(("@trade", "@aggTrade", "@depth@100ms")):
            yield frame


def open_writer(directory: Path, *, run_id: str = "run-1") -> FileJournalWriter:
    """Open a journal of instance ``main`` that switches segments often."""
    return FileJournalWriter.open(
        directory,
        instance="main",
        run_id=run_id,
        clock=ManualClock(start_ns=START),
        segment_bytes=100_000,
        segment_seconds=1e9,
        min_free_bytes=0,
    )


def record(writer: FileJournalWriter, first: int, last: int, *, flush_every: int = 50) -> None:
    """Append the frames from number ``first`` up to ``last``, flushed and synced now and then."""
    for number, frame in enumerate(islice(frames(), first, last), first):
        writer.append_frame(START + frame.at, frame.market, 0, frame.combined)
        if number % flush_every == 0:
            writer.flush()
            writer.sync()
    writer.flush()
