"""The files between who asks and who records: whole, in turn, and never a reason to stop recording."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.shards import with_journal
from orderflow_recorder.app.subscription_files import (
    Answer,
    WishWatch,
    answer_path,
    change_wishes,
    read_answer,
    read_wishes,
    wishes_path,
)
from orderflow_recorder.collector import Intake, MarketClient, MarketPlan, SocketTimes
from orderflow_recorder.core.subscriptions import Subscription, SubscriptionState, Wishes
from orderflow_recorder.domain.errors import SubscriptionsDamagedError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from tests.support.fake_clock import FakeClock
from tests.support.fake_feed import FakeFeed
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal

TRADES = Stream(Market.USDM, "AUSDT", "aggTrade")
TIMES = SocketTimes(first_frame_s=30, stall_s=15, backoff_s=0.5, backoff_max_s=30, max_session_s=3600)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a recorder that has not run."""
    return load_settings(env_file=None, data_dir=tmp_path)


def ask(settings: Settings, stream: Stream = TRADES, *, wanted: bool = True, now_ns: int = 1) -> Wishes:
    """Ask for a stream."""
    return change_wishes(wishes_path(settings), lambda wishes: wishes.asking([stream], wanted=wanted, now_ns=now_ns))


def client() -> tuple[MarketClient, FakeFeed, FakeClock]:
    """Return a client that has nothing to record by itself."""
    clock = FakeClock()
    feed = FakeFeed(clock)
    venue = FakeVenue(market=Market.USDM, statuses={"AUSDT": "TRADING"})
    intake = Intake(MemoryJournal(), clock, instance="main", run_id="r")
    plan = MarketPlan(Market.USDM, (), ("aggTrade",), 200, TIMES)
    return MarketClient(plan, feed, venue, intake, clock, random=lambda: 0.5), feed, clock


def test_all_collectors_of_a_recorder_read_one_file_and_answer_in_their_own(settings: Settings) -> None:
    second = with_journal(settings, 2)
    assert wishes_path(second) == wishes_path(settings) == settings.data_dir / "subscriptions" / "main.json"
    assert answer_path(settings) == settings.data_dir / "run/main/subscriptions.json"
    assert answer_path(second) == settings.data_dir / "run/main.2/subscriptions.json"


def test_what_is_asked_for_is_there_for_whoever_reads_it(settings: Settings) -> None:
    assert read_wishes(wishes_path(settings)) == Wishes()
    assert ask(settings) == read_wishes(wishes_path(settings)) == Wishes().asking([TRADES], wanted=True, now_ns=1)


def test_nobody_who_asks_at_the_same_time_loses_a_wish(settings: Settings) -> None:
    streams = [Stream(Market.USDM, f"S{number}USDT", "aggTrade") for number in range(8)]
    threads = [threading.Thread(target=ask, args=(settings, stream)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {wish.key for wish in read_wishes(wishes_path(settings)).wishes} == set(streams)


def test_nothing_is_written_where_nothing_changes(settings: Settings) -> None:
    ask(settings)
    before = wishes_path(settings).stat().st_ino
    change_wishes(wishes_path(settings), lambda wishes: wishes)
    assert wishes_path(settings).stat().st_ino == before


@pytest.mark.parametrize("content", ["", "{", '{"revision":1,"wishes":[{"market":"coinm"}]}', '{"revision":"x"}', "[]"])
def test_a_damaged_file_is_named_and_left_as_it_is(settings: Settings, content: str) -> None:
    path = wishes_path(settings)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(SubscriptionsDamagedError, match=r"main\.json: expected .* mend the file"):
        ask(settings)
    assert path.read_text() == content


def test_an_answer_that_cannot_be_read_is_none(settings: Settings) -> None:
    path = answer_path(settings)
    assert read_answer(path) is None
    path.parent.mkdir(parents=True)
    path.write_text("{")
    assert read_answer(path) is None


async def test_wishes_reach_the_client_and_the_answer_says_what_became_of_them(settings: Settings) -> None:
    wishes = ask(settings)
    one, feed, clock = client()
    watch = WishWatch(settings, [one])
    watch.read()
    running = asyncio.create_task(one.run())
    await clock.settle()
    assert feed.last.wires == ["ausdt@aggTrade"]
    await watch.look()
    active = Subscription(Market.USDM, "AUSDT", "aggTrade", SubscriptionState.ACTIVE)
    answer = Answer(os.getpid(), {Market.USDM: wishes.revision}, "", [active])
    assert read_answer(answer_path(settings)) == answer
    written = answer_path(settings).stat().st_ino
    await watch.look()
    assert answer_path(settings).stat().st_ino == written, "it is not told again and again"
    ask(settings, wanted=False, now_ns=2)
    await watch.look()
    await clock.advance(1)
    await watch.look()
    assert feed.last.wires == []
    found = read_answer(answer_path(settings))
    assert found is not None
    assert [each.state for each in found.subscriptions] == [SubscriptionState.REMOVED]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_damaged_file_changes_nothing_of_what_is_recorded_and_is_told(settings: Settings) -> None:
    ask(settings)
    one, feed, clock = client()
    watch = WishWatch(settings, [one])
    watch.read()
    running = asyncio.create_task(one.run())
    await clock.settle()
    wishes_path(settings).write_text("{")
    await watch.look()
    await clock.advance(1)
    assert feed.last.wires == ["ausdt@aggTrade"]
    answer = read_answer(answer_path(settings))
    assert answer is not None
    assert answer.error == watch.error != ""
    wishes_path(settings).unlink()
    await watch.look()
    await clock.advance(1)
    assert (watch.error, feed.last.wires) == ("", [])
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
