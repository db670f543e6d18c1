"""Candles are refreshed beside loading, never instead of it."""

from collections.abc import Iterator

import pytest
from loguru import logger

from orderflow_recorder.app.candles import REFRESH_EVERY_S, FreshCandles

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
    fresh = FreshCandles(NOBODY, lambda: now)
    fresh.after_commit()
    now += REFRESH_EVERY_S / 2
    fresh.after_commit()
    assert len(warnings) == 1
    assert "tries it again later" in warnings[0]
    now += REFRESH_EVERY_S
    fresh.after_commit()
    fresh.close()
    assert len(warnings) == 2
