"""Errors as problems: also what nobody expected, and never with a key in it."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException

from orderflow_recorder.api.headers import SECURITY
from orderflow_recorder.api.problems import problem
from orderflow_recorder.domain.errors import SinkRefusedError
from tests.support.api import KEY, SECOND_KEY, ApiServer, services


def answer_to(error: Exception) -> httpx.Response:
    """Return the answer of a path that raises ``error``."""

    def status() -> Mapping[str, Any]:
        raise error

    with ApiServer(services(status=status)) as running, running.client(**{"X-API-Key": KEY}) as client:
        return client.get("/api/v1/status")


def test_what_nobody_expected_says_nothing_of_itself_and_has_all_headers() -> None:
    answer = answer_to(ZeroDivisionError(f"with {SECOND_KEY}"))
    assert answer.status_code == 500
    assert answer.json() == {
        "title": "Internal Server Error",
        "status": 500,
        "detail": "this is unexpected: please report it with the lines of the log",
    }
    assert answer.headers["content-type"] == "application/problem+json"
    for name, value in SECURITY.items():
        assert answer.headers[name] == value


@pytest.mark.parametrize(
    "error", [SinkRefusedError(f"no {SECOND_KEY} here"), HTTPException(404, f"no {SECOND_KEY} here")]
)
def test_no_key_is_repeated(error: Exception) -> None:
    answer = answer_to(error)
    assert answer.status_code in {404, 503}
    assert "no *** here" in answer.json()["detail"]


def test_a_problem_has_a_title_a_status_and_a_detail() -> None:
    response = problem(418, "expected coffee, received tea", {"X-Pot": "small"})
    assert response.body == b'{"title":"I\'m a Teapot","status":418,"detail":"expected coffee, received tea"}'
    assert response.headers["x-pot"] == "small"
