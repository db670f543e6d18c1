"""Plain HTTP requests and handshakes."""

import json

import pytest

from orderflow_recorder.sim.server import Simulator
from orderflow_recorder.sim.web import Verdict, Web, to_response
from tests.unit.sim.tools import SPOT, USDM, InstantClock, ScriptedSource, trade


@pytest.fixture
def clock() -> InstantClock:
    return InstantClock()


@pytest.fixture
def simulator(clock: InstantClock) -> Simulator:
    return Simulator(ScriptedSource([trade(SPOT, 1), trade(USDM, 1)]), clock=clock)


@pytest.fixture
def web(simulator: Simulator) -> Web:
    return simulator.web


def status(verdict: Verdict) -> int | None:
    return None if verdict.reply is None else verdict.reply.status


def test_a_301st_connection_in_five_minutes_is_refused(web: Web, clock: InstantClock) -> None:
    assert {status(web.judge("/ws", {}, "1.1.1.1")) for _ in range(300)} == {None}
    assert status(web.judge("/ws", {}, "1.1.1.1")) == 429
    assert status(web.judge("/ws", {}, "2.2.2.2")) is None
    clock.now += 301
    assert status(web.judge("/ws", {}, "1.1.1.1")) is None


def test_a_url_that_is_too_long_is_refused(web: Web) -> None:
    assert status(web.judge("/ws/" + "x" * 8001, {}, "1.1.1.1")) == 414


@pytest.mark.parametrize(("prefix", "retry_after"), [("/api/v3", True), ("/fapi/v1", False)])
def test_going_on_after_429_is_a_ban(web: Web, prefix: str, retry_after: bool) -> None:  # noqa: FBT001  # a column of the table
    limit = "5000" if retry_after else "1000"
    verdicts = [web.judge(f"{prefix}/depth?symbol=BTCUSDT&limit={limit}", {}, "1.1.1.1") for _ in range(140)]
    assert list(dict.fromkeys(status(verdict) for verdict in verdicts)) == [200, 429, 418]
    reply = verdicts[-1].reply
    assert reply is not None
    assert ("Retry-After" in reply.headers) == retry_after
    assert json.loads(reply.body)["code"] == -1003


def test_a_response_has_length_type_and_the_answers_own_headers(web: Web) -> None:
    reply = web.judge("/api/v3/ping", {}, "1.1.1.1").reply
    assert reply is not None
    response = to_response(reply)
    assert (response.status_code, response.body) == (200, b"{}")
    assert response.headers["Content-Length"] == "2"
    assert response.headers["X-MBX-USED-WEIGHT-1M"] == "1"
    assert response.headers.get_all("Content-Type") == ["application/json;charset=UTF-8"]
