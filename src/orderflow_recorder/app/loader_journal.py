"""The journal as a loader uses it: local files, or a server."""

import asyncio
import random
from pathlib import Path
from typing import Final, Protocol

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.jetstream.link import open_link
from orderflow_recorder.journal.jetstream.progress import waiting_bytes
from orderflow_recorder.journal.jetstream.reader import JetStreamReader
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.retention import SinkPositions
from orderflow_recorder.ports.journal import JournalReader

SERVER_BACKOFF_S: Final = 0.5
SERVER_BACKOFF_MAX_S: Final = 10.0
"""How long a journal's server that is away is left alone between two attempts."""


class LoaderJournal(Protocol):
    """Where a loader reads, and tells how far its sink is."""

    @property
    def trouble(self) -> str:
        """Return why nothing can be read just now; empty if it can."""
        ...

    def open(self, position: Position) -> JournalReader:
        """Return a reader that begins at ``position``."""
        ...

    def publish(self, position: Position) -> None:
        """Tell the journal's retention that the sink has everything before ``position``."""
        ...

    def lag_bytes(self, position: Position) -> int:
        """Return how many bytes lie behind ``position``, while there is no reader."""
        ...


class FileJournal:
    """The segments in one folder."""

    trouble = ""

    def __init__(self, directory: Path, sink: str) -> None:
        """Remember both."""
        self._directory = directory
        self._positions = SinkPositions(directory, sink)

    def open(self, position: Position) -> FileJournalReader:
        """Return a reader that begins at ``position``."""
        return FileJournalReader(self._directory, position)

    def publish(self, position: Position) -> None:
        """Tell the journal's retention that the sink has everything before ``position``."""
        self._positions.publish(position)

    def lag_bytes(self, position: Position) -> int:
        """Return how many bytes lie behind ``position``."""
        return FileJournalReader(self._directory, position).lag_bytes()


class ServerJournal:
    """The stream of one instance on a JetStream server."""

    def __init__(self, url: str, instance: str, sink: str) -> None:
        """Remember all; `open` connects."""
        self._url = url
        self._instance = instance
        self._sink = sink
        self._reader: JetStreamReader | None = None
        self._lag_bytes = 0

    @property
    def trouble(self) -> str:
        """Return why nothing comes from the server just now; empty while it answers."""
        return self._reader.trouble if self._reader is not None else ""

    def open(self, position: Position) -> JetStreamReader:
        """Return a reader that begins at ``position``."""
        self._reader = JetStreamReader(
            self._url,
            instance=self._instance,
            sink=self._sink,
            position=position,
            clock=SystemClock(),
            backoff=Backoff(SERVER_BACKOFF_S, SERVER_BACKOFF_MAX_S, random.random),
        )
        return self._reader

    def publish(self, position: Position) -> None:
        """Tell the server that the sink has everything before ``position``."""
        if self._reader is not None:
            self._reader.publish(position)

    def lag_bytes(self, position: Position) -> int:  # noqa: ARG002  # the server knows where the sink is
        """Return about how many bytes the server has for the sink."""

        async def ask() -> int:
            async with open_link(self._url, self._instance, "lag") as link:
                return await waiting_bytes(link, self._sink)

        try:
            self._lag_bytes = asyncio.run(ask())
        except JournalError:
            return self._lag_bytes
        return self._lag_bytes


def loader_journal(settings: Settings, sink: str, *, left: bool) -> LoaderJournal:
    """Return the journal that ``settings`` name, for one sink; what earlier runs ``left`` behind is files."""
    if settings.journal_url and not left:
        return ServerJournal(settings.journal_url, settings.instance_id, sink)
    return FileJournal(settings.journal_directory, sink)
