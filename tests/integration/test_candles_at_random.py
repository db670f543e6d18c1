"""Whatever is written in whatever order, while whoever keeps candles comes and goes: candles are those of the rows."""

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, Record, Trade
from orderflow_recorder.postgres.candle_refresh import CandleRefresher
from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.candles import VIEWS, Execution, computed, has_aggregates, stored
from tests.support.ledger_writer import SECOND, Recorder
from tests.support.records import NOON


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_in_whatever_order_candles_are_those_of_the_rows(seed: int, database_url: str) -> None:
    connection = connect(database_url)
    dice = random.Random(seed)  # noqa: S311  # the same each time
    flow: list[Trade | AggTrade] = []
    for n in range(150):
        flow.append(_trade(n, dice))
        flow.append(_agg_trade(n, dice))
    sinks = [Recorder(database_url, name) for name in ("main", "second")]
    refreshers = [CandleRefresher(database_url, time.monotonic) for _ in sinks]
    written: dict[tuple[type[Record], str, int], Trade | AggTrade] = {}
    for step in range(40):
        at = max(0, dice.randint(0, len(flow)) - dice.choice((0, 0, 40, 200)))
        batch = flow[at : at + dice.randint(1, 60)]
        dice.shuffle(batch)
        dice.choice(sinks).write(*batch)
        written |= {_key(one): one for one in batch}
        everything_done = dice.choice(refreshers).refresh(dice.choice((0, 0, 60)))
        if (everything_done or not has_aggregates(connection)) and step % 4 == 0:
            _assert_right(connection, list(written.values()))
    assert refreshers[0].refresh(60)
    _assert_right(connection, list(written.values()))
    finished = connection.execute("SELECT count(*) FROM candle_marks WHERE finished_until > '-infinity'").fetchone()
    assert finished == (3,)
    connection.close()
    for refresher, recorder in zip(refreshers, sinks, strict=True):
        refresher.close()
        recorder.sink.close()


def _trade(number: int, dice: random.Random) -> Trade:
    return records.trade(
        number,
        symbol=dice.choice(("BTCUSDT", "ETHUSDT")) if number else "BTCUSDT",
        trade_time=NOON + number * 5 * SECOND + dice.randrange(12 * SECOND) // 1000 * 1000,
        price=f"{dice.randrange(1, 10**9)}.{dice.randrange(100):02}",
        quantity=f"0.{dice.randrange(1, 10**8):08}",
        buyer_is_maker=dice.random() < 0.5,
    )


def _agg_trade(number: int, dice: random.Random) -> AggTrade:
    trade = _trade(number, dice)
    return records.agg_trade(
        number,
        market=Market.SPOT,
        symbol="BTCUSDT",
        trade_time=trade.trade_time,
        price=trade.price,
        quantity=trade.quantity,
        buyer_is_maker=trade.buyer_is_maker,
    )


def _key(one: Trade | AggTrade) -> tuple[type[Record], str, int]:
    return type(one), one.symbol, one.agg_trade_id if isinstance(one, AggTrade) else one.trade_id


def _assert_right(connection: psycopg.Connection[Any], rows: Sequence[Trade | AggTrade]) -> None:
    flows: dict[bool, defaultdict[tuple[str, str], list[Execution]]] = {
        True: defaultdict(list),
        False: defaultdict(list),
    }
    for one in rows:
        aggregate = isinstance(one, AggTrade)
        flows[aggregate][one.market, one.symbol].append(
            Execution(
                _key(one)[2],
                Decimal(one.price),
                Decimal(one.quantity),
                one.buyer_is_maker,
                datetime.fromtimestamp(one.trade_time // SECOND, UTC)
                + timedelta(microseconds=one.trade_time % SECOND // 1000),
                2 if aggregate else 1,
            )
        )
    for view, width in VIEWS.items():
        assert stored(connection, view) == computed(flows[False], flows[True], width)
