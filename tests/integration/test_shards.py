"""Symbols divided between processes, with the real programs: every row once, whoever is killed or added."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orderflow_recorder.core.shards import Work, shards
from orderflow_recorder.domain.market import Market
from tests.support.captures import Expected, capture, lines
from tests.support.naive_ledger import problems, read_ledger, spent_ids
from tests.support.processes import COMMAND, RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, assert_exact, count, loaded

CAPTURES = ("spot_two_symbols_2021-04-04", "usdm_five_symbols_2021-04-05")
TWO_BY_TWO = {"COLLECTOR_SHARDS": "2", "LOADER_SHARDS": "2"}
PARTS = [(journal, f"postgres.{number}of2") for journal in ("main", "main.2") for number in (1, 2)]
FAST = {"WS_RECONNECT_BACKOFF_MAX_S": "0.5", "LOADER_BACKOFF_MAX_S": "0.5"}
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT")

pytestmark = pytest.mark.timeout(240)


def query(url: str, text: str) -> list[tuple[Any, ...]]:
    """Return rows of the database."""
    with psycopg.connect(url) as connection:
        return connection.execute(text.encode()).fetchall()


def status(folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return what the command ``status`` says of the recorder on ``folder``."""
    environment = {"DATA_DIR": str(folder / "data"), "PYTHONPATH": ":".join(sys.path), **settings}
    found = subprocess.run(
        [*COMMAND, "status", "--json"], capture_output=True, check=False, env=environment, timeout=60
    )
    return dict(json.loads(found.stdout))


def collector_of(market: Market, symbol: str) -> int:
    """Return which of two collectors records a symbol."""
    return next(one.number for one in shards(Work.COLLECT, 2) if one.takes(market, symbol))


def records(recorder: RecorderProgram, *journals: int) -> bool:
    """Say whether all sockets of these collectors are open."""
    found = [recorder.health("collector", number) for number in journals]
    return all(one.get("streams") and one["connections_open"] == one["connections_wanted"] for one in found)


def kill_all(recorder: RecorderProgram, names: list[tuple[str, int]]) -> None:
    """End a recorder and its children at once."""
    pids = [recorder.health(*name)["pid"] for name in names]
    recorder.kill()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_captures_are_recorded_exactly_once_by_two_collectors_and_four_loaders(
    tmp_path: Path, database_url: str
) -> None:
    paths = [capture(name) for name in CAPTURES]
    expected = Expected.of(*paths)
    with SimulatorProgram(tmp_path / "simulator.log", *map(str, paths), "--speed", "20") as simulator:
        settings = {"DB_URL": database_url, **simulator.environment(), **SETTINGS, **TWO_BY_TWO}
        simulator.control("pause")
        simulator.control("start")
        with RecorderProgram(tmp_path, settings) as recorder:
            wait_until(lambda: records(recorder, 1, 2), within_s=40, what="all sockets are open")
            simulator.control("resume")
            simulator.wait_finished(within_s=60)
            wait_until(loaded(database_url, expected), within_s=30, what="every row is in the database")
            seen = status(tmp_path, settings)
            assert recorder.stop(within_s=10) == 0
    assert_exact(database_url, expected)
    assert problems(read_ledger(database_url), spent_ids(recorder.journals())) == []
    assert seen["problems"] == []
    assert len(seen["processes"]) == 6
    assert seen["collector"]["streams"] == sum(recorder.health("collector", one)["streams"] for one in (1, 2))
    assert sorted(query(database_url, "select instance, sink from loader_positions")) == PARTS
    events = sum(line["k"] == "event" for path in recorder.journals() for line in lines(path))
    assert count(database_url, "sync_events") == events
    assert query(database_url, "select distinct instance from runs order by 1") == [("main",), ("main.2",)]
    assert query(database_url, "select * from gaps") == []


