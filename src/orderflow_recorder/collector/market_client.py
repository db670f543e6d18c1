"""One client per market: its sockets, its books, its symbol list."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from loguru import logger

from orderflow_recorder.collector.book_repair import BookRepair
from orderflow_recorder.collector.books import BookKeeper
from orderflow_recorder.collector.clock_watch import OffsetWatch
from orderflow_recorder.collector.healer import Healer
from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.plan import MarketPlan, spread
from orderflow_recorder.collector.slot import Slot
from orderflow_recorder.collector.symbols import Change, SymbolFollower
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.clock_quality import ClockOffset
from orderflow_recorder.domain.errors import FrameError, VenueError
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import Stream, StreamKind
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import Feed
from orderflow_recorder.ports.ledger import CollectorLedger
from orderflow_recorder.ports.venue import Venue


class MarketStats(msgspec.Struct, frozen=True):
    """How one market does right now."""

    frames: int
    sockets: int
    sockets_open: int
    streams: int
    streams_silent: int
    books: int
    books_synced: int
    gaps: int
    reconnects: int
    clock_offset: ClockOffset | None
    last_error: str | None


class MarketClient:
    """Records one market.

    Args:
        plan: What to record.
        feed: Opens sockets.
        venue: Answers REST.
        intake: Where everything is journaled.
        clock: Time.
        random: Uniform numbers in [0, 1), for jitter.
        ledger: Tells what is missing, to be healed; none where there is no database.
    """

    def __init__(
        self,
        plan: MarketPlan,
        feed: Feed,
        venue: Venue,
        intake: Intake,
        clock: Clock,
        *,
        random: Callable[[], float],
        ledger: CollectorLedger | None = None,
    ) -> None:
        """Connect nothing yet."""
        self.plan = plan
        self._feed = feed
        self._venue = venue
        self._intake = intake
        self._clock = clock
        self._random = random
        self._books = BookKeeper(plan.market, venue, intake, clock, random=random)
        self._symbols = SymbolFollower(plan.market, plan.symbols, venue, intake, plan.shard)
        self._clock_offset = OffsetWatch(venue, intake, clock)
        self._healer = self._repair = None
        if ledger is not None:
            self._healer = Healer(plan.market, venue, ledger, intake, clock, random=random)
            self._repair = BookRepair(plan.market, ledger, self._books, clock)
        self._slots: list[Slot] = []
        self._log = logger.bind(market=str(plan.market))

    def stats(self) -> MarketStats:
        """Return how the market does."""
        slots = self._slots
        watches = [slot.watch for slot in slots if slot.watch is not None]
        errors = [error for slot in slots if not slot.connected and (error := slot.last_error)]
        errors += [watch.last_error for watch in watches if watch.silent and watch.last_error]
        return MarketStats(
            frames=sum(slot.frames for slot in slots),
            sockets=len(slots),
            sockets_open=len(watches),
            streams=sum(len(slot.streams) for slot in slots),
            streams_silent=sum(len(watch.silent) for watch in watches),
            books=self._books.total,
            books_synced=self._books.synced,
            gaps=self._books.gaps,
            reconnects=sum(slot.reconnects for slot in slots),
            clock_offset=self._clock_offset.offset,
            last_error=errors[-1] if errors else None,
        )

    async def run(self) -> None:
        """Record until cancelled; `DiskFullError` passes. May be run again afterwards."""
        async with asyncio.TaskGroup() as group:
            if self.plan.symbols is None and not self._symbols.recorded:
                await self._first_list()
            if not self._slots:
                self._new_slots(self._symbols.recorded)
            for slot in self._slots:
                group.create_task(slot.run())
            group.create_task(self._books.run())
            group.create_task(self._follow(group))
            group.create_task(self._refresh_books())
            group.create_task(self._clock_offset.run())
            if self._healer is not None and self._repair is not None:
                group.create_task(self._healer.run())
                group.create_task(self._repair.run())

    # What sockets need (the `Around` protocol).

    def on_diffs(self, diffs: Sequence[tuple[str, DepthIds]], *, skip_known: bool) -> None:
        """Hand the ids of journaled diffs to their books."""
        self._books.on_diffs(diffs, skip_known=skip_known)

    def is_trading(self, stream: Stream) -> bool | None:
        """Say whether the venue says the symbol trades."""
        return self._symbols.is_trading(stream.symbol)

    async def latest_id(self, stream: Stream) -> int | None:
        """Return the venue's newest id of ``stream``, or none if it cannot be asked."""
        try:
            return await self._venue.latest_id(stream.symbol, stream.name)
        except (VenueError, FrameError) as error:
            self._log.warning("could not ask the venue about silent {}: {}", stream.wire, error)
            return None

    def _new_slots(self, symbols: Sequence[str]) -> list[Slot]:
        streams = self.plan.streams(symbols)
        for stream in streams:
            if stream.kind is StreamKind.DEPTH:
                self._books.add(stream.wire, stream.symbol)
        slots = [
            Slot(
                self._feed,
                route,
                members,
                intake=self._intake,
                clock=self._clock,
                around=self,
                times=self.plan.times,
                random=self._random,
            )
            for route, members in spread(streams, self._feed.route_of, self.plan.streams_per_socket)
        ]
        self._slots += slots
        return slots

    async def _first_list(self) -> None:
        backoff = Backoff(self.plan.times.backoff_s, self.plan.times.backoff_max_s, self._random)
        while not await self._symbols.refresh():
            await self._clock.sleep(backoff.next())
        self._log.info("recording all {} symbols that trade", len(self._symbols.recorded))

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        if self.plan.symbols is not None:
            await self._symbols.refresh()
        while True:
            await self._clock.sleep(self.plan.follow_s)
            change = await self._symbols.refresh()
            if change is not None:
                await self._take(change, group)

    async def _take(self, change: Change, group: asyncio.TaskGroup) -> None:
        """Record what was listed and stop what was delisted, without touching the others."""
        gone = set(change.delisted)
        for slot in self._slots:
            if streams := [stream for stream in slot.streams if stream.symbol in gone]:
                await slot.remove(streams)
        for stream in self.plan.streams(change.delisted):
            self._books.remove(stream.wire)
        fresh = self.plan.streams(change.listed)
        for stream in fresh:
            if stream.kind is StreamKind.DEPTH:
                self._books.add(stream.wire, stream.symbol)
        rest = [symbol for symbol in change.listed if not await self._fit(self.plan.streams([symbol]))]
        for slot in self._new_slots(rest) if rest else ():
            group.create_task(slot.run())

    async def _fit(self, streams: Sequence[Stream]) -> bool:
        """Add one symbol's streams to sockets with room on their routes; all or none."""
        chosen: list[tuple[Slot, list[Stream]]] = []
        for route, members in spread(streams, self._feed.route_of, len(streams)):
            limit = self.plan.streams_per_socket - len(members)
            roomy = [slot for slot in self._slots if slot.route == route and len(slot.streams) <= limit]
            if not roomy:
                return False
            chosen.append((min(roomy, key=lambda slot: len(slot.streams)), members))
        for slot, members in chosen:
            await slot.add(members)
        return True

    async def _refresh_books(self) -> None:
        while True:
            await self._clock.sleep(self.plan.snapshot_refresh_s)
            self._books.refresh_all()
