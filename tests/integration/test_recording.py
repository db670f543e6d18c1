"""The main job, end to end, with the real programs: captures played into a real Postgres."""

import re
import signal
from decimal import Decimal
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from orderflow_recorder.core.order_book import replay
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from orderflow_recorder.postgres.reads import read_diffs, read_snapshots
from tests.support.captures import NAMES, Expected, capture
from tests.support.long import LONG
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, assert_exact, count, loaded

BOOKS = [
    ("spot", "BTCUSDT"),
    ("spot", "DOTUSDT"),
    ("spot", "ETHUSDT"),
    ("usdm", "BTCUSDT"),
    ("usdm", "SANDUSDT"),
    ("usdm", "CHRUSDT"),
    ("usdm", "NEOUSDT"),
    ("usdm", "CTKUSDT"),
    ("usdm", "BATUSDT"),
]

pytestmark = pytest.mark.timeout(300)


def settings(database_url: str, simulator: SimulatorProgram) -> dict[str, str]:
    return {"DB_URL": database_url, **simulator.environment(), **SETTINGS}


def assert_books(url: str, simulator: SimulatorProgram) -> None:
    with psycopg.connect(url) as connection:
        for market, symbol in BOOKS:
            book = replay(
                Market(market),
                read_snapshots(connection, Market(market), symbol),
                read_diffs(connection, Market(market), symbol),
            )
            truth = simulator.control(f"truth?market={market}&symbol={symbol}")
            assert book is not None, f"{market} {symbol} was never in sync"
            bids = {Decimal(price): Decimal(quantity) for price, quantity in truth["bids"]}
            asks = {Decimal(price): Decimal(quantity) for price, quantity in truth["asks"]}
            assert dict(book.bids()).items() <= bids.items(), (market, symbol)
            assert dict(book.asks()).items() <= asks.items(), (market, symbol)
            # Beyond the snapshot's edge a level is unknown until it changes: the venue gives no more than 1000.
            assert book.worst_bid is not None
            assert book.worst_ask is not None
            assert all(price < book.worst_bid for price in bids.keys() - dict(book.bids()).keys()), (market, symbol)
            assert all(price > book.worst_ask for price in asks.keys() - dict(book.asks()).keys()), (market, symbol)


def test_four_captures_at_once_are_recorded_exactly_and_the_books_are_true(tmp_path: Path, database_url: str) -> None:
    paths = [capture(name) for name in NAMES]
    expected = Expected.of(*paths)
    with (
        SimulatorProgram(tmp_path / "simulator.log", *map(str, paths), "--speed", "20") as simulator,
        RecorderProgram(tmp_path, settings(database_url, simulator)) as recorder,
    ):
        simulator.wait_finished(within_s=150)
        wait_until(loaded(database_url, expected), within_s=30, what="every row is in the database")
        assert recorder.stop(within_s=10) == 0
        assert_exact(database_url, expected)
        assert_books(database_url, simulator)


@pytest.mark.parametrize(
    "victims",
    [
        pytest.param(("loader-postgres",), marks=LONG),
        pytest.param(("collector",), marks=LONG),
        ("loader-postgres", "collector"),
    ],
)
def test_what_was_journaled_before_a_kill_is_in_the_database_once(
    tmp_path: Path, database_url: str, victims: tuple[str, ...]
) -> None:
    path = capture("usdm_btcusdt_2023-04-04")
    with (
        SimulatorProgram(tmp_path / "simulator.log", str(path), "--speed", "30") as simulator,
        RecorderProgram(tmp_path, settings(database_url, simulator)) as recorder,
    ):
        for round_number in range(1, 3):
            wait_until(
                partial(has_more, database_url, "depth_diffs", 3000 * round_number),
                within_s=60,
                what="rows arrive",
            )
            killed = {victim: recorder.kill_child(victim) for victim in victims}
            for victim, pid in killed.items():
                wait_until(
                    partial(is_replaced, recorder, victim, pid),
                    within_s=30,
                    what=f"the {victim} runs again",
                )
        simulator.wait_finished(within_s=120)
        assert recorder.stop(within_s=10) == 0
        expected = Expected.of(*recorder.journal())
        assert len(expected.depth_diffs) > 3000
        assert_exact(database_url, expected)


def test_killing_the_whole_recorder_loses_nothing_that_was_journaled(tmp_path: Path, database_url: str) -> None:
    path = capture("spot_btcusdt_2024-08-08")
    with SimulatorProgram(tmp_path / "simulator.log", str(path), "--speed", "40") as simulator:
        environment = settings(database_url, simulator)
        with RecorderProgram(tmp_path, environment) as recorder:
            wait_until(lambda: count(database_url, "trades") > 2000, within_s=60, what="rows arrive")
            children = [recorder.health(name)["pid"] for name in ("collector", "loader-postgres")]
            recorder.kill()
            for pid in children:
                wait_until(partial(is_gone, pid), within_s=15, what="the children notice and end")
        with RecorderProgram(tmp_path, environment) as recorder:
            # The capture may be over before the second one is there to be stopped.
            wait_until(lambda: "loading from" in recorder.output(), within_s=60, what="the second recorder runs")
            simulator.wait_finished(within_s=120)
            assert recorder.stop(within_s=10) == 0
            assert_exact(database_url, Expected.of(*recorder.journal()))


