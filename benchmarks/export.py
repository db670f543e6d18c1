"""A million trades to Parquet, against COPY of the same rows. See README.md."""  # noqa: INP001  # programs, no package

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from orderflow_recorder.app.export import export
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.formats import ExportFormat, numbers_for
from orderflow_recorder.export.request import ExportRequest
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect
from tests.support import database

KINDS: Final = (ExportFormat.PARQUET, ExportFormat.CSV, ExportFormat.HFTBACKTEST)
DAY: Final = datetime(2026, 1, 31, tzinfo=UTC)

# Prices that wander, quantities of all sizes, as many digits as the venue sends.
FILL: Final = """
INSERT INTO trades (market, symbol, trade_id, price, quantity, buyer_is_maker, trade_time, event_time, receive_time)
SELECT 'spot', 'BTCUSDT', 4000000000 + n, round((60000 + 500 * sin(n / 9000.0) + n %% 97 / 100.0)::numeric, 8),
       round((n::bigint * 7919 %% 100000 + 1)::numeric / 100000, 8), n %% 2 = 0,
       %(day)s + %(step)s * n, %(day)s + %(step)s * n + interval '1 ms', %(day)s + %(step)s * n + interval '9.123 ms'
FROM generate_series(0, %(rows)s - 1) AS n
"""
SAME_ROWS: Final = """
COPY (
    SELECT trade_id, price, quantity, buyer_is_maker, trade_time, event_time, receive_time FROM trades
    WHERE market = 'spot' AND symbol = 'BTCUSDT' ORDER BY trade_time, trade_id
) TO STDOUT
"""


def main() -> int:
    """Measure, print a table and one line of JSON, and return 1 where it takes too long."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="trades, all of one day (1,000,000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, in turns (5)")
    parser.add_argument("--limit", type=float, default=3.0, help="times of COPY that Parquet may take (3)")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        database.server(Path(name) / "postgres") as server,
        database.new_database(server) as url,
    ):
        schema.upgrade(url)
        fill(url, options.rows)
        seconds = measure(url, Path(name), options.rounds)
    medians = {what: statistics.median(times) for what, times in seconds.items()}
    for what, median in medians.items():
        ratio = median / medians["COPY"]
        sys.stdout.write(f"{what:12} {median:7.3f} s   {options.rows / median:12,.0f} rows/s   {ratio:5.2f} x COPY\n")
    ratio = medians["parquet"] / medians["COPY"]
    sys.stdout.write(json.dumps({"rows": options.rows, "seconds": seconds, "parquet_to_copy": round(ratio, 3)}) + "\n")
    return int(ratio > options.limit)


def fill(url: str, rows: int) -> None:
    """Write trades, evenly over a day."""
    with connect(url) as connection:
        step = timedelta(microseconds=86_000_000_000 // rows)
        connection.execute(FILL, {"day": DAY, "step": step, "rows": rows})
        connection.execute("VACUUM ANALYZE trades")


def measure(url: str, folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round: COPY to a file by psycopg, and exports, one after another."""
    seconds: dict[str, list[float]] = {what: [] for what in ("COPY", *KINDS)}
    for number in range(rounds):
        for what, times in seconds.items():
            place = folder / f"{what}-{number}"
            began = time.perf_counter()
            if what == "COPY":
                copy(url, place)
            else:
                write(url, ExportFormat(what), place)
            times.append(round(time.perf_counter() - began, 4))
    return seconds


def copy(url: str, place: Path) -> None:
    """Write the server's own text to a file."""
    with (
        connect(url) as connection,
        connection.cursor() as cursor,
        place.open("wb") as file,
        cursor.copy(SAME_ROWS) as rows,
    ):
        for row in rows:
            file.write(row)


def write(url: str, kind: ExportFormat, place: Path) -> None:
    """Export the same rows."""
    request = ExportRequest(
        market=Market.SPOT, symbols=("BTCUSDT",), tables=("trades",), format=kind, numbers=numbers_for(kind, None)
    )
    export(url, request, place, lambda _name, _done, _total: None)


if __name__ == "__main__":
    sys.exit(main())
