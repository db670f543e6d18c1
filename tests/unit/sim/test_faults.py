"""Faults of the stream, one frame at a time."""

import json
import random

import pytest

from orderflow_recorder.sim.faults import Damage, Delivery, StreamFaults, damaged
from tests.unit.sim.tools import SPOT, USDM, depth, trade


def sent(faults: StreamFaults, count: int, *, start: int = 0, now: float = 0.0) -> list[int]:
    deliveries = [each for number in range(start, start + count) for each in faults.apply(trade(SPOT, number), now)]
    return [json.loads(each.frame.combined)["data"]["t"] for each in deliveries]


@pytest.fixture
def faults() -> StreamFaults:
    return StreamFaults(random.Random(1))  # noqa: S311  # a game, not a secret


def test_without_rules_everything_passes(faults: StreamFaults) -> None:
    assert sent(faults, 3) == [0, 1, 2]


def test_the_next_frames_are_lost(faults: StreamFaults) -> None:
    faults.lose_next("spot:btcusdt@trade", 2)
    assert sent(faults, 4) == [2, 3]


def test_only_matching_frames_are_hit(faults: StreamFaults) -> None:
    faults.lose_next("usdm:btcusdt@depth*", 1)
    assert sent(faults, 2) == [0, 1]
    assert faults.apply(depth(USDM, 1, 2, 0), 0.0) == []


def test_silence_ends(faults: StreamFaults) -> None:
    faults.lose_until("*", 10.0, 1.0)
    assert sent(faults, 3, now=9.9) == []
    assert sent(faults, 3, now=10.0) == [0, 1, 2]


def test_loss_by_chance(faults: StreamFaults) -> None:
    faults.lose_until("*", 10.0, 0.5)
    assert 20 < len(sent(faults, 100)) < 80


def test_duplicates_follow_each_other(faults: StreamFaults) -> None:
    faults.duplicate("*", 2)
    assert sent(faults, 3) == [0, 0, 1, 1, 2]


def test_neighbours_of_a_stream_are_swapped(faults: StreamFaults) -> None:
    faults.reorder("*", 2)
    assert sent(faults, 6) == [1, 0, 3, 2, 4, 5]


def test_a_frame_waits_for_its_own_stream(faults: StreamFaults) -> None:
    faults.reorder("*trade", 1)
    first, other = trade(SPOT, 1), depth(SPOT, 1, 1)
    assert faults.apply(first, 0.0) == []
    assert faults.apply(other, 0.0) == [Delivery(other)]
    assert faults.flush() == [Delivery(first)]
    assert faults.flush() == []


def test_malformed_frames_say_how(faults: StreamFaults) -> None:
    faults.malform("*", 1, Damage.TYPES)
    assert faults.apply(trade(SPOT, 1), 0.0) == [Delivery(trade(SPOT, 1), Damage.TYPES)]
    assert faults.apply(trade(SPOT, 2), 0.0) == [Delivery(trade(SPOT, 2))]


def test_damage() -> None:
    payload = trade(SPOT, 1).combined
    with pytest.raises(json.JSONDecodeError):
        json.loads(damaged(payload, Damage.TRUNCATED))
    assert json.loads(damaged(payload, Damage.TYPES))["data"]["E"] == "not a number"
    for damage in (Damage.UTF8, Damage.BINARY):
        with pytest.raises(UnicodeDecodeError):
            damaged(payload, damage).decode()
