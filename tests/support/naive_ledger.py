"""Invariants 2 and 3 checked the naive way: lay everything end to end and look for a seam that is not tight."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from tests.support.captures import Expected, lines


class Key(NamedTuple):
    """A stream; ``name`` is ``trade``, ``aggTrade`` or ``depth`` (whatever its speed)."""

    market: str
    symbol: str
    name: str


class Piece(NamedTuple):
    """Ids that are accounted for, and by what."""

    first: int
    last: int
    what: str


Pieces = dict[Key, list[Piece]]

_ROWS: Final = {
    "trade": "select market, symbol, trade_id, trade_id from trades",
    "aggTrade": "select market, symbol, agg_trade_id, agg_trade_id from agg_trades",
    "depth": """select market, symbol, coalesce(previous_final_update_id + 1, first_update_id), final_update_id
                  from depth_diffs""",
}
_GAPS: Final = """
    select market, symbol, stream, first_missing_id, last_missing_id from gaps
     where status <> 'healed' and first_missing_id is not null"""
_COVERAGE: Final = "select market, symbol, stream, first_id, last_id from coverage where first_id is not null"


class Ledger(NamedTuple):
    """What a database (or a recording) has, and what it says is missing."""

    rows: Pieces
    gaps: Pieces
    cover: dict[Key, Piece]


def read_ledger(url: str) -> Ledger:
    """Read rows, gaps and coverage of one moment."""
    rows: Pieces = defaultdict(list)
    gaps: Pieces = defaultdict(list)
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for name, query in _ROWS.items():
            for market, symbol, first, last in connection.execute(query):
                rows[Key(market, symbol, name)].append(Piece(first, last, "row"))
        for market, symbol, stream, first, last in connection.execute(_GAPS):
            gaps[_key(market, symbol, stream)].append(Piece(first, last, "gap"))
        cover = {
            _key(market, symbol, stream): Piece(first, last, "coverage")
            for market, symbol, stream, first, last in connection.execute(_COVERAGE)
        }
    return Ledger(rows, gaps, cover)


def problems(ledger: Ledger, spent: set[tuple[str, str, int]]) -> list[str]:
    """Return each place where an id is neither row nor gap, or more than one of them.

    Args:
        ledger: See `read_ledger`.
        spent: Ids of futures trades that were received and are no rows.
    """
    found = [f"{key}: rows or gaps without coverage" for key in {*ledger.rows, *ledger.gaps} - set(ledger.cover)]
    for key, cover in ledger.cover.items():
        following = cover.first
        end = Piece(cover.last + 1, cover.last + 1, "the end of coverage")
        for piece in [*sorted([*ledger.rows[key], *ledger.gaps[key]]), end]:
            if piece.first < following:
                found.append(f"{key}: {piece} begins before {following}: accounted for twice, or not covered")
            elif not _all_spent(key, range(following, piece.first), spent):
                found.append(f"{key}: of {following} to {piece.first - 1}, before {piece}, not all are row or gap")
            following = max(following, piece.last + 1)
    return found


def strangers(ledger: Ledger, truth: Ledger) -> list[str]:
    """Return each row that the venue never sent so; ``truth`` has what it sent as rows."""
    return [
        f"{key}: {len(wrong)} rows that were never sent, e.g. {min(wrong)}"
        for key, rows in ledger.rows.items()
        if (wrong := set(rows) - set(truth.rows[key]))
    ]


def not_healed(ledger: Ledger, truth: Ledger) -> list[str]:
    """Return each id, between first and last, that the venue's REST could have brought and that is no row."""
    found = []
    for key, cover in ledger.cover.items():
        if key.name == "depth" or (key.name == "trade" and key.market == "usdm"):
            continue
        sent = {piece for piece in truth.rows[key] if cover.first <= piece.first <= cover.last}
        if missing := sent - set(ledger.rows[key]):
            found.append(f"{key}: {len(missing)} ids are healable and not healed, e.g. {min(missing).first}")
    return found


def _all_spent(key: Key, numbers: range, spent: set[tuple[str, str, int]]) -> bool:
    return not numbers or (key.name == "trade" and all((key.market, key.symbol, number) in spent for number in numbers))


def sent(expected: Expected) -> Ledger:
    """Return what the venue sent, where ``expected`` are the rows of a recording without holes."""
    rows: Pieces = defaultdict(list)
    for name, table in (("trade", expected.trades), ("aggTrade", expected.agg_trades)):
        for market, symbol, number in table:
            rows[Key(market, symbol, name)].append(Piece(number, number, "row"))
    for (market, symbol, final), (first, previous, *_) in expected.depth_diffs.items():
        rows[Key(market, symbol, "depth")].append(Piece(first if previous is None else previous + 1, final, "row"))
    return Ledger(rows, defaultdict(list), {})


def spent_ids(paths: Iterable[Path]) -> set[tuple[str, str, int]]:
    """Return the ids of futures trade frames without a price in captures or journals."""
    return {
        (line["market"], data["s"], data["t"])
        for path in paths
        for line in lines(path)
        if (data := _trade(line)) is not None and data["p"].strip("0.") == ""
    }


def _trade(line: dict[str, Any]) -> dict[str, Any] | None:
    if line["k"] != "ws" or line["market"] != "usdm" or not str(line["d"].get("stream", "")).endswith("@trade"):
        return None
    data = line["d"]["data"]
    return data if isinstance(data.get("t"), int) else None


def _key(market: str, symbol: str, stream: str) -> Key:
    return Key(market, symbol, "depth" if stream.startswith("depth") else stream)
