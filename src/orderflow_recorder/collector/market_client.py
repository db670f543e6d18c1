"""One client per market: its sockets, its books, its symbol list."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.collector.book_repair import BookRepair
from orderflow_recorder.collector.books import BookKeeper
from orderflow_recorder.collector.clock_watch import OffsetWatch
from orderflow_recorder.collector.healer import Healer
from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.plan import MarketPlan, spread
from orderflow_recorder.collector.slot import Slot
from orderflow_recorder.collector.symbols import SymbolFollower
from orderflow_recorder.collector.wanted import WantedStreams, WishCounts, by_symbol
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.clock_quality import ClockOffset
from orderflow_recorder.core.subscriptions import Subscription, Wishes
from orderflow_recorder.domain.errors import FrameError, VenueError
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import Stream, StreamKind
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import Feed
from orderflow_recorder.ports.ledger import CollectorLedger
from orderflow_recorder.ports.venue import Venue

RELIST_S: Final = 10.0
"""A symbol that the list lacks is looked up again, but not more often than that."""
ANSWER_S: Final = 5.0
"""The venue's answer to a change of streams is waited for so long."""
_LOOK_S: Final = 0.05


class MarketStats(msgspec.Struct, frozen=True):
    """How one market does right now."""

    is_idle: bool
    """Nothing is to be recorded, and nothing ever was."""
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
    wishes: WishCounts
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
        self._wanted = WantedStreams(plan, self._symbols, intake)
        self._asked = asyncio.Event()
        self._applied = self._changes = 0
        self._changing = asyncio.Lock()
        self._listed_at = -RELIST_S
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
            is_idle=self.plan.symbols is not None and not self.plan.symbols and not slots,
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
            wishes=self._wanted.counts(),
            last_error=errors[-1] if errors else None,
        )

    @property
    def applied(self) -> int:
        """Return the revision of the wishes that were carried out last."""
        return self._applied

    def ask(self, wishes: Wishes) -> None:
        """Record from now on what ``wishes`` make of the plan; `applied` tells when it is done."""
        self._wanted.take(wishes)
        self._asked.set()

    def subscriptions(self) -> list[Subscription]:
        """Return every stream that is recorded or was asked about, with what becomes of it."""
        return self._wanted.report(self._slots)

    def fingerprint(self) -> tuple[object, ...]:
        """Return what differs whenever `subscriptions` may (cheap)."""
        slots = tuple((len(slot.streams), slot.connected, slot.last_error) for slot in self._slots)
        return self._applied, self._changes, slots

    async def run(self) -> None:
        """Record until cancelled; `DiskFullError` passes. May be run again afterwards."""
        await self._until_anything_is_wanted()
        async with asyncio.TaskGroup() as group:
            if self.plan.symbols is None and not self._symbols.recorded:
                await self._first_list()
            for slot in self._slots:
                group.create_task(slot.run())
            group.create_task(self._books.run())
            await self._fulfil(group)
            group.create_task(self._follow(group))
            group.create_task(self._obey(group))
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

    async def _until_anything_is_wanted(self) -> None:
        while not self._wanted.is_anything():
            self._asked.clear()
            self._wanted.tell()
            self._applied = self._wanted.revision
            await self._asked.wait()

    async def _first_list(self) -> None:
        backoff = Backoff(self.plan.times.backoff_s, self.plan.times.backoff_max_s, self._random)
        while not await self._symbols.refresh():
            await self._clock.sleep(backoff.next())
        self._log.info("recording all {} symbols that trade", len(self._symbols.recorded))

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Record what is listed and stop what is delisted."""
        if self.plan.symbols is not None and await self._symbols.refresh() is not None:
            await self._fulfil(group)
        while True:
            await self._clock.sleep(self.plan.follow_s)
            if await self._symbols.refresh() is not None:
                await self._fulfil(group)

    async def _obey(self, group: asyncio.TaskGroup) -> None:
        """Carry out what is asked for while running."""
        while True:
            await self._asked.wait()
            now = self._clock.monotonic()
            if self._wanted.is_unlisted() and now - self._listed_at >= RELIST_S:
                self._listed_at = now
                await self._symbols.refresh()
            await self._fulfil(group)

    async def _fulfil(self, group: asyncio.TaskGroup) -> None:
        """Bring the sockets to carry what is wanted, without touching any other stream."""
        async with self._changing:
            self._asked.clear()
            revision = self._wanted.revision
            await self._change(group)
            await self._until_answered()
            refused = [slot.take_refusals() for slot in self._slots]
            if any(refused):
                for words in refused:
                    self._wanted.refuse(words)
                await self._change(group)
            # Only now: no frame of a stream that was given up comes after this is on record.
            self._wanted.tell()
            self._applied = revision
            self._changes += 1

    async def _change(self, group: asyncio.TaskGroup) -> None:
        wanted = self._wanted.streams()
        keep = set(wanted)
        self._books.keep_only({stream.wire for stream in wanted})
        for slot in self._slots:
            if gone := [stream for stream in slot.streams if stream not in keep]:
                await slot.remove(gone)
        carried = {stream for slot in self._slots for stream in slot.streams}
        fresh = [stream for stream in wanted if stream not in carried]
        for stream in fresh:
            if stream.kind is StreamKind.DEPTH:
                self._books.add(stream.wire, stream.symbol)
        rest = [streams for streams in by_symbol(fresh) if not await self._fit(streams)]
        for slot in self._new_slots([stream for streams in rest for stream in streams]):
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

    def _new_slots(self, streams: Sequence[Stream]) -> list[Slot]:
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

    async def _until_answered(self) -> None:
        """Wait until the venue has answered every change, but not for ever: its answer proves little."""
        until = self._clock.monotonic() + ANSWER_S
        while not all(slot.answered for slot in self._slots) and self._clock.monotonic() < until:
            await self._clock.sleep(_LOOK_S)

    async def _refresh_books(self) -> None:
        while True:
            await self._clock.sleep(self.plan.snapshot_refresh_s)
            self._books.refresh_all()