def test_a_dead_collector_is_no_concern_of_the_other_and_what_it_left_is_loaded_by_fewer(
    tmp_path: Path, database_url: str
) -> None:
    """Kill one collector; then kill all with a journal that is behind, and go on with one collector, three loaders."""
    one, other = ([symbol for symbol in SYMBOLS if collector_of(Market.USDM, symbol) == number] for number in (1, 2))
    assert one
    assert other
    with SimulatorProgram(
        tmp_path / "simulator.log", "--symbols-spot", "0", "--symbols-usdm", "4", "--rate", "40"
    ) as simulator:
        settings = {
            "DB_URL": database_url,
            **simulator.environment(),
            "SYMBOLS_SPOT": "",
            "SYMBOLS_FUTURES": ",".join(SYMBOLS),
            "FUTURES_STREAMS_EXTRA": "bookTicker",
            **FAST,
        }
        with RecorderProgram(tmp_path, {**settings, **TWO_BY_TWO}) as recorder:
            wait_until(lambda: records(recorder, 1, 2), within_s=40, what="all sockets are open")
            wait_until(lambda: count(database_url, "agg_trades") > 300, within_s=40, what="rows arrive")
            pid = recorder.kill_child("collector", 2)
            wait_until(
                lambda: recorder.health("collector", 2)["pid"] != pid and records(recorder, 2),
                within_s=30,
                what="the collector runs again",
            )
            wait_until(lambda: holes(database_url) >= set(other), within_s=30, what="the holes are registered")
            assert holes(database_url) == set(other)
            assert query(database_url, "select distinct instance, cause from gaps") == [("main.2", "restart")]
            # A journal that is far behind: its loaders stand still, and then everything dies.
            for number in (1, 2):
                os.kill(recorder.health(f"loader-postgres.{number}of2", 2)["pid"], signal.SIGSTOP)
            frames = recorder.health("collector", 2)["frames"]
            wait_until(
                lambda: recorder.health("collector", 2)["frames"] > frames + 300, within_s=30, what="the journal grows"
            )
            names = [("collector", 1), ("collector", 2)]
            names += [(f"loader-postgres.{number}of2", journal) for number in (1, 2) for journal in (1, 2)]
            kill_all(recorder, names)
        behind = Expected.of(*recorder.journals())
        assert not loaded(database_url, behind)()
        with RecorderProgram(tmp_path, {**settings, "LOADER_SHARDS": "3"}) as recorder:
            wait_until(lambda: records(recorder, 1), within_s=40, what="all sockets are open")
            wait_until(loaded(database_url, behind), within_s=40, what="what was left is loaded")
            frames = recorder.health("collector")["frames"]
            wait_until(lambda: recorder.health("collector")["frames"] > frames + 300, within_s=30, what="it goes on")
            assert recorder.stop(within_s=10) == 0
    assert_exact(database_url, Expected.of(*recorder.journals()))
    assert problems(read_ledger(database_url), spent_ids(recorder.journals())) == []
    # In the order of its stream: a row without consecutive ids that came after a later one would be lost.
    tickers = {
        (line["d"]["data"]["s"], line["d"]["data"]["u"])
        for path in recorder.journals()
        for line in lines(path)
        if line["k"] == "ws" and line["d"].get("stream", "").endswith("@bookTicker")
    }
    assert set(query(database_url, "select symbol, update_id from book_tickers")) == tickers
    positions = query(database_url, "select instance, sink from loader_positions order by 1, 2")
    assert positions == [(journal, f"postgres.{number}of3") for journal in ("main", "main.2") for number in (1, 2, 3)]
    assert query(database_url, "select distinct cause from gaps") == [("restart",)]


def holes(url: str) -> set[str]:
    """Return the symbols of which something is, or was, missing."""
    return {symbol for (symbol,) in query(url, "select distinct symbol from gaps")}


def test_two_collectors_of_all_symbols_stay_within_the_limits_of_one_address(tmp_path: Path, database_url: str) -> None:
    """With 40 books of 250 weight each the venue's 6000 a minute do not suffice: snapshots are spread over it."""
    with SimulatorProgram(
        tmp_path / "simulator.log", "--symbols-spot", "40", "--symbols-usdm", "0", "--rate", "2"
    ) as simulator:
        settings = {"DB_URL": database_url, **simulator.environment(), "SYMBOLS_SPOT": "*", "SYMBOLS_FUTURES": ""}
        with RecorderProgram(tmp_path, {**settings, "COLLECTOR_SHARDS": "2"}) as recorder:
            wait_until(lambda: records(recorder, 1, 2), within_s=40, what="all sockets are open")
            spent = wait_until(lambda: spends(recorder, 3000), within_s=70, what="much of the budget is spent")
            assert recorder.stop(within_s=10) == 0
    assert spent <= 4800
    answered = query(database_url, "select count(*) from book_snapshots where source = 'rest'")
    assert 10 <= answered[0][0] <= 19
    assert query(database_url, "select * from sync_events where event = 'rate_limited'") == []
    streams = query(
        database_url,
        "select instance, jsonb_array_elements_text(detail -> 'streams') from sync_events where event = 'connected'",
    )
    assert len(streams) == 80
    for instance, wire in streams:
        assert instance == ["main", "main.2"][collector_of(Market.SPOT, wire.partition("@")[0].upper()) - 1]


def spends(recorder: RecorderProgram, least: int) -> int:
    """Return the request weight that the collectors count together, once it is enough; else 0."""
    weights = [recorder.health("collector", number)["rest_weight_used"]["spot"] for number in (1, 2)]
    return sum(weights) if sum(weights) >= least else 0
