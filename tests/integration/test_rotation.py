"""Sockets that replace each other all the time lose nothing, with the real programs."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.support.captures import NAMES, Expected, capture
from tests.support.long import LONG
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, assert_exact, loaded

pytestmark = pytest.mark.timeout(400)

LOSS = {"disconnected", "connect_failed", "stalled", "stream_silent", "book_gap", "subscribe_rejected"}


def events(url: str) -> Counter[str]:
    """Return how often each event happened."""
    with psycopg.connect(url) as connection:
        return Counter(dict(connection.execute("select event, count(*) from sync_events group by 1").fetchall()))


def rotated(url: str, times: int) -> Callable[[], bool]:
    """Return what says whether sockets were replaced that often."""
    return lambda: events(url)["rotated"] >= times


def gaps(url: str) -> list[tuple[object, ...]]:
    """Return the ledger's gaps, healed ones too."""
    with psycopg.connect(url) as connection:
        return connection.execute("select market, symbol, stream, cause, status, first_missing_id from gaps").fetchall()


def holes(url: str, expected: Expected) -> list[tuple[object, ...]]:
    """Return the streams whose coverage is not from the capture's first id to its last."""
    wanted: dict[tuple[str, str, str], list[int]] = {}
    for stream, rows in (("trade", expected.trades), ("aggTrade", expected.agg_trades)):
        for market, symbol, number in rows:
            wanted.setdefault((market, symbol, stream), []).append(number)
    with psycopg.connect(url) as connection:
        found = connection.execute("select market, symbol, stream, first_id, last_id from coverage").fetchall()
    covered = {(market, symbol, stream): (first, last) for market, symbol, stream, first, last in found}
    return [
        (key, (min(ids), max(ids)), covered.get(key))
        for key, ids in wanted.items()
        if key not in covered or covered[key][0] > min(ids) or covered[key][1] < max(ids)
    ]


@pytest.mark.parametrize(
    ("names", "speed", "session_s", "rotations"),
    [
        pytest.param(["usdm_btcusdt_2023-04-04"], 25, 2, 4, id="one capture at 25x"),
        pytest.param(list(NAMES), 5, 5, 30, id="four captures at 5x", marks=LONG),
    ],
)
def test_sockets_replaced_every_few_seconds_lose_no_id_and_leave_no_gap(
    tmp_path: Path, database_url: str, names: list[str], speed: int, session_s: int, rotations: int
) -> None:
    paths = [capture(name) for name in names]
    expected = Expected.of(*paths)
    with SimulatorProgram(tmp_path / "simulator.log", *map(str, paths), "--speed", str(speed)) as simulator:
        settings = {
            "DB_URL": database_url,
            **simulator.environment(),
            **SETTINGS,
            "WS_MAX_SESSION_S": str(session_s),
        }
        if len(names) == 1:
            settings |= {"SYMBOLS_SPOT": "", "SYMBOLS_FUTURES": "BTCUSDT"}
        with RecorderProgram(tmp_path, settings) as recorder:
            simulator.wait_finished(within_s=60 if len(names) == 1 else 240)
            wait_until(loaded(database_url, expected), within_s=30, what="every row is in the database")
            assert recorder.stop(within_s=10) == 0
    happened = events(database_url)
    assert happened["rotated"] >= rotations
    assert not LOSS & happened.keys()
    assert_exact(database_url, expected)
    assert gaps(database_url) == []
    assert holes(database_url, expected) == []


def test_an_announced_shutdown_loses_no_id_and_leaves_no_gap(tmp_path: Path, database_url: str) -> None:
    path = capture("spot_btcusdt_2024-08-08")
    expected = Expected.of(path)
    with SimulatorProgram(tmp_path / "simulator.log", str(path), "--speed", "30") as simulator:
        settings = {"DB_URL": database_url, **simulator.environment(), **SETTINGS}
        settings |= {"SYMBOLS_SPOT": "BTCUSDT", "SYMBOLS_FUTURES": ""}
        with RecorderProgram(tmp_path, settings) as recorder:
            for times in range(1, 3):
                wait_until(lambda: simulator.control("status")["started"], within_s=30, what="playback begins")
                simulator.control("shutdown_notice?seconds=10")
                wait_until(rotated(database_url, times), within_s=20, what="the socket is replaced")
            simulator.wait_finished(within_s=60)
            wait_until(loaded(database_url, expected), within_s=30, what="every row is in the database")
            assert recorder.stop(within_s=10) == 0
    happened = events(database_url)
    assert happened["server_shutdown"] == happened["rotated"] == 2
    assert not LOSS & happened.keys()
    assert_exact(database_url, expected)
    assert gaps(database_url) == []
    assert holes(database_url, expected) == []
