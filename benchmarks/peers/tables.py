"""The tables that cryptofeed's Postgres backend writes to, and how far it is with them."""

import time
from collections.abc import Callable
from typing import Final

from benchmarks.lab.loaded import Sent
from orderflow_recorder.postgres.connection import connect

# As in its own documentation; JSONB for books.
_TABLES: Final = """
CREATE TABLE trades (
    id serial PRIMARY KEY, timestamp timestamp, receipt_timestamp timestamp, exchange varchar(32), symbol varchar(32),
    side varchar(8), amount numeric(64, 32), price numeric(64, 32), trade_id varchar(64), order_type varchar(32)
);
CREATE TABLE book (
    id serial PRIMARY KEY, timestamp timestamp, receipt_timestamp timestamp, exchange varchar(32), symbol varchar(32),
    data jsonb
);
"""
_NAMES: Final = {"aggTrade": "trades", "depth": "book"}
_LOOK_S: Final = 0.05
_QUIET_S: Final = 10.0
_IDLE_S: Final = 0.5
"""Who runs less than that in `_QUIET_S` seconds is idle."""


def make_tables(url: str) -> None:
    """Create them in an empty database."""
    with connect(url) as connection:
        connection.execute(_TABLES.encode())


def wait_for_rows(url: str, kind: str, sent: Sent, cpu_s: Callable[[], float], *, within_s: float) -> float:
    """Wait until every frame has its row, or until no more will come; return when the last one came (wall time).

    A backlog may be written as one statement that takes a minute: as long as anybody works, there is more to come.
    Its snapshots of books are rows as well, so that there may be more rows than frames.

    Args:
        url: The database.
        kind: Of the rows.
        sent: What was sent.
        cpu_s: What client and server have run so far.
        within_s: Seconds after which it is over in any case.
    """
    query = f"SELECT coalesce(max(id), 0) FROM {_NAMES[kind]}".encode()  # noqa: S608  # ours
    deadline = time.monotonic() + within_s
    newest, last_at = 0, time.time()
    worked_at, worked_s = time.monotonic(), cpu_s()
    with connect(url) as connection:
        connection.autocommit = True
        while newest < sent.frames and time.monotonic() < min(deadline, worked_at + _QUIET_S):
            row = connection.execute(query).fetchone()
            if row is not None and row[0] > newest:
                newest, last_at = int(row[0]), time.time()
            if cpu_s() > worked_s + _IDLE_S:
                worked_at, worked_s = time.monotonic(), cpu_s()
            time.sleep(_LOOK_S)
    return last_at


def count_rows(url: str, kind: str) -> int:
    """Return how many rows there are: for books, of differences alone."""
    only = "" if kind == "aggTrade" else " WHERE data ? 'delta'"
    with connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {_NAMES[kind]}{only}".encode()).fetchone()  # noqa: S608  # ours
    return int(row[0]) if row else 0
