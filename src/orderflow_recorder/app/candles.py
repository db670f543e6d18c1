"""Keeps the candles fresh beside the loader's work."""

from collections.abc import Callable
from typing import Final

from loguru import logger

from orderflow_recorder.core.duty import DutyCycle
from orderflow_recorder.domain.errors import SinkError
from orderflow_recorder.postgres.candle_refresh import CandleRefresher

REFRESH_EVERY_S: Final = 15.0
REFRESH_SHARE: Final = 0.05
"""Of the loader's time, at most; about, as the last piece of work is finished."""

_BUDGET_S: Final = 0.75


class FreshCandles:
    """Refreshes after a commit, now and then; whatever goes wrong there, loading goes on."""

    def __init__(self, url: str, monotonic: Callable[[], float]) -> None:
        """Refresh the database at ``url``; ``monotonic`` gives seconds that never go back."""
        self._refresher = CandleRefresher(url, monotonic)
        self._monotonic = monotonic
        self._duty = DutyCycle(REFRESH_EVERY_S, REFRESH_SHARE)

    def after_commit(self) -> None:
        """Refresh if it is time."""
        began = self._monotonic()
        if not self._duty.is_due(began):
            return
        try:
            self._refresher.refresh(_BUDGET_S)
        except SinkError as error:
            logger.warning("candles are not refreshed, they are tried again later: {}", error)
        self._duty.worked(began, self._monotonic())

    def close(self) -> None:
        """Release the connection."""
        self._refresher.close()


def refresh_candles(url: str, monotonic: Callable[[], float]) -> None:
    """Refresh until there is nothing more to do.

    Args:
        url: Of the database.
        monotonic: Seconds that never go back.

    Raises:
        SinkError: The database is away, or refuses.
    """
    refresher = CandleRefresher(url, monotonic)
    try:
        refresher.refresh(float("inf"))
    finally:
        refresher.close()
