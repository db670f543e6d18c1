"""How long book_at takes on an hour of BTCUSDT diffs. See README.md."""  # noqa: INP001  # programs, no package

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.measure import distribution, server_ms
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect
from tests.support.captures import CAPTURES, lines, moment
from tests.support.database import new_database, server

CAPTURE: Final = CAPTURES / "spot_btcusdt_2024-08-08.jsonl.gz"
HOUR: Final = timedelta(hours=1)
BEAT: Final = timedelta(milliseconds=100)
SIDE_LEVELS: Final = 5000
"""What the venue's REST gives of a spot book, and so what a book begins with."""
FEWEST_CHANGES: Final = 20_000
CHANGES_PER_LEVEL: Final = 4
"""A checkpoint comes after so many changes, whichever is more."""

Levels = dict[Decimal, Decimal]
COPY_DIFFS: Final = """
COPY depth_diffs (market, symbol, first_update_id, final_update_id, event_time, receive_time,
                  bid_prices, bid_quantities, ask_prices, ask_quantities) FROM STDIN
"""
COPY_BOOKS: Final = """
COPY book_snapshots (market, symbol, last_update_id, source, receive_time, known_bid, known_ask,
                     bid_prices, bid_quantities, ask_prices, ask_quantities) FROM STDIN
"""
BOOK: Final = "SELECT side, price, quantity FROM book_at('spot', 'BTCUSDT', %s, %s)"
COMPRESS: Final = "SELECT compress_chunk(chunk) FROM show_chunks('depth_diffs') AS chunk"


class Hour:
    """The capture's diffs, end to end until the hour is full: ids and times move on, levels repeat."""

    def __init__(self, capture: Path) -> None:
        """Read ``capture``."""
        frames = [line["d"]["data"] for line in lines(capture) if line["k"] == "ws" and "@depth" in line["d"]["stream"]]
        (self._snapshot,) = (line["d"] for line in lines(capture) if line["k"] == "rest")
        self._frames = [frame for frame in frames if frame["u"] > self._snapshot["lastUpdateId"]]
        self.begin = _time(self._frames[0])
        self.book: tuple[Levels, Levels] = (_padded(self._snapshot["bids"], -1), _padded(self._snapshot["asks"], 1))
        self.known = (min(self.book[0]), max(self.book[1]))
        self.changes = self.diffs = self.checkpoints = 0

    def fill(self, connection: psycopg.Connection[Any]) -> None:
        """Write diffs and checkpoints."""
        books = [self._row("rest", self._snapshot["lastUpdateId"], self.begin)]
        since = 0
        with connection.cursor() as cursor, cursor.copy(COPY_DIFFS) as copy:
            for first, final, at, frame in self._repeated():
                sides = [[level[index] for level in frame[side]] for side in "ba" for index in (0, 1)]
                copy.write_row(("spot", "BTCUSDT", first, final, at, at, *(_array(side) for side in sides)))
                for levels, side in zip(self.book, "ba", strict=True):
                    _apply(levels, frame[side])
                    since += len(frame[side])
                self.diffs += 1
                if since >= max(FEWEST_CHANGES, CHANGES_PER_LEVEL * sum(map(len, self.book))):
                    books.append(self._row("checkpoint", final, at))
                    self.changes += since
                    since = 0
        self.changes += since
        self.checkpoints = len(books) - 1
        with connection.cursor() as cursor, cursor.copy(COPY_BOOKS) as copy:
            for book in books:
                copy.write_row(book)

    def _repeated(self) -> Iterator[tuple[int, int, datetime, dict[str, Any]]]:
        ids = self._frames[-1]["u"] - self._frames[0]["U"] + 1
        duration = _time(self._frames[-1]) - self.begin + BEAT
        for number in range(HOUR // duration + 1):
            for frame in self._frames:
                at = _time(frame) + number * duration
                if at >= self.begin + HOUR:
                    return
                yield frame["U"] + number * ids, frame["u"] + number * ids, at, frame

    def _row(self, source: str, last_update_id: int, at: datetime) -> tuple[Any, ...]:
        bids, asks = sorted(self.book[0].items(), reverse=True), sorted(self.book[1].items())
        arrays = [_array([str(level[index]) for level in side]) for side in (bids, asks) for index in (0, 1)]
        known = self.known if source == "checkpoint" else (None, None)
        return ("spot", "BTCUSDT", last_update_id, source, at, *known, *arrays)


def _time(frame: dict[str, Any]) -> datetime:
    at = moment(frame["E"])
    assert at is not None  # noqa: S101  # every frame has its time
    return at


def _padded(levels: list[list[str]], outwards: int) -> Levels:
    """Return a side of the depth that REST gives, its far levels made up: the capture has 1,000."""
    side = {Decimal(price): Decimal(quantity) for price, quantity in levels}
    price = Decimal(levels[-1][0])
    while len(side) < SIDE_LEVELS:
        price += outwards * Decimal("0.57")
        side[price] = Decimal("0.01000000")
    return side


def _apply(side: Levels, levels: list[list[str]]) -> None:
    for price, quantity in levels:
        if Decimal(quantity):
            side[Decimal(price)] = Decimal(quantity)
        else:
            side.pop(Decimal(price), None)


def _array(texts: list[str]) -> str:
    return "{" + ",".join(texts) + "}"


def measure(connection: psycopg.Connection[Any], moments: Sequence[datetime]) -> dict[str, dict[str, float]]:
    """Return ms for books of 20 levels and whole ones, at the same instants.

    On a busy machine the time also counts who else is at work: the server's CPU time, where it can be
    read, does not.
    """
    found = {}
    for name, levels in (("20 levels", 20), ("all levels", None)):
        wall, cpu, rows = [], [], 0
        for at in moments:
            used = server_ms(connection)
            began = time.perf_counter()
            rows += connection.execute(BOOK, (at, levels)).rowcount  # all of them have arrived
            wall.append((time.perf_counter() - began) * 1000)
            cpu.append(server_ms(connection) - used)
        found[name] = {"rows": rows / len(moments)} | distribution("ms", wall) | distribution("cpu_ms", cpu)
    return found


def main() -> int:
    """Print the distribution and return the exit code: 1 without the capture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.book_at", description=__doc__)
    parser.add_argument("--instants", type=int, default=300, help="how many random ones (300)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same instants")
    options = parser.parse_args()
    if not CAPTURE.exists():
        sys.stdout.write(f"expected the recorded capture {CAPTURE}\n")
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder) / "postgres") as address,
        new_database(address) as url,
    ):
        schema.upgrade(url)
        kind = schema.database_kind(url)
        with connect(url) as connection:
            hour = Hour(CAPTURE)
            hour.fill(connection)
            connection.execute("VACUUM ANALYZE depth_diffs, book_snapshots")
            chance = random.Random(options.seed)  # noqa: S311  # to draw, not to hide
            moments = [hour.begin + HOUR * chance.random() for _ in range(options.instants)]
            results = {"as written": measure(connection, moments)}
            if "Community" in kind:
                connection.execute(COMPRESS)
                results["compressed"] = measure(connection, moments)
    shape = {"diffs": hour.diffs, "changes": hour.changes, "checkpoints": hour.checkpoints}
    sys.stdout.write(f"{kind}: {', '.join(f'{count:,} {name}' for name, count in shape.items())}\n")
    for state, found in results.items():
        for name, figures in found.items():
            line = "  ".join(f"{key} {value:8.1f}" for key, value in figures.items())
            sys.stdout.write(f"{state:12} {name:12} {line}\n")
    sys.stdout.write(json.dumps({"server": kind, **shape, "instants": options.instants, "book_at": results}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
