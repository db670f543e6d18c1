"""Where the journals of one recorder stood whenever its symbols were divided anew.

A symbol may then be in another journal than before. Its stream must be loaded in its own order, whichever
journal is further behind: so nobody loads what comes after a fence before everything that comes before it, in
all journals, is loaded. Fences stay as long as there is a segment before them: an empty database is filled in
the same order.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.journal.lock import DirectoryLock
from orderflow_recorder.journal.segments import find_segments, sync_directory

_FILE: Final = "shards.json"


class Fence(msgspec.Struct, frozen=True):
    """One place in all journals.

    Attributes:
        ends: The newest segment of each journal that had any, by instance.
    """

    ends: Mapping[str, int]


class History(msgspec.Struct, frozen=True):
    """How symbols were divided.

    Attributes:
        count: Between how many collectors at last.
        fences: Oldest first.
    """

    count: int = 1
    fences: tuple[Fence, ...] = ()


def read_history(directory: Path) -> History:
    """Return what was noted in the first journal's directory.

    Raises:
        JournalError: It cannot be read.
    """
    path = directory / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=History)
    except FileNotFoundError:
        return History()
    except msgspec.DecodeError as error:
        message = f"{path}: expected where journals stood when COLLECTOR_SHARDS changed, got {error}"
        raise JournalError(message) from error


def note_shards(directory: Path, count: int, journals: Mapping[str, Path]) -> None:
    """Set a fence if symbols are divided otherwise than before; before anybody writes.

    Args:
        directory: Of the first journal.
        count: Between how many collectors symbols are divided now.
        journals: The directory of every journal there is, by instance.

    Raises:
        JournalLockedError: A collector of an earlier run still writes; try again.
        JournalError: What was noted before cannot be read.
        OSError: It cannot be written.
    """
    before = read_history(directory)
    if before.count == count:
        return
    for path in journals.values():
        DirectoryLock(path).release()
    segments = {instance: find_segments(path) for instance, path in journals.items()}
    ends = {instance: max(found) for instance, found in segments.items() if found}
    fences = tuple(
        fence
        for fence in before.fences
        if any(min(segments.get(instance, {}), default=end + 1) <= end for instance, end in fence.ends.items())
    )
    _write(directory, History(count, (*fences, Fence(ends)) if ends else fences))


def _write(directory: Path, history: History) -> None:
    draft = directory / f"{_FILE}.tmp"
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(history))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / _FILE)
    sync_directory(directory)
