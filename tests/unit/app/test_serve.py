"""Where `serve` listens, and when it refuses to."""

import socket

import pytest

from orderflow_recorder.app.serve import check_keys, is_loopback, listen
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.errors import SettingsError


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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connections_send_what_they_have_at_once(host: str) -> None:
    with (
        listen(host, 0) as listening,
        socket.create_connection(listening.getsockname()[:2], timeout=10),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
