"""The pool: lends what is good, throws away what is not, and lets nobody wait for ever."""

import threading
from typing import Any

import pytest

from orderflow_recorder.api.databases import MOST_WAITING, BusyError, DatabasePool
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.research import QuestionError
from tests.support.manual_clock import ManualClock
from tests.support.processes import wait_until


class FakeDatabase:
    """Stands for a connection: real ones are in tests/integration/api."""

    def __init__(self) -> None:
        """Be open and good."""
        self.good = True
        self.closed = False

    def answers(self) -> bool:
        """Say whether it is good."""
        return self.good

    def close(self) -> None:
        """Be closed."""
        self.closed = True


class Opener:
    """Opens fakes."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self.opened: list[FakeDatabase] = []
        self.failure: Exception | None = None
        self.calls = 0

    def __call__(self) -> Any:  # noqa: ANN401  # in place of a database
        """Open one."""
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        self.opened.append(FakeDatabase())
        return self.opened[-1]


@pytest.fixture
def opener() -> Opener:
    """Give what opens."""
    return Opener()


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock."""
    return ManualClock()


@pytest.fixture
def pool(opener: Opener, clock: ManualClock) -> DatabasePool:
    """Give a pool of two."""
    return DatabasePool(opener, clock, size=2, patience_s=0.01)


def test_one_is_opened_when_it_is_needed_and_used_again(pool: DatabasePool, opener: Opener) -> None:
    assert opener.calls == 0
    with pool() as first:
        pass
    with pool() as again:
        assert again is first
    with pool() as one, pool() as other:
        assert one is not other
    assert opener.calls == 2


def test_no_more_than_its_size_are_lent(pool: DatabasePool) -> None:
    with pool(), pool(), pytest.raises(BusyError, match="all connections were busy"), pool():
        pytest.fail("a third of two")
    with pool():
        pass


def test_no_more_than_a_few_wait(opener: Opener, clock: ManualClock) -> None:
    pool = DatabasePool(opener, clock, size=1, patience_s=20)
    entered = threading.Semaphore(0)

    def wait() -> None:
        entered.release()
        with pool():
            pass

    with pool():
        waiting = [threading.Thread(target=wait) for _ in range(MOST_WAITING)]
        for thread in waiting:
            thread.start()
        for _ in waiting:
            assert entered.acquire(timeout=20)
        wait_until(lambda: refuses(pool), within_s=20, what="all of them wait")
    for thread in waiting:
        thread.join(20)
    with pool():
        pass


def refuses(pool: DatabasePool) -> bool:
    """Say whether it has no room for one more to wait."""
    if pool._room.acquire(blocking=False):  # noqa: SLF001  # asking would be to wait
        pool._room.release()  # noqa: SLF001
        return False
    with pytest.raises(BusyError, match="questions wait already"), pool():
        pytest.fail("one more")
    return True


def test_one_that_failed_is_thrown_away_one_that_was_asked_nonsense_is_not(pool: DatabasePool, opener: Opener) -> None:
    for error, closed in (
        (SinkUnavailableError("gone"), True),
        (ZeroDivisionError(), True),
        (QuestionError("?"), False),
    ):
        with pytest.raises(type(error)), pool():
            raise error
        assert opener.opened[-1].closed is closed


def test_one_whose_server_was_started_again_is_replaced(pool: DatabasePool, opener: Opener) -> None:
    with pool():
        pass
    opener.opened[0].good = False
    with pool():
        assert [one.closed for one in opener.opened] == [True, False]


def test_why_there_is_none_holds_for_a_moment(pool: DatabasePool, opener: Opener, clock: ManualClock) -> None:
    opener.failure = SinkUnavailableError("refused")
    for _ in range(5):
        with pytest.raises(SinkUnavailableError, match="refused"), pool():
            pass
    assert opener.calls == 1
    clock.elapsed_s = 1
    opener.failure = None
    with pool():
        assert opener.calls == 2


def test_a_closed_pool_keeps_nothing(pool: DatabasePool, opener: Opener) -> None:
    with pool():
        pass
    with pool():
        pool.close()
        assert not opener.opened[0].closed
    assert opener.opened[0].closed


def test_threads_never_share_one(opener: Opener, clock: ManualClock) -> None:
    pool = DatabasePool(opener, clock, size=3, patience_s=10)
    used: set[int] = set()
    lock = threading.Lock()

    def ask() -> None:
        for _ in range(200):
            with pool() as database:
                with lock:
                    assert id(database) not in used
                    used.add(id(database))
                with lock:
                    used.discard(id(database))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opener.calls <= 3
