"""The truth: books and tapes as the frames played so far make them, whatever faults did to the frames."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim import frames
from orderflow_recorder.sim.book import TrueBook
from orderflow_recorder.sim.tape import Tape, TapeAggTrade, TapeTrade

_RING_EVERY: Final = 50
"""Diffs between two older books that are kept: five seconds at 100 ms."""
_RING_SIZE: Final = 4
_TAPE_LIMIT: Final = 200_000


class BookState(msgspec.Struct, frozen=True):
    """A full book: exact price to exact quantity, and the id of the last update in it."""

    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]
    last_update_id: int


class SymbolTruth:
    """Book and tapes of one symbol."""

    def __init__(self, market: Market) -> None:
        """Begin with an empty book and empty tapes."""
        self._market = market
        self.book = TrueBook()
        self.trades: Tape[TapeTrade] = Tape(_TAPE_LIMIT)
        self.agg_trades: Tape[TapeAggTrade] = Tape(_TAPE_LIMIT)
        self._snapshots: deque[frames.SnapshotPayload] = deque()
        self._has_snapshot = False
        self._first_update_id: int | None = None
        self._stream_update_id: int | None = None
        self._applied = 0
        self._ring: deque[TrueBook] = deque(maxlen=_RING_SIZE)

    def know(self, snapshot: frames.SnapshotPayload) -> None:
        """Add a known full book; the first one is loaded at once, ahead of the stream."""
        if self._has_snapshot:
            self._snapshots.append(snapshot)
            return
        self._has_snapshot = True
        self.book.load(snapshot)
        self._ring.append(self.book.copy())

    def apply_diff(self, diff: frames.DepthPayload) -> None:
        """Advance the book; what it already contains changes nothing."""
        if self._first_update_id is None:
            self._first_update_id = diff.first
        if diff.final <= self.book.last_update_id:
            self._stream_update_id = diff.final
            return
        if self._has_snapshot and self._is_broken(diff):
            self._load_next_snapshot(diff)
        self._stream_update_id = diff.final
        if diff.final <= self.book.last_update_id:
            return
        self.book.apply(diff)
        self._applied += 1
        if self._applied % _RING_EVERY == 0:
            self._ring.append(self.book.copy())

    def stale_book(self) -> TrueBook:
        """Return an old book: its id is always before the first diff that was played."""
        oldest = self._ring[0].copy() if self._ring else self.book.copy()
        before_stream = (self._first_update_id or oldest.last_update_id) - 1
        if oldest.last_update_id > before_stream and len(self._ring) < _RING_SIZE:
            # The captured snapshot is ahead of its stream: only its id can be made old.
            oldest.last_update_id = before_stream
        return oldest

    def _is_broken(self, diff: frames.DepthPayload) -> bool:
        known = max(self.book.last_update_id, self._stream_update_id or 0)
        if self._market is Market.SPOT or diff.previous is None:
            return diff.first > known + 1
        return diff.previous > known

    def _load_next_snapshot(self, diff: frames.DepthPayload) -> None:
        # The recording itself has a hole here: only a later recorded snapshot is true again.
        reach = diff.first - 1 if diff.previous is None else diff.previous
        while self._snapshots:
            snapshot = self._snapshots.popleft()
            if snapshot.last_update_id >= reach:
                self.book.load(snapshot)
                return


class Truth:
    """Every symbol's book and tapes, and the venue's time as the frames tell it."""

    def __init__(self, snapshots: Iterable[frames.KnownSnapshot] = ()) -> None:
        """Load the snapshots that are known before playback."""
        self._symbols: dict[tuple[Market, str], SymbolTruth] = {}
        self._time: dict[Market, int] = {}
        self.unreadable = 0
        for snapshot in snapshots:
            self.know(snapshot)

    def know(self, snapshot: frames.KnownSnapshot) -> None:
        """Add a full book that the source knows."""
        payload = frames.snapshot_decoder.decode(snapshot.body)
        self.symbol(snapshot.market, snapshot.symbol).know(payload)

    def apply(self, frame: frames.PlayedFrame) -> None:
        """Advance by a frame that was played; streams that hold no truth change nothing.

        A recording may hold frames that are not what their stream's name says: they are counted.
        """
        symbol, name = frames.split_stream(frame.stream)
        is_diff = frames.is_depth_diff(name)
        if not is_diff and name not in {"trade", "aggTrade"}:
            return
        truth = self.symbol(frame.market, symbol)
        try:
            payload = frames.wrapper_decoder.decode(frame.combined).data
            if is_diff:
                diff = frames.depth_decoder.decode(payload)
                truth.apply_diff(diff)
                event_time = diff.event_time
            elif name == "trade":
                event_time = _add_trade(truth, frame.market, payload)
            else:
                event_time = _add_agg_trade(truth, payload)
        except msgspec.DecodeError:
            self.unreadable += 1
            return
        self._time[frame.market] = max(self._time.get(frame.market, 0), frames.to_microseconds(event_time))

    def symbol(self, market: Market, symbol: str) -> SymbolTruth:
        """Return the truth of one symbol, empty if nothing was played of it."""
        key = (market, symbol)
        if key not in self._symbols:
            self._symbols[key] = SymbolTruth(market)
        return self._symbols[key]

    def time(self, market: Market) -> int | None:
        """Return the latest event time played, µs since the epoch; none before the first."""
        return self._time.get(market)

    def book(self, market: Market, symbol: str) -> BookState:
        """Return the true book after the last frame played."""
        book = self.symbol(market, symbol.upper()).book
        return BookState(
            bids={price: Decimal(level[1]) for price, level in book.bids.items()},
            asks={price: Decimal(level[1]) for price, level in book.asks.items()},
            last_update_id=book.last_update_id,
        )

    def trades(self, market: Market, symbol: str) -> list[TapeTrade]:
        """Return the trades played so far, including those that only spend an id."""
        return self.symbol(market, symbol.upper()).trades.all()

    def agg_trades(self, market: Market, symbol: str) -> list[TapeAggTrade]:
        """Return the aggregate trades played so far."""
        return self.symbol(market, symbol.upper()).agg_trades.all()


def _add_trade(truth: SymbolTruth, market: Market, payload: msgspec.Raw) -> int:
    trade = frames.trade_decoder.decode(payload)
    truth.trades.add(
        TapeTrade(
            id=trade.trade_id,
            price=trade.price,
            quantity=trade.quantity,
            time=frames.to_microseconds(trade.time),
            buyer_is_maker=trade.buyer_is_maker,
            spent=market is Market.USDM and trade.price.strip("0.") == "",
        )
    )
    return trade.event_time


def _add_agg_trade(truth: SymbolTruth, payload: msgspec.Raw) -> int:
    agg = frames.agg_trade_decoder.decode(payload)
    truth.agg_trades.add(
        TapeAggTrade(
            id=agg.agg_trade_id,
            price=agg.price,
            quantity=agg.quantity,
            time=frames.to_microseconds(agg.time),
            buyer_is_maker=agg.buyer_is_maker,
            first_trade_id=agg.first_trade_id,
            last_trade_id=agg.last_trade_id,
            quantity_without_rpi=agg.quantity_without_rpi,
        )
    )
    return agg.event_time
