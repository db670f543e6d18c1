"""Figures of best prices and books computed from captures in plain Python: what the queries are held to."""

from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from tests.support.captures import moment, received
from tests.support.order_flow import Table, buckets, digits, milliseconds
from tests.support.recorded import Fill, Quote, Recorded

Hole = tuple[datetime, datetime]
"""When the row before and the row after a hole were received."""


def between(hole: Hole, first: int, last: int) -> bool:
    """Say whether a hole lies between two receive times, µs."""
    return hole[0] < received(last * 1000) and hole[1] > received(first * 1000)


def venue_times(source: Recorded) -> list[tuple[int, Quote]]:
    """Return the quotes by id, each with its time: its own, or of the first depth update with its id or a later one."""
    finals = [change.final for change in source.changes]
    found = []
    for quote in sorted(source.quotes):
        place = bisect_left(finals, quote.id)
        if quote.event_time is not None:
            found.append((quote.event_time, quote))
        elif place < len(finals):
            found.append((source.changes[place].time, quote))
    return found


def contribution(before: Quote, after: Quote) -> Decimal:
    """Return what one update adds to the order-flow imbalance."""
    bid = (after.bid_quantity if after.bid >= before.bid else Decimal(0)) - (
        before.bid_quantity if after.bid <= before.bid else Decimal(0)
    )
    ask = (after.ask_quantity if after.ask <= before.ask else Decimal(0)) - (
        before.ask_quantity if after.ask >= before.ask else Decimal(0)
    )
    return bid - ask


def order_flow_imbalance(source: Recorded, start: int, end: int, length: int, hole: Hole | None = None) -> Table:
    """Compute the order-flow imbalance per bucket of ``length`` ms."""
    rows: dict[int, dict[str, Any]] = defaultdict(
        lambda: {"ofi": Decimal(0), "updates": 0, "mid_change": Decimal(0), "complete": True}
    )
    for (earlier, before), (time, after) in pairwise(venue_times(source)):
        lost = hole is not None and between(hole, before.received, after.received)
        if start <= earlier < end and lost:
            rows[earlier - earlier % length]["complete"] = False
        if not start <= time < end:
            continue
        row = rows[time - time % length]
        if lost:
            row["complete"] = False
            continue
        row["ofi"] += contribution(before, after)
        row["updates"] += 1
        row["mid_change"] += (after.bid + after.ask - before.bid - before.ask) / 2
    return [{"bucket": moment(bucket)} | row for bucket, row in sorted(rows.items())]


LEAD = 2_000
"""By how much best prices overtake, on spot, the trades that caused them: the queries' default, µs."""


class Standing:
    """Quotes in the order they stood, asked by when a fill met them, µs.

    Futures: by the matching engine's times. Spot, whose quotes carry none: by our clock, ahead of the first
    fill of the same time and side.
    """

    def __init__(self, source: Recorded, fills: list[Fill], market: str) -> None:
        """Put the quotes in order."""
        self.spot = market == "spot"
        self.quotes = sorted(source.quotes, key=lambda quote: (self._moment(quote), quote.id))
        self.moments = [self._moment(quote) for quote in self.quotes]
        self.first: dict[tuple[int, bool], int] = {}
        for fill in fills:
            key = fill.time, fill.sold
            self.first[key] = min(fill.received, self.first.get(key, fill.received))

    def _moment(self, quote: Quote) -> int:
        return quote.received if self.spot else (quote.transaction_time or 0) * 1000

    def met(self, fill: Fill) -> int:
        """Return when a fill met the book."""
        return self.first[fill.time, fill.sold] if self.spot else fill.time * 1000

    def place(self, fill: Fill, later: int = 0) -> int:
        """Return the number of the newest quote before a fill, or ``later`` µs after it; -1 if there is none."""
        return bisect_left(self.moments, self.met(fill) - (LEAD if self.spot else 0) + later) - 1


def middle(quote: Quote) -> Fraction:
    """Return the middle of the best prices."""
    return Fraction(quote.bid + quote.ask) / 2


def best_prices_before(source: Recorded, fills: list[Fill], market: str, hole: Hole | None = None) -> Table:
    """Join each fill with the newest quote before it."""
    standing = Standing(source, fills, market)
    rows = []
    for fill in sorted(fills, key=lambda fill: (fill.time, fill.id)):
        place = standing.place(fill)
        if place < 0 or (hole is not None and between(hole, standing.quotes[place].received, fill.received)):
            continue
        quote = standing.quotes[place]
        paid = (Fraction(fill.price) - middle(quote)) * (-1 if fill.sold else 1)
        rows.append(
            {
                "trade_id": fill.id,
                "trade_time": moment(fill.time),
                "price": fill.price,
                "quantity": fill.quantity,
                "side": "SELL" if fill.sold else "BUY",
                "bid_price": quote.bid,
                "ask_price": quote.ask,
                "quote_age": timedelta(microseconds=standing.met(fill) - standing.moments[place]),
                "effective_spread_bps": digits(2 * paid / middle(quote) * 10000, 3),
            }
        )
    return rows