def test_no_thread_of_the_loader_dies_of_the_signal_that_asks_it_to_end(tmp_path: Path, database_url: str) -> None:
    with (
        SimulatorProgram(tmp_path / "simulator.log") as simulator,
        RecorderProgram(tmp_path, {"DB_URL": database_url, **simulator.environment()}) as recorder,
    ):
        pid = wait_until(lambda: recorder.health("loader-postgres").get("pid"), within_s=60, what="it is there")
        tasks = Path(f"/proc/{pid}/task")
        masks = [re.search(r"SigBlk:\s+(\w+)", (task / "status").read_text()) for task in tasks.iterdir()]
        open_to_it = [one for one in masks if one is not None and not int(one[1], 16) >> (signal.SIGTERM - 1) & 1]
        assert len(open_to_it) == 1, "the one that waits for it alone"
        assert recorder.stop(within_s=10) == 0
        assert "before it was done" not in recorder.output()


def test_a_database_that_is_away_costs_no_memory_and_no_row(tmp_path: Path) -> None:
    path = capture("usdm_btcusdt_2023-04-04")
    expected = Expected.of(path)
    server = EmbeddedPostgres(tmp_path / "postgres")
    url = server.start()
    try:
        schema.upgrade(url)
        with (
            SimulatorProgram(tmp_path / "simulator.log", str(path), "--speed", "20") as simulator,
            RecorderProgram(tmp_path, settings(url, simulator)) as recorder,
        ):
            wait_until(partial(has_more, url, "depth_diffs", 1000), within_s=60, what="rows arrive")
            server.stop()
            processes = [psutil.Process(int(recorder.health(name)["pid"])) for name in ("collector", "loader-postgres")]
            before = [process.memory_info().rss for process in processes]
            frames = recorder.health("collector")["frames"]
            wait_until(
                lambda: recorder.health("collector")["frames"] > frames + 30_000, within_s=60, what="the journal grows"
            )
            growth = [process.memory_info().rss - was for process, was in zip(processes, before, strict=True)]
            assert max(growth) < 32 * 2**20, "a queue grows while the database is away"
            assert server.start() == url
            simulator.wait_finished(within_s=120)
            wait_until(loaded(url, expected), within_s=60, what="the loader has caught up")
            assert recorder.stop(within_s=10) == 0
            assert_exact(url, expected)
    finally:
        server.stop()


def test_a_diff_that_only_the_loader_finds_unreadable_brings_a_fresh_snapshot(
    tmp_path: Path, database_url: str
) -> None:
    with (
        SimulatorProgram(tmp_path / "simulator.log", "--symbols-spot", "0", "--symbols-usdm", "2") as simulator,
        RecorderProgram(
            tmp_path,
            {"DB_URL": database_url, **simulator.environment(), "SYMBOLS_SPOT": "", "SYMBOLS_FUTURES": "BTCUSDT"},
        ) as recorder,
    ):
        wait_until(partial(has_asked, database_url, 1), within_s=30, what="the book is in sync")
        # A pause, so that the ledger was looked at before the fault.
        wait_until(partial(has_more, database_url, "depth_diffs", 80), within_s=30, what="diffs arrive")
        simulator.control("malform?pattern=usdm:btcusdt@depth*&count=1&kind=types")
        wait_until(partial(has_asked, database_url, 2), within_s=30, what="a fresh snapshot is there")
        rows = count(database_url, "depth_diffs")
        wait_until(partial(has_more, database_url, "depth_diffs", rows + 5), within_s=30, what="diffs go on")
        assert recorder.stop(within_s=10) == 0
        with psycopg.connect(database_url) as connection:
            snapshots = read_snapshots(connection, Market.USDM, "BTCUSDT")
            assert replay(Market.USDM, snapshots, read_diffs(connection, Market.USDM, "BTCUSDT")) is not None
            causes = connection.execute("select cause from gaps where stream like 'depth%'").fetchall()
    assert causes == [("unparsable_frame",)]


def has_more(url: str, table: str, floor: int) -> bool:
    return count(url, table) > floor


def has_asked(url: str, times: int) -> bool:
    """Say whether the venue answered with so many books; checkpoints are our own."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from book_snapshots where source = 'rest'").fetchone()
    return row is not None and row[0] >= times


def is_replaced(recorder: RecorderProgram, process: str, pid: int) -> bool:
    return recorder.health(process).get("pid") not in {None, pid}


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)
