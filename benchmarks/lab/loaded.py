"""How far a database has what was sent, by the ledger itself; and whether it has it all."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg

from benchmarks.flood.cycle import BASE_ID
from orderflow_recorder.postgres.connection import connect

TABLES: Final = {
    "trade": ("trades", "trade_id"),
    "aggTrade": ("agg_trades", "agg_trade_id"),
    "depth": ("depth_diffs", "final_update_id"),
}
"""Table and column of the id by kind."""
_COVERED: Final = "SELECT coalesce(sum(last_id - %s), 0), count(*) FROM coverage WHERE last_id IS NOT NULL"
_STREAMS: Final = "SELECT market, symbol, stream, last_id FROM coverage WHERE last_id IS NOT NULL"


class Sent(msgspec.Struct, frozen=True):
    """What a flood has sent: newest id and frames by ``market:stream``."""

    streams: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, figures: Mapping[str, Any]) -> "Sent":
        """Read a flood's report."""
        return cls({name: (int(last), int(frames)) for name, (last, frames) in figures["streams"].items()})

    @property
    def frames(self) -> int:
        """Return how many frames it were."""
        return sum(frames for _, frames in self.streams.values())

    @property
    def advance(self) -> int:
        """Return by how much all streams' ids went up, together."""
        return sum(last - BASE_ID for last, frames in self.streams.values() if frames)

    @property
    def spoken(self) -> int:
        """Return how many streams sent anything."""
        return sum(1 for _, frames in self.streams.values() if frames)


class Covered:
    """Asks a database how far it is, on a connection of its own."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self._connection = connect(url)
        self._connection.autocommit = True

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def advance(self) -> int:
        """Return by how much all streams' ids went up, together; 0 where there is no table yet."""
        try:
            row = self._connection.execute(_COVERED, (BASE_ID,)).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
        return int(row[0]) if row else 0

    def wait(self, advance: int, *, within_s: float, every_s: float = 0.02) -> float | None:
        """Wait until everything is there, and return when that was (wall time); none if it took too long."""
        deadline = time.monotonic() + within_s
        while self.advance() < advance:
            if time.monotonic() > deadline:
                return None
            time.sleep(every_s)
        return time.time()


def missing(url: str, sent: Sent) -> list[str]:
    """Return what is wrong with the rows of a flood; nothing if each frame is a row, once, and no gap is registered."""
    faults = []
    with connect(url) as connection:
        gaps = connection.execute("SELECT market, symbol, stream, cause FROM gaps LIMIT 5").fetchall()
        faults += [f"gap registered: {gap}" for gap in gaps]
        covered = {
            f"{market}:{symbol.lower()}@{stream}": last
            for market, symbol, stream, last in connection.execute(_STREAMS).fetchall()
        }
        wanted = {name: last for name, (last, frames) in sent.streams.items() if frames}
        if covered != wanted:
            off = [name for name in wanted if covered.get(name) != wanted[name]]
            faults.append(f"coverage of {len(off)} of {len(wanted)} streams differs from what was sent, e.g. {off[:3]}")
        for kind in TABLES:
            members = {
                name: counts
                for name, counts in sent.streams.items()
                if kind_of_stream(name.partition("@")[2]) == kind and counts[1]
            }
            if members:
                faults += _missing_rows(connection, kind, members)
    return faults


def _missing_rows(connection: psycopg.Connection[Any], kind: str, wanted: Mapping[str, tuple[int, int]]) -> list[str]:
    table, column = TABLES[kind]
    query = (
        f"SELECT market, symbol, count(*), count(DISTINCT {column}), max({column}), min({column}) "  # noqa: S608  # ours
        f"FROM {table} GROUP BY market, symbol"
    )
    found: dict[tuple[str, str], Sequence[int]] = {
        (market, symbol): counts for market, symbol, *counts in connection.execute(query.encode()).fetchall()
    }
    faults = []
    for name, (last, frames) in wanted.items():
        market, _, stream = name.partition(":")
        rows, ids, highest, lowest = found.get((market, stream.partition("@")[0].upper()), (0, 0, 0, 0))
        whole = kind == "depth" or highest - lowest + 1 == rows
        if (rows, ids, highest) != (frames, frames, last) or not whole:
            faults.append(f"{name}: sent {frames} frames up to id {last}, found {rows} rows up to {highest}")
    return faults


def kind_of_stream(name: str) -> str:
    """Return ``trade``, ``aggTrade`` or ``depth`` for a stream name without its symbol."""
    return "depth" if name.startswith("depth") else name
