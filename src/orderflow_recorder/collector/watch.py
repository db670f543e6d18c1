"""Looks after one socket's liveness: tells quiet from silent, and makes silence visible.

The judgement is the pure `SocketLiveness`; this carries its effects out: it asks the venue for the
newest id, logs, and writes the events.
"""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Protocol

from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.line import Line
from orderflow_recorder.collector.plan import SocketTimes
from orderflow_recorder.core.liveness import Probe, SocketLiveness, Stalled, StreamsSilent
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock

LATELY_S: Final = 30.0
"""Who spoke is remembered for one to two of these."""
SHOWN: Final = 5
"""Streams named in a log line; the event in the journal names all."""


class Around(Protocol):
    """What sockets need of their market client."""

    def on_diffs(self, diffs: Sequence[tuple[str, DepthIds]], *, skip_known: bool) -> None:
        """Take wire names and ids of journaled diffs, without those that were taken from another socket if told so."""
        ...

    def is_trading(self, stream: Stream) -> bool | None:
        """Say whether the venue says the symbol trades; none if it is not known."""
        ...

    async def latest_id(self, stream: Stream) -> int | None:
        """Return the venue's newest id of ``stream``, or none if it cannot be asked."""
        ...


class Watch:
    """The liveness of the socket that one slot has open."""

    def __init__(
        self,
        line: Line,
        route: str,
        *,
        market: Market,
        intake: Intake,
        clock: Clock,
        around: Around,
        times: SocketTimes,
    ) -> None:
        """Watch ``line`` from now on."""
        self.line = line
        self.silent: set[str] = set()
        self.last_error: str | None = None
        self.stalled = asyncio.Event()
        self._route = route
        self._market = market
        self._intake = intake
        self._clock = clock
        self._around = around
        self._spoke: set[str] = set()  # by wire name; forgotten after a while
        self._spoke_before: set[str] = set()
        self._forget_at = clock.monotonic() + LATELY_S
        self._probing: asyncio.Task[None] | None = None
        self._liveness = SocketLiveness(
            line.streams, first_frame_s=times.first_frame_s, stall_s=times.stall_s, now=clock.monotonic()
        )
        self._log = logger.bind(market=str(market), route=route)

    def on_frames(self, wires: AbstractSet[str], now: float) -> None:
        """Learn which streams spoke, by wire name (hot path)."""
        self._liveness.on_frames(wires, now)
        self._spoke |= wires
        if self.silent:
            self.silent -= wires

    def add(self, streams: Sequence[Stream]) -> None:
        """Expect frames of more streams."""
        self._liveness.add(streams, self._clock.monotonic())

    def remove(self, streams: Sequence[Stream]) -> None:
        """Expect nothing more of these."""
        self._liveness.remove(streams)
        self.silent -= {stream.wire for stream in streams}

    def on_tick(self) -> None:
        """Judge; sets `stalled` where the socket must be given up."""
        now = self._clock.monotonic()
        if now >= self._forget_at:
            self._forget_at = now + LATELY_S
            self._spoke_before, self._spoke = self._spoke, set()
        self._carry_out(self._liveness.on_tick(now, self._around.is_trading))

    def spoke_lately(self) -> set[str]:
        """Return the wire names of the streams that spoke in the last minute or so."""
        return self._spoke_before | self._spoke

    async def close(self) -> None:
        """Stop asking the venue."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    def _carry_out(self, effects: Sequence[object]) -> None:
        for effect in effects:
            match effect:
                case StreamsSilent():
                    self._report(effect)
                case Probe(stream=stream) if self._probing is None or self._probing.done():
                    self._probing = asyncio.create_task(self._probe(stream))
                case Stalled(silent_s=silent_s):
                    self.last_error = f"stalled: connected, silent for {silent_s:.0f} s"
                    self._event(EventKind.STALLED, silent_s=round(silent_s, 3))
                    self.stalled.set()
                case _:
                    pass

    async def _probe(self, stream: Stream) -> None:
        latest = await self._around.latest_id(stream)
        self._carry_out(self._liveness.on_probe(stream.wire, latest, self._clock.monotonic()))

    def _report(self, effect: StreamsSilent) -> None:
        wires = [stream.wire for stream in effect.streams]
        self.silent |= set(wires)
        more = f" and {len(wires) - SHOWN} more" if len(wires) > SHOWN else ""
        url = self.line.connection.url
        self.last_error = f"no frame from {', '.join(wires[:SHOWN])}{more} for {effect.waited_s:.0f} s"
        self._log.error(
            "{} on route {} of {}: the venue acknowledges a wrong route or name and sends nothing; "
            "check the stream names and BINANCE_WS_*_BASE_URL",
            self.last_error,
            self._route or "/",
            url.split("?")[0],
        )
        self._event(EventKind.STREAM_SILENT, url=url, streams=wires, waited_s=round(effect.waited_s, 3))

    def _event(self, kind: EventKind, **detail: object) -> None:
        self._intake.event(
            kind, market=self._market, connection=self.line.number, detail={"route": self._route, **detail}
        )
