"""Control messages of a socket."""

import json
from typing import Any

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.requests import MAX_REQUEST_BYTES, Subscriptions, answer_request
from tests.unit.sim.tools import SPOT, USDM


def answered(state: Subscriptions, request: object) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(answer_request(json.dumps(request).encode(), state) or b"{}")
    return reply


def test_subscribe_unsubscribe_and_list() -> None:
    state = Subscriptions(SPOT, ["a@trade"], combined=True)
    assert answered(state, {"method": "SUBSCRIBE", "params": ["b@trade", "NOSUCH@thing"], "id": 1}) == {
        "result": None,
        "id": 1,
    }
    assert answered(state, {"method": "UNSUBSCRIBE", "params": ["a@trade", "never@seen"], "id": 2}) == {
        "result": None,
        "id": 2,
    }
    assert answered(state, {"method": "LIST_SUBSCRIPTIONS", "id": 3}) == {
        "result": ["b@trade", "NOSUCH@thing"],
        "id": 3,
    }


def test_the_combined_property_can_be_read_and_set() -> None:
    state = Subscriptions(SPOT, [], combined=False)
    assert answered(state, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 1})["result"] is None
    assert answered(state, {"method": "GET_PROPERTY", "params": ["combined"], "id": 2})["result"] is True


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "SET_PROPERTY", "params": ["other", True], "id": 1}, 0),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": ["combined"], "id": 1}, 2),
        ({"method": "NONSENSE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": "a@trade", "id": 1}, 2),
        ({"method": "SUBSCRIBE", "params": ["a@trade"], "id": 1.5}, 2),
        ([1, 2], 2),
    ],
)
@pytest.mark.parametrize("market", [SPOT, USDM])
def test_errors_carry_the_venues_codes(market: Market, request_: object, code: int) -> None:
    reply = answered(Subscriptions(market, [], combined=False), request_)
    assert (reply["error"] if market is USDM else reply)["code"] == code


def test_invalid_json_is_error_3() -> None:
    reply = answer_request(b'{"method":', Subscriptions(SPOT, [], combined=False))
    assert json.loads(reply or b"")["code"] == 3


@pytest.mark.parametrize(
    ("market", "request_id", "accepted"),
    [
        (SPOT, None, True),
        (SPOT, "x" * 36, True),
        (SPOT, "x" * 37, False),
        (SPOT, -5, True),
        (SPOT, True, False),
        (USDM, None, False),
        (USDM, "1", False),
        (USDM, -5, False),
        (USDM, 5, True),
    ],
)
def test_request_ids(market: Market, request_id: object, accepted: bool) -> None:  # noqa: FBT001  # a column of the table
    reply = answered(Subscriptions(market, [], combined=False), {"method": "LIST_SUBSCRIPTIONS", "id": request_id})
    assert ("result" in reply) == accepted


def test_a_request_that_is_too_long_has_neither_answer_nor_effect() -> None:
    state = Subscriptions(SPOT, [], combined=False)
    names = [f"symbol{number:04d}usdt@trade" for number in range(200)]
    request = json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}).encode()
    assert len(request) > MAX_REQUEST_BYTES
    assert answer_request(request, state) is None
    assert state.streams == []


def test_more_than_1024_streams_are_refused() -> None:
    state = Subscriptions(SPOT, [f"s{number}@trade" for number in range(1024)], combined=False)
    assert answered(state, {"method": "SUBSCRIBE", "params": ["one@more"], "id": 1})["code"] == 4
    assert len(state.streams) == 1024
    assert answered(state, {"method": "SUBSCRIBE", "params": ["s5@trade"], "id": 2})["result"] is None
