"""The processes of a recorder whose symbols are divided: what each is called, and what is its own.

Each collector has a journal, and a health file beside it, as if it were a recorder of its own: its
`Settings` say another instance. Each journal has a loader for each part of the symbols.
"""

from pathlib import Path
from typing import Final

import msgspec

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.core.shards import MOST_SHARDS, Shard, Work, journal_of, place_of, shards, sink_of
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.postgres.sink import PostgresSink

COLLECTOR: Final = "collector"
FORWARDER: Final = "forwarder"
LOADER: Final = "loader-postgres"


class Part(msgspec.Struct, frozen=True):
    """One process.

    Attributes:
        settings: Those of its journal.
        number: Of its journal.
        shard: Which symbols it works on.
    """

    settings: Settings
    number: int
    shard: Shard

    @property
    def process(self) -> str:
        """Return the name of its health file."""
        return COLLECTOR if self.shard.work is Work.COLLECT else sink_of(LOADER, self.shard)

    @property
    def name(self) -> str:
        """Return what people are told."""
        return self.process if self.number == 1 else f"{self.process} {self.settings.instance_id}"

    @property
    def health_path(self) -> Path:
        """Return the file in which it says how it is."""
        return health_path(self.settings, self.process)


def health_path(settings: Settings, process: str) -> Path:
    """Return the file in which ``process`` says how it is."""
    return settings.run_directory / f"{process}.json"


def with_journal(settings: Settings, number: int) -> Settings:
    """Return the settings of a recorder's collector shard ``number``."""
    return settings.model_copy(update={"instance_id": journal_of(settings.instance_id, number)})


def collectors(settings: Settings) -> list[Part]:
    """Return a recorder's collectors."""
    return [
        Part(with_journal(settings, shard.number), shard.number, shard)
        for shard in shards(Work.COLLECT, settings.collector_shards)
    ]


def loaders(settings: Settings) -> list[Part]:
    """Return the loaders of the journals that the collectors write."""
    return [part for number in range(1, settings.collector_shards + 1) for part in _loaders(settings, number)]


def left_loaders(settings: Settings) -> list[Part]:
    """Return the loaders of journals that an earlier run left, which had more collectors."""
    return [part for number in left_journals(settings) for part in _loaders(settings, number)]


def left_journals(settings: Settings) -> list[int]:
    """Return the numbers of the journals that nobody writes any more."""
    return [number for number in journals(settings) if number > settings.collector_shards]


def journals(settings: Settings) -> list[int]:
    """Return the numbers of a recorder's journals that have segments."""
    numbers = range(1, MOST_SHARDS + 1)
    return [number for number in numbers if find_segments(with_journal(settings, number).journal_directory)]


def collector_shard(settings: Settings) -> Shard:
    """Return which symbols the collector with these settings records."""
    return Shard(place_of(settings.instance_id)[1], settings.collector_shards)


def loader_shards(settings: Settings) -> tuple[Shard, ...]:
    """Return which parts of each journal this recorder loads."""
    parts = shards(Work.LOAD, settings.loader_shards)
    return tuple(part for part in parts if part.number in (settings.loader_shard_numbers or {part.number}))


def sinks(settings: Settings) -> tuple[str, ...]:
    """Return all sinks that must have passed a segment before it may be deleted, here or elsewhere."""
    return tuple(sink_of(PostgresSink.name, part) for part in shards(Work.LOAD, settings.loader_shards))


def _loaders(settings: Settings, number: int) -> list[Part]:
    return [Part(with_journal(settings, number), number, shard) for shard in loader_shards(settings)]
