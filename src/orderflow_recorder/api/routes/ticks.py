"""``/ticks``: the latest of each symbol."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

import pyarrow as pa
from fastapi import APIRouter, Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orderflow_recorder.api.formats import Format, JsonAlone, Wanted, object_response, rows_response
from orderflow_recorder.api.parameters import MarketName, Question, Symbol
from orderflow_recorder.api.schemas import (
    INTEGER,
    LEVEL,
    NUMBER,
    REAL,
    TEXT,
    TIME,
    answers,
    object_of,
    optional,
    page_of,
)
from orderflow_recorder.live import Day, LastTrade, Tick, TickStore, Top
from orderflow_recorder.live.times import iso
from orderflow_recorder.research.decimals import DECIMAL, to_numbers

_SIDE: Final = {"type": "string", "enum": ["buy", "sell"]}
_TRADE: Final = object_of(
    {"stream": TEXT, "trade_id": INTEGER, "price": NUMBER, "quantity": NUMBER}
    | {"side": _SIDE, "trade_time": TIME, "receive_time": TIME},
    "The newest one; side is the taker's.",
)
_LEVELS: Final = {"type": "array", "items": LEVEL}
_BOOK: Final = object_of(
    {"last_update_id": INTEGER, "event_time": optional(TIME), "receive_time": TIME, "bids": _LEVELS, "asks": _LEVELS},
    "The best levels, best first; null while there is no book without holes.",
)
_DAY: Final = object_of(
    {"since": TIME}
    | dict.fromkeys(("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "quote_volume"), NUMBER)
    | {"trade_count": INTEGER, "change": NUMBER},
    "What was recorded of the last 24 hours.",
)
_TICK: Final = {
    "market": TEXT,
    "symbol": TEXT,
    "trade": optional(_TRADE),
    "bid": optional(LEVEL),
    "ask": optional(LEVEL),
}
_RATES: Final = {"day": optional(_DAY), "trades_per_s": REAL, "updates_per_s": REAL, "updated_at": TIME}

_NUMBERS: Final = (
    *("last_price", "last_quantity", "bid_price", "bid_quantity", "ask_price", "ask_quantity"),
    *("day_open", "day_high", "day_low", "day_close", "day_volume", "day_buy_volume", "day_sell_volume"),
    *("day_quote_volume", "day_change"),
)


class TicksQuestion(Question):
    """Which symbols."""

    market: MarketName | None = None


def ticks_router(store: TickStore) -> APIRouter:
    """Return the paths that read ``store``."""
    router = APIRouter(tags=["now"])

    @router.get("/ticks", responses=answers(page_of(object_of(_TICK | _RATES)), "By market and symbol.", rows=True))
    def ticks(wanted: Wanted, question: Annotated[TicksQuestion, Query()]) -> Response:
        """Return the latest of every symbol: last trade, best bid and ask, the last 24 hours, rates.

        CSV and Arrow have a column for each value.
        """
        found = [
            tick
            for (market, _), tick in sorted(store.get_all().items())
            if question.market is None or market is question.market
        ]
        if wanted is Format.JSON:
            return object_response({"rows": [_plain(tick) for tick in found], "next": None})
        return rows_response(_table(found, wanted), wanted)

    @router.get(
        "/ticks/{market}/{symbol}",
        responses=answers(object_of(_TICK | {"book": optional(_BOOK)} | _RATES), "The latest."),
    )
    def tick(_json: JsonAlone, market: Annotated[MarketName, Path()], symbol: Annotated[Symbol, Path()]) -> Response:
        """Return the latest of one symbol, with the best levels of its book."""
        found = require_tick(store, market, symbol)
        return object_response(_plain(found) | {"book": None if found.book is None else _book(found.book)})

    return router


def require_tick(store: TickStore, market: MarketName, symbol: str) -> Tick:
    """Return the latest of a symbol.

    Raises:
        HTTPException: 404, nothing of it was seen.
    """
    found = store.get(market, symbol)
    if found is None:
        detail = (
            f"expected a symbol that is recorded now, received {market} {symbol}: /api/v1/ticks lists what there is"
        )
        raise HTTPException(HTTPStatus.NOT_FOUND, detail)
    return found


def _plain(tick: Tick) -> dict[str, Any]:
    """Return all but the book."""
    return {
        "market": tick.market,
        "symbol": tick.symbol,
        "trade": None if tick.trade is None else _trade(tick.trade),
        "bid": tick.bid,
        "ask": tick.ask,
        "day": None if tick.day is None else _day(tick.day),
        "trades_per_s": tick.trades_per_s,
        "updates_per_s": tick.updates_per_s,
        "updated_at": iso(tick.updated_at),
    }


def _trade(trade: LastTrade) -> dict[str, Any]:
    return {
        "stream": trade.stream,
        "trade_id": trade.trade_id,
        "price": trade.price,
        "quantity": trade.quantity,
        "side": "sell" if trade.buyer_is_maker else "buy",
        "trade_time": iso(trade.trade_time),
        "receive_time": iso(trade.receive_time),
    }


def _day(day: Day) -> dict[str, Any]:
    return {name: getattr(day, name) for name in day.__struct_fields__} | {"since": iso(day.since)}


def _book(top: Top) -> dict[str, Any]:
    return {
        "last_update_id": top.last_update_id,
        "event_time": None if top.event_time is None else iso(top.event_time),
        "receive_time": iso(top.receive_time),
        "bids": top.bids,
        "asks": top.asks,
    }


def _table(ticks: Iterable[Tick], wanted: Format) -> pa.Table:
    """Return a row a symbol, a column a value."""
    numbers = pa.string() if wanted is Format.CSV else DECIMAL
    rows = [_flat(tick) for tick in ticks]
    columns: dict[str, pa.Array] = {}
    for name, kind in _COLUMNS.items():
        values = pa.array([row[name] for row in rows], kind)
        columns[name] = to_numbers(values, numbers) if name in _NUMBERS and numbers == DECIMAL else values
    return pa.table(columns)


_TIMES: Final = ("last_time", "day_since", "updated_at")
_COLUMNS: Final[Mapping[str, pa.DataType]] = {
    "market": pa.string(),
    "symbol": pa.string(),
    "last_stream": pa.string(),
    "last_id": pa.int64(),
    "last_side": pa.string(),
    **dict.fromkeys(_NUMBERS, pa.string()),
    "day_trade_count": pa.int64(),
    **dict.fromkeys(("trades_per_s", "updates_per_s"), pa.float64()),
    **dict.fromkeys(_TIMES, pa.timestamp("us", "UTC")),
}


def _flat(tick: Tick) -> dict[str, Any]:
    trade, day = tick.trade, tick.day
    found: dict[str, Any] = dict.fromkeys(_COLUMNS)
    found |= {name: getattr(tick, name) for name in ("market", "symbol", "trades_per_s", "updates_per_s")}
    found["updated_at"] = tick.updated_at // 1000
    if trade is not None:
        found |= {
            "last_stream": trade.stream,
            "last_id": trade.trade_id,
            "last_side": "sell" if trade.buyer_is_maker else "buy",
            "last_price": trade.price,
            "last_quantity": trade.quantity,
            "last_time": trade.trade_time // 1000,
        }
    for side, level in (("bid", tick.bid), ("ask", tick.ask)):
        if level is not None:
            found |= {f"{side}_price": level.price, f"{side}_quantity": level.quantity}
    if day is not None:
        found |= {f"day_{name}": getattr(day, name) for name in day.__struct_fields__}
        found["day_since"] = day.since // 1000
    return found
