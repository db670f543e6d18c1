"""Builders of records: every field has a value, a test names those it is about."""

from typing import Any, Final

from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import (
    AggTrade,
    BookSnapshot,
    BookTicker,
    BookTop,
    DepthDiff,
    Instrument,
    Liquidation,
    MarkPrice,
    SpentTradeId,
    Trade,
)

NOON: Final = 1_723_118_400_000_000_000
"""2024-08-08 12:00:00 UTC, ns."""
MILLISECOND: Final = 1_000_000

_SIDES: Final[dict[str, list[str]]] = {
    "bid_prices": ["61737.63000000", "61737.62000000"],
    "bid_quantities": ["0.00100000", "0.00000000"],
    "ask_prices": ["61737.64000000"],
    "ask_quantities": ["92233720368.54775807"],
}


def trade(trade_id: int = 1, **fields: Any) -> Trade:  # noqa: ANN401  # any field of the record
    """Build a trade; its times follow from its id, 1 ms apart."""
    time = NOON + trade_id * MILLISECOND
    defaults: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "price": "61737.63000000",
        "quantity": "0.00100000",
        "buyer_is_maker": True,
        "trade_time": time,
        "event_time": time,
        "receive_time": time + 12_345_678,
    }
    return Trade(trade_id=trade_id, **(defaults | fields))


def spent_trade_id(trade_id: int) -> SpentTradeId:
    """Build a futures trade frame that is no trade."""
    return SpentTradeId(Market.USDM, "BTCUSDT", trade_id, NOON, NOON, NOON)


def agg_trade(agg_trade_id: int = 1, **fields: Any) -> AggTrade:  # noqa: ANN401  # any field of the record
    """Build an aggregate of two trades."""
    time = NOON + agg_trade_id * MILLISECOND
    defaults: dict[str, Any] = {
        "market": Market.USDM,
        "symbol": "ETHUSDT",
        "first_trade_id": agg_trade_id * 2,
        "last_trade_id": agg_trade_id * 2 + 1,
        "price": "2300.10",
        "quantity": "1.500",
        "buyer_is_maker": False,
        "trade_time": time,
        "event_time": time + MILLISECOND,
        "receive_time": time + 2 * MILLISECOND,
    }
    return AggTrade(agg_trade_id=agg_trade_id, **(defaults | fields))


def depth_diff(first: int, final: int, **fields: Any) -> DepthDiff:  # noqa: ANN401  # any field of the record
    """Build a spot diff of update ids ``first`` to ``final``."""
    defaults: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "previous_final_update_id": None,
        "event_time": NOON + final * MILLISECOND,
        "transaction_time": None,
        "receive_time": NOON + final * MILLISECOND,
        "stream": "depth@100ms",
        **_SIDES,
    }
    return DepthDiff(first_update_id=first, final_update_id=final, **(defaults | fields))


def book_snapshot(last_update_id: int = 1, **fields: Any) -> BookSnapshot:  # noqa: ANN401  # any field of the record
    """Build a spot snapshot."""
    defaults: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "source": "rest",
        "receive_time": NOON,
        **_SIDES,
    }
    return BookSnapshot(last_update_id=last_update_id, **(defaults | fields))


def book_top(last_update_id: int = 1, **fields: Any) -> BookTop:  # noqa: ANN401  # any field of the record
    """Build a spot partial book."""
    defaults: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "source": "stream",
        "stream": "depth5@100ms",
        "event_time": None,
        "receive_time": NOON,
        **_SIDES,
    }
    return BookTop(last_update_id=last_update_id, **(defaults | fields))


def book_ticker(update_id: int = 1, **fields: Any) -> BookTicker:  # noqa: ANN401  # any field of the record
    """Build a spot book ticker."""
    defaults: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "bid_price": "61737.63000000",
        "bid_quantity": "1.00000000",
        "ask_price": "0.00000000",
        "ask_quantity": "0.00000000",
        "event_time": None,
        "transaction_time": None,
        "receive_time": NOON,
    }
    return BookTicker(update_id=update_id, **(defaults | fields))


def mark_price(**fields: Any) -> MarkPrice:  # noqa: ANN401  # any field of the record
    """Build a mark price of a symbol without funding."""
    defaults: dict[str, Any] = {
        "market": Market.USDM,
        "symbol": "BTCUSDT",
        "mark_price": "61700.00000000",
        "average_mark_price": None,
        "index_price": "61701.12345678",
        "estimated_settle_price": "61690.5",
        "stream": "markPrice@1s",
        "funding_rate": "-0.00010000",
        "next_funding_time": None,
        "event_time": NOON,
        "receive_time": NOON,
    }
    return MarkPrice(**(defaults | fields))


def liquidation(**fields: Any) -> Liquidation:  # noqa: ANN401  # any field of the record
    """Build a filled liquidation."""
    defaults: dict[str, Any] = {
        "market": Market.USDM,
        "symbol": "BTCUSDT",
        "side": "SELL",
        "order_type": "LIMIT",
        "time_in_force": "IOC",
        "price": "61000.00",
        "average_price": "61010.50",
        "quantity": "0.014",
        "last_filled_quantity": "0.014",
        "filled_quantity": "0.014",
        "status": "FILLED",
        "trade_time": NOON,
        "event_time": NOON,
        "receive_time": NOON,
    }
    return Liquidation(**(defaults | fields))


def instrument(**fields: Any) -> Instrument:  # noqa: ANN401  # any field of the record
    """Build a trading spot symbol."""
    defaults: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "contract_type": None,
        "tick_size": "0.01000000",
        "step_size": "0.00001000",
        "receive_time": NOON,
    }
    return Instrument(**(defaults | fields))


def event(kind: EventKind, *, time: int = NOON, **fields: Any) -> RecorderEvent:  # noqa: ANN401  # any field
    """Build an event of run ``run-1`` of instance ``main``."""
    return RecorderEvent(time=time, event=kind, **({"instance": "main", "run_id": "run-1"} | fields))


def one_of_each() -> list[Any]:
    """Return one record of every type that becomes a row of a table of its own."""
    return [
        trade(),
        agg_trade(),
        depth_diff(1, 5),
        book_snapshot(),
        book_top(),
        book_ticker(),
        mark_price(),
        liquidation(),
        event(EventKind.CONNECTED, market=Market.SPOT, connection=3, detail={"route": "", "streams": ["a\tb\\\n"]}),
        instrument(),
    ]
