"""Whole blocks of journal lines to records: the same as line by line, at a fraction of the cost.

A block is decoded in one call, straight from the journal's lines to typed payloads, and what all values of a
block have in common is checked once. Whatever is not just as expected makes the whole block unfit: who asked
then cuts it in two, and at last reads the odd line by itself (`parse_frame`), which finds the right words for it.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Raw, field
from msgspec.json import Decoder

from orderflow_recorder.binance.block_values import BlockValues
from orderflow_recorder.binance.inspect import DECODE_ERRORS
from orderflow_recorder.binance.names import Source, resolve
from orderflow_recorder.binance.payloads import COIN_MARGINED, READINGS
from orderflow_recorder.binance.values import MILLISECONDS_BELOW, is_zero, to_ns
from orderflow_recorder.binance.wire import (
    AggTradeWire,
    BookWire,
    ForceOrderWire,
    Id,
    MarkPriceWire,
    SpotBookTickerWire,
    TradeWire,
    UsdmBookTickerWire,
)
from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, BookTop, DepthDiff, MarketRecord, SpentTradeId, Trade
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.ports.sink import ParsedLines

_MS: Final = 1_000_000
_BEGINNING: Final = b'{"t":'


class _DepthWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="depthUpdate"):
    """A depth diff of either market whose levels are still text."""

    event_time: int = field(name="E")
    symbol: str = field(name="s")
    first_update_id: Id = field(name="U")
    final_update_id: Id = field(name="u")
    bids: Raw = field(name="b")
    asks: Raw = field(name="a")
    transaction_time: int | None = field(name="T", default=None)
    previous_final_update_id: Id | None = field(name="pu", default=None)
    security_type: int | None = field(name="st", default=None)


_Payload: TypeAlias = TradeWire | AggTradeWire | _DepthWire | UsdmBookTickerWire | MarkPriceWire | ForceOrderWire


_DataT = TypeVar("_DataT")


class _Frame(msgspec.Struct, Generic[_DataT], frozen=True, gc=False, forbid_unknown_fields=True):
    """A combined-stream frame and nothing else."""

    stream: str
    data: _DataT


class _Line(msgspec.Struct, Generic[_DataT], frozen=True, gc=False, forbid_unknown_fields=True):
    """A journal line with a frame, its keys as ``docs/architecture.md`` has them."""

    receive_time: Id = field(name="t")
    kind: Literal["ws"] = field(name="k")
    market: Market
    frame: _Frame[_DataT] = field(name="d")
    connection: int | None = field(name="c", default=None)


_decode_lines = Decoder(_Line[_Payload]).decode_lines
_WITHOUT_EVENT: Final = (
    (b'"data":{"u":', Decoder(_Line[SpotBookTickerWire]).decode_lines),
    (b'"data":{"lastUpdateId":', Decoder(_Line[BookWire]).decode_lines),
)
"""Payloads that do not say what they are, and how they begin."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A stream that was met before.

    Attributes:
        source: Where its frames are from.
        market: The same as the source's.
        symbol: The same.
        wire: The type its payloads must have.
        build: Returns the record of a payload, and adds what is looked at for all together to the last argument.
    """

    source: Source
    market: Market
    symbol: str
    wire: type[msgspec.Struct]
    build: "_Build"


_Build: TypeAlias = Callable[[_Known, Any, int, BlockValues], MarketRecord | None]


class _UnfitError(Exception):
    """The block must be looked at line by line."""


class BlockParser:
    """Parses blocks; remembers only the streams it has met."""

    def __init__(self, shard: Shard = WHOLE) -> None:
        """Start without streams; of those that ``shard`` does not take nothing is told."""
        self._shard = shard
        self._spot: dict[str, _Known] = {}
        self._usdm: dict[str, _Known] = {}

    def parse(self, text: bytes) -> ParsedLines | None:
        """Return the records of a block, in order.

        Args:
            text: Whole lines of a journal.

        Returns:
            None where a line is not a frame of a known stream, just as documented.
        """
        try:
            lines = _decode(text)
            # As many documents as lines, and each line begins one.
            beginnings = [line[: len(_BEGINNING)] for line in text.split(b"\n")]
            if len(beginnings) != len(lines) + 1 or beginnings.count(_BEGINNING) != len(lines):
                return None
            return ParsedLines(self._records(lines), lines[-1].receive_time)
        except (_UnfitError, FrameError, *DECODE_ERRORS):
            return None

    def _records(self, lines: list[_Line[Any]]) -> list[MarketRecord]:
        spot, usdm, records = self._spot, self._usdm, list[MarketRecord]()
        values = BlockValues()
        for line in lines:  # the loop that every record passes
            frame = line.frame
            known = (spot if line.market is Market.SPOT else usdm).get(frame.stream)
            if known is None:
                known = self._meet(line.market, frame.stream)
            data = frame.data
            if type(data) is not known.wire:
                raise _UnfitError
            record = known.build(known, data, line.receive_time, values)
            if record is not None:
                records.append(record)
        values.settle()
        return records

    def _meet(self, market: Market, stream: str) -> _Known:
        source = resolve(market, stream)
        if source is None:
            raise _UnfitError
        wire, build = _BUILDS[market, source.kind]
        build = build if self._shard.takes(market, source.symbol) else _nothing
        known = _Known(source, market, source.symbol, wire, build)
        (self._spot if market is Market.SPOT else self._usdm)[stream] = known
        return known


def _decode(text: bytes) -> list[_Line[Any]]:
    """Return the lines, in order; raises one of `DECODE_ERRORS` where one of them is something else."""
    try:
        return _decode_lines(text)
    except msgspec.DecodeError:
        if not any(mark in text for mark, _ in _WITHOUT_EVENT):
            raise
    lines = text.removesuffix(b"\n").split(b"\n")
    sorts = [next((sort for sort, (mark, _) in enumerate(_WITHOUT_EVENT) if mark in line), -1) for line in lines]
    decoded: dict[int, Iterator[_Line[Any]]] = {
        sort: iter(decode(b"\n".join(line for line, its in zip(lines, sorts, strict=True) if its == sort)))
        for sort, decode in ((-1, _decode_lines), *enumerate(decode for _, decode in _WITHOUT_EVENT))
    }
    return [line for sort in sorts for line in islice(decoded[sort], 1)]


def _nothing(_known: _Known, _data: Any, _receive_time: int, _values: BlockValues) -> None:  # noqa: ANN401  # any payload
    """Leave a stream to another shard."""


def _agg_trade(known: _Known, data: AggTradeWire, receive_time: int, values: BlockValues) -> AggTrade | None:
    if data.symbol != known.symbol:
        raise _UnfitError
    price, quantity = data.price, data.quantity
    values.numbers.extend((price, quantity))
    if data.security_type == COIN_MARGINED:
        return None
    trade_time, event_time = data.trade_time, data.event_time
    return AggTrade(
        known.market,
        known.symbol,
        data.agg_trade_id,
        data.first_trade_id,
        data.last_trade_id,
        price,
        quantity,
        data.buyer_is_maker,
        trade_time * _MS if 0 < trade_time < MILLISECONDS_BELOW else to_ns(trade_time),
        event_time * _MS if 0 < event_time < MILLISECONDS_BELOW else to_ns(event_time),
        receive_time,
    )


def _trade(known: _Known, data: TradeWire, receive_time: int, values: BlockValues) -> Trade | SpentTradeId | None:
    if data.symbol != known.symbol:
        raise _UnfitError
    price, quantity = data.price, data.quantity
    values.numbers.extend((price, quantity))
    if data.security_type == COIN_MARGINED:
        return None
    market, trade_time, event_time = known.market, to_ns(data.trade_time), to_ns(data.event_time)
    if market is Market.USDM and is_zero(price):
        return SpentTradeId(market, known.symbol, data.trade_id, trade_time, event_time, receive_time)
    return Trade(
        market,
        known.symbol,
        data.trade_id,
        price,
        quantity,
        data.buyer_is_maker,
        trade_time,
        event_time,
        receive_time,
    )


def _diff(known: _Known, data: _DepthWire, receive_time: int, values: BlockValues) -> DepthDiff | None:
    previous, transaction_time = data.previous_final_update_id, data.transaction_time
    if data.symbol != known.symbol or data.first_update_id > data.final_update_id:
        raise _UnfitError
    if known.market is Market.SPOT:
        previous = transaction_time = None
    elif previous is None or transaction_time is None:
        raise _UnfitError
    bids, asks = values.levels.add(data.bids), values.levels.add(data.asks)
    if data.security_type == COIN_MARGINED:
        return None
    return DepthDiff(
        known.market,
        known.symbol,
        data.first_update_id,
        data.final_update_id,
        previous,
        to_ns(data.event_time),
        None if transaction_time is None else to_ns(transaction_time),
        receive_time,
        *bids,
        *asks,
        known.source.name,
    )


def _top(known: _Known, data: _DepthWire, receive_time: int, values: BlockValues) -> BookTop | None:
    if data.symbol != known.symbol or data.transaction_time is None or data.previous_final_update_id is None:
        raise _UnfitError
    bids, asks = values.levels.add(data.bids), values.levels.add(data.asks)
    if data.security_type == COIN_MARGINED:
        return None
    return BookTop(
        known.market,
        known.symbol,
        data.final_update_id,
        "stream",
        to_ns(data.event_time),
        receive_time,
        *bids,
        *asks,
        known.source.name,
    )


def _other(known: _Known, data: Any, receive_time: int, _values: BlockValues) -> MarketRecord | None:  # noqa: ANN401  # any payload
    return READINGS[known.market, known.source.kind].build(known.source, data, receive_time)


_BUILDS: Final[dict[tuple[Market, StreamKind], tuple[type[msgspec.Struct], _Build]]] = {
    (Market.SPOT, StreamKind.TRADE): (TradeWire, _trade),
    (Market.SPOT, StreamKind.AGG_TRADE): (AggTradeWire, _agg_trade),
    (Market.SPOT, StreamKind.DEPTH): (_DepthWire, _diff),
    (Market.SPOT, StreamKind.PARTIAL_DEPTH): (BookWire, _other),
    (Market.SPOT, StreamKind.BOOK_TICKER): (SpotBookTickerWire, _other),
    (Market.USDM, StreamKind.TRADE): (TradeWire, _trade),
    (Market.USDM, StreamKind.AGG_TRADE): (AggTradeWire, _agg_trade),
    (Market.USDM, StreamKind.DEPTH): (_DepthWire, _diff),
    (Market.USDM, StreamKind.PARTIAL_DEPTH): (_DepthWire, _top),
    (Market.USDM, StreamKind.BOOK_TICKER): (UsdmBookTickerWire, _other),
    (Market.USDM, StreamKind.MARK_PRICE): (MarkPriceWire, _other),
    (Market.USDM, StreamKind.FORCE_ORDER): (ForceOrderWire, _other),
}
