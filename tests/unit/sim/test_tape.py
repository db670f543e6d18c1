"""Tapes by id."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.sim.tape import Tape, TapeTrade


def entry(number: int) -> TapeTrade:
    return TapeTrade(number, "1", "1", number * 10, buyer_is_maker=True)


@given(st.lists(st.integers(0, 50)))
def test_every_id_is_kept_once_and_in_order(ids: list[int]) -> None:
    tape: Tape[TapeTrade] = Tape(1000)
    for number in ids:
        tape.add(entry(number))
    assert [each.id for each in tape.all()] == sorted(set(ids))
    assert len(tape) == len(set(ids))


def test_from_an_id_older_than_the_tape_there_is_nothing() -> None:
    tape: Tape[TapeTrade] = Tape(1000)
    for number in (5, 6, 8):
        tape.add(entry(number))
    assert [each.id for each in tape.from_id(6)] == [6, 8]
    assert tape.from_id(4) == []
    assert tape.from_id(9) == []


def test_times_are_inclusive() -> None:
    tape: Tape[TapeTrade] = Tape(1000)
    for number in range(5):
        tape.add(entry(number))
    assert [each.id for each in tape.between(10, 30)] == [1, 2, 3]
    assert [each.id for each in tape.between(None, 10)] == [0, 1]


def test_the_oldest_are_forgotten() -> None:
    tape: Tape[TapeTrade] = Tape(10)
    for number in range(100):
        tape.add(entry(number))
    assert [each.id for each in tape.all()] == list(range(90, 100))
    assert len(tape) <= 20
