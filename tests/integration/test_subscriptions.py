"""Streams are added to a running recorder and removed from it, and no other stream notices: the real programs."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.subscriptions import RecorderSubscriptions
from orderflow_recorder.core.shards import Shard
from orderflow_recorder.core.subscriptions import SubscriptionState
from orderflow_recorder.domain.errors import SubscriptionRefusedError, SubscriptionsDamagedError
from orderflow_recorder.domain.market import Market
from tests.support.captures import QUERIES, Expected, capture
from tests.support.naive_ledger import problems, read_ledger, spent_ids
from tests.support.processes import Program, RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, assert_exact, loaded, rows

pytestmark = pytest.mark.timeout(200)

CAPTURES = ("usdm_five_symbols_2021-04-05", "usdm_btcusdt_2023-04-04", "spot_two_symbols_2021-04-04")
OTHERS = ("BTCUSDT", "SANDUSDT", "CHRUSDT", "NEOUSDT")
T = TypeVar("T")


def query(url: str, text: str) -> list[tuple[Any, ...]]:
    """Return rows of the database."""
    with psycopg.connect(url) as connection:
        return connection.execute(text.encode()).fetchall()


def of_symbols(expected: Expected, *symbols: str) -> dict[str, set[tuple[str, str, int]]]:
    """Return the keys of each table's rows of the futures ``symbols``."""
    return {
        table: {key for key in getattr(expected, table) if key[0] == "usdm" and key[1] in symbols} for table in QUERIES
    }


def control_of(data: Path, environment: Mapping[str, str]) -> RecorderSubscriptions:
    """Return what asks the recorder on the folder ``data``."""
    values = {name.lower(): text for name, text in environment.items()}
    return RecorderSubscriptions(load_settings(env_file=None, data_dir=data, **values), SystemClock())


def done(work: Coroutine[Any, Any, T]) -> T:
    """Return what ``work`` returns."""
    return asyncio.run(work)


def stands_still(recorder: RecorderProgram) -> Callable[[], bool]:
    """Return what says whether the journal has not grown for a second."""
    sizes: list[int] = []

    def look() -> bool:
        sizes.append(sum(path.stat().st_size for path in recorder.journals()))
        return len(sizes) > 12 and len(set(sizes[-12:])) == 1

    return look


