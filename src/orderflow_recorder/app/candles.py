"""Keeps the candles fresh beside the loader's work, and finds those that were asked for."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from loguru import logger

from orderflow_recorder.core.duty import DutyCycle
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.candle_refresh import CandleRefresher
from orderflow_recorder.postgres.candles import Candle, newest_trade_time, read_candles

REFRESH_EVERY_S: Final = 15.0
REFRESH_SHARE: Final = 0.05
"""Of the loader's time, at most; about, as the last piece of work is finished."""

_BUDGET_S: Final = 0.75
_SHOWN: Final = 60
"""How many candles are shown to who does not say which."""


class FreshCandles:
    """Refreshes after a commit, now and then, beside the loading; whatever goes wrong there, loading goes on."""

    def __init__(
        self, url: str, monotonic: Callable[[], float], start: Callable[[Callable[[], None]], "Future[None]"]
    ) -> None:
        """Refresh nothing yet.

        Args:
            url: Of the database.
            monotonic: Seconds that never go back.
            start: Starts the work, in a thread of its own: for most of a second the loader would stand still.
        """
        self._refresher = CandleRefresher(url, monotonic)
        self._monotonic = monotonic
        self._start = start
        self._duty = DutyCycle(REFRESH_EVERY_S, REFRESH_SHARE)
        self._working: Future[None] | None = None

    def after_commit(self) -> None:
        """Refresh if it is time."""
        if (self._working is None or self._working.done()) and self._duty.is_due(self._monotonic()):
            self._working = self._start(self._refresh)

    def close(self) -> None:
        """Release the connection, once nothing is refreshed any more."""
        if self._working is not None:
            wait([self._working])
        self._refresher.close()

    def _refresh(self) -> None:
        began = self._monotonic()
        _try(self._refresher, _BUDGET_S)
        self._duty.worked(began, self._monotonic())


def refresh_candles(url: str, monotonic: Callable[[], float]) -> None:
    """Refresh until there is nothing more to do; what goes wrong is left to the next loader.

    Args:
        url: Of the database.
        monotonic: Seconds that never go back.
    """
    refresher = CandleRefresher(url, monotonic)
    _try(refresher, float("inf"))
    refresher.close()


def _try(refresher: CandleRefresher, budget_s: float) -> None:
    try:
        refresher.refresh(budget_s)
    except Exception as error:  # noqa: BLE001  # rows come first, whatever it is
        refresher.close()
        logger.warning("candles are not refreshed, the loader tries it again later: {}", error)


def recorded_candles(
    connection: psycopg.Connection[Any],
    market: Market,
    symbol: str,
    interval: timedelta,
    start: datetime | None,
    end: datetime | None,
) -> Sequence[Candle]:
    """Return candles in order.

    Args:
        connection: Open.
        market: The market.
        symbol: Upper case.
        interval: Whole seconds.
        start: Those that begin from then on; none for the last `_SHOWN` intervals before the end.
        end: Those that begin before it; none for up to the newest trade.
    """
    if start is None or end is None:
        newest = newest_trade_time(connection, market, symbol)
        if newest is None:
            return []
        end = end or newest + timedelta(microseconds=1)
        # The newest interval begins up to a whole one before its newest trade.
        start = start or min(end, newest + interval) - _SHOWN * interval
    return read_candles(connection, market, symbol, interval // timedelta(seconds=1), start, end)
