"""What trades add up to: one bucket of time, exact."""

from collections.abc import Iterable
from decimal import Context, Decimal
from typing import Final

import msgspec

from orderflow_recorder.domain.records import AggTrade, Trade

_EXACT: Final = Context(prec=80)
"""More digits than any sum here has: nothing is ever rounded."""
_ZERO: Final = Decimal(0)


class Rollup(msgspec.Struct, array_like=True):
    """The trades of a span.

    Attributes:
        first_id: The lowest.
        last_id: The highest.
        open: Price of the first.
        high: Highest price.
        low: Lowest price.
        close: Price of the last.
        volume: Sum of quantities.
        buy_volume: Of those whose taker bought.
        quote_volume: Sum of price times quantity.
        trade_count: Trades, also where they came as aggregates.
    """

    first_id: int
    last_id: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = _ZERO
    buy_volume: Decimal = _ZERO
    quote_volume: Decimal = _ZERO
    trade_count: int = 0

    @property
    def sell_volume(self) -> Decimal:
        """Return the volume whose taker sold."""
        return _EXACT.subtract(self.volume, self.buy_volume)

    @property
    def delta(self) -> Decimal:
        """Return the buyers' volume minus the sellers'."""
        return _EXACT.subtract(self.buy_volume, self.sell_volume)

    @property
    def change(self) -> Decimal:
        """Return by how much the price changed."""
        return _EXACT.subtract(self.close, self.open)

    @classmethod
    def of(cls, trade: Trade | AggTrade) -> "Rollup":
        """Return what one trade is."""
        number, price = trade_id(trade), Decimal(trade.price)
        rollup = cls(number, number, price, price, price, price)
        rollup.add(trade)
        return rollup

    def add(self, trade: Trade | AggTrade) -> None:
        """Add a trade (hot path)."""
        price, quantity = Decimal(trade.price), Decimal(trade.quantity)
        if type(trade) is AggTrade:
            number = trade.agg_trade_id
            self.trade_count += trade.last_trade_id - trade.first_trade_id + 1
        else:
            number = trade_id(trade)
            self.trade_count += 1
        if number >= self.last_id:
            self.last_id, self.close = number, price
        elif number < self.first_id:
            self.first_id, self.open = number, price
        if price > self.high:  # a quarter of the time of max()
            self.high = price
        elif price < self.low:
            self.low = price
        self.volume = _EXACT.add(self.volume, quantity)
        if not trade.buyer_is_maker:
            self.buy_volume = _EXACT.add(self.buy_volume, quantity)
        self.quote_volume = _EXACT.fma(price, quantity, self.quote_volume)


def trade_id(trade: Trade | AggTrade) -> int:
    """Return the id within its stream."""
    return trade.agg_trade_id if isinstance(trade, AggTrade) else trade.trade_id


def total(rollups: Iterable[Rollup]) -> Rollup | None:
    """Return what follows one after the other as one; none of none."""
    parts = list(rollups)
    if not parts:
        return None
    volume = buy = quote = _ZERO
    for part in parts:
        volume = _EXACT.add(volume, part.volume)
        buy = _EXACT.add(buy, part.buy_volume)
        quote = _EXACT.add(quote, part.quote_volume)
    return Rollup(
        first_id=parts[0].first_id,
        last_id=parts[-1].last_id,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        volume=volume,
        buy_volume=buy,
        quote_volume=quote,
        trade_count=sum(part.trade_count for part in parts),
    )


def plain(number: Decimal) -> str:
    """Return a number as text without an exponent."""
    return f"{number:f}"
