"""The paced loop: quiet moments cost nothing, busy ones are taken together."""

import socket
from collections.abc import Iterator
from selectors import EVENT_READ

import pytest

from orderflow_recorder.app.pacing import LOOK_EVERY_S, LOOK_S, MANY, PacedSelector, run_paced

PAUSE_S = 0.01


class Paced:
    """A selector whose time passes by its pauses and by `pass_time` alone; something is always ready."""

    def __init__(self) -> None:
        """Watch a socket that can be read."""
        self.now = 100.0
        self.slept: list[float] = []
        self.selector = PacedSelector(PAUSE_S, monotonic=lambda: self.now, sleep=self._sleep)
        self._near, far = socket.socketpair()
        self.selector.register(self._near, EVENT_READ)
        far.close()

    def look(self, wakings: int) -> None:
        """Let the look at how much there is come to an end, with so many wakings in it."""
        for _ in range(wakings):
            self.wait(None)
        self.now += LOOK_S

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
    """Pause for a quarter of a second, where there is much to do."""
    paced = Paced()
    paced.look(MANY + 1)
    yield paced
    paced.close()


def test_with_few_packets_none_is_late(paced: Paced) -> None:
    paced.now += LOOK_EVERY_S
    paced.look(MANY)
    for _ in range(20):
        paced.wait(None)
    assert paced.slept == []


def test_each_second_it_looks_again(paced: Paced) -> None:
    counts = []
    for wakings in (MANY + 1, MANY, MANY + 1):
        paced.now += LOOK_EVERY_S
        paced.look(wakings)
        paced.wait(None)
        paced.wait(None)
        counts.append(len(paced.slept))
    assert counts == [1, 1, 2]


def test_what_comes_after_a_quiet_moment_is_taken_at_once(paced: Paced) -> None:
    for _ in range(3):
        paced.wait(None)
        paced.now += PAUSE_S
    assert paced.slept == []


def test_what_follows_soon_waits_for_the_rest_of_the_pause(paced: Paced) -> None:
    paced.wait(None)
    paced.now += PAUSE_S / 4
    paced.wait(None)
    paced.wait(5.0)
    assert paced.slept == pytest.approx([PAUSE_S * 3 / 4, PAUSE_S])


def test_no_pause_is_longer_than_the_loop_would_wait(paced: Paced) -> None:
    paced.wait(None)
    paced.wait(PAUSE_S / 2)
    paced.wait(0.0)
    assert paced.slept == pytest.approx([PAUSE_S / 2])


def test_a_loop_with_work_to_do_is_not_held_up_and_begins_no_pause(paced: Paced) -> None:
    paced.wait(0)
    paced.wait(None)
    paced.wait(0)
    assert paced.slept == []


def test_it_runs_what_asyncio_runs() -> None:
    async def answer() -> int:
        return 42

    assert run_paced(answer()) == 42
