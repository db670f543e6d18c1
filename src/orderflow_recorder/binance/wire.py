"""Every payload as Binance sends it: full names for its one-letter keys.

Both dialects are one struct: keys that came later (``nq`` 2025-12, ``st`` and ``ps`` 2026-06, ``ap``
2026-03) are optional, and keys not listed are ignored. Times are as sent, milliseconds or
microseconds (`values.to_ns` tells by size). Prices and quantities are decimal text, not yet
checked. In brackets: which market has the key, where not both.
"""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar, cast

import msgspec
from msgspec import field

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Level = tuple[str, str]
"""Price and absolute quantity."""


WireT = TypeVar("WireT", bound=msgspec.Struct)


class _NoEvent(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="\0"):
    """Never sent: a payload that may be one of two must say in ``e`` which one it is."""


def event_decoder(wire: type[WireT]) -> Callable[[msgspec.Raw], WireT]:
    """Return what decodes payloads of one event type, and refuses those of another or of none."""
    return cast("Callable[[msgspec.Raw], WireT]", msgspec.json.Decoder(wire | _NoEvent).decode)


class TradeWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="trade"):
    """Stream ``trade``."""

    event_time: int = field(name="E")
    symbol: str = field(name="s")
    trade_id: Id = field(name="t")
    price: str = field(name="p")
    """May be ``0`` on USD-M: the id is spent, nothing was traded."""
    quantity: str = field(name="q")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    security_type: int | None = field(name="st", default=None)
    """1 USD-M, 2 COIN-M [USD-M, since 2026-06-30]."""


class AggTradeWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="aggTrade"):
    """Stream ``aggTrade``; ``nq`` (quantity without RPI trades) is not recorded."""

    event_time: int = field(name="E")
    symbol: str = field(name="s")
    agg_trade_id: Id = field(name="a")
    price: str = field(name="p")
    quantity: str = field(name="q")
    first_trade_id: Id = field(name="f")
    last_trade_id: Id = field(name="l")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    security_type: int | None = field(name="st", default=None)


class SpotDepthWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="depthUpdate"):
    """Spot stream ``depth``: no transaction time, no ``pu``."""

    event_time: int = field(name="E")
    symbol: str = field(name="s")
    first_update_id: Id = field(name="U")
    final_update_id: Id = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")


class UsdmDepthWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="depthUpdate"):
    """USD-M streams ``depth`` and ``depth5|10|20``, which only their names tell apart."""

    event_time: int = field(name="E")
    transaction_time: int = field(name="T")
    symbol: str = field(name="s")
    first_update_id: Id = field(name="U")
    final_update_id: Id = field(name="u")
    previous_final_update_id: Id = field(name="pu")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    security_type: int | None = field(name="st", default=None)


class BookWire(msgspec.Struct, frozen=True, gc=False):
    """Spot streams ``depth5|10|20``, and REST ``depth`` of both markets."""

    last_update_id: Id = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]


class SpotBookTickerWire(msgspec.Struct, frozen=True, gc=False):
    """Spot stream ``bookTicker``: no event type, no times. An empty side is all zeros."""

    update_id: Id = field(name="u")
    symbol: str = field(name="s")
    bid_price: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask_price: str = field(name="a")
    ask_quantity: str = field(name="A")


class UsdmBookTickerWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="bookTicker"):
    """USD-M stream ``bookTicker``."""

    update_id: Id = field(name="u")
    symbol: str = field(name="s")
    bid_price: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask_price: str = field(name="a")
    ask_quantity: str = field(name="A")
    transaction_time: int = field(name="T")
    event_time: int = field(name="E")
    security_type: int | None = field(name="st", default=None)


class MarkPriceWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="markPriceUpdate"):
    """USD-M stream ``markPrice``."""

    event_time: int = field(name="E")
    symbol: str = field(name="s")
    mark_price: str = field(name="p")
    index_price: str = field(name="i")
    next_funding_time: int = field(name="T")
    """0 where no funding is scheduled."""
    average_mark_price: str | None = field(name="ap", default=None)
    estimated_settle_price: str | None = field(name="P", default=None)
    funding_rate: str | None = field(name="r", default=None)
    """Signed; empty where there is none."""
    security_type: int | None = field(name="st", default=None)


class LiquidationOrderWire(msgspec.Struct, frozen=True, gc=False):
    """The order inside a ``forceOrder`` frame."""

    symbol: str = field(name="s")
    side: Literal["BUY", "SELL"] = field(name="S")
    order_type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: str = field(name="q")
    price: str = field(name="p")
    average_price: str = field(name="ap")
    status: str = field(name="X")
    last_filled_quantity: str = field(name="l")
    filled_quantity: str = field(name="z")
    trade_time: int = field(name="T")
    security_type: int | None = field(name="st", default=None)


class ForceOrderWire(msgspec.Struct, frozen=True, gc=False, tag_field="e", tag="forceOrder"):
    """USD-M stream ``forceOrder``; ``st`` is documented without saying on which level."""

    event_time: int = field(name="E")
    order: LiquidationOrderWire = field(name="o")
    security_type: int | None = field(name="st", default=None)


class RestTradeWire(msgspec.Struct, frozen=True, gc=False):
    """A row of REST ``trades`` and ``historicalTrades``."""

    trade_id: Id = field(name="id")
    price: str
    quantity: str = field(name="qty")
    trade_time: int = field(name="time")
    buyer_is_maker: bool = field(name="isBuyerMaker")


class RestAggTradeWire(msgspec.Struct, frozen=True, gc=False):
    """A row of REST ``aggTrades``."""

    agg_trade_id: Id = field(name="a")
    price: str = field(name="p")
    quantity: str = field(name="q")
    first_trade_id: Id = field(name="f")
    last_trade_id: Id = field(name="l")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")


class FilterWire(msgspec.Struct, frozen=True, gc=False):
    """One filter of a symbol: ``PRICE_FILTER`` has the tick, ``LOT_SIZE`` the step."""

    filter_type: str = field(name="filterType")
    tick_size: str | None = field(name="tickSize", default=None)
    step_size: str | None = field(name="stepSize", default=None)


class SymbolWire(msgspec.Struct, frozen=True):
    """A symbol of REST ``exchangeInfo``."""

    symbol: str
    status: str
    base_asset: str = field(name="baseAsset")
    quote_asset: str = field(name="quoteAsset")
    filters: list[FilterWire]
    contract_type: str | None = field(name="contractType", default=None)
    """[USD-M]"""
    security_type: int | None = field(name="st", default=None)


class ExchangeInfoWire(msgspec.Struct, frozen=True):
    """REST ``exchangeInfo``."""

    symbols: list[SymbolWire]


class ServerTimeWire(msgspec.Struct, frozen=True, gc=False):
    """REST ``time``."""

    server_time: int = field(name="serverTime")
