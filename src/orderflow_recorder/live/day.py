"""The last 24 hours of a symbol, as whole buckets of five minutes.

A bucket is made of `trades` if there is one in it, else of aggregates, never of both: like a candle.
"""

from typing import Final

import msgspec

from orderflow_recorder.core.rollup import Rollup, total
from orderflow_recorder.domain.records import AggTrade, Trade

BUCKET_NS: Final = 300 * 1_000_000_000
_BUCKETS: Final = 288

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(Rollup).decode


class RollingDay:
    """Buckets by their number since the epoch, those behind the newest packed: for 930 symbols they are many."""

    def __init__(self) -> None:
        """Start without trades."""
        self._packed: tuple[dict[int, bytes], dict[int, bytes]] = ({}, {})
        self._open: list[tuple[int, Rollup] | None] = [None, None]
        self._newest = -1
        self._changes = 0
        self._settled: tuple[tuple[int, int, int], int | None, Rollup | None] = ((0, 0, -1), None, None)

    def take(self, trade: Trade | AggTrade) -> None:
        """Take a trade (hot path)."""
        number = trade.trade_time // BUCKET_NS
        kind = type(trade) is AggTrade
        newest = self._open[kind]
        if number < self._newest:
            self._changes += 1
        if newest is not None and newest[0] == number:
            newest[1].add(trade)
        elif newest is None or number > newest[0]:
            self._begin(number, Rollup.of(trade), kind=kind)
        elif number > self._newest - _BUCKETS:
            self._take_late(number, trade, self._packed[kind])

    def put(self, number: int, bucket: Rollup, *, aggregates: bool) -> None:
        """Take a bucket that was made elsewhere; in the order of their numbers, before any trade.

        Args:
            number: Of the bucket, since the epoch.
            bucket: What it adds up to.
            aggregates: Whether it is made of aggregates.
        """
        self._begin(number, bucket, kind=aggregates)

    def look(self, now: int) -> tuple[int, Rollup] | None:
        """Return the begin of the first bucket with trades, ns, and what the day adds up to; none of nothing.

        Args:
            now: ns since the epoch: of what is a day old, or nearly, nothing counts any more.
        """
        newest = self._newest
        oldest = max(now // BUCKET_NS, newest) - _BUCKETS + 1
        if newest < oldest:
            return None
        key = oldest, newest, self._changes
        if self._settled[0] != key:
            numbers = sorted(number for number in self._numbers() if oldest <= number < newest)
            before = total(self._bucket(number) for number in numbers)
            self._settled = key, next(iter(numbers), None), before
        _, first, before = self._settled
        last = self._bucket(newest)
        day = last if before is None else total((before, last))
        return None if day is None else ((newest if first is None else first) * BUCKET_NS, day)

    def _numbers(self) -> set[int]:
        return {*self._packed[0], *self._packed[1], *(newest[0] for newest in self._open if newest is not None)}

    def _bucket(self, number: int) -> Rollup:
        for newest, packed in zip(self._open, self._packed, strict=True):
            if newest is not None and newest[0] == number:
                return newest[1]
            if number in packed:
                return _unpack(packed[number])
        raise KeyError(number)

    def _begin(self, number: int, bucket: Rollup, *, kind: bool) -> None:
        newest, packed = self._open[kind], self._packed[kind]
        if newest is not None:
            packed[newest[0]] = _pack(newest[1])
        self._open[kind] = (number, bucket)
        self._newest = max(self._newest, number)
        self._changes += 1
        for old in [known for known in packed if known <= self._newest - _BUCKETS]:
            del packed[old]

    @staticmethod
    def _take_late(number: int, trade: Trade | AggTrade, packed: dict[int, bytes]) -> None:
        if number in packed:
            bucket = _unpack(packed[number])
            bucket.add(trade)
        else:
            bucket = Rollup.of(trade)
        packed[number] = _pack(bucket)
