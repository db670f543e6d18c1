"""What the recorder's port answers, and to whom."""

import json
from email.message import Message
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
from loguru import logger

from orderflow_recorder.app.health_pages import HealthPages

KEYS = ("first-key-of-sixteen", "other-key-of-sixteen")
HERE = "127.0.0.1"
ELSEWHERE = "192.0.2.7"
PAGES = HealthPages((), lambda: None, lambda: (), lambda accept: ("text/plain", f"asked for {accept}".encode()))
LOCKED = msgspec.structs.replace(PAGES, keys=KEYS)


def headers(**given: str) -> Message:
    """Return headers, with underscores for dashes."""
    message = Message()
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    return message


def status(pages: HealthPages, target: str, method: str = "GET", client: str = HERE, **given: str) -> int:
    """Return the status of an answer."""
    return int(pages.answer(method, target, headers(**given), client).status)


def body(pages: HealthPages, target: str, client: str = HERE) -> Any:  # noqa: ANN401  # JSON
    """Return the JSON of an answer."""
    return json.loads(pages.answer("GET", target, headers(), client).body)


def test_live_says_since_when_nothing_moves() -> None:
    assert body(PAGES, "/health/live") == {"live": True}
    stuck = msgspec.structs.replace(PAGES, stuck_for_s=lambda: 12.3)
    assert status(stuck, "/health/live") == 503
    assert body(stuck, "/health/live") == {"live": False, "reasons": ["the supervisor has not moved for 12 s"]}


def test_ready_gives_every_reason() -> None:
    assert status(PAGES, "/health/ready") == 200
    assert body(PAGES, "/health/ready") == {"ready": True, "reasons": []}
    troubled = msgspec.structs.replace(PAGES, problems=lambda: ("no database", "no disk"))
    assert status(troubled, "/health/ready") == 503
    assert body(troubled, "/health/ready") == {"ready": False, "reasons": ["no database", "no disk"]}


@pytest.mark.parametrize("target", ["/health/live", "/health/ready"])
def test_health_needs_no_key_from_anywhere(target: str) -> None:
    assert status(LOCKED, target, client=ELSEWHERE) == 200


@pytest.mark.parametrize("client", [HERE, "127.8.8.8", "::1", "::ffff:127.0.0.1", "::1%lo"])
def test_without_keys_this_machine_sees_the_metrics(client: str) -> None:
    assert status(PAGES, "/metrics", client=client) == 200


@pytest.mark.parametrize("client", [ELSEWHERE, "::ffff:192.0.2.7", "2001:db8::1", "172.18.0.1"])
def test_without_keys_others_are_told_why_not(client: str) -> None:
    assert status(PAGES, "/metrics", client=client) == 403
    said = body(PAGES, "/metrics", client=client)["error"]
    assert client in said
    assert "set API_KEY" in said


@pytest.mark.parametrize("key", KEYS)
def test_any_key_opens_the_metrics_from_anywhere(key: str) -> None:
    for given in ({"X_API_Key": key}, {"Authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key} "}):
        assert status(LOCKED, "/metrics", client=ELSEWHERE, **given) == 200


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"X_API_Key": ""},
        {"X_API_Key": KEYS[0][:-1]},
        {"X_API_Key": KEYS[0] + " "},
        {"X_API_Key": ",".join(KEYS)},
        {"X_API_Key": "schlüssel-ßßßßßßßßßß"},
        {"X_API_Key": "鍵" * 20},
        {"Authorization": KEYS[0]},
        {"Authorization": f"Basic {KEYS[0]}"},
        {"Authorization": "Bearer"},
    ],
)
def test_with_keys_nothing_else_opens_them_not_even_here(given: dict[str, str]) -> None:
    answer = LOCKED.answer("GET", "/metrics", headers(**given), HERE)
    assert answer.status is HTTPStatus.UNAUTHORIZED
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not any(key in answer.body.decode() for key in KEYS)


def test_a_key_in_the_address_is_none() -> None:
    assert status(LOCKED, f"/metrics?key={KEYS[0]}&x-api-key={KEYS[0]}") == 401


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/health",
        "/health/",
        "/health/live/",
        "//metrics",
        "/metrics/x",
        "*",
        "",
        "http://[",
        "/%6detrics",
        "/../metrics",
    ],
)
def test_other_paths_are_not_found(target: str) -> None:
    assert status(PAGES, target) == 404
    assert status(PAGES, target, "POST") == 404


@pytest.mark.parametrize("target", ["/health/live?x=1", "http://recorder:8001/health/live"])
def test_a_path_may_come_with_more(target: str) -> None:
    assert status(PAGES, target) == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get"])
def test_other_methods_are_refused(method: str) -> None:
    answer = PAGES.answer(method, "/health/live", headers(), HERE)
    assert answer.status is HTTPStatus.METHOD_NOT_ALLOWED
    assert answer.headers["Allow"] == "GET, HEAD"


def test_the_asker_says_which_format() -> None:
    assert PAGES.answer("GET", "/metrics", headers(Accept="text/x"), HERE).body == b"asked for text/x"


def test_a_page_that_fails_is_an_answer_and_a_log_line() -> None:
    def fail() -> tuple[str, ...]:
        raise KeyError("a bug")

    lines: list[str] = []
    handler = logger.add(lines.append, level="ERROR", format="{message}")
    broken = msgspec.structs.replace(PAGES, problems=fail)
    assert status(broken, "/health/ready") == 500
    assert body(broken, "/health/ready") == {"error": "Internal Server Error: see the recorder's log"}
    logger.remove(handler)
    assert "a bug" in lines[0]
