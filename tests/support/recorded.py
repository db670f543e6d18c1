"""What captures say, in the shape that order-flow figures are computed from; standard library alone."""

import gzip
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support.captures import capture, lines

HOLED: Final = "spot_btcusdt_2024-08-08"
"""The capture that holes are cut into."""
TRADE_HOLES: Final = ((3735684000, 3735684099), (3735685500, 3735685500))
"""First and last trade id of each hole: one of about ten seconds, one of a single trade."""
DEPTH_HOLE: Final = (50093246000, 50093249000)
"""Every depth update that lies in these ids is cut out."""


class Fill(NamedTuple):
    """A match, or an aggregate of matches; times in ms of the venue and in µs of ours."""

    id: int
    time: int
    price: Decimal
    quantity: Decimal
    sold: bool
    matches: int
    received: int

    @property
    def signed(self) -> Decimal:
        """Return the quantity, negative where the aggressor sold."""
        return -self.quantity if self.sold else self.quantity


class Quote(NamedTuple):
    """Best bid and ask; times in ms of the venue, null on spot, and in µs of ours."""

    id: int
    event_time: int | None
    transaction_time: int | None
    received: int
    bid: Decimal
    bid_quantity: Decimal
    ask: Decimal
    ask_quantity: Decimal


class Change(NamedTuple):
    """A depth update; times as above."""

    first: int
    final: int
    time: int
    received: int
    bids: list[list[str]]
    asks: list[list[str]]


class Recorded:
    """The streams of one symbol of one capture, each in the order it came."""

    def __init__(self) -> None:
        """Start empty."""
        self.fills: list[Fill] = []
        self.quotes: list[Quote] = []
        self.changes: list[Change] = []
        self.snapshot: dict[str, Any] = {}

    def take(self, received: int, stream: str, data: dict[str, Any]) -> None:
        """Keep one frame."""
        if stream == "trade" and Decimal(data["p"]):
            numbers = (Decimal(data["p"]), Decimal(data["q"]), data["m"], 1, received)
            self.fills.append(Fill(data["t"], data["T"], *numbers))
        elif stream == "aggTrade":
            numbers = (Decimal(data["p"]), Decimal(data["q"]), data["m"], data["l"] - data["f"] + 1, received)
            self.fills.append(Fill(data["a"], data["T"], *numbers))
        elif stream == "bookTicker":
            prices = (Decimal(data[key]) for key in "bBaA")
            self.quotes.append(Quote(data["u"], data.get("E"), data.get("T"), received, *prices))
        elif stream.startswith("depth"):
            first = data["pu"] + 1 if "pu" in data else data["U"]
            self.changes.append(Change(first, data["u"], data["E"], received, data["b"], data["a"]))


def holed_lines() -> Iterator[dict[str, Any]]:
    """Yield two minutes of the capture without its book tickers, and with holes."""
    end = 0
    for line in lines(capture(HOLED)):
        end = end or line["t"] + 120 * 10**9
        if line["t"] > end:
            return
        if line["k"] == "rest":
            yield line
            continue
        stream, data = line["d"]["stream"].partition("@")[2], line["d"]["data"]
        lost = stream == "bookTicker"
        lost |= stream == "trade" and any(first <= data["t"] <= last for first, last in TRADE_HOLES)
        lost |= stream.startswith("depth") and DEPTH_HOLE[0] <= data["U"] <= data["u"] <= DEPTH_HOLE[1]
        if not lost:
            yield line


def write_holed(path: Path) -> None:
    """Write the capture with holes."""
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        for line in holed_lines():
            file.write(json.dumps(line) + "\n")


@cache
def holed() -> Recorded:
    """Read the capture with holes."""
    return _read(holed_lines(), "BTCUSDT")


@cache
def recorded(name: str, symbol: str) -> Recorded:
    """Read one symbol of a capture, once; skip the test where there is no capture."""
    return _read(lines(capture(name)), symbol)


def _read(capture_lines: Iterable[dict[str, Any]], symbol: str) -> Recorded:
    found = Recorded()
    for line in capture_lines:
        if line["k"] == "rest":
            if line["symbol"] == symbol:
                found.snapshot = line["d"]
            continue
        target, _, stream = line["d"]["stream"].partition("@")
        if target.upper() == symbol:
            found.take(line["t"] // 1000, stream, line["d"]["data"])
    return found


def within(fills: Iterable[Fill], start: int, end: int) -> list[Fill]:
    """Return the fills of a window of the venue's clock, ms, in the order of their ids."""
    return sorted(fill for fill in fills if start <= fill.time < end)
