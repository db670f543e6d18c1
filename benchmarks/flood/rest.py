"""REST answers of a flood: what a recorder asks to start, to keep its books in step, and to look into silence."""

from collections.abc import Mapping
from typing import Final

import msgspec

from benchmarks.flood.market import FloodMarket, StreamKey
from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.instruments import exchange_info
from orderflow_recorder.sim.limits import WEIGHT_PER_MINUTE, WeightBudget
from orderflow_recorder.sim.rest import RestReply, parse_query, weight_of
from orderflow_recorder.sim.rest_words import RestQuery

_NO_SYMBOL: Final = RestReply(400, b'{"code":-1121,"msg":"Invalid symbol."}')


class FloodRest:
    """Answers requests and counts their weight."""

    def __init__(self, market: FloodMarket) -> None:
        """Begin with the whole budget."""
        self.refused = 0
        self.requests = 0
        self._market = market
        self._budgets = {name: WeightBudget(limit) for name, limit in WEIGHT_PER_MINUTE.items()}

    def answer(self, path: str, params: Mapping[str, str], headers: Mapping[str, str], now: float) -> RestReply:
        """Answer a request.

        Args:
            path: Without the query.
            params: The query.
            headers: Of the request, case-insensitive.
            now: Monotonic seconds.
        """
        query = parse_query(path, params, headers)
        if query is None:
            return RestReply(404, b'{"code":-1,"msg":"no such path"}')
        self.requests += 1
        if not self._market.plan.limits:
            return self._body(query)
        verdict = self._budgets[query.market].charge(weight_of(query), now)
        used = {"X-MBX-USED-WEIGHT-1M": str(verdict.used)}
        if verdict.status is not None:
            self.refused += 1
            reply = RestReply(verdict.status, b'{"code":-1003,"msg":"Too much request weight used."}')
            return msgspec.structs.replace(reply, headers={**used, "Retry-After": str(verdict.retry_after)})
        return msgspec.structs.replace(self._body(query), headers=used)

    def _body(self, query: RestQuery) -> RestReply:
        time_ms = self._market.time_ms()
        time = time_ms * 1000 if query.microseconds else time_ms
        symbols = self._market.symbols[query.market]
        match query.endpoint:
            case "ping":
                return RestReply(200, b"{}")
            case "time":
                return RestReply(200, b'{"serverTime":%d}' % time)
            case "exchangeInfo":
                listed = [symbol.instrument() for symbol in symbols.values()]
                return RestReply(200, msgspec.json.encode(exchange_info(query.market, listed, time)))
        symbol = symbols.get(query.params.get("symbol", ""))
        if symbol is None:
            return _NO_SYMBOL
        if query.endpoint == "depth":
            limit = query.integer("limit", 500) or 500
            return RestReply(200, self._market.book(symbol, self._market.depth_name(symbol), limit))
        return RestReply(200, msgspec.json.encode(self._past(query, time)))

    def _past(self, query: RestQuery, time: int) -> list[dict[str, object]]:
        """Return the newest trade alone, and nothing of the past: a flood has no holes to heal."""
        if "fromId" in query.params:
            return []
        name = "aggTrade" if query.endpoint == "aggTrades" else "trade"
        newest = self._market.newest(StreamKey(query.market, f"{query.params['symbol'].lower()}@{name}"))
        if name == "aggTrade":
            row = {"a": newest, "p": "1", "q": "1", "f": newest, "l": newest, "T": time, "m": True}
        else:
            row = {"id": newest, "price": "1", "qty": "1", "quoteQty": "1", "time": time, "isBuyerMaker": True}
        return [row | ({"M": True} if query.market is Market.SPOT else {})]
