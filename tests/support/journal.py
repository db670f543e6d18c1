"""Journals for tests: a writer with small limits, and a reader read to its end."""

from contextlib import closing
from pathlib import Path

from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.journal import JournalEntry, JournalReader
from tests.support.manual_clock import ManualClock

FRAME = b'{"stream":"btcusdt@trade","data":{"e":"trade","p":"61737.63000000","q":"1.10","t":1}}'


def open_writer(
    directory: Path,
    clock: ManualClock | None = None,
    *,
    run_id: str = "run-1",
    segment_bytes: int = 1 << 30,
    segment_seconds: float = 1e9,
    min_free_bytes: int = 0,
) -> FileJournalWriter:
    """Open a journal of instance ``main`` that switches segments only where asked to."""
    return FileJournalWriter.open(
        directory,
        instance="main",
        run_id=run_id,
        clock=clock or ManualClock(),
        segment_bytes=segment_bytes,
        segment_seconds=segment_seconds,
        min_free_bytes=min_free_bytes,
    )


def read_journal(
    directory: Path, position: Position = JOURNAL_START, *, max_bytes: int = 1 << 20
) -> list[JournalEntry]:
    """Return every entry of ``directory`` from ``position`` on."""
    with closing(FileJournalReader(directory, position)) as reader:
        return read_all(reader, max_bytes=max_bytes)


def read_all(reader: JournalReader, *, max_bytes: int = 1 << 20) -> list[JournalEntry]:
    """Return every entry up to the end."""
    entries: list[JournalEntry] = []
    while found := reader.read(max_bytes):
        entries += found
    return entries
