"""Candles are refreshed beside loading, never instead of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from loguru import logger

from orderflow_recorder.app.candles import REFRESH_EVERY_S, FreshCandles
from tests.support.futures import at_once

NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """Give what is logged."""
    found: list[str] = []
    number = logger.add(lambda message: found.append(message.record["message"]), level="WARNING")
    yield found
    logger.remove(number)


def test_a_database_that_is_away_is_a_warning_now_and_then(warnings: list[str]) -> None:
    now = 1000.0
    fresh = FreshCandles(NOBODY, lambda: now, at_once)
    fresh.after_commit()
    now += REFRESH_EVERY_S / 2
    fresh.after_commit()
    assert len(warnings) == 1
    assert "tries it again later" in warnings[0]
    now += REFRESH_EVERY_S
    fresh.after_commit()
    fresh.close()
    assert len(warnings) == 2


def test_nothing_is_begun_while_the_last_is_under_way_and_closing_waits_for_it(warnings: list[str]) -> None:
    begun: list[Future[None]] = []

    def begin(_work: Callable[[], None]) -> "Future[None]":
        begun.append(Future())
        return begun[-1]

    fresh = FreshCandles(NOBODY, lambda: 1000.0, begin)
    fresh.after_commit()
    fresh.after_commit()
    assert len(begun) == 1
    begun[0].set_result(None)
    fresh.after_commit()
    assert len(begun) == 2, "it is still due, as nothing was done"
    begun[1].set_result(None)
    fresh.close()
    assert warnings == []
