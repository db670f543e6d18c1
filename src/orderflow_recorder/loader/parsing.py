"""From entries to records, whatever is in them: what cannot be parsed becomes an event that says so."""

from collections.abc import Callable, Sequence
from typing import Final

from loguru import logger

from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from orderflow_recorder.ports.sink import ParsedLines, Parser, Rejected

_UNREADABLE: Final = frozenset({EntryKind.BAD, EntryKind.CORRUPT})
_MICROSECOND_NS: Final = 1000


class TolerantParser:
    """Wraps a parser so that no entry can stop the ones after it."""

    def __init__(self, parser: Parser, *, instance: str, now_ns: Callable[[], int]) -> None:
        """Remember the parser.

        Args:
            parser: Does the work.
            instance: Whose journal is read; for entries of captures, which do not say.
            now_ns: Wall time, for damaged lines that nothing else gives a time to.
        """
        self._parser = parser
        self._instance = instance
        self._now_ns = now_ns
        self._last_time = 0

    def parse(self, entry: JournalEntry) -> tuple[Sequence[Record], bool]:
        """Return the records of ``entry``, and whether it could be parsed."""
        self._last_time = entry.receive_time or self._last_time
        if entry.kind in _UNREADABLE:
            return [self._unparsable(entry, entry.reason or "not a frame", None)], False
        try:
            return self._parser.parse(entry), True
        except FrameError as error:
            return [self._unparsable(entry, error.reason, error.stream)], False
        except Exception as error:  # noqa: BLE001  # a bug met by one frame must not stop all symbols
            place = f"segment {entry.start.segment}, byte {entry.start.offset}"
            logger.bind(component="loader").exception("the parser failed on the entry at {}", place)
            return [self._unparsable(entry, f"parser failed: {error!r}", None)], False

    def parse_block(self, text: bytes) -> ParsedLines | None:
        """Return what whole lines say; none where they are to be looked at entry by entry."""
        try:
            lines = self._parser.parse_block(text)
        except Exception:  # noqa: BLE001  # a bug met by one line: entry by entry it is found and told
            return None
        if lines is not None:
            self._last_time = lines.receive_time or self._last_time
        return lines

    def refused(self, rejected: Rejected, entry: JournalEntry) -> RecorderEvent:
        """Return the event that registers a record of ``entry`` that the sink refused."""
        detail = {"record": type(rejected.record).__name__}
        return self._event(entry, rejected.reason, rejected.record.symbol, detail)

    def _unparsable(self, entry: JournalEntry, reason: str, stream: str | None) -> RecorderEvent:
        return self._event(entry, reason, entry.symbol, {"stream": stream} if stream else {})

    def _event(self, entry: JournalEntry, reason: str, symbol: str | None, detail: dict[str, str]) -> RecorderEvent:
        place = {"segment": entry.start.segment, "offset": entry.start.offset}
        return RecorderEvent(
            time=entry.receive_time or self._next_time(),
            event=EventKind.UNPARSABLE_FRAME,
            instance=entry.instance or self._instance,
            run_id=entry.run_id,
            market=entry.market,
            symbol=symbol,
            connection=entry.connection,
            detail={"reason": reason, **detail, **place},
        )

    def _next_time(self) -> int:
        """Return a time just after the entry before: a damaged line has none, and events must differ in theirs."""
        self._last_time = (self._last_time or self._now_ns()) + _MICROSECOND_NS
        return self._last_time
