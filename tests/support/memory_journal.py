"""A journal writer that keeps what it was given."""

from collections.abc import Iterable, Sequence

from orderflow_recorder.domain.errors import DiskFullError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.venue import RestAnswer


class MemoryJournal:
    """`JournalWriter` in memory; `full` makes it behave like a full disk."""

    def __init__(self) -> None:
        """Start empty, with room."""
        self.frames: list[tuple[int, Market, int, bytes]] = []
        self.bad: list[tuple[int, Market, int, bytes, str]] = []
        self.received: list[bytes] = []
        """Frames, bad or not, in order."""
        self.answers: list[RestAnswer] = []
        self.events: list[RecorderEvent] = []
        self.full = False
        self.closed = False
        self.flushes = 0

    def kinds(self, kinds: Iterable[EventKind] | None = None) -> list[EventKind]:
        """Return the kinds of events so far, or those among ``kinds``."""
        wanted = set(kinds) if kinds is not None else set(EventKind)
        return [event.event for event in self.events if event.event in wanted]

    def append_frame(self, receive_time: int, market: Market, connection: int, frame: bytes) -> None:
        """Keep a frame."""
        self._check()
        self.received.append(frame)
        self.frames.append((receive_time, market, connection, frame))

    def append_frames(self, receive_time: int, market: Market, connection: int, frames: Sequence[bytes]) -> None:
        """Keep frames."""
        for frame in frames:
            self.append_frame(receive_time, market, connection, frame)

    def append_bad(self, receive_time: int, market: Market, connection: int, frame: bytes, reason: str) -> None:
        """Keep an unreadable frame."""
        self._check()
        self.received.append(frame)
        self.bad.append((receive_time, market, connection, frame, reason))

    def append_rest(self, answer: RestAnswer) -> None:
        """Keep an answer."""
        self._check()
        self.answers.append(answer)

    def append_event(self, event: RecorderEvent) -> None:
        """Keep an event."""
        self._check()
        self.events.append(event)

    def append_last_words(self, event: RecorderEvent) -> None:
        """Keep an event although the disk is full."""
        self.events.append(event)

    def flush(self) -> None:
        """Count."""
        self._check()
        self.flushes += 1

    def sync(self) -> None:
        """Nothing to make durable."""

    def resume(self) -> bool:
        """Say whether there is room."""
        return not self.full

    def close(self) -> None:
        """Remember."""
        self.closed = True

    def _check(self) -> None:
        if self.full:
            raise DiskFullError("journal", 0, 1)
