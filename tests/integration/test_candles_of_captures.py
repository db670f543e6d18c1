"""Candles of recordings equal a computation from their JSON, to the last decimal, however they are kept."""

import gzip
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import pytest

from orderflow_recorder.app.candles import refresh_candles
from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.journal.captures import open_capture
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres.candle_refresh import CandleRefresher
from orderflow_recorder.postgres.candles import read_candles
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import database
from tests.support.candles import VIEWS, Execution, Key, Values, computed, stored
from tests.support.captures import EPOCH, NAMES, Expected, capture

Flow: TypeAlias = defaultdict[tuple[str, str], list[Execution]]


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the lines of the captures that are trades."""
    folder = tmp_path_factory.mktemp("flow")
    paths = []
    for name in NAMES:
        paths.append(folder / f"{name}.jsonl")
        with gzip.open(capture(name), "rt", encoding="utf-8") as lines, paths[-1].open("w") as chosen:
            chosen.writelines(line for line in lines if '@trade"' in line or '@aggTrade"' in line)
    return paths


@pytest.fixture(scope="module")
def batches(flow: list[Path]) -> list[Sequence[Record]]:
    """Give their records, those of the four captures in turn, in batches of random size."""
    parser, dice = BinanceParser(), random.Random(4)  # noqa: S311  # cuts, the same each time
    queues = []
    for path in flow:
        reader = open_capture(path)
        queues.append([one for entry in reader.read(1 << 30) for one in parser.parse(entry)])
        reader.close()
    found: list[Sequence[Record]] = []
    while any(queues):
        queue = dice.choice([one for one in queues if one])
        size = dice.choice((1, 7, 80, 900, 2500))
        found.append(queue[:size])
        del queue[:size]
    return found


@pytest.fixture(scope="module")
def executed(flow: list[Path]) -> tuple[Flow, Flow]:
    """Give trades and aggregates by market and symbol, by the standard library's JSON alone."""
    return executions(flow)


@pytest.fixture(scope="module")
def truth(executed: tuple[Flow, Flow]) -> dict[str, dict[Key, Values]]:
    """Give what each view must say."""
    trades, agg_trades = executed
    assert len(trades) == 2
    assert len(agg_trades) == 7
    return {view: computed(trades, agg_trades, width) for view, width in VIEWS.items()}


@pytest.fixture(scope="module")
def recorded_url(postgres_url: str, postgres_template: str, batches: list[Sequence[Record]]) -> Iterator[str]:
    """Give a database that nobody refreshed yet."""
    with database.new_database(postgres_url, template=postgres_template) as url:
        write(url, batches)
        yield url


@pytest.fixture
def recorded(recorded_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to it."""
    with connect(recorded_url) as connection:
        yield connection


def executions(paths: list[Path]) -> tuple[Flow, Flow]:
    """Return trades and aggregates by market and symbol."""
    expected = Expected.of(*paths)
    trades: Flow = defaultdict(list)
    agg_trades: Flow = defaultdict(list)
    for (market, symbol, number), (price, quantity, maker, at, _) in expected.trades.items():
        trades[market, symbol].append(Execution(number, price, quantity, maker, at))
    for (market, symbol, number), (first, last, price, quantity, maker, at, _) in expected.agg_trades.items():
        agg_trades[market, symbol].append(Execution(number, price, quantity, maker, at, last - first + 1))
    return trades, agg_trades


def write(url: str, batches: Sequence[Sequence[Record]], refresher: CandleRefresher | None = None) -> None:
    sink = PostgresSink(url)
    position = sink.open("main")
    for number, batch in enumerate(batches):
        end = Position(1, position.offset + 1)
        sink.write(Batch("main", position, end, batch))
        position = end
        if refresher is not None and number % 5 == 0:
            refresher.refresh(0)
    sink.close()


@pytest.mark.parametrize("view", VIEWS)
def test_before_anything_is_finished(
    recorded: psycopg.Connection[Any], truth: dict[str, dict[Key, Values]], view: str
) -> None:
    assert stored(recorded, view) == truth[view]


def test_once_everything_is_finished(
    recorded_url: str, recorded: psycopg.Connection[Any], truth: dict[str, dict[Key, Values]]
) -> None:
    refresh_candles(recorded_url, time.monotonic)
    for view in VIEWS:
        assert stored(recorded, view) == truth[view]
    marks = recorded.execute("SELECT count(*) FROM candle_marks WHERE finished_until > '-infinity'").fetchone()
    assert marks == (9,)
    assert recorded.execute("SELECT bool_and(complete) FROM candles_1s").fetchone() == (True,)


@pytest.mark.parametrize("seconds", [1, 5, 7, 60, 300, 86_400, 604_800])
def test_any_interval_is_a_computation_from_the_same_rows(
    recorded: psycopg.Connection[Any], executed: tuple[Flow, Flow], seconds: int
) -> None:
    trades = executed[0]["usdm", "BTCUSDT"]
    monday = datetime(2023, 4, 3, tzinfo=UTC)
    found = read_candles(recorded, Market.USDM, "BTCUSDT", seconds, monday, monday + timedelta(days=7))
    shifted = [one._replace(time=one.time - (monday - EPOCH)) for one in trades]
    expected = computed({("usdm", "BTCUSDT"): shifted}, {}, timedelta(seconds=seconds))
    if seconds != 7:  # begins on no Monday's midnight
        assert [one.bucket - (monday - EPOCH) for one in found] == [bucket for *_, bucket in sorted(expected)]
        for one, (_, values) in zip(found, sorted(expected.items()), strict=True):
            assert one.vwap is not None
            assert abs(one.vwap * one.volume - values.notional) <= values.notional * Decimal("1e-15")
            common = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "delta", "trade_count")
            assert [getattr(one, name) for name in common] == [getattr(values, name) for name in common]
    assert sum(one.trade_count for one in found) == len(trades)


def test_while_recording_and_refreshing_by_turns(
    database_url: str, batches: list[Sequence[Record]], truth: dict[str, dict[Key, Values]]
) -> None:
    refresher = CandleRefresher(database_url, time.monotonic)
    write(database_url, batches, refresher)
    assert refresher.refresh(float("inf"))
    refresher.close()
    with connect(database_url) as connection:
        for view in VIEWS:
            assert stored(connection, view) == truth[view]
