"""Asks the venue for what the ledger says is missing; the answers take the ordinary way.

An answer is journaled like any other, the loader brings it to the database, and the gap closes
there. What the venue does not have is journaled as `HEAL_REFUSED`. The database is only read, and
one that is away makes the healer wait, nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Final

from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.healing import HealPlan, HealRequest, read_page
from orderflow_recorder.core.intervals import Interval, intersect
from orderflow_recorder.domain.errors import (
    FrameError,
    RateLimitedError,
    SinkError,
    VenueError,
    VenueRefusedError,
)
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.ledger import Ledger
from orderflow_recorder.ports.venue import Venue

PAGE: Final = 1000
"""Ids that the venue gives at once, at most."""
LOOK_EVERY_S: Final = 5.0
LOAD_PATIENCE_S: Final = 600.0
"""An answer that is not in the ledger by then is asked for again."""
LATE_S: Final = 10.0
"""REST may be behind the stream: ids that it does not have yet are asked for again after this long."""


class Healer:
    """Heals the gaps of one market.

    Args:
        market: The market.
        venue: Who is asked.
        ledger: Who tells what is missing.
        intake: Where answers and refusals go.
        clock: Time.
        random: Uniform numbers in [0, 1), for jitter.
    """

    def __init__(
        self,
        market: Market,
        venue: Venue,
        ledger: Ledger,
        intake: Intake,
        clock: Clock,
        *,
        random: Callable[[], float],
    ) -> None:
        """Ask nothing yet."""
        self.last_error: str | None = None
        self._market = market
        self._venue = venue
        self._ledger = ledger
        self._intake = intake
        self._clock = clock
        self._random = random
        self._plan = HealPlan(PAGE)
        self._backoffs: dict[str, Backoff] = {}
        self._held: dict[str, float] = {}
        self._log = logger.bind(market=str(market))

    async def run(self) -> None:
        """Heal until cancelled; `DiskFullError` passes."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> int:
        """Read the ledger once and ask for what is missing, for a few seconds at most.

        Returns:
            How many requests were made; 0 if nothing is to be asked for now.
        """
        try:
            self._plan.refresh(await self._ledger.open_gaps(self._market))
        except SinkError as error:
            self._log.debug("no healing, the ledger cannot be read: {}", error)
            return 0
        asked = 0
        until = self._clock.monotonic() + LOOK_EVERY_S
        while (now := self._clock.monotonic()) < until:
            held = [stream for stream, release in self._held.items() if release > now]
            request = self._plan.next(now, held=held)
            if request is None:
                break
            asked += 1
            await self._heal(request)
        if asked:
            self._log.info("asked the venue {} times for missing trades", asked)
        return asked

    async def _heal(self, request: HealRequest) -> None:
        try:
            reason = await self._ask(request)
            if reason is not None:
                await self._give_up(request, reason)
        except (VenueError, FrameError) as error:
            self._hold(request, error)
        else:
            self._backoffs.pop(request.stream, None)
            self.last_error = None

    async def _ask(self, request: HealRequest) -> str | None:
        """Journal the answer, and a refusal of what it skips.

        Returns:
            Why the venue will not serve from this request's first id on; none if it does, or may later.
        """
        try:
            ids = await self._page(request, request.from_id, request.limit)
            beyond = self._take(request, request.from_id, ids)
            if not beyond:
                return None
            newest = await self._venue.latest_id(request.symbol, request.stream)
            if newest is None or newest < beyond[-1].last:
                # Of a symbol without any trade in the venue's memory nothing is to be expected soon.
                self._rest(request, beyond, LATE_S if newest is not None else LOAD_PATIENCE_S)
                return None
            # The venue is past these ids. Asked once more, because it may have got there just now.
            again_from = beyond[0].first
            ids = await self._page(request, again_from, beyond[-1].last - again_from + 1)
        except VenueRefusedError as error:
            return str(error)
        if ids:
            self._rest(request, self._take(request, again_from, ids), LATE_S)
            return None
        return f"the venue's answer is empty, though its newest id is {newest}"

    def _take(self, request: HealRequest, from_id: int, ids: Sequence[int]) -> Sequence[Interval]:
        """Note what a page brought, refuse what it skipped, and return what of the request lies beyond it."""
        missing = request.onward
        reading = read_page(intersect(missing, [Interval(from_id, missing[-1].last)]), ids)
        self._rest(request, reading.brought, LOAD_PATIENCE_S)
        for skipped in reading.skipped:
            if skipped.last < ids[0]:
                self._refuse(request, skipped, f"the venue's answer begins at {ids[0]}")
            else:
                self._refuse(request, skipped, "the venue's answer skips them")
        return intersect(reading.beyond, request.missing)

    async def _give_up(self, request: HealRequest, reason: str) -> None:
        """Refuse everything from the request's first id to the first that the venue serves."""
        missing = request.onward
        refused, served = request.from_id, missing[-1].last + 1
        if request.later:
            # Age is what the venue refuses by, so one boundary divides the ids: bisect.
            while served - refused > 1:
                middle = (refused + served) // 2
                if await self._serves(request, middle):
                    served = middle
                else:
                    refused = middle
        for lost in intersect(missing, [Interval(request.from_id, served - 1)]):
            self._refuse(request, lost, reason)

    async def _serves(self, request: HealRequest, from_id: int) -> bool:
        try:
            return bool(await self._page(request, from_id, 1))
        except VenueRefusedError:
            return False

    async def _page(self, request: HealRequest, from_id: int, limit: int) -> Sequence[int]:
        """Return the ids of an answer that is in the journal, ascending."""
        kind = stream_kind(self._market, request.stream)
        ask = self._venue.agg_trades if kind is StreamKind.AGG_TRADE else self._venue.historical_trades
        answer = await ask(request.symbol, from_id, limit)
        ids = sorted(self._venue.trade_ids(answer))
        self._intake.rest(answer)
        return ids

    def _rest(self, request: HealRequest, intervals: Sequence[Interval], seconds: float) -> None:
        self._plan.rest(request, intervals, self._clock.monotonic() + seconds)

    def _refuse(self, request: HealRequest, lost: Interval, reason: str) -> None:
        self._log.warning("{} {}: ids {} to {} are lost: {}", *_names(request), lost.first, lost.last, reason)
        detail = {"stream": request.stream, "first_id": lost.first, "last_id": lost.last, "reason": reason}
        self._intake.event(EventKind.HEAL_REFUSED, market=self._market, symbol=request.symbol, detail=detail)
        self._rest(request, [lost], LOAD_PATIENCE_S)

    def _hold(self, request: HealRequest, error: VenueError | FrameError) -> None:
        """Ask for no more of this stream for a while."""
        backoff = self._backoffs.setdefault(request.stream, Backoff(1.0, 60.0, self._random))
        pause_s = backoff.next()
        if isinstance(error, RateLimitedError):
            pause_s = max(pause_s, error.retry_after_s)
            detail = {"status": error.status, "retry_s": error.retry_after_s}
            self._intake.event(EventKind.RATE_LIMITED, market=self._market, symbol=request.symbol, detail=detail)
        self.last_error = str(error)
        self._held[request.stream] = self._clock.monotonic() + pause_s
        self._log.error("healing {} {} failed, next try in {:.0f} s: {}", *_names(request), pause_s, error)


def _names(request: HealRequest) -> tuple[str, str]:
    return request.symbol, request.stream
