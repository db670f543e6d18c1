"""book_at against the captures: at random instants it is the book that their JSON gives, every level."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.postgres.connection import connect
from tests.support.capture_books import CaptureBook, levels, read_books, write_depth
from tests.support.captures import NAMES, capture
from tests.support.database import new_database

INSTANTS: Final = 250
"""How many a capture."""
CHECKPOINT_EVERY: Final = 500
"""Diffs between the checkpoints of the two long captures; the others are built from the snapshot alone."""
BOOKS: Final = """
SELECT verdict.trusted, coalesce(
    (SELECT string_agg(concat_ws(' ', side, price, quantity), ',' ORDER BY place)
     FROM book_at(%(market)s, %(symbol)s, instant.at) WITH ORDINALITY AS level (side, price, quantity, place)), '')
FROM unnest(%(times)s::timestamptz[]) WITH ORDINALITY AS instant (at, place),
    book_verdict(%(market)s, %(symbol)s, instant.at) AS verdict
ORDER BY instant.place
"""
ADD_CHECKPOINT: Final = """
INSERT INTO book_snapshots (market, symbol, last_update_id, source, receive_time,
                            bid_prices, bid_quantities, ask_prices, ask_quantities)
VALUES (%s, %s, %s, 'checkpoint', %s, %s, %s, %s, %s)
"""


@pytest.fixture(scope="module")
def depth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the depth streams of the captures."""
    folder = tmp_path_factory.mktemp("depth")
    paths = {name: folder / f"{name}.jsonl" for name in NAMES}
    for name, path in paths.items():
        write_depth(capture(name), path)
    return paths


@pytest.fixture(scope="module")
def truth(depth: dict[str, Path]) -> dict[str, list[CaptureBook]]:
    """Give what they say."""
    return {name: read_books(path) for name, path in depth.items()}


@pytest.fixture(scope="module")
def recorded(
    postgres_url: str, postgres_template: str, depth: dict[str, Path], truth: dict[str, list[CaptureBook]]
) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with all of them."""
    with new_database(postgres_url, template=postgres_template) as url:
        replay(Settings(db_url=url), url, list(depth.values()), lambda _path, _left: None)
        with connect(url) as connection:
            for books in truth.values():
                for book in books:
                    add_checkpoints(connection, book)
            connection.execute("ANALYZE depth_diffs, book_snapshots")
            yield connection


def add_checkpoints(connection: psycopg.Connection[Any], book: CaptureBook) -> None:
    """Write whole books as the loader does; between them some instants are still far from any."""
    positions = range(3 * CHECKPOINT_EVERY, len(book.updates), CHECKPOINT_EVERY)
    for position, sides in zip(positions, book.books(positions), strict=True):
        last = book.updates[position - 1]
        bids, asks = sorted(sides[0].items(), reverse=True), sorted(sides[1].items())
        arrays = [f"{{{','.join(str(level[index]) for level in side)}}}" for side in (bids, asks) for index in (0, 1)]
        connection.execute(ADD_CHECKPOINT, (book.market, book.symbol, last.final, last.received, *arrays))


def instants(books: Sequence[CaptureBook], seed: str) -> dict[str, list[datetime]]:
    """Draw instants, spread over the symbols; one in ten is exactly the time of an update."""
    dice = random.Random(seed)  # noqa: S311  # to draw, not to hide
    drawn: dict[str, list[datetime]] = {book.symbol: [] for book in books}
    for number in range(INSTANTS):
        book = dice.choice(books)
        at = book.begin + (book.end - book.begin) * dice.random()
        drawn[book.symbol].append(dice.choice(book.updates).at if number % 10 == 0 else at)
    return {symbol: sorted(times) for symbol, times in drawn.items()}


def ask(connection: psycopg.Connection[Any], book: CaptureBook, times: Sequence[datetime]) -> list[tuple[bool, str]]:
    """Return the verdict on each instant and the book, one text a level."""
    return connection.execute(BOOKS, {"market": book.market, "symbol": book.symbol, "times": list(times)}).fetchall()


@pytest.mark.parametrize("name", NAMES)
def test_at_random_instants_it_is_the_book_of_an_independent_replay(
    recorded: psycopg.Connection[Any], truth: dict[str, list[CaptureBook]], name: str
) -> None:
    drawn = instants(truth[name], name)
    for book in truth[name]:
        times = drawn[book.symbol]
        found = ask(recorded, book, times)
        expected = book.books([book.position(at) for at in times])
        for at, (trusted, text), sides in zip(times, found, expected, strict=True):
            assert text.split(",") == levels(sides), f"{book.symbol} at {at}"
            assert trusted
    assert sum(map(len, drawn.values())) == INSTANTS


def test_before_the_first_diff_and_after_the_last_there_is_no_trusted_book(
    recorded: psycopg.Connection[Any], truth: dict[str, list[CaptureBook]]
) -> None:
    beat = timedelta(milliseconds=1)
    for book in (book for books in truth.values() for book in books):
        before, last, after = ask(recorded, book, (book.recorded_from - beat, book.end, book.end + beat))
        whole = ",".join(levels(next(book.books([len(book.updates)]))))
        assert (before, last, after) == ((False, ""), (True, whole), (False, whole))
