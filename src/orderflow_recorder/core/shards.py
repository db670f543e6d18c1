"""Which of several processes does a symbol's work, and how their journals are called: pure.

A symbol of a market goes to a shard by a hash of both, so that it is always the same one, on every
machine. Collectors and loaders hash differently: were it the same hash, all symbols of a collector's
journal would fall to one and the same loader.

Collector shard 1 of the recorder ``main`` keeps the journal ``main``, shard 2 ``main.2``, and so on: an
``INSTANCE_ID`` has no dot. All journals together are the family of ``main``.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market

MOST_SHARDS: Final = 8
"""An eighth of the venue's request weight still pays for its dearest request."""


class Work(StrEnum):
    """What is divided."""

    COLLECT = "collect"
    LOAD = "load"


class Shard(msgspec.Struct, frozen=True):
    """One of ``count`` equal parts of the symbols.

    Attributes:
        number: Which, from 1.
        count: Of how many.
        work: What is divided.
    """

    number: int = 1
    count: int = 1
    work: Work = Work.COLLECT

    def __post_init__(self) -> None:
        """Refuse a part that does not exist."""
        if not 1 <= self.number <= self.count:
            message = f"expected a shard from 1 to {self.count}, got {self.number}"
            raise ValueError(message)

    def takes(self, market: Market, symbol: str) -> bool:
        """Say whether ``symbol`` (upper case) is in this part (hot path)."""
        return self.count == 1 or _hash(self.work, market, symbol) % self.count == self.number - 1


WHOLE: Final = Shard()
"""Every symbol."""


def shards(work: Work, count: int) -> tuple[Shard, ...]:
    """Return all ``count`` parts."""
    return tuple(Shard(number, count, work) for number in range(1, count + 1))


def journal_of(recorder: str, number: int) -> str:
    """Return the instance whose journal collector shard ``number`` of ``recorder`` (its ``INSTANCE_ID``) keeps."""
    return recorder if number == 1 else f"{recorder}.{number}"


def place_of(instance: str) -> tuple[str, int]:
    """Return the recorder and the collector shard's number of a journal; the opposite of `journal_of`."""
    recorder, dot, number = instance.rpartition(".")
    return (recorder, int(number)) if dot and number.isdecimal() else (instance, 1)


def family(instance: str) -> Sequence[str]:
    """Return every journal that the recorder of the journal ``instance`` can have, in order."""
    recorder, _ = place_of(instance)
    return [journal_of(recorder, number) for number in range(1, MOST_SHARDS + 1)]


def sink_of(sink: str, shard: Shard) -> str:
    """Return the name under which the part ``shard`` of ``sink`` keeps its position, e.g. ``postgres.2of3``."""
    return sink if shard.count == 1 else f"{sink}.{shard.number}of{shard.count}"


def is_part_of(sink: str, name: str) -> bool:
    """Say whether ``name`` is what `sink_of` makes of ``sink`` for some part."""
    if name == sink:
        return True
    number, of, count = name.removeprefix(f"{sink}.").partition("of")
    return name.startswith(f"{sink}.") and bool(of) and number.isdecimal() and count.isdecimal()


@lru_cache(maxsize=16_384)
def _hash(work: Work, market: Market, symbol: str) -> int:
    digest = blake2b(f"{market}:{symbol}".encode(), digest_size=8, person=work.encode())
    return int.from_bytes(digest.digest())
