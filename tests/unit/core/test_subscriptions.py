"""Wishes: the newest about a stream counts, and none is about something that cannot be."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core import subscriptions
from orderflow_recorder.core.subscriptions import Wish, Wishes, check_names, check_speeds
from orderflow_recorder.domain.errors import SubscriptionRefusedError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream

TRADES, DIFFS, SLOW_DIFFS = (Stream(Market.SPOT, "SOLUSDT", name) for name in ("trade", "depth@100ms", "depth"))
OTHER = Stream(Market.USDM, "SOLUSDT", "trade")


def test_the_newest_wish_about_a_stream_counts() -> None:
    wishes = Wishes().asking([TRADES, OTHER], wanted=True, now_ns=5).asking([TRADES], wanted=False, now_ns=6)
    assert wishes.of(Market.SPOT, "SOLUSDT") == {TRADES: False}
    assert wishes.of(Market.USDM, "SOLUSDT") == {OTHER: True}
    assert wishes.wishes[-1] == Wish(Market.SPOT, "SOLUSDT", "trade", wanted=False, asked_at=6)
    assert wishes.asking([TRADES], wanted=None, now_ns=7).of(Market.SPOT, "SOLUSDT") == {}


def test_asking_for_nothing_changes_nothing() -> None:
    wishes = Wishes().asking([TRADES], wanted=True, now_ns=5)
    assert wishes.asking([], wanted=False, now_ns=6) is wishes


@given(st.lists(st.integers(0, 10)))
def test_each_change_has_a_greater_revision_whatever_the_clock_says(times: list[int]) -> None:
    wishes = Wishes()
    for now_ns in times:
        before, wishes = wishes, wishes.asking([TRADES], wanted=True, now_ns=now_ns)
        assert wishes.revision > before.revision


def test_wishes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST_WISHES", 2)
    wishes = Wishes().asking([TRADES, OTHER], wanted=True, now_ns=1)
    assert wishes.asking([OTHER], wanted=False, now_ns=2).revision == 2
    with pytest.raises(SubscriptionRefusedError, match="at most 2"):
        wishes.asking([DIFFS], wanted=True, now_ns=2)


@pytest.mark.parametrize(
    ("symbol", "name", "reason"),
    [
        ("SOL/USDT", "trade", "expected a symbol of letters"),
        ("solusdt", "trade", "expected a symbol of letters"),
        ("S", "trade", "expected a symbol of letters"),
        ("SOLUSDT\n", "trade", "expected a symbol of letters"),
        ("SOLUSDT", "trades", "unknown spot stream 'trades'"),
        ("SOLUSDT", "markPrice", "unknown spot stream"),
    ],
)
def test_names_that_cannot_be_are_refused_wherever_they_come_from(symbol: str, name: str, reason: str) -> None:
    with pytest.raises(SubscriptionRefusedError, match=reason):
        check_names(Market.SPOT, symbol, [name])
    text = msgspec.json.encode(
        {"revision": 1, "wishes": [{"market": "spot", "symbol": symbol, "stream": name, "wanted": True, "asked_at": 1}]}
    )
    with pytest.raises(msgspec.ValidationError, match="expected"):
        msgspec.json.decode(text, type=Wishes)


def test_names_of_every_alphabet_of_the_venue_are_taken() -> None:
    check_names(Market.USDM, "币安人生USDT", ["markPrice@1s", "depth@0ms"])
    check_names(Market.USDM, "BTCUSDT_260327", ["forceOrder"])


def test_diffs_come_at_one_speed() -> None:
    check_speeds([TRADES, DIFFS, Stream(Market.SPOT, "SOLUSDT", "depth5")])
    with pytest.raises(SubscriptionRefusedError, match="got depth, depth@100ms"):
        check_speeds([TRADES, DIFFS, SLOW_DIFFS])
