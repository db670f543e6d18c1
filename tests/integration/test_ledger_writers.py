"""Two recorders on one database, at random: each id is a row or in one gap, and a replay says the same."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record, SpentTradeId, Trade
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records
from tests.support.records import NOON

IDS: Final = 150
SYMBOLS: Final = tuple(f"S{number}USDT" for number in range(12))
SPENT_EVERY: Final = 17
CONTENTS: Final = {
    "coverage": "SELECT * FROM coverage ORDER BY market, symbol, stream",
    "gaps": """SELECT market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time, cause, status,
                      opened_at, healed_at, healed_by, instance, reason
               FROM gaps ORDER BY market, symbol, stream, first_missing_id, from_time""",
    "trades": "SELECT * FROM trades ORDER BY market, symbol, trade_id",
    "depth_diffs": "SELECT * FROM depth_diffs ORDER BY market, symbol, final_update_id",
}


def frames(random_: random.Random, symbol: str, number: int, time: int) -> list[Record]:
    """Return what the venue sends of one id: a futures trade or a spent id, and a diff of three update ids."""
    fields: dict[str, Any] = {"market": Market.USDM, "symbol": symbol, "receive_time": time}
    trade: Record = records.trade(number, **fields)
    if number % SPENT_EVERY == 0:
        trade = SpentTradeId(Market.USDM, symbol, number, NOON, NOON, time)
    elif random_.random() < 0.05:  # as REST brings it
        trade = records.trade(number, event_time=None, **fields)
    diff = records.depth_diff(3 * number + 1, 3 * number + 3, symbol=symbol, receive_time=time)
    return [trade, diff]


def journal(seed: int, instance: str) -> list[Record]:
    """Return what one recorder journals: losses, repetitions, late fills, and events of its own."""
    random_ = random.Random(seed)  # noqa: S311  # a test's dice
    arrivals: list[Record] = []
    for symbol in SYMBOLS:
        alive = True
        for number in range(IDS):
            alive = random_.random() < (0.97 if alive else 0.2)
            time = NOON + number * 300_000_000 + seed
            if alive:
                arrivals += frames(random_, symbol, number, time)
            if random_.random() < 0.1:
                arrivals += frames(random_, symbol, random_.randrange(number + 1), time + 1000)
    arrivals.sort(key=lambda one: one.receive_time)  # type: ignore[union-attr]  # all of these have one
    for kind in (EventKind.RUN_STARTED, EventKind.DISK_FULL, EventKind.HEAL_REFUSED) * 3:
        place = random_.randrange(len(arrivals))
        time = NOON + random_.randrange(IDS) * 300_000_000
        detail = {"stream": "trade", "first_id": random_.randrange(IDS), "last_id": IDS, "reason": "too old"}
        refused = {"market": Market.USDM, "symbol": random_.choice(SYMBOLS), "detail": detail}
        fields = refused if kind is EventKind.HEAL_REFUSED else {}
        arrivals.insert(place, records.event(kind, time=time, instance=instance, **fields))
    return arrivals


def load(url: str, instance: str, arrivals: list[Record], dice: random.Random, most: int) -> None:
    """Load a journal in batches of up to ``most`` records."""
    sink = PostgresSink(url)
    start = sink.open(instance)
    done = 0
    while done < len(arrivals):
        batch = arrivals[done : done + dice.randint(1, most)]
        done += len(batch)
        sink.write(Batch(instance, start, Position(1, done), batch))
        start = Position(1, done)
    sink.close()


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    with connect(url) as connection:
        return {table: connection.execute(query.encode()).fetchall() for table, query in CONTENTS.items()}


def missing(connection: psycopg.Connection[Any], symbol: str, stream: str) -> list[int]:
    rows = connection.execute(
        "SELECT first_missing_id, last_missing_id FROM gaps WHERE symbol = %s AND stream = %s AND status <> 'healed'",
        (symbol, stream),
    )
    return [number for first, last in rows for number in range(first, last + 1)]


def assert_proven(url: str, *journals: list[Record]) -> None:
    """Check that rows are what was sent, once, and that rows and gaps together are all ids, once."""
    everything = [record for arrivals in journals for record in arrivals]
    with connect(url) as connection:
        for symbol in SYMBOLS:
            sent = {one.trade_id for one in everything if type(one) is Trade and one.symbol == symbol}
            spent = {one.trade_id for one in everything if type(one) is SpentTradeId and one.symbol == symbol}
            rows = [row[0] for row in connection.execute("SELECT trade_id FROM trades WHERE symbol = %s", (symbol,))]
            assert sorted(rows) == sorted(sent)
            known = sent | spent
            assert sorted([*known, *missing(connection, symbol, "trade")]) == list(range(min(known), max(known) + 1))
            diffs = connection.execute(
                "SELECT first_update_id, final_update_id FROM depth_diffs WHERE symbol = %s", (symbol,)
            ).fetchall()
            updates = [number for first, final in diffs for number in range(first, final + 1)]
            whole = [*updates, *missing(connection, symbol, "depth@100ms")]
            assert sorted(whole) == list(range(min(updates), max(updates) + 1))


@pytest.mark.parametrize("seed", range(4))
def test_two_recorders_at_once_leave_each_id_a_row_or_in_one_gap(seed: int, database_url: str) -> None:
    journals = {"a": journal(seed, "a"), "b": journal(seed + 100, "b")}
    with ThreadPoolExecutor(2) as pool:
        writers = [
            pool.submit(load, database_url, instance, arrivals, random.Random(seed), 60)  # noqa: S311  # a test's dice
            for instance, arrivals in journals.items()
        ]
        for writer in writers:
            writer.result(60)
    assert_proven(database_url, *journals.values())
    with connect(database_url) as connection:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        assert connection.execute(query).fetchone() == (0,)


@pytest.mark.parametrize("seed", range(3))
def test_a_journal_says_the_same_however_it_is_cut(seed: int, database_url: str, empty_database_url: str) -> None:
    arrivals = journal(seed, "main")
    schema.upgrade(empty_database_url)
    load(database_url, "main", arrivals, random.Random(0), 150)  # noqa: S311  # a test's dice
    load(empty_database_url, "main", arrivals, random.Random(0), 10_000)  # noqa: S311  # as above
    assert_proven(database_url, arrivals)
    parts, whole = contents(database_url), contents(empty_database_url)
    assert parts["gaps"]
    for table, rows in parts.items():
        assert rows == whole[table], table
