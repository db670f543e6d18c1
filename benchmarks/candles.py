"""How long a day of candles takes to read, and what keeping them costs. See README.md."""  # noqa: INP001  # programs, no package

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import psycopg

from benchmarks.measure import distribution, server_ms
from orderflow_recorder.app.candles import refresh_candles
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record, Trade
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.candle_changes import note_changes
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.ledger_streams import Written
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support.database import new_database, server

MINUTES: Final = """
SELECT * FROM candles_1m
WHERE market = 'spot' AND symbol = 'BTCUSDT' AND bucket >= '2026-01-01' AND bucket < '2026-01-02' ORDER BY bucket
"""
SECONDS: Final = """
SELECT * FROM candles_1s
WHERE market = 'spot' AND symbol = 'BTCUSDT' AND bucket >= '2026-01-01 12:00' AND bucket < '2026-01-01 13:00'
ORDER BY bucket
"""
DAY_NS: Final = 86_400 * 1_000_000_000
BEGIN_NS: Final = 1_767_225_600 * 1_000_000_000
"""2026-01-01, ns."""


class Timed:
    """Wraps what a sink does for the candles after its rows, and keeps how long client and server worked, ms."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.taken: list[float] = []

    def __call__(
        self, cursor: psycopg.Cursor[Any], written: Sequence[Written], marked: AbstractSet[Stream]
    ) -> list[Stream]:
        """Do it, timed."""
        began = _worked_ms(cursor.connection)
        streams = note_changes(cursor, written, marked)
        self.taken.append(_worked_ms(cursor.connection) - began)
        return streams


def _worked_ms(connection: psycopg.Connection[Any]) -> float:
    return server_ms(connection) + time.thread_time() * 1000


def a_day(trades: int, batch: int) -> list[Sequence[Record]]:
    """Return a day's trades of one symbol, in batches."""
    rows = [
        Trade(
            Market.SPOT,
            "BTCUSDT",
            number,
            f"{60_000 + number * 7919 % 100_000 // 100}.{number * 31 % 100:02}",
            f"0.{1 + number * 7907 % 99_999:05}",
            number % 3 == 0,
            BEGIN_NS + number * DAY_NS // trades,
            None,
            BEGIN_NS + number * DAY_NS // trades,
        )
        for number in range(trades)
    ]
    return [rows[at : at + batch] for at in range(0, trades, batch)]


def load(url: str, batches: Sequence[Sequence[Record]]) -> dict[str, float]:
    """Write the batches; return what a row takes in all, and what of it is for the candles, us."""
    hook = Timed()
    writer = PostgresSink(url)
    position = writer.open("main")
    began = time.perf_counter()
    with patch("orderflow_recorder.postgres.sink.note_changes", hook):
        for batch in batches:
            end = Position(1, position.offset + 1)
            writer.write(Batch("main", position, end, batch))
            position = end
    taken = time.perf_counter() - began
    writer.close()
    return {
        "write_us": taken / sum(map(len, batches)) * 1e6,
        "note_cpu_us": statistics.median(hook.taken) / len(batches[0]) * 1e3,
    }


def read(connection: psycopg.Connection[Any], query: str, times: int) -> dict[str, float]:
    """Return how long reading all rows takes, and how long the server works for it, ms."""
    wall, cpu, rows = [], [], 0
    for _ in range(times):
        used = server_ms(connection)
        began = time.perf_counter()
        rows = connection.execute(query.encode()).rowcount  # all of them have arrived
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append(server_ms(connection) - used)
    return {"rows": rows} | distribution("ms", wall) | distribution("cpu_ms", cpu)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.candles", description=__doc__)
    parser.add_argument("--trades", type=int, default=1_000_000, help="of the day (1,000,000)")
    parser.add_argument("--batch", type=int, default=10_000, help="rows a batch (10,000, as by default)")
    parser.add_argument("--reads", type=int, default=200, help="how often each query is asked (200)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder) / "postgres") as address,
        new_database(address) as url,
    ):
        schema.upgrade(url)
        kind = schema.database_kind(url)
        costs = load(url, a_day(options.trades, options.batch))
        began = time.perf_counter()
        refresh_candles(url, time.monotonic)
        costs["refresh_us"] = (time.perf_counter() - began) / options.trades * 1e6
        with connect(url) as connection:
            connection.execute("SET timezone TO 'UTC'")
            reads = {
                "a day of candles_1m": read(connection, MINUTES, options.reads),
                "an hour of candles_1s": read(connection, SECONDS, options.reads),
            }
    sys.stdout.write(f"{kind}: {options.trades:,} trades of one symbol in a day, {options.batch:,} a batch\n")
    sys.stdout.write("a row: " + "  ".join(f"{name} {value:.3f}" for name, value in costs.items()) + "\n")
    for name, figures in reads.items():
        sys.stdout.write(f"{name:22} " + "  ".join(f"{key} {value:8.1f}" for key, value in figures.items()) + "\n")
    sys.stdout.write(json.dumps({"server": kind, "trades": options.trades, "a_row": costs, "reads": reads}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
