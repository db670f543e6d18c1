"""What to ask for next, and what an answer says."""

from orderflow_recorder.core.healing import HealPlan, HealRequest, read_page
from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.domain.gaps import OpenGap
from orderflow_recorder.domain.market import Market


def gap(first: int, last: int, *, symbol: str = "BTCUSDT", stream: str = "trade") -> OpenGap:
    return OpenGap(1, Market.SPOT, symbol, stream, first, last, 1, 2, "stall")


def plan(*gaps: OpenGap, page: int = 10) -> HealPlan:
    made = HealPlan(page)
    made.refresh(gaps)
    return made


def test_small_holes_within_a_page_cost_one_request() -> None:
    request = plan(gap(5, 5), gap(8, 9), gap(14, 20)).next(0)
    assert request == HealRequest(
        "BTCUSDT", "trade", [Interval(5, 5), Interval(8, 9), Interval(14, 14)], [Interval(15, 20)]
    )
    assert (request.from_id, request.limit) == (5, 10)


def test_a_page_is_no_longer_than_what_is_missing() -> None:
    request = plan(gap(5, 7)).next(0)
    assert request is not None
    assert request.limit == 3


def test_streams_are_served_in_the_ledgers_order_and_held_ones_are_passed_over() -> None:
    healing = plan(gap(5, 7, stream="trade"), gap(1, 2, stream="aggTrade"))
    first, second = healing.next(0), healing.next(0, held=["trade"])
    assert first is not None
    assert second is not None
    assert (first.stream, second.stream) == ("trade", "aggTrade")
    assert healing.next(0, held=["trade", "aggTrade"]) is None


def test_what_was_asked_for_rests_and_is_asked_for_again_if_it_stays_missing() -> None:
    healing = plan(gap(5, 16))
    request = healing.next(0)
    assert request is not None
    healing.rest(request, request.missing, until=60)
    following = healing.next(59)
    assert following is not None
    assert following.missing == [Interval(15, 16)]
    assert healing.next(60) == request


def test_a_rest_ends_when_the_ledger_no_longer_misses_the_range() -> None:
    healing = plan(gap(5, 7))
    request = healing.next(0)
    assert request is not None
    healing.rest(request, request.missing, until=60)
    healing.refresh([])
    healing.refresh([gap(5, 7)])
    assert healing.next(0) == request


def test_a_page_tells_what_came_what_it_skips_and_where_it_ends() -> None:
    reading = read_page([Interval(5, 9), Interval(12, 14)], [9, 6, 10, 11, 13])
    assert reading.brought == [Interval(6, 6), Interval(9, 9), Interval(13, 13)]
    assert reading.skipped == [Interval(5, 5), Interval(7, 8), Interval(12, 12)]
    assert reading.beyond == [Interval(14, 14)]


def test_an_empty_page_says_nothing_about_any_id() -> None:
    reading = read_page([Interval(0, 9)], [])
    assert (reading.brought, reading.skipped, reading.beyond) == ([], [], [Interval(0, 9)])
