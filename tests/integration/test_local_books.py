"""The loader's local books on the captures: what they write is what the captures' JSON gives, however it was loaded."""

import random
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from heapq import nlargest, nsmallest
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.app.ending import EndingReader
from orderflow_recorder.app.load import make_loader
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.captures import open_capture
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres.book_seeds import PostgresBooks
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support.capture_books import CaptureBook, Side, levels, read_books, write_depth
from tests.support.captures import NAMES, capture, lines, received
from tests.support.database import new_database

TOP_LEVELS: Final = 5
LOOKS: Final = 100
"""At how many updates of a symbol the tops are looked at."""
SHORT: Final = ("spot_two_symbols_2021-04-04", "usdm_five_symbols_2021-04-05")
"""Captures that are loaded again in pieces."""
CHECKPOINTS: Final = """
SELECT last_update_id, bid_prices, bid_quantities, ask_prices, ask_quantities, known_bid, known_ask, receive_time
FROM book_snapshots WHERE market = %s AND symbol = %s AND source = 'checkpoint'
  AND last_update_id BETWEEN %s AND %s ORDER BY last_update_id
"""
TOPS: Final = """
SELECT last_update_id, event_time, receive_time, bid_prices, bid_quantities, ask_prices, ask_quantities
FROM book_tops WHERE market = %s AND symbol = %s AND source = 'local'
  AND last_update_id BETWEEN %s AND %s ORDER BY last_update_id
"""
WRITTEN: Final = (
    "SELECT * FROM book_snapshots WHERE receive_time < '2022-01-01' ORDER BY market, symbol, last_update_id, source",
    "SELECT * FROM book_tops WHERE receive_time < '2022-01-01' ORDER BY market, symbol, last_update_id, source",
)


@pytest.fixture(scope="module")
def depth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the depth streams of the captures."""
    folder = tmp_path_factory.mktemp("depth")
    paths = {name: folder / f"{name}.jsonl" for name in NAMES}
    for name, path in paths.items():
        write_depth(capture(name), path)
    return paths


@pytest.fixture(scope="module")
def truth(depth: dict[str, Path]) -> list[CaptureBook]:
    """Give what they say."""
    return [book for path in depth.values() for book in read_books(path)]


@pytest.fixture(scope="module")
def begun(depth: dict[str, Path], truth: list[CaptureBook]) -> dict[int, int]:
    """Give the place of the update at which each book begins, by the snapshot's id: the first received after it."""
    came = {
        line["d"]["lastUpdateId"]: received(line["t"])
        for path in depth.values()
        for line in lines(path)
        if line["k"] == "rest"
    }
    return {
        book.last_update_id: next(
            place for place, update in enumerate(book.updates) if update.received > came[book.last_update_id]
        )
        for book in truth
    }


