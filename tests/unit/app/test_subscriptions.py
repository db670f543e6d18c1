"""Asking the recorder: what is written, what is waited for, and what is said of it."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from orderflow_recorder.app.health import CollectorHealth, write_health
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.shards import collectors
from orderflow_recorder.app.subscription_files import Answer, answer_path, read_wishes, wishes_path
from orderflow_recorder.app.subscriptions import PATIENCE_S, RecorderSubscriptions
from orderflow_recorder.core.subscriptions import Outcome, Subscription, SubscriptionState
from orderflow_recorder.domain.errors import SubscriptionRefusedError, SubscriptionsDamagedError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from tests.support.eventually import eventually
from tests.support.fake_clock import FakeClock

WANTED, ACTIVE, REFUSED, REMOVED = SubscriptionState
SETTINGS = {
    "symbols_spot": "BTCUSDT",
    "symbols_futures": "*",
    "spot_streams_trades": "trade",
    "futures_streams_trades": "aggTrade",
    "spot_streams_depth": "depth@100ms",
    "futures_streams_depth": "",
    "collector_shards": 2,
}


class Bench:
    """A recorder with two collectors, played by the test."""

    def __init__(self, folder: Path) -> None:
        """Ask of it; nothing runs yet."""
        self.settings = load_settings(env_file=None, data_dir=folder, **SETTINGS)
        self.clock = FakeClock()
        self.control = RecorderSubscriptions(self.settings, self.clock)

    @property
    def wishes(self) -> dict[str, bool]:
        """Return what was asked for, by market and wire name."""
        return {f"{one.market} {one.key.wire}": one.wanted for one in read_wishes(wishes_path(self.settings)).wishes}

    def live(self, *, ingestion: str = "recording") -> None:
        """Let the collectors be seen to run."""
        for part in collectors(self.settings):
            now = self.clock.now_ns()
            health = CollectorHealth(pid=7, started_at=0, updated_at=now, ingestion=ingestion)
            write_health(part.health_path, health)

    def answer(self, states: Mapping[str, SubscriptionState], *, error: str = "", pid: int = 7) -> None:
        """Let the collectors have carried out everything, with this result, by market and wire name."""
        self.live()
        revisions = dict.fromkeys(Market, read_wishes(wishes_path(self.settings)).revision)
        for part in collectors(self.settings):
            found = [
                Subscription(one.market, one.symbol, one.name, state, "because" if state is REFUSED else "")
                for name, state in states.items()
                if part.shard.takes((one := stream(name)).market, one.symbol)
            ]
            path = answer_path(part.settings)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgspec.json.encode(Answer(pid, revisions, error, found)))

    def read(self) -> dict[str, tuple[SubscriptionState, str]]:
        """Return the list."""
        return named(self.control.read())


def stream(name: str) -> Stream:
    """Return the stream of e.g. ``spot btcusdt@trade``."""
    market, _, wire = name.partition(" ")
    symbol, _, rest = wire.partition("@")
    return Stream(Market(market), symbol.upper(), rest)


def named(found: object) -> dict[str, tuple[SubscriptionState, str]]:
    """Return states and reasons by market and wire name."""
    rows = msgspec.convert(msgspec.to_builtins(found), list[Subscription])
    return {f"{one.market} {Stream(one.market, one.symbol, one.stream).wire}": (one.state, one.reason) for one in rows}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a recorder that does not run."""
    return Bench(tmp_path)


async def test_what_is_asked_while_nothing_runs_is_kept_for_the_start(bench: Bench) -> None:
    outcome = await bench.control.add(Market.SPOT, "solusdt")
    assert not outcome.settled
    assert outcome.note.endswith("does not run: carried out at its start")
    assert named(outcome.subscriptions) == {
        "spot solusdt@trade": (WANTED, ""),
        "spot solusdt@depth@100ms": (WANTED, ""),
    }
    assert bench.wishes == {"spot solusdt@trade": True, "spot solusdt@depth@100ms": True}


