"""REST answers as functions of the truth: parameters in, status and body out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.book import TrueBook
from orderflow_recorder.sim.instruments import SimInstrument, exchange_info
from orderflow_recorder.sim.rest_trades import agg_trades, trades
from orderflow_recorder.sim.rest_words import Refusal, RestQuery, bad_parameter
from orderflow_recorder.sim.truth import Truth

PREFIXES: Final = {"/api/v3/": Market.SPOT, "/fapi/v1/": Market.USDM}
_FUTURES_DEPTHS: Final = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}
"""Limits that futures depth takes, with their weights."""
_SPOT_DEPTHS: Final = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_WEIGHTS: Final = {
    Market.SPOT: {"ping": 1, "time": 1, "exchangeInfo": 20, "trades": 25, "historicalTrades": 25, "aggTrades": 4},
    Market.USDM: {"ping": 1, "time": 1, "exchangeInfo": 1, "trades": 5, "historicalTrades": 200, "aggTrades": 20},
}


class RestReply(msgspec.Struct, frozen=True):
    """One answer: HTTP status, JSON body, headers beyond the usual."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class RestView(msgspec.Struct, frozen=True):
    """What answers are made of.

    Attributes:
        truth: Books and tapes.
        instruments: The symbols of the query's market.
        now: The venue's time, µs since the epoch.
        stale: Answer ``depth`` with an old book.
    """

    truth: Truth
    instruments: Sequence[SimInstrument]
    now: int
    stale: bool = False


def parse_query(path: str, params: Mapping[str, str], headers: Mapping[str, str]) -> RestQuery | None:
    """Return the query that ``path`` names; none if no REST answers there."""
    for prefix, market in PREFIXES.items():
        endpoint = path.removeprefix(prefix)
        if endpoint != path and endpoint in {*_WEIGHTS[market], "depth"}:
            unit = headers.get("X-MBX-TIME-UNIT", "") if market is Market.SPOT else ""
            return RestQuery(
                market=market,
                endpoint=endpoint,
                params=params,
                microseconds=unit.upper() == "MICROSECOND",
                has_key="X-MBX-APIKEY" in headers,
            )
    return None


def weight_of(query: RestQuery) -> int:
    """Return the request weight of ``query``."""
    if query.endpoint != "depth":
        return _WEIGHTS[query.market][query.endpoint]
    text = query.params.get("limit", "")
    if query.market is Market.USDM:
        return _FUTURES_DEPTHS.get(int(text) if text.isdecimal() else 500, 2)
    limit = int(text) if text.isdecimal() else 100
    return next((weight for most, weight in _SPOT_DEPTHS if limit <= most), _SPOT_DEPTHS[-1][1])


def answer(query: RestQuery, view: RestView) -> RestReply:
    """Return the venue's answer to ``query``."""
    try:
        body = _ANSWERS[query.endpoint](query, view)
    except Refusal as refusal:
        return RestReply(refusal.status, msgspec.json.encode({"code": refusal.code, "msg": refusal.message}))
    return RestReply(200, msgspec.json.encode(body))


def _ping(_query: RestQuery, _view: RestView) -> object:
    return {}


def _time(query: RestQuery, view: RestView) -> object:
    return {"serverTime": query.time(view.now)}


def _exchange_info(query: RestQuery, view: RestView) -> object:
    chosen = view.instruments
    if "symbol" in query.params:
        symbol = _known_symbol(query, view)
        chosen = [instrument for instrument in chosen if instrument.symbol == symbol]
    return exchange_info(query.market, chosen, query.time(view.now))


def _depth(query: RestQuery, view: RestView) -> object:
    truth = view.truth.symbol(query.market, _known_symbol(query, view))
    limit = query.integer("limit", 100 if query.market is Market.SPOT else 500) or 0
    if query.market is Market.USDM and limit not in _FUTURES_DEPTHS:
        raise Refusal(400, -4021, f"{limit} is not valid depth limit.")
    if limit < 1:
        raise bad_parameter("limit")
    book = truth.stale_book() if view.stale else truth.book
    return _depth_body(query.market, book, min(limit, 5000), view.now // 1000)


def _depth_body(market: Market, book: TrueBook, limit: int, now: int) -> dict[str, Any]:
    body: dict[str, Any] = {"lastUpdateId": book.last_update_id}
    if market is Market.USDM:
        body |= {"E": book.event_time or now, "T": book.transaction_time or now}
    return body | {"bids": book.best_bids(limit), "asks": book.best_asks(limit)}


def _trades(query: RestQuery, view: RestView) -> object:
    return trades(query, view.truth.symbol(query.market, _known_symbol(query, view)).trades, view.now)


def _agg_trades(query: RestQuery, view: RestView) -> object:
    return agg_trades(query, view.truth.symbol(query.market, _known_symbol(query, view)).agg_trades, view.now)


def _known_symbol(query: RestQuery, view: RestView) -> str:
    symbol = query.params.get("symbol", "")
    if not symbol:
        raise Refusal(400, -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    if all(instrument.symbol != symbol for instrument in view.instruments):
        raise Refusal(400, -1121, "Invalid symbol.")
    return symbol


_ANSWERS: Final[dict[str, Callable[[RestQuery, RestView], object]]] = {
    "ping": _ping,
    "time": _time,
    "exchangeInfo": _exchange_info,
    "depth": _depth,
    "trades": _trades,
    "historicalTrades": _trades,
    "aggTrades": _agg_trades,
}