def effective_spread(
    source: Recorded, fills: list[Fill], market: str, horizon: int, length: int, hole: Hole | None = None
) -> Table:
    """Compute what takers paid per bucket; ``horizon`` and ``length`` in ms."""
    standing = Standing(source, fills, market)
    rows = []
    for start, members in buckets(fills, length).items():
        spreads = []
        for fill in members:
            place, later = standing.place(fill), standing.place(fill, horizon * 1000)
            if place < 0 or later + 1 >= len(standing.quotes):
                continue
            quote = standing.quotes[place]
            if hole is not None and between(hole, quote.received, fill.received + horizon * 1000):
                continue
            mid, after, sign = middle(quote), middle(standing.quotes[later]), -1 if fill.sold else 1
            factor = 20_000 * sign / mid
            paid, kept = (Fraction(fill.price) - mid) * factor, (Fraction(fill.price) - after) * factor
            spreads.append((Fraction(fill.quantity), paid, kept, paid - kept))
        total = sum(quantity for quantity, *_ in spreads)
        means = [
            digits(sum(spread[0] * spread[number] for spread in spreads) / total, 4) if total else None
            for number in (1, 2, 3)
        ]
        names = ("effective_spread_bps", "realised_spread_bps", "price_impact_bps")
        rows.append(
            {
                "bucket": moment(start),
                "trade_count": len(spreads),
                "volume": Decimal(total.numerator) / Decimal(total.denominator) if total else Decimal(0),
                **dict(zip(names, means, strict=True)),
                "left_out": len(members) - len(spreads),
            }
        )
    return rows


class Book:
    """A book at an instant, rebuilt from the snapshot and the updates since."""

    def __init__(self, source: Recorded, at: datetime) -> None:
        """Rebuild it."""
        self.sides: dict[str, dict[Decimal, Decimal]] = {}
        self.edges: dict[str, Decimal] = {}
        for side in ("bids", "asks"):
            levels = {Decimal(price): Decimal(quantity) for price, quantity in source.snapshot[side]}
            self.edges[side] = min(levels) if side == "bids" else max(levels)
            for change in source.changes:
                if change.final > source.snapshot["lastUpdateId"] and change.time <= milliseconds(at):
                    levels |= {Decimal(price): Decimal(quantity) for price, quantity in getattr(change, side)}
            ordered = sorted(levels.items(), reverse=side == "bids")
            self.sides[side] = {price: quantity for price, quantity in ordered if quantity}

    @property
    def mid(self) -> Fraction:
        """Return the middle of the best prices."""
        return Fraction(next(iter(self.sides["bids"])) + next(iter(self.sides["asks"]))) / 2

    def known(self, side: str) -> dict[Decimal, Decimal]:
        """Return the levels of a side up to its edge."""
        edge = self.edges[side]
        sign = 1 if side == "bids" else -1
        return {price: quantity for price, quantity in self.sides[side].items() if sign * (price - edge) >= 0}


def spread_and_depth(source: Recorded, at: datetime, band_bps: int) -> dict[str, Any]:
    """Compute the spread and the depth of a book."""
    book = Book(source, at)
    bids, asks, mid = book.sides["bids"], book.sides["asks"], book.mid
    low, high = mid * (1 - Fraction(band_bps, 10000)), mid * (1 + Fraction(band_bps, 10000))
    bid_depth = sum((quantity for price, quantity in bids.items() if price >= low), Decimal(0))
    ask_depth = sum((quantity for price, quantity in asks.items() if price <= high), Decimal(0))
    bid, ask = next(iter(bids)), next(iter(asks))
    return {
        "at": at,
        "bid": bid,
        "ask": ask,
        "spread_bps": digits(Fraction(ask - bid) / mid * 10000, 3),
        "bid_depth": bid_depth,
        "ask_depth": ask_depth,
        "imbalance": digits(Fraction(bid_depth - ask_depth) / Fraction(bid_depth + ask_depth), 6),
        "deep_enough": min(book.known("bids"), default=mid) <= low and max(book.known("asks"), default=mid) >= high,
        "note": None,
    }


def slippage(source: Recorded, at: datetime, size: Decimal) -> Table:
    """Walk a book with a market order of each side."""
    book = Book(source, at)
    rows = []
    for side, levels in (("BUY", book.known("asks")), ("SELL", book.known("bids"))):
        left, paid, used = size, Fraction(0), []
        for price, quantity in levels.items():
            if not left:
                break
            part = min(left, quantity)
            left -= part
            paid += Fraction(price * part)
            used.append(price)
        average = None if left else paid / Fraction(size)
        cost = None if average is None else (average - book.mid) * (1 if side == "BUY" else -1)
        rows.append(
            {
                "side": side,
                "filled": size - left,
                "levels": len(used),
                "best_price": used[0],
                "worst_price": used[-1],
                "average_price": None if average is None else digits(average, 8),
                "mid": digits(book.mid, 8),
                "slippage_bps": None if cost is None else digits(cost / book.mid * 10000, 3),
                "note": "the known book is not deep enough" if left else None,
            }
        )
    return rows
