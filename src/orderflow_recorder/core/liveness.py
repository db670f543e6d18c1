"""Tells a quiet socket from a silent one.

The venue acknowledges a wrong route or name and then sends nothing, for ever; and a socket may stay
open and go dumb. Silence alone proves neither, for a symbol may just not trade. So:

* A stream without a first frame past its deadline is silent if nothing at all spoke on the socket
  (wrong route), or if its kind speaks elsewhere on the socket and the venue says that its symbol
  does not trade. If its kind speaks and it trades, it is quiet. If other kinds speak but none of its
  kind, the venue is asked (`inquiry`): it is silent if the venue has newer data, or cannot be asked.
* A whole socket that fell silent is stalled if the venue has newer data, or cannot be asked.

``forceOrder`` streams are sparse by nature and never judged.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.core.inquiry import Inquiry, InquiryState
from orderflow_recorder.domain.streams import Stream, StreamKind

REPEAT_AFTER: Final = 10
"""First-frame deadlines after which a silence that goes on is reported again."""

IsTrading: TypeAlias = Callable[[Stream], bool | None]
"""Says whether the venue says that a stream's symbol trades; none if it is not known."""


class StreamsSilent(msgspec.Struct, frozen=True):
    """A person must see this: no first frame of these for ``waited_s`` seconds (the longest)."""

    streams: tuple[Stream, ...]
    waited_s: float


class Probe(msgspec.Struct, frozen=True):
    """Ask the venue for the newest id of ``stream``; answer with `on_probe`."""

    stream: Stream


class Stalled(msgspec.Struct, frozen=True):
    """Reconnect: the socket said nothing for ``silent_s`` seconds though it should have."""

    silent_s: float


Effect: TypeAlias = StreamsSilent | Probe | Stalled

_KIND_RANK: Final = {
    StreamKind.DEPTH: 0,
    StreamKind.TRADE: 1,
    StreamKind.AGG_TRADE: 1,
    StreamKind.PARTIAL_DEPTH: 2,
    StreamKind.BOOK_TICKER: 2,
    StreamKind.MARK_PRICE: 2,
}
"""Whom to ask for first; kinds not named here are never judged."""

_TRADING_RANK: Final[dict[bool | None, int]] = {True: 0, None: 1, False: 2}


class _Watched(msgspec.Struct, frozen=True):
    stream: Stream
    kind: StreamKind
    added_at: float


