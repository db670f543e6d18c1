"""Asking the venue twice."""

import pytest

from orderflow_recorder.core.inquiry import Inquiry, InquiryState
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream

STREAM = Stream(Market.SPOT, "BTCUSDT", "trade")
OTHER = Stream(Market.SPOT, "ETHUSDT", "trade")


def inquiry() -> Inquiry:
    return Inquiry(STREAM, since=100.0, period_s=10.0)


def test_questions_are_due_a_period_after_the_silence_began_and_a_period_apart() -> None:
    asking = inquiry()
    assert asking.ask_at == 110.0
    asking.on_asked(110.5)
    assert asking.ask_at == 120.5


def test_an_id_that_moved_proves_a_loss_once_its_frame_had_time_to_arrive() -> None:
    asking = inquiry()
    asking.on_answer(5, 110.0)
    asking.on_answer(6, 120.0)
    assert asking.state is InquiryState.MOVED
    assert not asking.proves_loss(121.9)
    assert asking.proves_loss(122.0)
    assert asking.ask_at == float("inf")


@pytest.mark.parametrize("period_s", [0.5, 60.0])
def test_time_to_arrive_is_never_more_than_half_a_period(period_s: float) -> None:
    asking = Inquiry(STREAM, since=0.0, period_s=period_s)
    asking.on_answer(5, 0.0)
    asking.on_answer(6, 0.0)
    assert asking.proves_loss(min(2.0, period_s / 2))


def test_equal_answers_prove_nothing_however_long_and_a_later_move_does() -> None:
    asking = inquiry()
    for at in range(110, 1000, 10):
        asking.on_answer(5, float(at))
        assert not asking.proves_loss(at + 9.0)
    assert asking.state is InquiryState.QUIET
    asking.on_answer(4, 1000.0)
    assert asking.proves_loss(1002.0)


@pytest.mark.parametrize("answers", [[], [5], [5, 5]])
def test_four_periods_without_an_answer_are_a_loss(answers: list[int]) -> None:
    asking = inquiry()
    heard_at = 100.0
    for answer in answers:
        heard_at += 10.0
        asking.on_answer(answer, heard_at)
    asking.on_answer(None, heard_at + 30.0)
    assert not asking.proves_loss(heard_at + 39.0)
    assert asking.proves_loss(heard_at + 40.0)
    assert asking.state is InquiryState.UNKNOWABLE
    asking.on_answer(7, heard_at + 41.0)
    assert asking.proves_loss(heard_at + 42.0)


def test_a_successor_asks_another_stream_at_once_about_the_same_silence() -> None:
    asking = inquiry()
    asking.on_answer(5, 110.0)
    asking.on_answer(5, 120.0)
    successor = asking.succeed(OTHER, 130.0)
    assert (successor.stream, successor.since, successor.ask_at) == (OTHER, 100.0, 130.0)
    assert successor.state is InquiryState.ASKING
    assert not successor.proves_loss(159.0)
    assert successor.proves_loss(160.0)
