"""What a capture says, read with the standard library alone: the truth that recordings are held to."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

CAPTURES = Path("../shared/captures")
NAMES = (
    "spot_btcusdt_2024-08-08",
    "spot_two_symbols_2021-04-04",
    "usdm_btcusdt_2023-04-04",
    "usdm_five_symbols_2021-04-05",
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def capture(name: str) -> Path:
    """Return the path of a capture; skip the test where there is none."""
    path = CAPTURES / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"needs the recorded capture {path}")
    return path


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a capture or of a journal segment."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def moment(milliseconds: int | None) -> datetime | None:
    """Return a venue time as the database gives it back."""
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds)


def received(nanoseconds: int) -> datetime:
    """Return a receive time as the database gives it back, cut to microseconds."""
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)


def decimals(texts: list[str]) -> list[Decimal]:
    """Return exact numbers."""
    return [Decimal(text) for text in texts]


Rows = dict[tuple[str, str, int], tuple[Any, ...]]


class Expected:
    """The rows that a capture (or journal) must become, by (market, symbol, id), receive times aside.

    Of an id that came twice the first is the row.
    """

    def __init__(self) -> None:
        """Expect nothing yet."""
        self.trades: Rows = {}
        self.agg_trades: Rows = {}
        self.depth_diffs: Rows = {}

    @classmethod
    def of(cls, *paths: Path) -> "Expected":
        """Read captures or journal segments."""
        expected = cls()
        for path in paths:
            for line in lines(path):
                if line["k"] == "ws" and "stream" in line["d"]:
                    expected.take(line["market"], line["d"]["stream"], line["d"]["data"])
                elif line["k"] == "rest" and isinstance(line["d"], list):
                    for row in line["d"]:
                        expected.heal(line["market"], line["symbol"], row)
        return expected

    def heal(self, market: str, symbol: str, row: dict[str, Any]) -> None:
        """Expect the row of a REST trade or aggregate trade; spot answers in microseconds."""
        time = EPOCH + timedelta(microseconds=row["T" if "a" in row else "time"] * (1 if market == "spot" else 1000))
        if "a" in row:
            numbers = (row["f"], row["l"], Decimal(row["p"]), Decimal(row["q"]))
            self.agg_trades.setdefault((market, symbol, row["a"]), (*numbers, row["m"], time, None))
        else:
            columns = (Decimal(row["price"]), Decimal(row["qty"]), row["isBuyerMaker"], time, None)
            self.trades.setdefault((market, symbol, row["id"]), columns)

    def take(self, market: str, stream: str, data: dict[str, Any]) -> None:
        """Expect the row of one frame."""
        name = stream.partition("@")[2]  # empty for the venue's own announcements
        if name == "trade" and Decimal(data["p"]) != 0:
            key = (market, data["s"], data["t"])
            times = (moment(data["T"]), moment(data["E"]))
            self.trades.setdefault(key, (Decimal(data["p"]), Decimal(data["q"]), data["m"], *times))
        elif name == "aggTrade":
            key = (market, data["s"], data["a"])
            numbers = (data["f"], data["l"], Decimal(data["p"]), Decimal(data["q"]))
            self.agg_trades.setdefault(key, (*numbers, data["m"], moment(data["T"]), moment(data["E"])))
        elif name.startswith("depth@") or name == "depth":
            self.depth_diffs[market, data["s"], data["u"]] = (
                data["U"],
                data.get("pu"),
                moment(data["E"]),
                moment(data.get("T")),
                *(decimals([level[index] for level in data[side]]) for side in "ba" for index in (0, 1)),
            )


QUERIES = {
    "trades": """select market, symbol, trade_id, price, quantity, buyer_is_maker, trade_time, event_time
                   from trades""",
    "agg_trades": """select market, symbol, agg_trade_id, first_trade_id, last_trade_id, price, quantity,
                            buyer_is_maker, trade_time, event_time from agg_trades""",
    "depth_diffs": """select market, symbol, final_update_id, first_update_id, previous_final_update_id,
                             event_time, transaction_time, bid_prices, bid_quantities, ask_prices, ask_quantities
                        from depth_diffs""",
}
