"""Who asks too often waits; who guesses keys is not even heard."""

from orderflow_recorder.api.rates import FAILURES_PER_MINUTE, Rates, address_of


def test_each_has_so_many_requests_a_minute() -> None:
    rates = Rates(3)
    assert [rates.count_request("key 1") for _ in range(3)] == [None, None, None]
    wait = rates.count_request("key 1")
    assert wait is not None
    assert 1 <= wait <= 60
    assert rates.count_request("key 2") is None


def test_wrong_keys_lock_their_address_out_and_no_other() -> None:
    rates = Rates(1000)
    for _ in range(FAILURES_PER_MINUTE):
        assert rates.locked_out("a") is None
        rates.count_failure("a")
    wait = rates.locked_out("a")
    assert wait is not None
    assert 1 <= wait <= 60
    assert rates.locked_out("b") is None
    assert rates.count_request("a") is None


def test_a_machine_with_many_addresses_is_one() -> None:
    assert address_of("2001:db8:1:2:3:4:5:6") == address_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
    assert address_of("2001:db8:1:3::1") != address_of("2001:db8:1:2::1")
    assert address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("::ffff:192.0.2.1") != address_of("::ffff:192.0.2.2")
    assert address_of(None) == address_of("") == "unknown"
    assert address_of("testclient") == "testclient"
