"""book_at against the captures: at random instants it is the book that their JSON gives, every level."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.books import read_book
from orderflow_recorder.postgres.connection import connect
from tests.support.capture_books import CaptureBook, levels, read_books, write_depth
from tests.support.captures import NAMES, capture
from tests.support.database import new_database

TWO_SYMBOLS: Final = "spot_two_symbols_2021-04-04"
INSTANTS: Final = 250
"""How many a capture."""
BOOKS: Final = """
SELECT verdict.trusted, coalesce(
    (SELECT string_agg(concat_ws(' ', side, price, quantity), ',' ORDER BY place)
     FROM book_at(%(market)s, %(symbol)s, instant.at) WITH ORDINALITY AS level (side, price, quantity, place)), '')
FROM unnest(%(times)s::timestamptz[]) WITH ORDINALITY AS instant (at, place),
    book_verdict(%(market)s, %(symbol)s, instant.at) AS verdict
ORDER BY instant.place
"""
EXPLAIN: Final = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}


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
def recorded(postgres_url: str, postgres_template: str, depth: dict[str, Path]) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with all of them."""
    with new_database(postgres_url, template=postgres_template) as url:
        replay(Settings(db_url=url), url, list(depth.values()), lambda _path, _left: None)
        with connect(url) as connection:
            connection.execute("ANALYZE depth_diffs, book_snapshots")
            yield connection


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


def test_inside_a_hole_and_after_it_the_verdict_says_so(
    database_url: str, depth: dict[str, Path], truth: dict[str, list[CaptureBook]], tmp_path: Path
) -> None:
    (book,) = (book for book in truth[TWO_SYMBOLS] if book.symbol == "ETHUSDT")
    lost = book.updates[400:450]
    path = tmp_path / "holed.jsonl"
    with depth[TWO_SYMBOLS].open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as holed:
        holed.writelines(line for line in lines if not any(f'"u":{update.final},' in line for update in lost))
    replay(Settings(db_url=database_url), database_url, [path], lambda _path, _left: None)
    dice = random.Random(4)  # noqa: S311  # to draw, not to hide
    began, ended = lost[0].at, lost[-1].at
    inside = [began, ended, *(began + (ended - began) * dice.random() for _ in range(30))]
    before = [book.begin + (book.updates[399].at - book.begin) * dice.random() for _ in range(5)]
    after = [ended + timedelta(milliseconds=101), book.end]
    hole = f"a hole from update id {lost[0].start + 1} to {lost[-1].final} of depth@100ms, cause venue_skipped"
    with connect(database_url) as connection:
        assert set(ask(connection, book, [*inside, *after])) == {(False, "")}
        for times, words in ((inside, f"inside {hole}"), (after, f"no snapshot since {hole}")):
            for at in times:
                reason = read_book(connection, Market.SPOT, book.symbol, at).verdict.reason
                assert reason.startswith(words), reason
        for at, (trusted, text) in zip(before, ask(connection, book, before), strict=True):
            assert trusted
            assert text.split(",") == levels(next(book.books([book.position(at)])))


def test_diffs_are_read_by_the_natural_key_alone(recorded: psycopg.Connection[Any]) -> None:
    plans: list[dict[str, Any]] = []
    with recorded.transaction(force_rollback=True):
        try:
            recorded.execute("LOAD 'auto_explain'")
        except psycopg.errors.UndefinedFile:
            pytest.skip("needs auto_explain, this server comes without it")
        for setting, value in EXPLAIN.items():
            recorded.execute("SELECT set_config(%s, %s, true)", (setting, value))
        recorded.add_notice_handler(lambda notice: plans.extend(explained(notice.message_primary or "")))
        recorded.execute("SELECT FROM book_at('spot', 'BTCUSDT', '2024-08-09 00:01:00+00', 20)")
    read = [scan for plan in plans for scan in scans(plan["Plan"]) if "event_time" in str(scan)]
    # The last one and the next one; the ids for the chain; bids and asks.
    assert len(read) >= 5
    for scan in read:
        # TimescaleDB compresses old chunks whenever it likes; then these have indexes of their own.
        if "compress" not in scan["Relation Name"]:
            assert scan.get("Index Name", "").endswith("depth_diffs_key"), scan
            assert "event_time" in scan["Index Cond"]


def explained(message: str) -> list[dict[str, Any]]:
    """Return the plan in a message of auto_explain, if it is one."""
    return [json.loads(message.partition("plan:")[2])] if message.startswith("duration:") else []


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what reads a table, or a chunk of it."""
    if "Relation Name" in node and "Plans" not in node:
        yield node
    for part in node.get("Plans", ()):
        yield from scans(part)


def test_compressed_chunks_give_the_same_books(
    recorded: psycopg.Connection[Any], truth: dict[str, list[CaptureBook]]
) -> None:
    (book,) = truth["spot_btcusdt_2024-08-08"]
    times = instants([book], "compressed")[book.symbol][::25]
    before = ask(recorded, book, times)
    if not recorded.execute(
        "SELECT FROM pg_settings WHERE name = 'timescaledb.license' AND setting = 'timescale'"
    ).rowcount:
        pytest.skip("needs the Community edition of TimescaleDB")
    recorded.execute("SELECT compress_chunk(chunk) FROM show_chunks('depth_diffs') AS chunk")
    assert ask(recorded, book, times) == before
