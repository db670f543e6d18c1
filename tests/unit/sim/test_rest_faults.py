"""Faults of REST and of the handshake."""

from orderflow_recorder.sim.rest_faults import RestFaults
from tests.unit.sim.tools import SPOT, USDM


def test_replies_are_used_up_by_the_market_they_are_for() -> None:
    faults = RestFaults()
    faults.rate_limit(429, 7, 1, USDM)
    faults.error(503, 1, None)
    first, second = faults.take_reply(SPOT), faults.take_reply(USDM)
    assert first is not None
    assert second is not None
    assert (first.status, first.headers["Content-Type"]) == (503, "text/html")
    assert (second.status, second.headers["Retry-After"]) == (429, "7")
    assert faults.take_reply(USDM) is None


def test_delays_and_stale_answers_are_counted() -> None:
    faults = RestFaults()
    faults.slow(2.5, 2)
    faults.stale(1)
    assert [faults.take_delay() for _ in range(3)] == [2.5, 2.5, 0.0]
    assert [faults.take_stale() for _ in range(2)] == [True, False]


def test_refusals_by_count_or_by_time() -> None:
    faults = RestFaults()
    faults.refuse(1, 0.0, raw=True)
    assert [faults.take_refusal(5.0) for _ in range(2)] == ["raw", None]
    faults.refuse(0, 10.0, raw=False)
    assert [faults.take_refusal(now) for now in (9.0, 10.0)] == ["http", None]
