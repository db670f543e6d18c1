"""Loads journals and captures into a database again.

Every path is read from its beginning, whatever was replayed before: rows that are there already are
recognised by their natural keys. So a replay can be interrupted and run again at will.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from orderflow_recorder.app.candles import refresh_candles
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.ending import EndingReader
from orderflow_recorder.app.load import make_loader
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.domain.errors import SchemaMismatchError
from orderflow_recorder.journal.captures import open_capture
from orderflow_recorder.loader.health import LoaderHealth
from orderflow_recorder.postgres.book_seeds import PostgresBooks
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.schema import SchemaStatus, check, upgrade
from orderflow_recorder.postgres.sink import PostgresSink

_FORGET_POSITION = "DELETE FROM public.loader_positions WHERE sink = %s"
_PEEK_BYTES = 1 << 16


class Replayed(msgspec.Struct, frozen=True):
    """What became of one path.

    Attributes:
        path: As given.
        figures: Rows, duplicates, what could not be parsed or stored.
    """

    path: Path
    figures: LoaderHealth


def size_of(path: Path) -> int:
    """Return the bytes of uncompressed text behind ``path``.

    Raises:
        JournalError: There is nothing to read.
    """
    reader = open_capture(path)
    try:
        return reader.lag_bytes()
    finally:
        reader.close()


def replay(settings: Settings, url: str, paths: Sequence[Path], observe: Callable[[Path, int], None]) -> list[Replayed]:
    """Load each of ``paths`` from its beginning to its end.

    Args:
        settings: Batches and back-off.
        url: Of the database; an empty one gets the schema.
        paths: Journal folders, segment files or captures.
        observe: Told how many bytes of a path are left.

    Raises:
        SinkError: The database cannot be reached, or refuses.
        JournalError: A path cannot be read.
    """
    state = check(url)
    if state.status is SchemaStatus.EMPTY:
        upgrade(url)
    elif state.status is not SchemaStatus.CURRENT:
        msg = f"{redact_url(url)}: {state.message}"
        raise SchemaMismatchError(msg)
    replayed = [Replayed(path, _replay(settings, url, path, observe)) for path in paths]
    refresh_candles(url, SystemClock().monotonic)
    return replayed


def _replay(settings: Settings, url: str, path: Path, observe: Callable[[Path, int], None]) -> LoaderHealth:
    ended = threading.Event()
    figures = LoaderHealth()

    def watch(health: LoaderHealth) -> None:
        nonlocal figures
        figures = health
        observe(path, health.lag_bytes)

    # The rows are those of the instance that recorded them; the place in its journal is not the live loader's.
    sink = PostgresSink(url, name=position_key(path))
    with connect(url) as connection:
        connection.execute(_FORGET_POSITION, (sink.name,))
    make_loader(
        settings,
        sink,
        books=PostgresBooks(url),
        reader_factory=lambda position: EndingReader(open_capture(path, position), ended),
        instance=instance_of(path) or sink.name,
        wait=ended.wait,
        publish=lambda _position: None,
        observe=watch,
        drain_s=float("inf"),
    ).run()
    return figures


def instance_of(path: Path) -> str:
    """Return the name of the recorder that wrote ``path``; empty if it is no journal."""
    reader = open_capture(path)
    try:
        return next((entry.instance for entry in reader.read(_PEEK_BYTES)), "")
    finally:
        reader.close()


def position_key(path: Path) -> str:
    """Return the name under which the position in ``path`` is kept: the same for the same place."""
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    return f"replay:{path.name[:40]}:{digest}"
