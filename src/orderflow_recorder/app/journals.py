"""The journals of a recorder as a whole: made ready before it starts, and those looked after that nobody writes."""

from functools import partial
from typing import Final

from loguru import logger

from orderflow_recorder.app.collect import HOUSEKEEPING_S, LOCK_PATIENCE_S, delete_loaded, repeat
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import journals, left_journals, sinks, with_journal
from orderflow_recorder.core.shards import is_part_of
from orderflow_recorder.domain.errors import JournalLockedError
from orderflow_recorder.journal.fences import note_shards
from orderflow_recorder.journal.retention import forget_sink, read_sink_positions
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.postgres.sink import PostgresSink

_LOOK_AGAIN_S: Final = 0.2


async def prepare_journals(settings: Settings, clock: Clock) -> None:
    """Note how symbols are divided now, and forget loaders that there are no more.

    Args:
        settings: How they are divided.
        clock: Time.

    Raises:
        JournalLockedError: A collector of an earlier run does not end.
        JournalError: What was noted before cannot be read.
    """
    found = {one.instance_id: one.journal_directory for one in _journals(settings)}
    deadline = clock.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            note_shards(settings.journal_directory, settings.collector_shards, found)
            break
        except JournalLockedError:
            if clock.monotonic() > deadline:
                raise
        await clock.sleep(_LOOK_AGAIN_S)
    for directory in found.values():
        for sink in read_sink_positions(directory):
            if is_part_of(PostgresSink.name, sink) and sink not in sinks(settings):
                forget_sink(directory, sink)
    for number in left_journals(settings):
        logger.info("the journal {} of an earlier run is loaded to its end", with_journal(settings, number).instance_id)


async def keep_left_journals(settings: Settings, clock: Clock) -> None:
    """Delete what is loaded and old enough of the journals that nobody writes any more, until cancelled."""
    await repeat("old segments stay", partial(_delete_left, settings, clock), HOUSEKEEPING_S, clock)


async def _delete_left(settings: Settings, clock: Clock) -> None:
    for number in left_journals(settings):
        await delete_loaded(with_journal(settings, number), clock)


def _journals(settings: Settings) -> list[Settings]:
    return [with_journal(settings, number) for number in journals(settings)]
