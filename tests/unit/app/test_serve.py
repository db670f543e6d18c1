"""What `serve` refuses, and how often it looks at the status."""

import pytest

from orderflow_recorder.app.serve import StatusReader, check_keys, is_loopback
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.status_times import with_times
from orderflow_recorder.domain.errors import SettingsError
from tests.support.manual_clock import ManualClock


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost", "LOCALHOST"])
def test_this_machine_alone_needs_no_key(host: str) -> None:
    assert is_loopback(host)
    check_keys(load_settings(env_file=None), host)


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",  # noqa: S104  # that is what must be refused
        *("::", "", "192.0.2.1", "example.org", "localhost.example.org", "127.0.0.1.nip.io"),
    ],
)
def test_an_address_for_others_needs_one(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(SettingsError, match=r"API_KEY: expected a key, because .* can be reached from other machines"):
        check_keys(load_settings(env_file=None), host)
    check_keys(load_settings(env_file=None, api_key="a-key-of-twenty-letters"), host)


def test_the_status_is_looked_at_once_for_all_who_ask_at_about_the_same_time() -> None:
    clock = ManualClock()
    looks: list[float] = []

    def look() -> dict[str, float]:
        looks.append(clock.elapsed_s)
        return {"at": clock.elapsed_s}

    reader = StatusReader(look, clock)
    for second in (0, 0.5, 1.9, 2.0, 3.9, 10):
        clock.elapsed_s = second
        assert reader.read()["at"] == looks[-1]
    assert looks == [0, 2.0, 10]


def test_times_of_a_status_are_words() -> None:
    status = {
        "time": 1_800_000_000_123_456_789,
        "supervisor": {"pid": 7, "started_at": 0, "parts": ["collector"]},
        "collector": {"asleep_until": None, "frames": 5},
        "tables": [{"table": "trades", "time": 1}],
        "problems": [],
    }
    assert with_times(status) == {
        "time": "2027-01-15T08:00:00.123456Z",
        "supervisor": {"pid": 7, "started_at": "1970-01-01T00:00:00.000000Z", "parts": ["collector"]},
        "collector": {"asleep_until": None, "frames": 5},
        "tables": [{"table": "trades", "time": "1970-01-01T00:00:00.000000Z"}],
        "problems": [],
    }
