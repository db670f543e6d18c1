"""All open sockets, and who gets which stream."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

from websockets.exceptions import ConnectionClosed

from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.sim.faults import Delivery
from orderflow_recorder.sim.requests import MAX_STREAMS, answer_request
from orderflow_recorder.sim.session import Session

_SESSION_OVER: Final = (1001, "session expired")


class Hub:
    """The open sockets, indexed by stream."""

    def __init__(self, clock: Clock, *, lossless: bool) -> None:
        """Begin without sockets.

        Args:
            clock: Tells when the last subscription came.
            lossless: Slow readers hold the playback back instead of being cut off.
        """
        self.lossless = lossless
        self.changed = asyncio.Event()
        self.changed_at = 0.0
        self.sent = 0
        self._clock = clock
        self._sessions: list[Session] = []
        self._index: dict[tuple[Market, str], list[Session]] = {}
        self._max_session: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, session: Session) -> None:
        """Serve a socket until it is closed: answer requests, and let the playback send to it."""
        streams = session.endpoint.streams
        if len(streams) > MAX_STREAMS:
            await session.close(1008, "Too many subscriptions")
            return
        self._sessions.append(session)
        session.subscriptions.add(streams)
        self._reindex(session, set())
        if self._max_session is not None:
            self._cut_later(session, self._max_session)
        try:
            with suppress(ConnectionClosed):  # however the client went, it is gone
                async for message in session.connection:
                    await self._answer(session, message.encode() if isinstance(message, str) else message)
        finally:
            session.subscriptions.remove(session.subscriptions.streams)
            self._sessions.remove(session)
            for receivers in self._index.values():
                if session in receivers:
                    receivers.remove(session)

    async def _answer(self, session: Session, message: bytes) -> None:
        before = session.delivered()
        reply = answer_request(message, session.subscriptions)
        self._reindex(session, before)
        if reply is not None:
            await session.send_text(reply)

    async def deliver(self, delivery: Delivery) -> None:
        """Send a frame to everybody who subscribed to its stream."""
        frame = delivery.frame
        for session in tuple(self._index.get((frame.market, frame.stream), ())):
            await session.send(delivery, lossless=self.lossless)
            self.sent += 1

    def wanted(self, market: Market, stream: str) -> bool:
        """Say whether anybody gets ``stream``."""
        return bool(self._index.get((market, stream)))

    def subscribed_markets(self) -> set[Market]:
        """Return the markets of which anybody gets anything."""
        return {market for (market, _), receivers in self._index.items() if receivers}

    def sessions(self, market: Market | None = None) -> list[Session]:
        """Return the open sockets, oldest first, of one market or all."""
        return [session for session in self._sessions if market in {None, session.endpoint.market}]

    def limit_sessions(self, seconds: float | None) -> None:
        """Cut every socket, also later ones, ``seconds`` from now or from its opening; none lifts the limit."""
        self._max_session = seconds
        if seconds is not None:
            for session in self._sessions:
                self._cut_later(session, seconds)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run ``work`` beside; it is cancelled by `stop`."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel what runs beside."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut_later(self, session: Session, seconds: float) -> None:
        async def cut() -> None:
            await asyncio.sleep(seconds)
            await session.close(*_SESSION_OVER)

        self.spawn(cut())

    def _reindex(self, session: Session, before: set[str]) -> None:
        now = session.delivered()
        market = session.endpoint.market
        for stream in before - now:
            self._index[market, stream].remove(session)
        for stream in now - before:
            self._index.setdefault((market, stream), []).append(session)
        if now - before:
            self.changed_at = self._clock.monotonic()
            self.changed.set()
