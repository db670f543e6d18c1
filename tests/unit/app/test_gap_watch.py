"""The ledger's figures: a moment old, never waited for."""

import threading
from collections.abc import Sequence

from loguru import logger

from orderflow_recorder.app.gap_watch import READ_EVERY_S, GapWatch
from orderflow_recorder.app.metric_words import DatabaseFigures
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.postgres.gap_figures import GapFigures
from tests.support.processes import wait_until

SOME = (GapFigures("spot", "restart", "open", 2, 30, 5.0),)


class Ledger:
    """Answers when it is let, with what it is told; takes ``takes_s`` by the watch's own clock."""

    def __init__(self) -> None:
        """Be free."""
        self.now_s = 1000.0
        self.takes_s = 0.0
        self.answer: Sequence[GapFigures] | Exception = SOME
        self.asked = 0
        self.free = threading.Event()
        self.free.set()

    def read(self) -> Sequence[GapFigures]:
        self.asked += 1
        self.free.wait(20)
        self.now_s += self.takes_s
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        self.asked = -1

    def watch(self) -> GapWatch:
        return GapWatch(self, lambda: self.now_s, lambda: self.now_s)


def settle(watch: GapWatch, ledger: Ledger, asked: int) -> tuple[Sequence[GapFigures], DatabaseFigures | None]:
    """Look until the ledger was asked so often and has answered."""
    watch.look()
    wait_until(lambda: ledger.asked == asked and not watch.is_reading, within_s=10, what="the ledger was read")
    return watch.look()


def test_the_first_look_waits_for_nothing_and_the_next_has_the_answer() -> None:
    ledger = Ledger()
    ledger.free.clear()
    watch = ledger.watch()
    assert watch.look() == ((), None)
    assert watch.look() == ((), None)
    ledger.free.set()
    assert settle(watch, ledger, 1) == (SOME, DatabaseFigures(answers=True, read_at_s=1000.0))


def test_the_ledger_is_read_once_at_a_time_and_every_fifteen_seconds() -> None:
    ledger = Ledger()
    watch = ledger.watch()
    settle(watch, ledger, 1)
    ledger.now_s += READ_EVERY_S - 0.1
    assert settle(watch, ledger, 1)[1] == DatabaseFigures(answers=True, read_at_s=1000.0)
    ledger.now_s += 0.1
    ledger.free.clear()
    for _ in range(5):
        watch.look()
    ledger.free.set()
    assert settle(watch, ledger, 2)[1] == DatabaseFigures(answers=True, read_at_s=1015.0)


def test_a_slow_ledger_is_read_more_seldom() -> None:
    ledger = Ledger()
    ledger.takes_s = 2.0
    watch = ledger.watch()
    settle(watch, ledger, 1)
    ledger.now_s += 99.0
    settle(watch, ledger, 1)
    ledger.now_s += 1.0
    settle(watch, ledger, 2)


def test_a_ledger_that_is_away_leaves_the_old_figures_with_their_age() -> None:
    ledger = Ledger()
    watch = ledger.watch()
    settle(watch, ledger, 1)
    ledger.answer = SinkUnavailableError("away")
    ledger.now_s += READ_EVERY_S
    assert settle(watch, ledger, 2) == (SOME, DatabaseFigures(answers=False, read_at_s=1000.0))
    ledger.answer = ()
    ledger.now_s += READ_EVERY_S
    assert settle(watch, ledger, 3) == ((), DatabaseFigures(answers=True, read_at_s=1030.0))


def test_a_bug_is_logged_and_ends_nothing() -> None:
    lines: list[str] = []
    handler = logger.add(lines.append, level="ERROR", format="{message}")
    ledger = Ledger()
    ledger.answer = KeyError("a bug")
    watch = ledger.watch()
    assert settle(watch, ledger, 1) == ((), DatabaseFigures(answers=False, read_at_s=None))
    ledger.answer = SOME
    ledger.now_s += READ_EVERY_S
    assert settle(watch, ledger, 2)[0] == SOME
    logger.remove(handler)
    assert "unexpected error" in lines[0]