class SocketLiveness:
    """Watches one socket; the venue is asked one question at a time."""

    def __init__(self, streams: Iterable[Stream], *, first_frame_s: float, stall_s: float, now: float) -> None:
        """Start with a socket just opened.

        Args:
            streams: What it was asked for.
            first_frame_s: Deadline of each stream's first frame, seconds.
            stall_s: Silence of the whole socket before the venue is asked, seconds.
            now: Monotonic seconds.
        """
        self._first_frame_s = first_frame_s
        self._stall_s = stall_s
        self._watched: dict[str, _Watched] = {}
        self._pending: set[str] = set()
        self._reported: dict[str, float] = {}
        self._spoke = False
        self._silent_since = now
        self._socket: Inquiry | None = None
        self._kinds: dict[StreamKind, Inquiry] = {}
        self._asked: Inquiry | None = None
        self._asked_at = now
        self.add(streams, now)

    def on_frames(self, wires: AbstractSet[str], now: float) -> None:
        """Learn which streams spoke (hot path).

        Args:
            wires: Their wire names; at least one.
            now: Monotonic seconds.
        """
        self._silent_since = now
        self._spoke = True
        if self._pending:
            self._pending -= wires

    def add(self, streams: Iterable[Stream], now: float) -> None:
        """Expect frames of ``streams`` from now on."""
        if not self._judged():
            self._silent_since = now
        for stream in streams:
            self._watched[stream.wire] = _Watched(stream, stream.kind, now)
            self._pending.add(stream.wire)

    def remove(self, streams: Iterable[Stream]) -> None:
        """Expect nothing more of ``streams``."""
        for stream in streams:
            self._watched.pop(stream.wire, None)
            self._pending.discard(stream.wire)
            self._reported.pop(stream.wire, None)

    def on_probe(self, wire: str, latest_id: int | None, now: float) -> list[Effect]:
        """Take the answer to `Probe` in; what follows from it is seen at the next tick.

        Args:
            wire: The stream's wire name.
            latest_id: The venue's newest id, none if it could not be asked.
            now: Monotonic seconds.
        """
        asked = self._asked
        if asked is not None and asked.stream.wire == wire:
            self._asked = None
            asked.on_answer(latest_id, now)
        return []

    def on_tick(self, now: float, is_trading: IsTrading) -> list[Effect]:
        """Judge; call about once a second.

        Args:
            now: Monotonic seconds.
            is_trading: What the venue says of a stream's symbol.
        """
        effects: list[Effect] = []
        effects += self._report(self._silent_streams(now, is_trading), now)
        effects += self._judge_socket(now, is_trading)
        effects += self._ask(now, is_trading)
        return effects

    def _judged(self) -> list[_Watched]:
        return [each for each in self._watched.values() if each.kind in _KIND_RANK]

    def _silent_streams(self, now: float, is_trading: IsTrading) -> list[_Watched]:
        overdue: dict[StreamKind, list[_Watched]] = {}
        for each in self._judged():  # not the set of the pending: its order is not deterministic
            if each.stream.wire in self._pending and now - each.added_at >= self._first_frame_s:
                overdue.setdefault(each.kind, []).append(each)
        spoken = {each.kind for wire, each in self._watched.items() if wire not in self._pending}
        for kind in [*self._kinds]:
            if kind in spoken or kind not in overdue or not spoken:
                del self._kinds[kind]
        silent: list[_Watched] = []
        for kind, streams in overdue.items():
            if not spoken:
                silent += streams
            elif kind in spoken:
                silent += [each for each in streams if is_trading(each.stream) is False]
            elif self._inquire(kind, streams, now, is_trading).proves_loss(now):
                silent += streams
        return silent

    def _inquire(self, kind: StreamKind, streams: Sequence[_Watched], now: float, is_trading: IsTrading) -> Inquiry:
        """Return the inquiry into a kind of which no stream spoke; begin it where there is none."""
        inquiry = self._kinds.get(kind)
        if inquiry is None or inquiry.stream.wire not in self._watched:
            # Deadlines long past are no reason to give the venue less time to answer.
            since = max(min(each.added_at for each in streams), now - self._first_frame_s)
            stream = self._representative(streams, is_trading, after=None)
            inquiry = self._kinds[kind] = Inquiry(stream, since=since, period_s=self._first_frame_s)
        return inquiry

    def _report(self, silent: Sequence[_Watched], now: float) -> list[Effect]:
        repeat_s = REPEAT_AFTER * self._first_frame_s
        due = [
            each
            for each in silent
            if each.stream.wire not in self._reported or now - self._reported[each.stream.wire] >= repeat_s
        ]
        if not due:
            return []
        self._reported.update((each.stream.wire, now) for each in due)
        waited_s = now - min(each.added_at for each in due)
        return [StreamsSilent(tuple(sorted(each.stream for each in due)), waited_s)]

    def _judge_socket(self, now: float, is_trading: IsTrading) -> list[Effect]:
        judged = self._judged()
        period_s = self._stall_s if self._spoke else self._first_frame_s
        silent_s = now - self._silent_since
        if not judged or silent_s < period_s:
            self._socket = None
            return []
        inquiry = self._socket
        if inquiry is None or inquiry.since != self._silent_since or inquiry.stream.wire not in self._watched:
            stream = self._representative(judged, is_trading, after=None)
            self._socket = Inquiry(stream, since=self._silent_since, period_s=period_s)
        elif inquiry.proves_loss(now):
            # Counted anew, so that it is said again should nobody reconnect.
            self._socket = None
            self._silent_since = now
            return [Stalled(silent_s)]
        return []

    def _ask(self, now: float, is_trading: IsTrading) -> list[Effect]:
        """Ask what is due the longest, unless an answer is still on its way."""
        if self._asked is not None and now - self._asked_at < self._first_frame_s:
            return []
        inquiries = [*self._kinds.values(), *([self._socket] if self._socket else [])]
        inquiry = min(inquiries, key=lambda each: each.ask_at, default=None)
        if inquiry is None or now < inquiry.ask_at:
            return []
        if inquiry.state is InquiryState.QUIET:
            inquiry = self._try_another(inquiry, now, is_trading)
        inquiry.on_asked(now)
        self._asked = inquiry
        self._asked_at = now
        return [Probe(inquiry.stream)]

    def _try_another(self, inquiry: Inquiry, now: float, is_trading: IsTrading) -> Inquiry:
        """Go on with another stream: that one is quiet need not mean that all are."""
        of_socket = inquiry is self._socket
        kind = inquiry.stream.kind
        streams = [each for each in self._judged() if of_socket or each.kind is kind]
        stream = self._representative(streams, is_trading, after=inquiry.stream)
        if stream == inquiry.stream:
            return inquiry
        successor = inquiry.succeed(stream, now)
        if of_socket:
            self._socket = successor
        else:
            self._kinds[kind] = successor
        return successor

    def _representative(self, streams: Sequence[_Watched], is_trading: IsTrading, *, after: Stream | None) -> Stream:
        """Return the likeliest to speak; of equals, in turn, the one behind ``after``."""

        def rank(each: _Watched) -> tuple[int, int, bool]:
            return _KIND_RANK[each.kind], _TRADING_RANK[is_trading(each.stream)], each.stream.wire in self._pending

        best = min(map(rank, streams))
        equals = sorted(each.stream for each in streams if rank(each) == best)
        return equals[(equals.index(after) + 1) % len(equals)] if after in equals else equals[0]