async def test_a_request_waits_until_the_collector_has_carried_it_out(bench: Bench) -> None:
    bench.answer({"spot btcusdt@trade": ACTIVE})
    asking = asyncio.create_task(bench.control.add(Market.SPOT, "SOLUSDT", ["trade"]))
    await settle(bench, lambda: bool(bench.wishes))
    await bench.clock.advance(1)
    assert not asking.done()
    bench.answer({"spot btcusdt@trade": ACTIVE, "spot solusdt@trade": WANTED})
    await bench.clock.advance(1)
    assert not asking.done(), "no socket carries it yet"
    bench.answer({"spot btcusdt@trade": ACTIVE, "spot solusdt@trade": ACTIVE})
    await bench.clock.advance(1)
    solusdt = Subscription(Market.SPOT, "SOLUSDT", "trade", ACTIVE)
    assert asking.result() == Outcome([solusdt], settled=True)
    removing = asyncio.create_task(bench.control.remove(Market.SPOT, "SOLUSDT"))
    await settle(bench, lambda: bench.wishes == {"spot solusdt@trade": False})
    bench.answer({"spot btcusdt@trade": ACTIVE, "spot solusdt@trade": REMOVED})
    await bench.clock.advance(1)
    assert removing.result() == Outcome([msgspec.structs.replace(solusdt, state=REMOVED)], settled=True)


async def settle(bench: Bench, happened: Callable[[], bool]) -> None:
    """Wait until a thread has written what was asked for."""
    await eventually(happened, what="it is written")
    await bench.clock.settle()


async def test_it_waits_no_longer_than_it_may(bench: Bench) -> None:
    bench.answer({"spot btcusdt@trade": ACTIVE})
    asking = asyncio.create_task(bench.control.add(Market.SPOT, "SOLUSDT", ["trade"]))
    await settle(bench, lambda: bool(bench.wishes))
    for _ in range(int(PATIENCE_S) + 1):
        bench.live()
        await bench.clock.advance(1)
    outcome = asking.result()
    assert not outcome.settled
    assert "has not finished within 10 s" in outcome.note
    assert named(outcome.subscriptions) == {"spot solusdt@trade": (WANTED, "")}


async def test_a_refusal_is_an_error_with_the_reason_and_stays_on_the_list_until_it_is_removed(bench: Bench) -> None:
    bench.answer({"spot btcusdt@trade": ACTIVE})
    asking = asyncio.create_task(bench.control.add(Market.SPOT, "NOPEUSDT", ["trade"]))
    await settle(bench, lambda: bool(bench.wishes))
    bench.answer({"spot btcusdt@trade": ACTIVE, "spot nopeusdt@trade": REFUSED})
    await bench.clock.advance(1)
    with pytest.raises(SubscriptionRefusedError, match="nopeusdt@trade: because"):
        await asking
    assert bench.read()["spot nopeusdt@trade"] == (REFUSED, "because")
    before = read_wishes(wishes_path(bench.settings))
    again = asyncio.create_task(bench.control.add(Market.SPOT, "NOPEUSDT", ["trade"]))
    await settle(bench, lambda: read_wishes(wishes_path(bench.settings)) != before)
    again.cancel()
    removing = asyncio.create_task(bench.control.remove(Market.SPOT, "NOPEUSDT"))
    await settle(bench, lambda: bench.wishes == {})
    bench.answer({"spot btcusdt@trade": ACTIVE})
    await bench.clock.advance(1)
    assert removing.result().settled
    assert "spot nopeusdt@trade" not in bench.read()


async def test_asking_twice_changes_nothing(bench: Bench) -> None:
    bench.answer({"spot btcusdt@trade": ACTIVE, "spot btcusdt@depth@100ms": ACTIVE, "usdm ausdt@aggTrade": ACTIVE})
    for market, symbol in ((Market.SPOT, "BTCUSDT"), (Market.USDM, "AUSDT")):
        assert (await bench.control.add(market, symbol)).settled, "the settings have it"
    assert not (await bench.control.remove(Market.SPOT, "XUSDT")).subscriptions, "nobody knows it"
    assert (await bench.control.remove(Market.SPOT, "XUSDT", "trade")).settled
    assert bench.wishes == {}
    bench.control = RecorderSubscriptions(bench.settings, bench.clock, patience_s=0)
    for _ in range(2):
        await bench.control.remove(Market.USDM, "AUSDT")
        wishes = read_wishes(wishes_path(bench.settings))
        assert [(one.symbol, one.wanted, one.asked_at) for one in wishes.wishes] == [
            ("AUSDT", False, wishes.wishes[0].asked_at)
        ]
    assert wishes == read_wishes(wishes_path(bench.settings))


