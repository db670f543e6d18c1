"""The journal of ``heal``: the recorder's own is locked while it runs, so this one stands beside it.

It is a journal like any other, of instance ``<INSTANCE_ID>-heal``, and it is loaded like any other:
what healing brought can be loaded again into an empty database.
"""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.ending import EndingReader
from orderflow_recorder.app.load import make_loader
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.collector import Intake
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.retention import SinkPositions, delete_expired
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.postgres.book_seeds import PostgresBooks
from orderflow_recorder.postgres.sink import PostgresSink

SUFFIX: Final = "-heal"


class HealJournal:
    """What healing brought, on its way to the database."""

    def __init__(self, settings: Settings, url: str, writer: FileJournalWriter, intake: Intake) -> None:
        """Use `open_heal_journal`."""
        self.intake = intake
        self._settings = settings
        self._url = url
        self._writer = writer
        self._instance = heal_instance(settings)
        self._directory = settings.data_dir / "journal" / self._instance

    def load(self) -> None:
        """Write everything journaled so far to the database.

        Raises:
            SinkRefusedError: A person must act.
            DiskFullError: The journal takes no more.
        """
        self._writer.flush()
        ended = threading.Event()
        sink = PostgresSink(self._url)
        make_loader(
            self._settings,
            sink,
            books=PostgresBooks(self._url),
            reader_factory=lambda position: EndingReader(FileJournalReader(self._directory, position), ended),
            instance=self._instance,
            wait=ended.wait,
            publish=SinkPositions(self._directory, sink.name).publish,
            observe=lambda _figures: None,
            drain_s=float("inf"),
        ).run()

    def close(self) -> None:
        """Finish the journal, and delete what is loaded and older than ``JOURNAL_RETENTION_HOURS``."""
        self._writer.close()
        delete_expired(
            self._directory,
            required=(PostgresSink.name,),
            now_ns=SystemClock().now_ns(),
            retention_hours=self._settings.journal_retention_hours,
        )


@contextmanager
def open_heal_journal(settings: Settings, url: str) -> Iterator[HealJournal]:
    """Give the journal of ``heal``; what an earlier run left unloaded is loaded first.

    Args:
        settings: Where it is, and its limits.
        url: Of the database.

    Raises:
        JournalLockedError: Another ``heal`` runs here.
        DiskFullError: There is no room.
        SinkError: The database cannot be reached, or refuses.
    """
    clock = SystemClock()
    instance = heal_instance(settings)
    run_id = str(uuid.uuid4())
    writer = FileJournalWriter.open(
        settings.data_dir / "journal" / instance,
        instance=instance,
        run_id=run_id,
        clock=clock,
        segment_bytes=settings.journal_segment_bytes,
        segment_seconds=settings.journal_segment_seconds,
        min_free_bytes=settings.journal_min_free_bytes,
    )
    journal = HealJournal(settings, url, writer, Intake(writer, clock, instance=instance, run_id=run_id))
    try:
        journal.load()
        yield journal
    finally:
        journal.close()


def heal_instance(settings: Settings) -> str:
    """Return whose journal it is."""
    return settings.instance_id + SUFFIX
