"""Who asks too often waits; who guesses keys is not even heard."""

import time

import pytest

from orderflow_recorder.api.rates import FAILURES_PER_MINUTE, Rates, address_of


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_010.0)


def test_each_has_so_many_requests_a_minute() -> None:
    rates = Rates(3)
    assert [rates.count_request("key 1") for _ in range(3)] == [None, None, None]
    wait = rates.count_request("key 1")
    assert wait is not None
    assert 1 <= wait <= 60
    assert rates.count_request("key 2") is None


def test_wrong_keys_shut_their_address_out_and_no_other() -> None:
    rates = Rates(1000)
    assert rates.hear("a", "1") is None
    for _ in range(FAILURES_PER_MINUTE):
        assert rates.hear("a", None) is None
    for key in (None, "2"):
        wait = rates.hear("a", key)
        assert wait is not None
        assert 1 <= wait <= 60
        assert rates.hear("b", key) is None
    assert rates.hear("a", "1") is None  # it was here before
    assert rates.count_request("a") is None


def test_a_machine_with_many_addresses_is_one() -> None:
    assert address_of("2001:db8:1:2:3:4:5:6") == address_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert address_of("2001:db8:1:3::1") != address_of("2001:db8:1:2::1")
    assert address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("::ffff:192.0.2.1") != address_of("::ffff:192.0.2.2")
    assert address_of(None) == address_of("") == "unknown"
    assert address_of("testclient") == "testclient"