def test_streams_come_and_go_while_all_others_are_recorded_without_a_hole(tmp_path: Path, database_url: str) -> None:
    paths = [capture(name) for name in CAPTURES]
    with SimulatorProgram(tmp_path / "simulator.log", *map(str, paths), "--speed", "8") as simulator:
        settings = {
            "DB_URL": database_url,
            **simulator.environment(),
            **SETTINGS,
            "SYMBOLS_SPOT": "",
            "SYMBOLS_FUTURES": "BTCUSDT,SANDUSDT,CHRUSDT,NEOUSDT,BATUSDT",
        }
        simulator.control("pause")
        simulator.control("start")
        with RecorderProgram(tmp_path, settings) as recorder:
            control = control_of(recorder.data, settings)

            def streams(count: int) -> bool:
                seen = recorder.health("collector")
                return bool(seen.get("streams") == count and seen["connections_open"] == seen["connections_wanted"])

            def played(seconds: float) -> Callable[[], bool]:
                return lambda: simulator.control("status")["played_seconds"] >= seconds

            wait_until(lambda: streams(25), within_s=40, what="all sockets are open")
            simulator.control("resume")
            wait_until(played(8), within_s=20, what="frames flow")

            outcome = done(control.remove(Market.USDM, "BATUSDT"))
            assert outcome.settled, outcome
            assert {one.state for one in outcome.subscriptions} == {SubscriptionState.REMOVED}
            outcome = done(control.add(Market.USDM, "ctkusdt"))
            assert outcome.settled, outcome
            assert {one.state for one in outcome.subscriptions} == {SubscriptionState.ACTIVE}
            assert done(control.add(Market.USDM, "CTKUSDT")) == outcome, "asking twice changes nothing"
            assert done(control.remove(Market.USDM, "SANDUSDT", "bookTicker")).settled
            with pytest.raises(SubscriptionRefusedError, match="does not list NOPEUSDT on usdm"):
                done(control.add(Market.USDM, "NOPEUSDT", ["aggTrade"]))
            assert done(control.add(Market.SPOT, "DOTUSDT", ["aggTrade"])).settled, "a market that was off"
            assert len(simulator.control("status")["sockets"]) == 3
            wait_until(played(48), within_s=20, what="something of BATUSDT is missed")
            assert done(control.add(Market.USDM, "BATUSDT")).settled

            # Whatever was sent is in the journal when the collector dies, so that nothing else can be missing.
            simulator.control("pause")
            wait_until(stands_still(recorder), within_s=20, what="everything is in the journal")
            pid = recorder.kill_child("collector")
            wait_until(
                lambda: recorder.health("collector").get("pid") != pid and streams(25 - 1 + 5 + 1),
                within_s=30,
                what="the next one records the same",
            )
            seen = recorder.health("collector")
            assert [seen[f"streams_{word}"] for word in ("added", "removed", "refused")] == [11, 1, 1]
            assert len(simulator.control("status")["sockets"]) == 3
            simulator.control("resume")
            wait_until(played(121), within_s=60, what="the short captures end")
            simulator.control("pause")
            wait_until(stands_still(recorder), within_s=20, what="everything is in the journal")
            journal = Expected.of(*recorder.journals())
            wait_until(loaded(database_url, journal), within_s=30, what="every row is in the database")
            assert recorder.stop(within_s=10) == 0
    assert_exact(database_url, journal)
    assert problems(read_ledger(database_url), spent_ids(recorder.journals())) == []
    proof = Program(["verify"], tmp_path / "verify.log", {"DATA_DIR": str(recorder.data), **settings})
    assert proof.process.wait(60) == 0, proof.output()
    expected = Expected.of(*paths)
    check_others(expected, journal)
    check_holes(database_url, expected, journal)
    check_sockets(database_url)


def check_others(expected: Expected, journal: Expected) -> None:
    """Check that of every stream that was left alone everything that was sent is there."""
    wanted, found = of_symbols(expected, *OTHERS), of_symbols(journal, *OTHERS)
    for table in QUERIES:
        last = max(key[2] for key in found[table] if key[1] == "BTCUSDT") if table != "agg_trades" else 0
        sent = {key for key in wanted[table] if key[1] != "BTCUSDT" or key[2] <= last}
        assert found[table] == sent, f"{table}: {len(sent - found[table])} missing"
        assert len(sent) > 300


def check_holes(url: str, expected: Expected, journal: Expected) -> None:
    """Check that what nobody wanted is registered as that, and left alone."""
    # Of a stream without ids nobody can know that the kill cost nothing.
    gaps = query(
        url,
        """select market, symbol, stream, cause, status, first_missing_id, last_missing_id from gaps
           where cause <> 'restart' or first_missing_id is not null""",
    )
    assert {gap[:5] for gap in gaps} == {
        ("usdm", "BATUSDT", "aggTrade", "unsubscribed", "open"),
        ("usdm", "BATUSDT", "depth@100ms", "unsubscribed", "unrecoverable"),
        ("usdm", "BATUSDT", "bookTicker", "unsubscribed", "unrecoverable"),
    }
    (hole,) = [range(gap[5], gap[6] + 1) for gap in gaps if gap[2] == "aggTrade"]
    wanted = of_symbols(expected, "BATUSDT")["agg_trades"]
    found = of_symbols(journal, "BATUSDT")["agg_trades"]
    assert found
    assert {key[2] for key in wanted - found} == set(hole)
    later = of_symbols(journal, "CTKUSDT")["agg_trades"]
    assert later == {key for key in of_symbols(expected, "CTKUSDT")["agg_trades"] if key >= min(later)}
    assert {key[1] for key in rows(url, "agg_trades") if key[0] == "spot"} == {"DOTUSDT"}


