"""REST answers from the tapes: ``trades``, ``historicalTrades``, ``aggTrades``."""

from decimal import Decimal
from typing import Any, Final

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.rest_words import Refusal, RestQuery, bad_parameter
from orderflow_recorder.sim.tape import Tape, TapeAggTrade, TapeTrade

_HOUR_US: Final = 3_600_000_000
_AGG_TRADES_AGE_US: Final = 48 * _HOUR_US
_DEFAULT_LIMIT: Final = 500


def trades(query: RestQuery, tape: Tape[TapeTrade], now: int) -> list[dict[str, Any]]:
    """Return ``trades`` or ``historicalTrades``; futures ids that were only spent are left out.

    Args:
        query: The request.
        tape: The symbol's trades.
        now: The venue's time, µs since the epoch.

    Raises:
        Refusal: As the venue refuses.
    """
    historical = query.endpoint == "historicalTrades"
    if historical and query.market is Market.USDM and not query.has_key:
        raise Refusal(401, -2014, "API-key format invalid.")
    limit = _limit(query, most=500 if historical and query.market is Market.USDM else 1000)
    first = query.integer("fromId") if historical else None
    chosen = tape.all() if first is None else tape.from_id(first)
    real = [trade for trade in chosen if not trade.spent]
    if historical and query.market is Market.USDM:
        oldest = _newest(tape, now) - 31 * 24 * _HOUR_US
        real = [trade for trade in real if trade.time >= oldest]
    page = real[-limit:] if first is None else real[:limit]
    return [_trade(query, trade) for trade in page]


def agg_trades(query: RestQuery, tape: Tape[TapeAggTrade], now: int) -> list[dict[str, Any]]:
    """Return ``aggTrades``: by ``fromId``, by time, or the newest.

    Args:
        query: The request.
        tape: The symbol's aggregate trades.
        now: The venue's time, µs since the epoch.

    Raises:
        Refusal: As the venue refuses.
    """
    limit = _limit(query, most=1000)
    first = query.integer("fromId")
    start, end = query.instant("startTime"), query.instant("endTime")
    timed = start is not None or end is not None
    if start is not None and end is not None and end < start:
        raise bad_parameter("endTime")
    if query.market is Market.USDM:
        if first is not None and timed:
            raise Refusal(408, -1007, "Timeout waiting for response from backend server.")
        if start is not None and end is not None and end - start >= _HOUR_US:
            raise Refusal(400, -1127, "More than 1 hours between startTime and endTime.")
    chosen = tape.from_id(first) if first is not None else tape.between(start, end)
    if query.market is Market.USDM:
        oldest = _newest(tape, now) - _AGG_TRADES_AGE_US
        chosen = [agg for agg in chosen if agg.time >= oldest]
    # Without a place to begin, the newest are meant; with only an end, those before it.
    forward = first is not None or start is not None
    return [_agg_trade(query, agg) for agg in (chosen[:limit] if forward else chosen[-limit:])]


def _newest(tape: Tape[TapeTrade] | Tape[TapeAggTrade], now: int) -> int:
    """Return the time that age counts from: recordings of different years may be played side by side."""
    entries = tape.all()
    return min(now, entries[-1].time) if entries else now


def _limit(query: RestQuery, *, most: int) -> int:
    limit = query.integer("limit", min(_DEFAULT_LIMIT, most)) or 0
    if not 1 <= limit <= most:
        raise bad_parameter("limit")
    return limit


def _trade(query: RestQuery, trade: TapeTrade) -> dict[str, Any]:
    return {
        "id": trade.id,
        "price": trade.price,
        "qty": trade.quantity,
        "quoteQty": f"{Decimal(trade.price) * Decimal(trade.quantity):.8f}",
        "time": query.time(trade.time),
        "isBuyerMaker": trade.buyer_is_maker,
        **({"isBestMatch": True} if query.market is Market.SPOT else {"isRPITrade": False}),
    }


def _agg_trade(query: RestQuery, agg: TapeAggTrade) -> dict[str, Any]:
    body: dict[str, Any] = {"a": agg.id, "p": agg.price, "q": agg.quantity}
    if query.market is Market.USDM:
        body["nq"] = agg.quantity_without_rpi or agg.quantity
    body |= {
        "f": agg.first_trade_id,
        "l": agg.last_trade_id,
        "T": query.time(agg.time),
        "m": agg.buyer_is_maker,
    }
    if query.market is Market.SPOT:
        body["M"] = True
    return body