@pytest.fixture(scope="module")
def written(postgres_url: str, postgres_template: str, depth: dict[str, Path]) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with all of them."""
    with new_database(postgres_url, template=postgres_template) as url:
        replay(settings(url), url, list(depth.values()), lambda _path, _left: None)
        with connect(url) as connection:
            yield connection


def settings(url: str, **more: Any) -> Settings:  # noqa: ANN401  # any setting
    return Settings(db_url=url, book_frame_levels=TOP_LEVELS, **more)


def rows_of(connection: psycopg.Connection[Any], query: Any, book: CaptureBook) -> list[tuple[Any, ...]]:  # noqa: ANN401  # a literal
    span = book.last_update_id, book.updates[-1].final
    return connection.execute(query, (book.market, book.symbol, *span)).fetchall()


def side_texts(side: str, prices: Sequence[Decimal], quantities: Sequence[Decimal]) -> list[str]:
    return [f"{side} {price} {quantity}" for price, quantity in zip(prices, quantities, strict=True)]


def test_every_checkpoint_is_the_whole_book_that_the_capture_gives(
    written: psycopg.Connection[Any], truth: list[CaptureBook], begun: dict[int, int]
) -> None:
    count = 0
    for book in truth:
        checkpoints = rows_of(written, CHECKPOINTS, book)
        # On futures the first diff to apply may end with the snapshot, so that it changes nothing.
        places = {book.last_update_id: 0} | {update.final: place for place, update in enumerate(book.updates, 1)}
        positions = [places[row[0]] for row in checkpoints]
        assert positions[0] in (0, begun[book.last_update_id] + 1), "one follows the snapshot at once"
        for row, position, sides in zip(checkpoints, positions, book.books(positions), strict=True):
            _, bid_prices, bid_quantities, ask_prices, ask_quantities, known_bid, known_ask, came = row
            ours = side_texts("bid", bid_prices, bid_quantities) + side_texts("ask", ask_prices, ask_quantities)
            assert ours == levels(sides), (book.symbol, row[0])
            assert (known_bid, known_ask) == tuple(Decimal(book.snapshot[side][-1][0]) for side in ("bids", "asks"))
            assert position == 0 or came == book.updates[position - 1].received
        for earlier, begin, end in zip(checkpoints, positions, positions[1:], strict=False):
            due = max(20_000, 4 * len(earlier[1] + earlier[3]))
            work = [len(update.bids) + len(update.asks) for update in book.updates[begin:end]]
            assert sum(work[:-1]) < due <= sum(work)
        count += len(checkpoints)
    assert count > len(truth), "not only the first ones"


def best(sides: tuple[Side, Side], book: CaptureBook) -> list[str]:
    """Return the best levels as far as the snapshot knew the book."""
    lowest, highest = (Decimal(book.snapshot[side][-1][0]) for side in ("bids", "asks"))
    bids = [f"bid {price} {sides[0][price]}" for price in nlargest(TOP_LEVELS, sides[0]) if price >= lowest]
    return bids + [f"ask {price} {sides[1][price]}" for price in nsmallest(TOP_LEVELS, sides[1]) if price <= highest]


def test_local_tops_are_those_of_the_capture_and_there_where_they_changed(
    written: psycopg.Connection[Any], truth: list[CaptureBook], begun: dict[int, int]
) -> None:
    dice = random.Random(4)  # noqa: S311  # to draw, not to hide
    told = 0
    for book in truth:
        rows = {row[0]: row[1:] for row in rows_of(written, TOPS, book)}
        first = begun[book.last_update_id]
        assert min(rows) in (book.last_update_id, book.updates[first].final)
        drawn = dice.sample(range(first + 2, len(book.updates)), min(LOOKS, len(book.updates) // 4))
        positions = sorted({position for draw in drawn for position in (draw - 1, draw)})
        tops = {place: best(sides, book) for place, sides in zip(positions, book.books(positions), strict=True)}
        for position in drawn:
            update = book.updates[position - 1]
            row = rows.get(update.final)
            assert (row is not None) == (tops[position] != tops[position - 1]), (book.symbol, update.final)
            if row is not None:
                told += 1
                assert row[:2] == (update.at, update.received)
                assert side_texts("bid", *row[2:4]) + side_texts("ask", *row[4:6]) == tops[position]
    assert told > LOOKS


class FlakySink(PostgresSink):
    """Loses its connection before or after one write in three."""

    def __init__(self, url: str, seed: int, name: str) -> None:
        """Draw from ``seed``; keep the position as ``name``."""
        super().__init__(url, name=name)
        self.losses = 0
        self._dice = random.Random(seed)  # noqa: S311  # to draw, not to hide

    def write(self, batch: Batch) -> WriteResult:
        """Write, or do not, or do and say otherwise."""
        draw = self._dice.random()
        if draw < 1 / 6:
            self._lose()
        result = super().write(batch)
        if draw > 5 / 6:
            self._lose()
        return result

    def _lose(self) -> None:
        self.losses += 1
        message = "connection lost"
        raise SinkUnavailableError(message)


def open_ending(path: Path, ended: threading.Event, position: Position) -> EndingReader:
    return EndingReader(open_capture(path, position), ended)


def test_small_batches_and_lost_connections_give_the_same_rows(
    written: psycopg.Connection[Any], database_url: str, depth: dict[str, Path]
) -> None:
    chosen = settings(database_url, loader_batch_rows=100, loader_backoff_s=0.001, loader_backoff_max_s=0.001)
    losses = 0
    for number, name in enumerate(SHORT):
        path = depth[name]
        ended = threading.Event()
        sink = FlakySink(database_url, number, name)
        make_loader(
            chosen,
            sink,
            books=PostgresBooks(database_url),
            reader_factory=partial(open_ending, path, ended),
            instance=name,
            wait=ended.wait,
            publish=lambda _position: None,
            observe=lambda _health: None,
            drain_s=float("inf"),
        ).run()
        losses += sink.losses
    assert losses > 10
    with connect(database_url) as again:
        for query in WRITTEN:
            whole, pieces = written.execute(query).fetchall(), again.execute(query).fetchall()
            assert len(whole) > len(SHORT)
            assert pieces == whole