async def test_of_every_symbol_one_that_nobody_records_is_asked_for(bench: Bench) -> None:
    """With ``*`` the settings name none: the collector knows which there are."""
    bench.control = RecorderSubscriptions(bench.settings, bench.clock, patience_s=0)
    bench.answer({"usdm ausdt@aggTrade": ACTIVE})
    await bench.control.add(Market.USDM, "NEWUSDT")
    assert bench.wishes == {"usdm newusdt@aggTrade": True}


@pytest.mark.parametrize(
    ("market", "symbol", "names", "reason"),
    [
        (Market.SPOT, "SOL-USDT", ["trade"], "expected a symbol"),
        (Market.SPOT, "SOLUSDT", ["markPrice"], "unknown spot stream 'markPrice'"),
        (Market.SPOT, "BTCUSDT", ["depth"], "one speed of the depth stream of a symbol, got depth, depth@100ms"),
        (Market.SPOT, "SOLUSDT", ["depth", "depth@100ms"], "one speed of the depth stream"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_written(
    bench: Bench, market: Market, symbol: str, names: list[str], reason: str
) -> None:
    with pytest.raises(SubscriptionRefusedError, match=reason):
        await bench.control.add(market, symbol, names)
    assert bench.wishes == {}


async def test_a_market_without_streams_in_the_settings_needs_their_names(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    none = {"futures_streams_trades": "", "symbols_futures": ""}
    settings = load_settings(env_file=None, data_dir=tmp_path, **SETTINGS | none)
    control = RecorderSubscriptions(settings, bench.clock)
    with pytest.raises(SubscriptionRefusedError, match="expected the names of streams"):
        await control.add(Market.USDM, "BTCUSDT")
    assert not (await control.add(Market.USDM, "BTCUSDT", ["trade"])).settled


async def test_a_damaged_file_is_an_error_and_stays_as_it_is(bench: Bench) -> None:
    wishes_path(bench.settings).parent.mkdir()
    wishes_path(bench.settings).write_text("{")
    for asking in (bench.control.add(Market.SPOT, "SOLUSDT"), bench.control.remove(Market.SPOT, "SOLUSDT")):
        with pytest.raises(SubscriptionsDamagedError):
            await asking
    with pytest.raises(SubscriptionsDamagedError):
        bench.control.read()
    assert wishes_path(bench.settings).read_text() == "{"


async def test_the_list_is_what_collectors_say_else_what_was_asked_for(bench: Bench) -> None:
    await bench.control.add(Market.SPOT, "SOLUSDT", ["trade"])
    await bench.control.remove(Market.SPOT, "BTCUSDT", "depth@100ms")
    waits = {name: state for name, (state, _) in bench.read().items()}
    assert waits == {
        "spot btcusdt@depth@100ms": REMOVED,
        "spot btcusdt@trade": WANTED,
        "spot solusdt@trade": WANTED,
    }
    assert all("does not run" in reason for _, reason in bench.read().values())
    said = {"spot btcusdt@depth@100ms": REMOVED, "spot btcusdt@trade": ACTIVE, "usdm ausdt@aggTrade": ACTIVE}
    bench.answer(said)
    assert {name: state for name, (state, _) in bench.read().items()} == said | {"spot solusdt@trade": WANTED}
    bench.answer(said, pid=6)
    assert bench.read()["spot btcusdt@trade"][0] is WANTED, "an earlier process said that"


async def test_a_collector_that_does_not_record_is_not_waited_for(bench: Bench) -> None:
    bench.answer({})
    bench.live(ingestion="disk full")
    assert (await bench.control.add(Market.SPOT, "SOLUSDT")).note.endswith("is disk full")
    bench.answer({}, error="main.json: expected …")
    assert (await bench.control.add(Market.SPOT, "SOLUSDT")).note == "main.json: expected …"
