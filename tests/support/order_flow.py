"""Order-flow figures computed from captures in plain Python: what the queries are held to.

Written for being right at a glance, not for speed; nothing of ours is used.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

from tests.support.captures import EPOCH, moment
from tests.support.recorded import Fill

Holes: TypeAlias = Sequence[tuple[int, int]]
"""First and last missing id of each hole."""
Table: TypeAlias = list[dict[str, Any]]


def digits(number: Fraction | Decimal, places: int) -> Decimal:
    """Round as the server does: half away from zero."""
    fraction = Fraction(number)
    scaled = Decimal(abs(fraction.numerator) * 10**places) / Decimal(fraction.denominator)
    rounded = scaled.quantize(Decimal(1), ROUND_HALF_UP).scaleb(-places)
    return -rounded if fraction < 0 else rounded


def milliseconds(time: datetime) -> int:
    """Return a time as the venue writes it."""
    return (time - EPOCH) // timedelta(milliseconds=1)


def whole(fills: Iterable[Fill], holes: Holes) -> bool:
    """Say whether no hole lies among the ids of some fills or beside them."""
    ids = [fill.id for fill in fills]
    return not any(first <= max(ids) + 1 and last >= min(ids) - 1 for first, last in holes)


def buckets(fills: Iterable[Fill], length: int) -> dict[int, list[Fill]]:
    """Cut fills into buckets of ``length`` ms; those without a fill are not there."""
    found = defaultdict(list)
    for fill in fills:
        found[fill.time - fill.time % length].append(fill)
    return dict(sorted(found.items()))


def volume(fills: Iterable[Fill], *, sold: bool) -> Decimal:
    """Return what aggressors of one side traded."""
    return sum((fill.quantity for fill in fills if fill.sold is sold), Decimal(0))


def cvd(fills: Iterable[Fill], length: int, holes: Holes) -> Table:
    """Compute the cumulative volume delta."""
    rows: Table = []
    for start, members in buckets(fills, length).items():
        bought, sold = volume(members, sold=False), volume(members, sold=True)
        before: dict[str, Any] = rows[-1] if rows else {"cvd": Decimal(0), "cvd_complete": True}
        complete = whole(members, holes)
        rows.append(
            {
                "bucket": moment(start),
                "buy_volume": bought,
                "sell_volume": sold,
                "delta": bought - sold,
                "cvd": before["cvd"] + bought - sold,
                "complete": complete,
                "cvd_complete": before["cvd_complete"] and complete,
            }
        )
    return rows


def footprint(fills: Iterable[Fill], length: int, height: Decimal, holes: Holes) -> Table:
    """Compute what was traded per bar and price bin."""
    rows: Table = []
    for start, members in buckets(fills, length).items():
        bins = defaultdict(list)
        for fill in members:
            bins[int(fill.price / height) * height].append(fill)
        rows.extend(
            {
                "bucket": moment(start),
                "price": price,
                "buy_volume": volume(bins[price], sold=False),
                "sell_volume": volume(bins[price], sold=True),
                "delta": sum(fill.signed for fill in bins[price]),
                "trade_count": sum(fill.matches for fill in bins[price]),
                "complete": whole(members, holes),
            }
            for price in sorted(bins, reverse=True)
        )
    return rows


def trade_imbalance(fills: Iterable[Fill], length: int, holes: Holes) -> Table:
    """Compute how one-sided each bucket was."""
    rows: Table = []
    for start, members in buckets(fills, length).items():
        bought = sum(fill.matches for fill in members if not fill.sold)
        sold = sum(fill.matches for fill in members if fill.sold)
        delta, total = sum(fill.signed for fill in members), sum(fill.quantity for fill in members)
        rows.append(
            {
                "bucket": moment(start),
                "buy_count": bought,
                "sell_count": sold,
                "count_imbalance": digits(Fraction(bought - sold, bought + sold), 6),
                "volume_imbalance": digits(Fraction(delta) / Fraction(total), 6),
                "complete": whole(members, holes),
            }
        )
    return rows


def vpin(fills: Iterable[Fill], size: Decimal, span: int, holes: Holes) -> Table:
    """Compute VPIN by pouring the fills into buckets, one after the other."""
    rows: Table = []
    poured: list[Fill] = []
    room = size
    for fill in fills:
        left = fill.quantity
        while left:
            part = min(left, room)
            poured.append(fill._replace(quantity=part))
            left -= part
            room -= part
            if not room:
                rows.append(_bucket(len(rows), poured, holes))
                recent = rows[-span:]
                uneven = sum((abs(row["buy_volume"] - row["sell_volume"]) for row in recent), Decimal(0))
                rows[-1]["vpin"] = digits(Fraction(uneven) / Fraction(span * size), 6) if len(recent) == span else None
                rows[-1]["vpin_complete"] = all(row["complete"] for row in recent)
                poured, room = [], size
    return rows


def _bucket(number: int, parts: list[Fill], holes: Holes) -> dict[str, Any]:
    return {
        "bucket": number,
        "first_trade": moment(min(part.time for part in parts)),
        "last_trade": moment(max(part.time for part in parts)),
        "buy_volume": volume(parts, sold=False),
        "sell_volume": volume(parts, sold=True),
        "complete": whole(parts, holes),
    }


def orders(fills: Sequence[Fill]) -> list[list[Fill]]:
    """Join the fills of one taker order: consecutive ids, one time, one side."""
    found = [[fills[0]]]
    for before, fill in pairwise(fills):
        if (before.id + 1, before.time, before.sold) == (fill.id, fill.time, fill.sold):
            found[-1].append(fill)
        else:
            found.append([fill])
    return found


def large_trades(fills: Sequence[Fill], quantile: float, least: Decimal, holes: Holes) -> Table:
    """Find the orders from a quantile and a size on."""
    found = [(sum((fill.quantity for fill in order), Decimal(0)), order) for order in orders(fills)]
    ranked = sorted(quantity for quantity, _ in found)
    # The smallest size whose share of the orders reaches the quantile.
    limit = next(size for rank, size in enumerate(ranked, 1) if rank / len(ranked) >= quantile)
    rows = []
    for quantity, order in found:
        if quantity < max(limit, least):
            continue
        notional = sum((fill.price * fill.quantity for fill in order), Decimal(0))
        prices = sorted((fill.price for fill in order), reverse=order[0].sold)
        rows.append(
            {
                "trade_time": moment(order[0].time),
                "first_id": order[0].id,
                "side": "SELL" if order[0].sold else "BUY",
                "quantity": quantity,
                "notional": notional,
                "first_price": prices[0],
                "worst_price": prices[-1],
                "average_price": digits(Fraction(notional) / Fraction(quantity), 8),
                "sweep_bps": digits(Fraction(abs(prices[-1] - prices[0])) / Fraction(prices[0]) * 10000, 3),
                "fills": sum(fill.matches for fill in order),
                "complete": whole(order, holes),
            }
        )
    return sorted(rows, key=lambda row: (-row["quantity"], row["first_id"]))
