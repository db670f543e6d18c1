"""One socket slot: a set of streams of one route, kept flowing over one socket after another.

The slot opens a socket, has it read, replaces it before the venue cuts it (the new one is proven
before the old one closes) and opens another when it breaks. When to do what is decided by the pure
machines `SocketLiveness`, `Rotation` and `Backoff`; the slot carries it out.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.line import Line
from orderflow_recorder.collector.plan import SocketTimes
from orderflow_recorder.collector.watch import Around, Watch
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.rotation import OpenReplacement, RetireOld, Rotation
from orderflow_recorder.domain.errors import VenueError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import AckNote, BadNote, Feed, FrameNote, Glance, RejectNote, ShutdownNote

TICK_S: Final = 1.0
HOLD_S: Final = 1.0
"""A replacement's first frames are held back so long: what the old socket is behind by then, it never is."""


class Slot:
    """Streams of one route on one socket at a time (two while one replaces the other)."""

    def __init__(
        self,
        feed: Feed,
        route: str,
        streams: Sequence[Stream],
        *,
        intake: Intake,
        clock: Clock,
        around: Around,
        times: SocketTimes,
        random: Callable[[], float],
    ) -> None:
        """Keep ``streams`` flowing over ``route``; `run` does it."""
        self.route = route
        self.streams = list(streams)  # changed in place: sockets that are being opened look at it again
        self.reconnects = 0
        self.last_error: str | None = None
        self.watch: Watch | None = None
        self._frames_before = 0
        self._feed = feed
        self._intake = intake
        self._clock = clock
        self._around = around
        self._times = times
        self._random = random
        self._backoff = Backoff(times.backoff_s, times.backoff_max_s, random)
        self._next: Line | None = None
        self._opening: asyncio.Task[Line] | None = None
        self._retire: RetireOld | None = None
        self._release_at = 0.0
        self._rotation = self._new_rotation()
        self._log = logger.bind(market=str(feed.market), route=route)

    @property
    def connected(self) -> bool:
        """Return whether a socket is open."""
        return self.watch is not None

    @property
    def frames(self) -> int:
        """Return how many frames came since the start."""
        return self._frames_before + sum(line.frames for line in self._open_lines())

    async def add(self, streams: Sequence[Stream]) -> None:
        """Take on more streams, on the open socket if there is one."""
        self.streams += streams
        if self.watch is not None:
            self.watch.add(streams)
        await self._align()

    async def remove(self, streams: Sequence[Stream]) -> None:
        """Give streams up."""
        gone = set(streams)
        self.streams[:] = [stream for stream in self.streams if stream not in gone]
        if self.watch is not None:
            self.watch.remove(streams)
        await self._align()

    @property
    def answered(self) -> bool:
        """Return whether the venue has answered every change, on all sockets there are or will be in a moment."""
        return self._opening is None and all(line.answered for line in self._open_lines())

    def take_refusals(self) -> dict[Stream, str]:
        """Return the streams that the venue refused to add since this was asked last, with its words."""
        return {stream: words for line in self._open_lines() for stream, words in line.take_refusals().items()}

    async def run(self) -> None:
        """Keep the streams flowing until cancelled; `DiskFullError` passes."""
        try:
            while True:
                watch = self._watch(await self._open_until_it_works())
                reason = await self._serve(watch)
                self._disconnected(watch.line, reason)
                await self._close()
                self.reconnects += 1
                self.last_error = f"socket lost: {reason}"
                delay_s = self._backoff.next()
                self._log.warning("{}; reconnecting in {:.1f} s", self.last_error, delay_s)
                await self._clock.sleep(delay_s)
        finally:
            await self._close()

    async def _open_until_it_works(self) -> Line:
        while True:
            try:
                return await self._open(hold=False)
            except VenueError as error:
                self.last_error = str(error)
                delay_s = self._backoff.next()
                self._log.error("{}; next try in {:.1f} s", error, delay_s)
                self._intake.event(
                    EventKind.CONNECT_FAILED,
                    market=self._feed.market,
                    detail={"route": self.route, "reason": str(error), "retry_s": round(delay_s, 3)},
                )
                await self._clock.sleep(delay_s)

    async def _open(self, *, hold: bool) -> Line:
        streams = list(self.streams)
        connection = await self._feed.connect(self.route, streams)
        line = Line(self._intake.next_connection(), connection, streams, hold=hold)
        self._event(EventKind.CONNECTED, line, url=connection.url, streams=[stream.wire for stream in streams])
        line.start(self._feed.market, self._feed, self._intake, self._on_glance)
        await line.align(self.streams, self._tell)
        return line

    def _watch(self, line: Line) -> Watch:
        self._rotation = self._new_rotation()
        self.watch = Watch(
            line,
            self.route,
            market=self._feed.market,
            intake=self._intake,
            clock=self._clock,
            around=self._around,
            times=self._times,
        )
        return self.watch

    async def _serve(self, watch: Watch) -> str:
        """Look after the open socket and its replacements; return why the last one ended."""
        tick = asyncio.create_task(self._clock.sleep(TICK_S))
        try:
            while True:
                tasks = (watch.line.task, self._next.task if self._next else None, self._opening, tick)
                done, _ = await asyncio.wait([t for t in tasks if t], return_when=asyncio.FIRST_COMPLETED)
                if tick in done:
                    tick = asyncio.create_task(self._clock.sleep(TICK_S))
                    self._on_tick(watch)
                if watch.stalled.is_set():
                    return watch.last_error or "stalled"
                ended = watch.line.task in done
                if self._opening is not None and (ended or self._opening.done()):
                    await self._take_replacement(watch, self._opening)
                if self._next is not None and self._next.task in done:
                    await self._drop_replacement(self._next)
                if self._next is not None and (ended or self._retire is not None):
                    await self._switch(watch, self._next)
                elif ended:
                    return watch.line.why_ended()
        finally:
            tick.cancel()

    def _on_tick(self, watch: Watch) -> None:
        if watch.line.frames:
            self._backoff.reset()
        now = self._clock.monotonic()
        if self._next is not None and now >= self._release_at:
            self._next.release()
        self._rotate(self._rotation.on_tick(now))
        watch.on_tick()

    def _rotate(self, effects: Sequence[OpenReplacement | RetireOld]) -> None:
        for effect in effects:
            match effect:
                case OpenReplacement():
                    self._opening = asyncio.create_task(self._open(hold=True))
                case RetireOld():
                    self._retire = effect

    async def _take_replacement(self, watch: Watch, opening: asyncio.Task[Line]) -> None:
        late = not opening.done()
        await asyncio.wait([opening])
        self._opening = None
        now = self._clock.monotonic()
        error = opening.exception()
        if isinstance(error, VenueError):
            self.last_error = str(error)
            self._log.warning("replacement socket could not be opened: {}", error)
            self._rotation.on_open_failed(now)
            return
        self._next = opening.result()
        await self._align()  # what changed since it was opened
        if late:  # the old socket was gone before: frames may be missing
            self._disconnected(watch.line, watch.line.why_ended())
        self._release_at = now + HOLD_S
        self._rotation.on_opened(now, watch.spoke_lately() & {stream.wire for stream in self.streams})

    async def _drop_replacement(self, line: Line) -> None:
        self._log.warning("replacement socket lost: {}", line.why_ended())
        line.release()
        self._next = self._retire = None
        self._frames_before += line.frames
        await line.close()
        self._rotation.on_open_failed(self._clock.monotonic())

    async def _switch(self, watch: Watch, new: Line) -> None:
        """Make the replacement the socket and close the old one; the streams' silence is counted on."""
        overlap_s = self._retire.overlap_s if self._retire else 0.0
        self._event(EventKind.ROTATED, new, from_connection=watch.line.number, overlap_s=round(overlap_s, 3))
        new.release()
        old, watch.line = watch.line, new
        self._next = self._retire = None
        self._frames_before += old.frames
        self._rotation = self._new_rotation()
        await old.close()

    def _on_glance(self, line: Line, glance: Glance) -> None:
        """Take what journaled frames say (hot path)."""
        wires = glance.wires
        if wires:
            now = self._clock.monotonic()
            if self.watch is not None:
                self.watch.on_frames(wires, now)
            if line is self._next:
                self._rotate(self._rotation.on_new_frames(wires, now))
        if glance.diffs:
            self._around.on_diffs(glance.diffs, skip_known=line is self._next)
        for _, note in glance.others:
            self._on_control(line, note)

    def _on_control(self, line: Line, note: FrameNote) -> None:
        match note:
            case AckNote(request_id=request_id):
                line.on_answer(request_id)
            case RejectNote(request_id=request_id, code=code, message=message):
                line.on_answer(request_id, f"{message} (code {code})")
                self.last_error = f"subscription refused: {message} (code {code})"
                self._log.error("{}", self.last_error)
                self._event(EventKind.SUBSCRIBE_REJECTED, line, code=code, message=message)
            case ShutdownNote():
                self._log.warning("the venue announced that it closes socket {}; replacing it", line.number)
                self._event(EventKind.SERVER_SHUTDOWN, line)
                if line is not self._next:
                    self._rotate(self._rotation.on_server_shutdown(self._clock.monotonic()))
            case BadNote(reason=reason):
                self._log.warning("unreadable frame, kept raw in the journal: {}", reason)
            case _:
                pass

    async def _align(self) -> None:
        """Have every open socket carry what the slot does."""
        await asyncio.gather(*(line.align(self.streams, self._tell) for line in self._open_lines()))

    def _tell(self, line: Line, kind: EventKind, streams: Sequence[Stream]) -> None:
        self._event(kind, line, streams=[stream.wire for stream in streams])

    def _open_lines(self) -> list[Line]:
        return [line for line in (self.watch.line if self.watch else None, self._next) if line is not None]

    def _new_rotation(self) -> Rotation:
        return Rotation(self._times.max_session_s, random=self._random, now=self._clock.monotonic())

    def _disconnected(self, line: Line, reason: str) -> None:
        wires = [stream.wire for stream in self.streams]
        self._event(EventKind.DISCONNECTED, line, reason=reason, streams=wires, frames=line.frames)

    def _event(self, kind: EventKind, line: Line, **detail: object) -> None:
        self._intake.event(
            kind, market=self._feed.market, connection=line.number, detail={"route": self.route, **detail}
        )

    async def _close(self) -> None:
        lines, watch = self._open_lines(), self.watch
        self._frames_before += sum(line.frames for line in lines)
        opening, self._opening = self._opening, None
        self.watch = self._next = self._retire = None
        if opening is not None:
            opening.cancel()
            (outcome,) = await asyncio.gather(opening, return_exceptions=True)
            if isinstance(outcome, Line):
                lines.append(outcome)
        if watch is not None:
            await watch.close()
        await asyncio.gather(*(line.close() for line in lines))
