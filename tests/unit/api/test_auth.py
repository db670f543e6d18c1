"""Keys are compared, never told; tokens stand for one of them, for a while."""

import hmac
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from orderflow_recorder.api.auth import SESSION_S, Keys, given_key
from tests.support.manual_clock import ManualClock

FIRST, SECOND = "the-first-key-of-two", "the-second-key-of-two"


ONE_KEY = Keys((FIRST,), ManualClock())


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock."""
    return ManualClock()


@pytest.fixture
def keys(clock: ManualClock) -> Keys:
    """Give two keys."""
    return Keys((FIRST, SECOND), clock)


def test_each_key_is_found_and_nothing_else(keys: Keys) -> None:
    assert [keys.find(text) for text in (FIRST, SECOND)] == ["1", "2"]
    for wrong in ("", FIRST[:-1], FIRST + "x", FIRST.upper(), f"{FIRST},{SECOND}", "ключ", "\udcff", "\ud800"):
        assert keys.find(wrong) is None
    assert keys.wanted
    assert not Keys((), ManualClock()).wanted


def test_every_key_is_compared_whichever_it_is(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for given_text in (FIRST, SECOND, "neither of the two", ""):
        compared.clear()
        keys.find(given_text)
        assert len(compared) == 2
        assert {len(part) for pair in compared for part in pair} == {32}


def test_a_token_stands_for_its_key_until_it_expires(keys: Keys, clock: ManualClock) -> None:
    token = keys.token("2")
    assert keys.read_token(token) == "2"
    clock.elapsed_s = SESSION_S - 1
    assert keys.read_token(token) == "2"
    clock.elapsed_s = SESSION_S
    assert keys.read_token(token) is None


def test_a_token_outlives_a_restart_and_ends_with_its_key(keys: Keys, clock: ManualClock) -> None:
    token = keys.token("2")
    assert Keys((SECOND,), clock).read_token(token) == "1"
    assert Keys((FIRST,), clock).read_token(token) is None
    assert Keys((), clock).read_token(token) is None


def test_a_token_cannot_be_made_longer_or_up(keys: Keys) -> None:
    expiry, signature = keys.token("1").split(".")
    for wrong in (
        *("", ".", "x", expiry, f"{expiry}.", f".{signature}", f"{int(expiry) + 1}.{signature}"),
        *(f"{expiry}.{signature}0", f"{expiry}.{signature.upper()}", f"-{expiry}.{signature}", f"{expiry}.{'0' * 64}"),
        *(f"{'9' * 5000}.{signature}", f" {expiry}.{signature}", f"{expiry}.{signature}\n", f"\u0661.{signature}"),
    ):
        assert keys.read_token(wrong) is None
    assert FIRST not in keys.token("1")


@given(st.text(max_size=100))
def test_no_text_is_a_token(text: str) -> None:
    assert ONE_KEY.read_token(text) is None


def test_no_key_is_left_in_a_text() -> None:
    odd = "it's a \\key\\ with+what needs 'quoting'&more"
    keys = Keys((FIRST, odd), ManualClock())
    text = f"{FIRST} {odd!r} x{FIRST}x it%27s%20a%20%5Ckey%5C%20with%2Bwhat%20needs%20%27quoting%27%26more"
    assert keys.redact(text).count("***") == 4
    assert "key" not in keys.redact(text)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([("x-api-key", FIRST)], FIRST),
        ([("x-api-key", "")], ""),
        ([("authorization", f"Bearer {FIRST}")], FIRST),
        ([("authorization", f"bearer  {FIRST} ")], FIRST),
        ([("authorization", f"Basic {FIRST}")], None),
        ([("authorization", "Bearer")], None),
        ([("x-api-key", FIRST), ("authorization", f"Bearer {SECOND}")], FIRST),
    ],
)
def test_where_a_key_is_looked_for(headers: Sequence[tuple[str, str]], expected: str | None) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    query = f"key={FIRST}&api_key={FIRST}&X-API-Key={FIRST}".encode()
    scope = {"type": "http", "headers": raw, "query_string": query, "path": f"/{FIRST}"}
    assert given_key(HTTPConnection(scope)) == expected
