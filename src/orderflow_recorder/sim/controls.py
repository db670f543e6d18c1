"""Everything that can be done to a running simulator: methods, which the control channel calls by name."""

import asyncio
from typing import Any, Literal

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.sim.faults import Damage, StreamFaults
from orderflow_recorder.sim.hub import Hub
from orderflow_recorder.sim.playback import Playback
from orderflow_recorder.sim.rest_faults import RestFaults
from orderflow_recorder.sim.session import Session
from orderflow_recorder.sim.source import Source
from orderflow_recorder.sim.truth import Truth


class Controls:
    """Faults and switches of one simulator. Each public method is a command; its first line is its help."""

    def __init__(  # the parts it acts on
        self,
        *,
        source: Source,
        truth: Truth,
        hub: Hub,
        playback: Playback,
        stream_faults: StreamFaults,
        rest_faults: RestFaults,
        clock: Clock,
    ) -> None:
        """Take the parts."""
        self._source = source
        self._truth = truth
        self._hub = hub
        self._playback = playback
        self._streams = stream_faults
        self._rest = rest_faults
        self._clock = clock

    def status(self) -> dict[str, Any]:
        """Tell how far playback is, what was sent, and who listens."""
        sessions = self._hub.sessions()
        return {
            "started": self._playback.started.is_set(),
            "paused": self._playback.is_paused,
            "finished": self._playback.finished.is_set(),
            "played_seconds": self._playback.played / 1e9,
            "frames_played": self._playback.frames,
            "frames_sent": self._hub.sent,
            "frames_unreadable": self._truth.unreadable,
            "sockets": [
                {
                    "market": session.endpoint.market,
                    "route": session.endpoint.route,
                    "streams": len(session.subscriptions.streams),
                    "sent": session.sent,
                }
                for session in sessions
            ],
        }

    def start(self) -> None:
        """Begin playback without waiting for subscribers."""
        self._playback.start()

    def pause(self) -> None:
        """Stand still; sockets stay open."""
        self._playback.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self._playback.resume()

    def drop(self, *, market: Market | None = None, count: int | None = None) -> dict[str, int]:
        """Cut sockets (oldest first; all unless `count` is given) without a close frame."""
        chosen = self._hub.sessions(market)[:count]
        for session in chosen:
            session.abort()
        return {"sockets": len(chosen)}

    def close(self, *, code: int = 1001, market: Market | None = None) -> dict[str, int]:
        """Close all sockets with a close frame."""
        chosen = self._hub.sessions(market)
        for session in chosen:
            self._hub.spawn(session.close(code, "closed by the simulator"))
        return {"sockets": len(chosen)}

    def silence(self, *, seconds: float, market: Market | None = None, pattern: str | None = None) -> None:
        """Send nothing for `seconds` on streams of `market` or of `pattern`; sockets stay open."""
        chosen = pattern or (f"{market}:*" if market else "*")
        self._streams.lose_until(chosen, self._clock.monotonic() + seconds, 1.0)

    def lose(
        self, *, pattern: str = "*", count: int | None = None, probability: float | None = None, seconds: float = 10.0
    ) -> None:
        """Lose the next `count` frames, or each with `probability` for `seconds`."""
        if probability is None:
            self._streams.lose_next(pattern, 1 if count is None else count)
        else:
            self._streams.lose_until(pattern, self._clock.monotonic() + seconds, probability)

    def duplicate(self, *, pattern: str = "*", count: int = 1) -> None:
        """Send the next `count` frames twice."""
        self._streams.duplicate(pattern, count)

    def reorder(self, *, pattern: str = "*", count: int = 1) -> None:
        """Swap the next `count` frames with the one that follows on the same stream."""
        self._streams.reorder(pattern, count)

    def malform(self, *, pattern: str = "*", count: int = 1, kind: Damage = Damage.TRUNCATED) -> None:
        """Damage the next `count` frames: truncated, types, utf8 or binary."""
        self._streams.malform(pattern, count, kind)

    def stale_snapshots(self, *, count: int = 1) -> None:
        """Answer the next `count` depth requests with an old book."""
        self._rest.stale(count)

    def rate_limit(
        self, *, status: int = 429, retry_after: int | None = None, count: int = 1, market: Market | None = None
    ) -> None:
        """Answer the next `count` REST requests with 429 or 418."""
        self._rest.rate_limit(status, retry_after, count, market)

    def slow_rest(self, *, seconds: float, count: int = 1) -> None:
        """Delay the next `count` REST answers."""
        self._rest.slow(seconds, count)

    def error_rest(self, *, status: int = 500, count: int = 1, market: Market | None = None) -> None:
        """Answer the next `count` REST requests with an HTML error page."""
        self._rest.error(status, count, market)

    def refuse(self, *, seconds: float = 0.0, count: int = 0, how: Literal["http", "raw"] = "http") -> None:
        """Refuse new sockets, `count` of them or for `seconds`: with HTTP 503, or by closing (`raw`)."""
        self._rest.refuse(count, self._clock.monotonic() + seconds, raw=how == "raw")

    def shutdown_notice(self, *, seconds: float = 1.0) -> dict[str, int]:
        """Send serverShutdown to spot sockets, and close them after `seconds`."""
        chosen = self._hub.sessions(Market.SPOT)
        for session in chosen:
            self._hub.spawn(self._shut_down(session, seconds))
        return {"sockets": len(chosen)}

    def max_session(self, *, seconds: float | None = None) -> None:
        """Close every socket `seconds` after its opening (the 24 h cut, early); without `seconds`, no more."""
        self._hub.limit_sessions(seconds)

    def truth(self, *, market: Market, symbol: str) -> dict[str, Any]:
        """Tell the true book and the last ids of a symbol."""
        name = symbol.upper()
        known = self._truth.symbol(market, name)
        trades, agg_trades = known.trades.all(), known.agg_trades.all()
        return {
            "market": market,
            "symbol": name,
            "lastUpdateId": known.book.last_update_id,
            "bids": known.book.best_bids(len(known.book.bids)),
            "asks": known.book.best_asks(len(known.book.asks)),
            "firstTradeId": trades[0].id if trades else None,
            "lastTradeId": trades[-1].id if trades else None,
            "firstAggTradeId": agg_trades[0].id if agg_trades else None,
            "lastAggTradeId": agg_trades[-1].id if agg_trades else None,
        }

    def list_symbol(self, *, symbol: str, market: Market | None = None) -> dict[str, list[Market]]:
        """Let a symbol trade (again), on one market or on all."""
        chosen = self._markets(market)
        for where in chosen:
            snapshot = self._source.list_symbol(where, symbol.upper())
            if snapshot is not None:
                self._truth.know(snapshot)
        return {"markets": chosen}

    def delist(self, *, symbol: str, market: Market | None = None) -> dict[str, list[Market]]:
        """Stop a symbol trading: its status changes, its streams go quiet."""
        chosen = self._markets(market)
        for where in chosen:
            self._source.delist_symbol(where, symbol.upper())
        return {"markets": chosen}

    def _markets(self, market: Market | None) -> list[Market]:
        chosen = sorted(self._source.markets()) if market is None else [market]
        if not chosen:
            text = "the simulator has no market"
            raise SettingsError(text)
        return chosen

    async def _shut_down(self, session: Session, seconds: float) -> None:
        notice = b'{"e":"serverShutdown","E":%d}' % (self._clock.now_ns() // 1_000_000)
        if session.subscriptions.combined:
            notice = b'{"stream":"!serverShutdown","data":' + notice + b"}"
        await session.send_text(notice)
        await asyncio.sleep(seconds)
        await session.close(1001, "server shutdown")
