"""The paced loop: quiet moments cost nothing, busy ones are taken together."""

import socket
from collections.abc import Iterator
from selectors import EVENT_READ

import pytest

from orderflow_recorder.app.pacing import PacedSelector, run_paced


class Paced:
    """A selector whose time passes by its pauses and by `pass_time` alone; something is always ready."""

    def __init__(self) -> None:
        """Watch a socket that can be read."""
        self.now = 100.0
        self.slept: list[float] = []
        self.selector = PacedSelector(0.25, monotonic=lambda: self.now, sleep=self._sleep)
        self._near, far = socket.socketpair()
        self.selector.register(self._near, EVENT_READ)
        far.close()

    def wait(self, timeout: float | None) -> None:
        """Wait for what is ready."""
        assert len(self.selector.select(timeout)) == 1

    def close(self) -> None:
        """Release the sockets."""
        self.selector.close()
        self._near.close()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def paced() -> Iterator[Paced]:
    """Pause for a quarter of a second."""
    paced = Paced()
    yield paced
    paced.close()


def test_what_comes_after_a_quiet_moment_is_taken_at_once(paced: Paced) -> None:
    for _ in range(3):
        paced.wait(None)
        paced.now += 0.25
    assert paced.slept == []


def test_what_follows_soon_waits_for_the_rest_of_the_pause(paced: Paced) -> None:
    paced.wait(None)
    paced.now += 0.0625
    paced.wait(None)
    paced.wait(5.0)
    assert paced.slept == [0.1875, 0.25]


def test_no_pause_is_longer_than_the_loop_would_wait(paced: Paced) -> None:
    paced.wait(None)
    paced.wait(0.125)
    paced.wait(0.0)
    assert paced.slept == [0.125]


def test_a_loop_with_work_to_do_is_not_held_up_and_begins_no_pause(paced: Paced) -> None:
    paced.wait(0)
    paced.wait(None)
    paced.wait(0)
    assert paced.slept == []


def test_it_runs_what_asyncio_runs() -> None:
    async def answer() -> int:
        return 42

    assert run_paced(answer()) == 42
