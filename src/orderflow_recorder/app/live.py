"""Feeds the live store from the recorder's journals: what the tables have first, then what is behind them."""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from loguru import logger

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.live_gaps import GapWatch
from orderflow_recorder.app.loader_journal import LoaderJournal, loader_journal
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import journals, with_journal
from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.core.shards import is_part_of, journal_of
from orderflow_recorder.domain.errors import JournalError, SinkError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff, Record
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.live.day import BUCKET_NS
from orderflow_recorder.live.hub import Hub
from orderflow_recorder.live.ticks import Key, TickStore
from orderflow_recorder.loader.blocks import parse_block
from orderflow_recorder.loader.parsing import TolerantParser
from orderflow_recorder.postgres.book_seeds import PostgresBooks
from orderflow_recorder.postgres.live_seeds import LiveSeeds, StreamSeed, read_live_seeds
from orderflow_recorder.postgres.sink import PostgresSink

POLL_S: Final = 0.02
"""How often the end of the journals is looked at."""
FAR_BEHIND_BYTES: Final = 256 << 20
"""Of journals: where the tables are further behind, what is between is left to them."""

_READ_BYTES: Final = 1 << 18
_PIECE_BYTES: Final = 1 << 20
LOOK_FOR_JOURNALS_S: Final = 5.0
_PATIENCE_S: Final = 30.0
_NS_PER_S: Final = 1_000_000_000
_SWITCH_S: Final = 0.0005
_SETTLED_NS: Final = _NS_PER_S
"""What was received so long ago has been flushed to a journal."""
_LOG: Final = logger.bind(component="live")


