"""What a store knows of one symbol. Not for several threads at once: `TickStore` sees to that."""

from typing import Final

from orderflow_recorder.core.level_texts import is_zero
from orderflow_recorder.core.rollup import plain, trade_id
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import (
    AggTrade,
    BookSnapshot,
    BookTicker,
    BookTop,
    DecimalText,
    DepthDiff,
    SpentTradeId,
    Trade,
)
from orderflow_recorder.live.books import LiveBook
from orderflow_recorder.live.day import RollingDay
from orderflow_recorder.live.rates import Rate
from orderflow_recorder.live.seen import SeenIds
from orderflow_recorder.live.values import Best, Day, LastTrade, Level, Tick, Top

_NS_PER_S: Final = 1_000_000_000


class SymbolState:
    """The latest of one symbol of one market.

    Attributes:
        day: Its last 24 hours.
        book: Its book.
        seen: The ids taken of trades, and of aggregates.
    """

    def __init__(self, market: Market, symbol: str) -> None:
        """Know nothing yet."""
        self._market = market
        self._symbol = symbol
        self.day = RollingDay()
        self.book = LiveBook()
        self.seen: list[SeenIds] = [SeenIds(), SeenIds()]
        self._trade: Trade | AggTrade | None = None
        self._ticker: BookTicker | None = None
        self._stream_top: BookTop | None = None
        self._trades = Rate()
        self._updates = Rate()
        self._began = 0
        self._updated_at = 0

    def take_trade(self, trade: Trade | AggTrade) -> bool:
        """Take a trade; say whether it is new (hot path)."""
        kind = type(trade) is AggTrade
        if not self.seen[kind].take(trade_id(trade)):
            return False
        newest = self._trade
        if newest is None or trade.trade_time > newest.trade_time or _is_later(trade, newest):
            self._trade = trade
        self.day.take(trade)
        self._trades.add(self._note(trade.receive_time))
        return True

    def take_spent(self, spent: SpentTradeId) -> None:
        """Take an id that is no trade."""
        self.seen[0].take(spent.trade_id)

    def take_book(self, record: DepthDiff | BookSnapshot) -> None:
        """Take what the book is made of (hot path)."""
        self.book.take(record)
        self._updates.add(self._note(record.receive_time))

    def take_top(self, top: BookTop) -> None:
        """Take the best levels as the venue tells them."""
        if self._stream_top is None or top.last_update_id >= self._stream_top.last_update_id:
            self._stream_top = top
        self._updates.add(self._note(top.receive_time))

    def take_ticker(self, ticker: BookTicker) -> None:
        """Take the best bid and ask as the venue tells them."""
        if self._ticker is None or ticker.update_id >= self._ticker.update_id:
            self._ticker = ticker
        self._updates.add(self._note(ticker.receive_time))

    def best(self) -> Best | None:
        """Return the best levels of the book, or what the venue told of them where there is none."""
        sides = self.book.best()
        if sides is None:
            return None if self._stream_top is None else _stream_best(self._stream_top)
        last, update_id = self.book.last, self.book.last_update_id
        known = last is not None and last.final_update_id == update_id
        return Best(
            last_update_id=update_id or 0,
            event_time=last.event_time if last is not None and known else None,
            receive_time=last.receive_time if last is not None else self._updated_at,
            bids=sides[0],
            asks=sides[1],
        )

    def seed_trade(self, trade: Trade | AggTrade) -> None:
        """Know the newest trade that was taken elsewhere."""
        if self._trade is None or trade.trade_time > self._trade.trade_time:
            self._trade = trade
            self._note(trade.receive_time)

    def tick(self, now: int) -> Tick:
        """Return all of it.

        Args:
            now: When the newest record of all symbols was received, ns.
        """
        best = self.best()
        top = None if best is None else Top.of(best)
        bid, ask = self._bid_and_ask(top)
        second, began = now // _NS_PER_S, self._began // _NS_PER_S
        return Tick(
            market=self._market,
            symbol=self._symbol,
            trade=None if self._trade is None else _last_trade(self._trade),
            bid=bid,
            ask=ask,
            book=top,
            day=self._day(now),
            trades_per_s=self._trades.per_second(second, began),
            updates_per_s=self._updates.per_second(second, began),
            updated_at=self._updated_at,
        )

    def _note(self, receive_time: int) -> int:
        """Know when something came; return the second."""
        self._updated_at = max(self._updated_at, receive_time)
        self._began = self._began or receive_time
        return receive_time // _NS_PER_S

    def _bid_and_ask(self, top: Top | None) -> tuple[Level | None, Level | None]:
        ticker = self._ticker
        if ticker is not None and (top is None or ticker.receive_time >= top.receive_time):
            return _level(ticker.bid_price, ticker.bid_quantity), _level(ticker.ask_price, ticker.ask_quantity)
        if top is None:
            return None, None
        return next(iter(top.bids), None), next(iter(top.asks), None)

    def _day(self, now: int) -> Day | None:
        newest = self._trade
        if newest is None:
            return None
        # The venue's clock, as far as we know it: it went on since the newest trade as ours did.
        found = self.day.look(newest.trade_time + max(0, now - newest.receive_time))
        if found is None:
            return None
        since, day = found
        return Day(
            since=since,
            open=plain(day.open),
            high=plain(day.high),
            low=plain(day.low),
            close=plain(day.close),
            volume=plain(day.volume),
            buy_volume=plain(day.buy_volume),
            sell_volume=plain(day.sell_volume),
            quote_volume=plain(day.quote_volume),
            trade_count=day.trade_count,
            change=plain(day.change),
        )


def _is_later(trade: Trade | AggTrade, newest: Trade | AggTrade) -> bool:
    """Say whether a trade of the same moment comes after the newest one; between two streams the ids say nothing."""
    if trade.trade_time < newest.trade_time:
        return False
    return type(trade) is not type(newest) or trade_id(trade) > trade_id(newest)


def _last_trade(trade: Trade | AggTrade) -> LastTrade:
    return LastTrade(
        stream="aggTrade" if isinstance(trade, AggTrade) else "trade",
        trade_id=trade_id(trade),
        price=trade.price,
        quantity=trade.quantity,
        buyer_is_maker=trade.buyer_is_maker,
        trade_time=trade.trade_time,
        receive_time=trade.receive_time,
    )


def _stream_best(top: BookTop) -> Best:
    return Best(
        last_update_id=top.last_update_id,
        event_time=top.event_time,
        receive_time=top.receive_time,
        bids=list(zip(top.bid_prices, top.bid_quantities, strict=True)),
        asks=list(zip(top.ask_prices, top.ask_quantities, strict=True)),
    )


def _level(price: DecimalText, quantity: DecimalText) -> Level | None:
    return None if is_zero(price) else Level(price, quantity)
