"""Composes a loader: journal, parser, Postgres, and what it says of itself."""

import os
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from orderflow_recorder.app.candles import FreshCandles
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.health import LoaderReport
from orderflow_recorder.app.load_order import LoadOrder
from orderflow_recorder.app.loader_journal import LoaderJournal, loader_journal
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import loader_shards
from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.batching import BatchPolicy
from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.loader.books import LocalBooks
from orderflow_recorder.loader.health import LoaderHealth
from orderflow_recorder.loader.loop import Loader
from orderflow_recorder.ports.journal import JournalReader
from orderflow_recorder.postgres.book_seeds import PostgresBooks
from orderflow_recorder.postgres.sink import PostgresSink

DRAIN_S: Final = 4.0
"""A little less than the supervisor waits, so that a long drain ends by itself."""
_REPORT_EVERY_S: Final = 1.0


def run_loader(
    settings: Settings,
    stop: threading.Event,
    publish: Callable[[LoaderReport], None],
    shard: Shard = WHOLE,
    *,
    to_the_end: bool = False,
) -> None:
    """Load a part of this instance's journal until ``stop`` is set and its end is reached.

    Args:
        settings: Where journal and database are.
        stop: Set to end cleanly.
        publish: Takes the health once a second.
        shard: Which part.
        to_the_end: Nobody writes the journal any more: return where it ends.

    Raises:
        SinkRefusedError: A person must act.
        JournalError: The journal does not hold the database's position.
    """
    sink = PostgresSink(settings.db_url, shard=shard)
    journal = loader_journal(settings, sink.name, left=to_the_end)
    pulse = _Pulse(settings.instance_id, sink.name, publish, journal)
    beside = ThreadPoolExecutor(1, thread_name_prefix="candles")
    candles = FreshCandles(settings.db_url, SystemClock().monotonic, beside.submit)
    # One part of a journal suffices, and commits as long as the journal grows.
    has_candles = shard.number == loader_shards(settings)[0].number

    def after_commit(position: Position) -> None:
        journal.publish(position)
        if has_candles:
            candles.after_commit()

    def load(open_reader: Callable[[Position], JournalReader], wait: Callable[[float], bool]) -> None:
        make_loader(
            settings,
            sink,
            books=PostgresBooks(settings.db_url),
            reader_factory=open_reader,
            instance=settings.instance_id,
            wait=wait,
            publish=after_commit,
            observe=pulse.observe,
            drain_s=DRAIN_S,
            shard=shard,
        ).run()

    order = LoadOrder(settings, sink, load, stop, pulse.wait)
    with pulse:
        try:
            if not settings.journal_url:  # a server's journals are never divided anew
                order.pass_fences()
            if to_the_end:
                order.load_to_the_end()
            elif not stop.is_set():
                load(journal.open, stop.wait)
        finally:
            candles.close()


def make_loader(
    settings: Settings,
    sink: PostgresSink,
    *,
    books: PostgresBooks,
    reader_factory: Callable[[Position], JournalReader],
    instance: str,
    wait: Callable[[float], bool],
    publish: Callable[[Position], None],
    observe: Callable[[LoaderHealth], None],
    drain_s: float,
    shard: Shard = WHOLE,
) -> Loader:
    """Return a loader of ``shard`` with the batches, back-off and tops of ``settings``; see `Loader` for the rest."""
    return Loader(
        reader_factory,
        BinanceParser(shard),
        sink,
        BatchPolicy(
            max_rows=settings.loader_batch_rows,
            max_bytes=settings.loader_batch_bytes,
            max_age_s=settings.loader_batch_age_ms / 1000,
        ),
        books=LocalBooks(books, top_levels=settings.book_frame_levels),
        instance=instance,
        clock=SystemClock(),
        wait=wait,
        backoff=Backoff(settings.loader_backoff_s, settings.loader_backoff_max_s, random.random),
        publish=publish,
        observe=observe,
        drain_s=drain_s,
        start=ThreadPoolExecutor(1, thread_name_prefix="write").submit,
    )


class _Pulse:
    """Publishes the newest figures every second, also while the loop waits for a server."""

    def __init__(
        self, instance: str, sink: str, publish: Callable[[LoaderReport], None], journal: LoaderJournal
    ) -> None:
        self._instance = instance
        self._sink = sink
        self._journal = journal
        self._publish = publish
        self._clock = SystemClock()
        self._started_at = self._clock.now_ns()
        self._figures = LoaderHealth()
        self._reported = (self._clock.monotonic(), 0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="health", daemon=True)

    def observe(self, figures: LoaderHealth) -> None:
        self._figures = figures

    def wait(self, position: Position) -> None:
        """Be well at ``position``, where the loader waits for others."""
        self._figures = msgspec.structs.replace(
            self._figures, connected=True, position=position, lag_bytes=self._journal.lag_bytes(position)
        )

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._report()

    def _beat(self) -> None:
        while not self._ended.wait(_REPORT_EVERY_S):
            self._report()

    def _report(self) -> None:
        figures, now = self._figures, self._clock.monotonic()
        if not figures.connected:  # the loop does not look at the journal now, which goes on growing
            lag_bytes, written_at = self._journal.lag_bytes(figures.position), figures.last_written_at
            lag_s = (self._clock.now_ns() - written_at) / 1e9 if lag_bytes and written_at else 0.0
            figures = msgspec.structs.replace(figures, lag_bytes=lag_bytes, lag_seconds=lag_s)
        then, rows = self._reported
        self._reported = (now, figures.rows)
        self._publish(
            LoaderReport(
                pid=os.getpid(),
                started_at=self._started_at,
                updated_at=self._clock.now_ns(),
                last_error=figures.last_error,
                sink=self._sink,
                journal=self._instance,
                journal_error=self._journal.trouble,
                rows_per_s=(figures.rows - rows) / max(now - then, 1e-3),
                figures=figures,
            )
        )
