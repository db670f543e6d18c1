"""Follows the venue's symbol list: who trades, who was listed, who is gone."""

from collections.abc import Sequence

import msgspec
from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.errors import FrameError, VenueError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.venue import Venue

TRADING = "TRADING"


class Change(msgspec.Struct, frozen=True):
    """Symbols to begin and to end recording."""

    listed: Sequence[str]
    delisted: Sequence[str]


class SymbolFollower:
    """Knows which symbols trade and which are to be recorded.

    Args:
        market: The market.
        configured: Symbols named by the user; none means every one that trades.
        venue: Where the list comes from.
        intake: Where answers and events go.
        shard: Which of those that trade are ours.
    """

    def __init__(
        self, market: Market, configured: Sequence[str] | None, venue: Venue, intake: Intake, shard: Shard = WHOLE
    ) -> None:
        """Know nothing of the venue's list yet."""
        self.recorded: list[str] = list(configured or ())
        self.also: set[str] = set()
        """Symbols that were asked for while running: told of like configured ones."""
        self._market = market
        self._configured = configured
        self._venue = venue
        self._intake = intake
        self._shard = shard
        self._status: dict[str, str] = {}
        self._log = logger.bind(market=str(market))

    def is_trading(self, symbol: str) -> bool | None:
        """Say whether the venue lists ``symbol`` as trading; none before the list was read."""
        if not self._status:
            return None
        return self._status.get(symbol) == TRADING

    def is_listed(self, symbol: str) -> bool | None:
        """Say whether the venue lists ``symbol`` at all; none before the list was read."""
        return symbol in self._status if self._status else None

    async def refresh(self) -> Change | None:
        """Read the list, journal it, and return what changed; none if it could not be read."""
        try:
            answer = await self._venue.exchange_info()
            instruments = self._venue.instruments(answer)
        except (VenueError, FrameError) as error:
            self._log.warning("the list of symbols could not be read: {}", error)
            return None
        self._intake.rest(answer)
        before = self._status
        self._status = {instrument.symbol: instrument.status for instrument in instruments}
        self._report(before)
        if self._configured is not None:
            return Change((), ())
        trading = {symbol for symbol, status in self._status.items() if status == TRADING and self._is_ours(symbol)}
        recorded = set(self.recorded)
        change = Change(sorted(trading - recorded), sorted(recorded - trading))
        self.recorded = sorted(trading)
        return change

    def _report(self, before: dict[str, str]) -> None:
        """Put on record what became of the symbols that concern us."""
        if self._configured is None:
            concerned = {symbol for symbol in self._status.keys() | before.keys() if self._is_ours(symbol)}
        else:
            # An unknown one among the others is refused, and on record as such.
            concerned = {*self._configured, *(self.also & (self._status.keys() | before.keys()))}
        for symbol in sorted(concerned):
            now, was = self._status.get(symbol), before.get(symbol)
            if now is None and was is None and self._configured is not None:
                self._log.error("the venue does not list {}: nothing will come for it; check SYMBOLS_*", symbol)
                self._event(EventKind.SYMBOL_UNKNOWN, symbol, "")
            elif before and now == TRADING != was:
                self._log.info("{} trades now", symbol)
                self._event(EventKind.SYMBOL_LISTED, symbol, now)
            elif now != TRADING and (was == TRADING or (not before and self._configured is not None)):
                self._log.warning("{} does not trade: the venue says {}", symbol, now or "nothing of it any more")
                self._event(EventKind.SYMBOL_DELISTED, symbol, now or "")

    def _is_ours(self, symbol: str) -> bool:
        return self._shard.takes(self._market, symbol)

    def _event(self, kind: EventKind, symbol: str, status: str) -> None:
        self._intake.event(kind, market=self._market, symbol=symbol, detail={"status": status})
