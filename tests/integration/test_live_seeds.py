"""What a live view begins with: the tables at one moment, and the journals behind them."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import psycopg
import pytest

from orderflow_recorder.app import live
from orderflow_recorder.app.live import LiveFeed, end_of
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.live import Hub, TickStore
from orderflow_recorder.live.day import BUCKET_NS
from orderflow_recorder.ports.venue import RestAnswer
from orderflow_recorder.postgres.live_seeds import read_live_seeds
from tests.support.journal import open_writer, read_journal
from tests.support.ledger_writer import Recorder, from_rest, trades
from tests.support.processes import free_port, wait_until
from tests.support.records import MILLISECOND, NOON, agg_trade, depth_diff, trade

PART_S = BUCKET_NS // 10**9
DAY_NS = 86_400 * 1000 * MILLISECOND


def test_the_tables_say_which_ids_they_have(database_url: str, main: Recorder) -> None:
    main.write(*trades(1, 2, 5, 6, 9), agg_trade(7))
    main.write(*from_rest(3, at=NOON + 60_000 * MILLISECOND))
    seeds = read_live_seeds(database_url, ["main", "main.2"], PART_S)
    assert seeds.books == set()
    assert seeds.positions == {("main", "postgres"): Position(1, 200)}
    spot, usdm = sorted(seeds.streams, key=lambda stream: stream.market)
    assert [(ids.first, ids.last) for ids in spot.taken] == [(1, 3), (5, 6), (9, 9)]
    assert (spot.symbol, spot.aggregates, spot.newest) == ("BTCUSDT", False, main_trade(9))
    assert (usdm.market, usdm.symbol, usdm.aggregates) == (Market.USDM, "ETHUSDT", True)
    assert usdm.newest is not None
    assert usdm.newest.price == "2300.10"


def main_trade(number: int) -> object:
    """Return a trade as the tables give it back: times cut to microseconds."""
    one = trade(number)
    return trade(number, receive_time=one.receive_time // 1000 * 1000)


def test_the_tables_say_what_the_last_day_was(database_url: str, main: Recorder) -> None:
    times = {1: NOON - DAY_NS - BUCKET_NS, 2: NOON - DAY_NS // 2, 3: NOON - 1, 4: NOON, 5: NOON + MILLISECOND}
    main.write(*(trade(number, trade_time=at, price=f"{number}.5", quantity="2") for number, at in times.items()))
    (stream,) = read_live_seeds(database_url, ["main"], PART_S).streams
    assert [(number, part.first_id, part.last_id, part.trade_count) for number, part in stream.day] == [
        (times[2] // BUCKET_NS, 2, 2, 1),
        (times[3] // BUCKET_NS, 3, 3, 1),
        (times[4] // BUCKET_NS, 4, 5, 2),
    ]
    _, last = stream.day[-1]
    assert (last.open, last.high, last.low, last.close) == tuple(map(Decimal, ("4.5", "5.5", "4.5", "5.5")))
    assert (last.volume, last.buy_volume, last.quote_volume) == tuple(map(Decimal, (4, 0, 20)))


def test_the_tables_say_whose_books_they_have(database_url: str, main: Recorder) -> None:
    main.write(depth_diff(1, 2), depth_diff(1, 2, market=Market.USDM, previous_final_update_id=0), trade(1))
    seeds = read_live_seeds(database_url, ["main"], PART_S)
    assert seeds.books == {(Market.SPOT, "BTCUSDT"), (Market.USDM, "BTCUSDT")}


def test_a_database_that_is_away_is_said(database_url: str) -> None:
    with pytest.raises(SinkUnavailableError):
        read_live_seeds(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", ["main"], PART_S)
    assert read_live_seeds(database_url, ["main"], PART_S).streams == []


def append(directory: Path, *numbers: int) -> None:
    """Write spot trades, as a run of their own."""
    writer = open_writer(directory)
    for number in numbers:
        one = trade(number)
        data = {"e": "trade", "E": one.trade_time // MILLISECOND, "s": "BTCUSDT", "t": number, "p": "1.0", "q": "2"}
        frame = {"stream": "btcusdt@trade", "data": data | {"T": one.trade_time // MILLISECOND, "m": True, "M": True}}
        writer.append_frame(one.receive_time, Market.SPOT, 1, msgspec.json.encode(frame))
    writer.close()


def stand_at(url: str, position: Position) -> None:
    """Say how far the journal was loaded."""
    with psycopg.connect(url) as connection:
        where = (position.segment, position.offset)
        connection.execute("UPDATE loader_positions SET segment = %s, byte_offset = %s", where)


@contextmanager
def fed(data: Path, url: str | None = None) -> Iterator[tuple[TickStore, LiveFeed]]:
    """Feed a store from the journals in a folder."""
    store = TickStore()
    address = None if url is None else lambda: url
    feed = LiveFeed(load_settings(None, data_dir=data), store, Hub(store), address=address)
    feed.start()
    try:
        yield store, feed
    finally:
        feed.close()


def has(store: TickStore, last: int, count: int) -> bool:
    """Say whether a store has taken so many trades up to the last."""
    tick = store.get("spot", "BTCUSDT")
    if tick is None or tick.trade is None or tick.day is None:
        return False
    return (tick.trade.trade_id, tick.day.trade_count) == (last, count)


def test_without_a_database_it_begins_at_the_end(tmp_path: Path) -> None:
    journal = tmp_path / "journal" / "main"
    append(journal, 1, 2)
    with fed(tmp_path) as (store, feed):
        wait_until(lambda: feed.at_end, within_s=10, what="the end is found")
        append(journal, 3)
        append(journal, 4)
        wait_until(lambda: has(store, 4, 2), within_s=10, what="what came since is taken")


def test_a_recorder_that_begins_later_is_followed_from_its_beginning(tmp_path: Path, database_url: str) -> None:
    with fed(tmp_path, database_url) as (store, _):
        append(tmp_path / "journal" / "main", 1, 2)
        wait_until(lambda: has(store, 2, 2), within_s=10, what="everything is taken")


def test_what_the_tables_have_is_not_taken_twice(tmp_path: Path, database_url: str, main: Recorder) -> None:
    main.write(*trades(1, 2, 3, price="1.0", quantity="2"))
    stand_at(database_url, Position(0, 0))
    append(tmp_path / "journal" / "main", 2, 3, 4)
    with fed(tmp_path, database_url) as (store, _):
        wait_until(lambda: has(store, 4, 4), within_s=10, what="everything is taken once")


def test_a_first_snapshot_builds_on_diffs_that_the_tables_have(
    tmp_path: Path, database_url: str, main: Recorder
) -> None:
    main.write(depth_diff(1, 2), depth_diff(3, 4), depth_diff(5, 6))
    stand_at(database_url, Position(0, 0))
    writer = open_writer(tmp_path / "journal" / "main")
    for first, last in ((7, 8), (9, 10)):
        at = depth_diff(first, last).event_time // MILLISECOND
        levels = {"b": [["99.0", "2"]], "a": [["101.0", "3"]]}
        data = {"e": "depthUpdate", "E": at, "s": "BTCUSDT", "U": first, "u": last} | levels
        frame = msgspec.json.encode({"stream": "btcusdt@depth@100ms", "data": data})
        writer.append_frame(depth_diff(first, last).receive_time, Market.SPOT, 1, frame)
        if first == 7:
            book = {"lastUpdateId": 2, "bids": [["98.0", "1"]], "asks": [["102.0", "1"]]}
            path, asked = "/api/v3/depth", {"symbol": "BTCUSDT", "limit": "5000"}
            writer.append_rest(RestAnswer(Market.SPOT, path, asked, "BTCUSDT", NOON, msgspec.json.encode(book)))
    writer.close()
    with fed(tmp_path, database_url) as (store, feed):
        wait_until(lambda: feed.at_end, within_s=10, what="the end is reached")
        tick = store.get("spot", "BTCUSDT")
        assert tick is not None
        assert tick.book is not None
        assert tick.book.last_update_id == 10


def test_tables_that_are_far_behind_are_left_alone(
    tmp_path: Path, database_url: str, main: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FAR_BEHIND_BYTES", 100)
    main.write(*trades(1))
    stand_at(database_url, Position(0, 0))
    journal = tmp_path / "journal" / "main"
    append(journal, 2, 3)
    with fed(tmp_path, database_url) as (store, feed):
        wait_until(lambda: feed.at_end, within_s=10, what="the end is reached")
        append(journal, 4)
        wait_until(lambda: has(store, 4, 1), within_s=10, what="what came since is taken")


def test_a_journal_that_does_not_go_on_where_the_tables_end_is_followed_from_its_end(
    tmp_path: Path, database_url: str, main: Recorder
) -> None:
    main.write(*trades(1))
    stand_at(database_url, Position(9, 5))
    journal = tmp_path / "journal" / "main"
    append(journal, 2, 3)
    with fed(tmp_path, database_url) as (store, feed):
        wait_until(lambda: feed.at_end, within_s=10, what="it begins anew")
        append(journal, 4)
        wait_until(lambda: has(store, 4, 2), within_s=10, what="what came since is taken")
        assert feed.trouble == ""


def test_journals_that_come_later_are_followed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_FOR_JOURNALS_S", 0.0)
    append(tmp_path / "journal" / "main", 1)
    with fed(tmp_path) as (store, feed):
        wait_until(lambda: feed.at_end, within_s=10, what="the first journal is read")
        append(tmp_path / "journal" / "main.2", 7)
        wait_until(lambda: has(store, 7, 1), within_s=10, what="the second journal is read")


def test_the_end_of_a_journal_is_the_end_of_its_last_whole_line(tmp_path: Path) -> None:
    assert end_of(tmp_path) == JOURNAL_START
    append(tmp_path, 1, 2)
    whole = read_journal(tmp_path)[-1].end
    assert end_of(tmp_path) == whole
    with (tmp_path / "00000001.jsonl").open("ab") as file:
        file.write(b'{"t":1,')
    assert end_of(tmp_path) == whole
    (tmp_path / "00000002.jsonl").write_bytes(b"torn" * (1 << 19))
    assert end_of(tmp_path) == Position(2, 0)
    (tmp_path / "00000003.jsonl.gz").touch()
    assert end_of(tmp_path) == Position(4, 0)