class LiveFeed:
    """A thread that reads the journals of one recorder.

    Lifecycle: `start`, then `close`. What goes wrong is logged, and reading goes on or begins anew.

    Attributes:
        trouble: Why nothing comes; empty while all is well.
        at_end: Whether everything that is in the journals was taken.
    """

    def __init__(self, settings: Settings, store: TickStore, hub: Hub, *, address: Callable[[], str] | None) -> None:
        """Read nothing yet.

        Args:
            settings: Where the journals are.
            store: To be fed.
            hub: Of the store; told the gaps, and when the end of the journals is reached.
            address: Gives that of the database, or raises `SinkError`; none where there is no database: then it begins
                at the journals' ends.
        """
        self.trouble = ""
        self.at_end = False
        self._settings = settings
        self._store = store
        self._hub = hub
        self._address = address
        self._clock = SystemClock()
        self._books: PostgresBooks | None = None
        self._baseless: dict[Key, DepthDiff] = {}
        self._tails: dict[int, _Tail] = {}
        self._written: set[Key] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._gaps = GapWatch(address, hub) if address else None

    def start(self) -> None:
        """Begin to read."""
        # A server that sends gives the interpreter away with each reader, and must not wait long to have it back.
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()
        if self._gaps is not None:
            self._gaps.start()

    def close(self) -> None:
        """Stop reading, and wait until that is done."""
        self._stop.set()
        if self._gaps is not None:
            self._gaps.close()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._open(self._begin())
            looked_at = self._clock.monotonic()
            while not self._stop.is_set():
                if self._clock.monotonic() - looked_at > LOOK_FOR_JOURNALS_S:
                    looked_at = self._clock.monotonic()
                    self._open({})
                progress = [self._read(tail) for tail in self._tails.values()]
                self.at_end = not any(progress)
                if self.at_end:
                    self._hub.settle(self._clock.now_ns() - _SETTLED_NS)
                    self._stop.wait(POLL_S)
        except Exception as error:  # noqa: BLE001  # the tables are still served; who asks is told
            self.trouble = f"the live feed ended: {error!r}"
            _LOG.exception("the live feed ended")
        finally:
            for tail in self._tails.values():
                tail.reader.close()
            if self._books is not None:
                self._books.close()

    def _begin(self) -> dict[str, Position]:
        """Take what the tables have; return where the journals go on behind it, by instance."""
        names = [journal_of(self._settings.instance_id, number) for number in self._numbers()]
        is_new = not journals(self._settings) and not self._settings.journal_url
        seeds = (
            None
            if self._address is None
            else self._seeds(self._address, names, patience_s=0 if is_new else _PATIENCE_S)
        )
        if seeds is None:
            return dict.fromkeys(names, JOURNAL_START) if is_new else {}
        starts: dict[str, Position] = {}
        for name in names:
            stored = [
                position
                for (instance, sink), position in seeds.positions.items()
                if instance == name and is_part_of(PostgresSink.name, sink)
            ]
            starts[name] = min(stored, default=JOURNAL_START)
        behind = sum(
            self._journal(number).lag_bytes(starts[journal_of(self._settings.instance_id, number)])
            for number in self._numbers()
        )
        if behind > FAR_BEHIND_BYTES:
            _LOG.warning("the tables are {} MB behind the journal: live data begins at the journal's end", behind >> 20)
            return {}
        for stream in seeds.streams:
            _sow(self._store, stream)
        self._written = set(seeds.books)
        return starts

    def _seeds(self, address: Callable[[], str], names: Sequence[str], *, patience_s: float) -> LiveSeeds | None:
        """Return what the tables have; none where the database is away, and stays so for a while."""
        until = self._clock.monotonic() + patience_s
        while not self._stop.is_set():
            try:
                url = address()
                seeds = read_live_seeds(url, names, BUCKET_NS // _NS_PER_S)
            except SinkError as error:
                if self._clock.monotonic() >= until:
                    _LOG.warning("live data begins without what the tables have: {}", error)
                    return None
                self._stop.wait(1.0)
            else:
                self._books = PostgresBooks(url)
                return seeds
        return None

    def _open(self, starts: Mapping[str, Position]) -> None:
        """Open the journals that are not open: where they are told to begin, else at their ends, else whole if new."""
        first = not self._tails
        for number in self._numbers() - self._tails.keys():
            settings = with_journal(self._settings, number)
            start = starts.get(settings.instance_id)
            if start is None:
                start = end_of(settings.journal_directory) if first else JOURNAL_START
            self._tails[number] = _Tail(self._journal(number), settings, start, self._clock)

    def _numbers(self) -> set[int]:
        return {*range(1, self._settings.collector_shards + 1), *journals(self._settings)}

    def _journal(self, number: int) -> LoaderJournal:
        left = number > self._settings.collector_shards
        return loader_journal(with_journal(self._settings, number), PostgresSink.name, left=left)

    def _read(self, tail: "_Tail") -> bool:
        """Take the next part of a journal; say whether there was any."""
        try:
            block = tail.reader.read_block(_READ_BYTES)
        except JournalError as error:
            self.trouble = str(error)
            _LOG.error("live data begins anew at the journal's end: {}", error)
            tail.reader.close()
            tail.reader = tail.journal.open(end_of(tail.directory))
            return False
        self.trouble = ""
        if block is None:
            return False
        for parsed in parse_block(block, tail.parser, tail.reader):
            self._take_up_books(parsed.records)
            self._store.take(parsed.records)
        return True

    def _take_up_books(self, records: Sequence[Record]) -> None:
        """Before the first diff of a symbol whose book the tables have, take it from there.

        Where they have diffs alone, the first snapshot may be older than our first diff: take those between from there.
        """
        books = self._books
        if books is None or not (self._written or self._baseless):
            return
        for record in records:
            if not isinstance(record, DepthDiff | BookSnapshot):
                continue
            key = record.market, record.symbol
            try:
                if isinstance(record, DepthDiff) and key in self._written:
                    self._written.discard(key)
                    self._take_up(books, record)
                elif isinstance(record, BookSnapshot) and (first := self._baseless.pop(key, None)) is not None:
                    with closing(books.diffs(first, after=record.last_update_id)) as before:
                        self._store.take(list(before))
            except SinkError as error:
                _LOG.warning("{} {}: the live book waits for a snapshot: {}", *key, error)

    def _take_up(self, books: PostgresBooks, diff: DepthDiff) -> None:
        seed = books.seed(diff)
        bases = [base.last_update_id for base in (seed.checkpoint, seed.snapshot) if base is not None]
        if bases:
            with closing(books.diffs(diff, after=min(bases))) as later:
                self._store.seed_book(diff.market, diff.symbol, seed, sorted(later, key=_final))
        else:
            self._baseless[diff.market, diff.symbol] = diff


class _Tail:
    """One journal, as far as it was read."""

    def __init__(self, journal: LoaderJournal, settings: Settings, start: Position, clock: SystemClock) -> None:
        self.journal = journal
        self.directory = settings.journal_directory
        self.reader = journal.open(start)
        self.parser = TolerantParser(BinanceParser(), instance=settings.instance_id, now_ns=clock.now_ns)


def end_of(directory: Path) -> Position:
    """Return the end of the last whole line of a journal; its start where there is none."""
    segments = find_segments(directory)
    if not segments:
        return JOURNAL_START
    number = max(segments)
    if segments[number].suffix == ".gz":
        return Position(number + 1, 0)
    with segments[number].open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            begin = max(0, end - _PIECE_BYTES)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return Position(number, begin + found + 1)
            end = begin
    return Position(number, 0)


def _sow(store: TickStore, stream: StreamSeed) -> None:
    key = stream.market, stream.symbol
    store.seed_ids(*key, stream.taken, aggregates=stream.aggregates)
    for number, trades in stream.day:
        store.seed_day(*key, number, trades, aggregates=stream.aggregates)
    if stream.newest is not None:
        store.seed_trade(stream.newest)


def _final(diff: DepthDiff) -> int:
    return diff.final_update_id
