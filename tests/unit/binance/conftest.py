"""Fixtures of the adapter's tests: a clock, an HTTP responder, a WebSocket venue."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.binance.support import HttpResponder, JumpingClock, VenueSocket, http_responder, venue_socket


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reach this machine directly, whatever proxy the tests run behind."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "WSS_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def clock() -> JumpingClock:
    """Give time that passes only by sleeping."""
    return JumpingClock()


@pytest.fixture
async def responder() -> AsyncIterator[HttpResponder]:
    """Give an HTTP server on a free port."""
    async with http_responder() as server:
        yield server


@pytest.fixture
async def venue() -> AsyncIterator[VenueSocket]:
    """Give a WebSocket server on a free port."""
    async with venue_socket() as server:
        yield server