def check_sockets(url: str) -> None:
    """Check that three sockets were opened by each run, none was lost, and every change is on record."""
    runs = query(url, "select count(*) from sync_events where event = 'connected' group by run_id")
    assert runs == [(3,), (3,)]
    told = dict(query(url, "select event, count(*) from sync_events group by 1"))
    assert not {"disconnected", "stalled", "stream_silent", "book_gap", "rotated"} & told.keys()
    changes = query(
        url,
        """select event, detail ->> 'reason', array_agg(distinct wire order by wire)
           from sync_events, jsonb_array_elements_text(detail -> 'streams') as wire
           where event like 'streams_%' group by 1, 2 order by 1""",
    )
    names = ("aggTrade", "bookTicker", "depth@100ms", "markPrice@1s", "trade")
    assert changes == [
        (
            "streams_added",
            None,
            [*(f"{one}@{name}" for one in ("batusdt", "ctkusdt") for name in names), "dotusdt@aggTrade"],
        ),
        ("streams_refused", "the venue does not list NOPEUSDT on usdm: check its name", ["nopeusdt@aggTrade"]),
        ("streams_removed", None, [*(f"batusdt@{name}" for name in names), "sandusdt@bookTicker"]),
    ]


def test_each_of_two_collectors_of_all_symbols_does_what_concerns_it(tmp_path: Path, database_url: str) -> None:
    """Also: a damaged file stops nothing, and what is asked for while nothing runs is done at the start."""
    with SimulatorProgram(
        tmp_path / "simulator.log", "--symbols-spot", "6", "--symbols-usdm", "0", "--rate", "20"
    ) as simulator:
        settings = {
            "DB_URL": database_url,
            **simulator.environment(),
            "SYMBOLS_SPOT": "*",
            "SYMBOLS_FUTURES": "",
            "COLLECTOR_SHARDS": "2",
        }
        data = tmp_path / "data"
        control = control_of(data, settings)
        with RecorderProgram(tmp_path, settings) as recorder:
            wait_until(lambda: active(control) == 12, within_s=40, what="all streams are recorded")
            before = [
                sum(Shard(number, 2).takes(one.market, one.symbol) for one in control.read()) for number in (1, 2)
            ]
            symbol = next(one.symbol for one in control.read() if Shard(2, 2).takes(one.market, one.symbol))
            assert done(control.remove(Market.SPOT, symbol)).settled
            assert active(control) == 10
            wait_until(
                lambda: (
                    [recorder.health("collector", number)["streams"] for number in (1, 2)] == [before[0], before[1] - 2]
                ),
                within_s=10,
                what="the second collector has less",
            )
            path = data / "subscriptions" / "main.json"
            kept = path.read_bytes()
            path.write_bytes(b"{")
            wait_until(
                lambda: all("mend the file" in recorder.health("collector", one)["wishes_error"] for one in (1, 2)),
                within_s=10,
                what="the damage is told",
            )
            with pytest.raises(SubscriptionsDamagedError):
                done(control.add(Market.SPOT, symbol))
            frames = recorder.health("collector")["frames"]
            wait_until(lambda: recorder.health("collector")["frames"] > frames, within_s=10, what="recording goes on")
            path.write_bytes(kept)
            wait_until(lambda: not recorder.health("collector", 2)["wishes_error"], within_s=10, what="it is mended")
            assert active(control) == 10
            assert recorder.stop(within_s=10) == 0
        outcome = done(control.add(Market.SPOT, symbol))
        assert not outcome.settled
        assert "does not run" in outcome.note
        with RecorderProgram(tmp_path, settings) as recorder:
            wait_until(lambda: active(control) == 12, within_s=40, what="all streams are recorded")
            wait_until(
                lambda: len(query(database_url, "select distinct symbol, stream from gaps")) == 12,
                within_s=30,
                what="every hole is registered",
            )
            assert recorder.stop(within_s=10) == 0
    causes = query(database_url, "select distinct symbol, cause from gaps")
    assert {(one == symbol, cause) for one, cause in causes} == {(False, "restart"), (True, "unsubscribed")}


def active(control: RecorderSubscriptions) -> int:
    """Return how many streams open sockets carry."""
    return sum(one.state is SubscriptionState.ACTIVE for one in control.read())
