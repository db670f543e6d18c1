"""A batch's records by the stream they came by, and what of them the ledger looks at."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import (
    AggTrade,
    BookTicker,
    BookTop,
    DepthDiff,
    Liquidation,
    MarkPrice,
    Record,
    SpentTradeId,
    Trade,
)
from orderflow_recorder.domain.streams import Stream, StreamKind

StreamKey: TypeAlias = tuple[Market, str, str]
"""Market, symbol, wire name without the symbol: the primary key of ``coverage``."""

_NAMES: Final[Mapping[type[msgspec.Struct], str]] = {
    Trade: "trade",
    SpentTradeId: "trade",
    AggTrade: "aggTrade",
    BookTicker: "bookTicker",
    Liquidation: "forceOrder",
}
_NAMED: Final = frozenset({DepthDiff, BookTop, MarkPrice})
"""Records that say themselves which of several streams they came by; those of our own say none."""

_TABLES: Final[Mapping[type[msgspec.Struct], tuple[type[msgspec.Struct], StreamKind]]] = {
    Trade: (Trade, StreamKind.TRADE),
    SpentTradeId: (Trade, StreamKind.TRADE),
    AggTrade: (AggTrade, StreamKind.AGG_TRADE),
    DepthDiff: (DepthDiff, StreamKind.DEPTH),
    BookTop: (BookTop, StreamKind.PARTIAL_DEPTH),
    BookTicker: (BookTicker, StreamKind.BOOK_TICKER),
    MarkPrice: (MarkPrice, StreamKind.MARK_PRICE),
    Liquidation: (Liquidation, StreamKind.FORCE_ORDER),
}
_TABLE_OF_KIND: Final = {kind: table for table, kind in _TABLES.values()}
_WITH_IDS: Final = frozenset({StreamKind.TRADE, StreamKind.AGG_TRADE, StreamKind.DEPTH})


class StreamRecords(msgspec.Struct, frozen=True):
    """What a batch brings of one stream.

    Attributes:
        stream: The stream.
        kind: What its frames are.
        table: The record type whose table has its rows.
        records: In journal order.
    """

    stream: Stream
    kind: StreamKind
    table: type[msgspec.Struct]
    records: Sequence[Any]

    @classmethod
    def without_records(cls, key: StreamKey) -> "StreamRecords":
        """Return a stream that the batch says something about and brings nothing of."""
        stream = Stream(*key)
        return cls(stream, stream.kind, _TABLE_OF_KIND[stream.kind], ())

    @property
    def has_ids(self) -> bool:
        """Say whether what is missing can be told by number."""
        return self.kind in _WITH_IDS

    @property
    def key(self) -> StreamKey:
        """Return its key in ``coverage``."""
        return self.stream.market, self.stream.symbol, self.stream.name

    def rows(self, kept: Sequence[int] | None = None) -> Sequence[Any]:
        """Return the records that are rows; ids that were spent without a trade are none.

        Args:
            kept: Which of the records; none for all.
        """
        records = self.records if kept is None else [self.records[index] for index in kept]
        if self.kind is StreamKind.TRADE and self.stream.market is Market.USDM:
            return [one for one in records if type(one) is Trade]
        return records

    def ranges(self) -> list[tuple[int, int]]:
        """Return the first and last id of each record; of a stream with ids only."""
        match self.kind:
            case StreamKind.TRADE:
                return [(one.trade_id, one.trade_id) for one in self.records]
            case StreamKind.AGG_TRADE:
                return [(one.agg_trade_id, one.agg_trade_id) for one in self.records]
            case _:
                return [_update_ids(one) for one in self.records]

    def run(self) -> tuple[int, int] | None:
        """Return the first and last id if each record's ids follow those before (hot path), else none."""
        if self.kind is StreamKind.DEPTH:
            return _chain(self.records)
        if self.kind is StreamKind.TRADE:
            ids = [one.trade_id for one in self.records]
        else:
            ids = [one.agg_trade_id for one in self.records]
        return (ids[0], ids[-1]) if ids == list(range(ids[0], ids[0] + len(ids))) else None

    def keys(self) -> list[int]:
        """Return what orders the records of a stream without consecutive ids: update id or event time."""
        match self.kind:
            case StreamKind.BOOK_TICKER:
                return [one.update_id for one in self.records]
            case StreamKind.PARTIAL_DEPTH:
                return [one.last_update_id for one in self.records]
            case _:
                return [one.event_time for one in self.records]


Written: TypeAlias = tuple[StreamRecords, Sequence[int] | None]
"""What is written of a stream: its records, and which of them (by their place); none for all."""


def by_stream(
    records: Sequence[Record],
) -> tuple[dict[StreamKey, StreamRecords], defaultdict[type[msgspec.Struct], list[Any]]]:
    """Return the records of each stream, in key order, and the others by type."""
    streams: dict[StreamKey, list[Any]] = {}
    others: defaultdict[type[msgspec.Struct], list[Any]] = defaultdict(list)
    for record in records:
        kind = type(record)
        name = _NAMES.get(kind)
        if name is None:
            if kind not in _NAMED:
                others[kind].append(record)
                continue
            name = record.stream  # type: ignore[union-attr]  # those in _NAMED have it
            if not name:
                others[kind].append(record)
                continue
        key = (record.market, record.symbol, name)
        found = streams.get(key)  # type: ignore[arg-type]  # those with a stream have a market and a symbol
        if found is None:
            streams[key] = [record]  # type: ignore[index]  # as above
        else:
            found.append(record)
    return {key: _stream_records(key, streams[key]) for key in sorted(streams)}, others


def places(records: Sequence[Record]) -> dict[StreamKey | None, list[int]]:
    """Return the places in the batch of each stream's records, as `by_stream` lists them; none: of all others."""
    found: defaultdict[StreamKey | None, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        kind = type(record)
        name = record.stream if isinstance(record, DepthDiff | BookTop | MarkPrice) else _NAMES.get(kind)
        key = None if not name else (record.market, record.symbol, name)
        found[key].append(place)  # type: ignore[index]  # those with a stream have a market and a symbol
    return found


def _stream_records(key: StreamKey, records: list[Any]) -> StreamRecords:
    table, kind = _TABLES[type(records[0])]
    return StreamRecords(Stream(*key), kind, table, records)


def _update_ids(diff: DepthDiff) -> tuple[int, int]:
    """Return the update ids that a diff accounts for, by its market's rule."""
    final, previous = diff.final_update_id, diff.previous_final_update_id
    first = diff.first_update_id if previous is None else previous + 1
    return min(first, final), final


def _chain(diffs: Sequence[DepthDiff]) -> tuple[int, int] | None:
    """Return the first and last id of diffs that follow each other, by the rule of `_update_ids`, else none."""
    begin = expected = _update_ids(diffs[0])[0]
    for diff in diffs:
        final, previous = diff.final_update_id, diff.previous_final_update_id
        first = diff.first_update_id if previous is None else previous + 1
        if min(first, final) != expected:
            return None
        expected = final + 1
    return begin, expected - 1
