"""A sink that keeps rows in memory, by their natural keys."""

import re
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import (
    AggTrade,
    BookSnapshot,
    BookTicker,
    BookTop,
    DepthDiff,
    Instrument,
    Liquidation,
    MarkPrice,
    Record,
    SpentTradeId,
    Trade,
)
from orderflow_recorder.ports.sink import Batch, Rejected, WriteResult

_TABLES: Final[dict[type[Record], tuple[str, tuple[str, ...]]]] = {
    Trade: ("trades", ("market", "symbol", "trade_id", "trade_time")),
    AggTrade: ("agg_trades", ("market", "symbol", "agg_trade_id", "trade_time")),
    DepthDiff: ("depth_diffs", ("market", "symbol", "final_update_id", "event_time")),
    BookSnapshot: ("book_snapshots", ("market", "symbol", "last_update_id", "source", "receive_time")),
    BookTop: ("book_tops", ("market", "symbol", "source", "last_update_id", "receive_time")),
    BookTicker: ("book_tickers", ("market", "symbol", "update_id", "receive_time")),
    MarkPrice: ("mark_prices", ("market", "symbol", "event_time")),
    Liquidation: ("liquidations", ("market", "symbol", "event_time", "side")),
    RecorderEvent: ("sync_events", ("instance", "run_id", "time", "event", "market", "symbol", "connection")),
    Instrument: ("instruments", ("market", "symbol")),
}
_DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]*)?|-?\.[0-9]+")
_DECIMAL_FIELD: Final = re.compile(r".*(price|quantity|prices|quantities|rate|size)")


class MemoryStore:
    """What survives when a sink is closed and another is opened: the "database"."""

    def __init__(self) -> None:
        """Start empty."""
        self.tables: dict[str, dict[object, Record]] = {name: {} for name, _ in _TABLES.values()}
        self.positions: dict[str, Position] = {}


class MemorySink:
    """`Sink` on a `MemoryStore`.

    Attributes:
        unavailable: Makes `open` and `write` fail as if the database were down.
        lose_answer: Makes the next `write` succeed and report a lost connection.
    """

    name = "memory"

    def __init__(self, store: MemoryStore) -> None:
        """Use ``store``; several sinks may share one."""
        self.store = store
        self.unavailable = False
        self.lose_answer = False
        self.batches: list[Batch] = []
        self._instance: str | None = None

    def open(self, instance: str) -> Position:
        """Return where the journal of ``instance`` must be read from."""
        if self.unavailable:
            message = "the memory sink is switched off"
            raise SinkUnavailableError(message)
        self._instance = instance
        return self.store.positions.get(instance, JOURNAL_START)

    def prepare(self, batch: Batch) -> Batch:
        """Return ``batch``: there is nothing to prepare."""
        return batch

    def write(self, batch: Batch) -> WriteResult:
        """Write records and position, or neither."""
        if self.unavailable or self._instance is None:
            message = "the memory sink is not open"
            raise SinkUnavailableError(message)
        position = self.store.positions.get(batch.instance, JOURNAL_START)
        if position != batch.start:
            message = f"expected a batch from {position}, got one from {batch.start}: another loader wrote"
            raise SinkUnavailableError(message)
        inserted = duplicates = 0
        rejected = []
        for record in batch.records:
            reason = _reason_against(record)
            if reason is not None:
                rejected.append(Rejected(record, reason))
            elif self._insert(record):
                inserted += 1
            else:
                duplicates += 1
        self.store.positions[batch.instance] = batch.end
        self.batches.append(batch)
        if self.lose_answer:
            self.lose_answer = False
            message = "connection lost after commit"
            raise SinkUnavailableError(message)
        return WriteResult(inserted, duplicates, rejected)

    def close(self) -> None:
        """Forget the connection."""
        self._instance = None

    def rows(self, table: str) -> list[Record]:
        """Return the rows of ``table`` in the order they came."""
        return list(self.store.tables[table].values())

    def _insert(self, record: Record) -> bool:
        """Keep ``record`` unless its key is there; return whether it is new."""
        if isinstance(record, SpentTradeId):
            return False  # spends an id, is no row
        table, key_fields = _TABLES[type(record)]
        rows = self.store.tables[table]
        key = tuple(getattr(record, field) for field in key_fields)
        known = rows.get(key)
        if known is not None and not _replaces(record, known):
            return False
        rows[key] = record
        return True


def _replaces(record: Record, known: Record) -> bool:
    """Say whether ``record`` is a newer description of an instrument; all other rows are written once."""
    if not isinstance(record, Instrument) or not isinstance(known, Instrument):
        return False
    unchanged = msgspec.structs.replace(known, receive_time=record.receive_time) == record
    return record.receive_time > known.receive_time and not unchanged


def _reason_against(record: Record) -> str | None:
    for field, value in msgspec.structs.asdict(record).items():
        if not _DECIMAL_FIELD.fullmatch(field) or value is None:
            continue
        texts = [value] if isinstance(value, str) else value
        for text in texts:
            if not _DECIMAL.fullmatch(text):
                return f"{field}: expected a decimal number, got {text!r}"
    return None
