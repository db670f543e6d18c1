"""Streams without consecutive ids: what is new, and when they were out."""

from orderflow_recorder.core.timed_ledger import HighWater, Outage, TimedLedger
from orderflow_recorder.domain.gaps import GapCause


def quiet(_from_time: int, _to_time: int, _place: int) -> GapCause | None:
    return None


def test_only_what_is_above_all_others_is_new() -> None:
    ledger = TimedLedger(None, quiet)
    assert [ledger.arrive(key, time) for time, key in enumerate((5, 7, 7, 6, 8))] == [True, True, False, False, True]
    assert ledger.mark == HighWater(8, 0, 4)
    assert ledger.outages == []


def test_a_stored_mark_goes_on() -> None:
    ledger = TimedLedger(HighWater(8, 0, 4), quiet)
    assert not ledger.arrive(8, 10)
    assert ledger.arrive(9, 11)
    assert ledger.mark == HighWater(9, 0, 11)


def test_an_interruption_between_two_new_rows_is_an_outage() -> None:
    asked = []

    def explain(*arguments: int) -> GapCause | None:
        asked.append(arguments)
        return GapCause.STALL if arguments[0] == 4 else None

    ledger = TimedLedger(HighWater(8, 0, 4), explain)
    ledger.arrive(8, 6, 1)
    ledger.arrive(9, 11, 2)
    ledger.arrive(10, 12, 3)
    assert ledger.outages == [Outage(4, 11, GapCause.STALL)]
    assert asked == [(4, 11, 2), (11, 12, 3)]


def test_the_first_row_ever_ends_no_outage() -> None:
    ledger = TimedLedger(None, lambda *_: GapCause.RESTART)
    ledger.arrive(1, 5)
    assert ledger.outages == []
