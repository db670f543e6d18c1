"""A recorder's sink, and what the ledger in the database says after it."""

from typing import Any, Final

import psycopg

from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records
from tests.support.records import MILLISECOND, NOON

SECOND: Final = 1_000_000_000


class Recorder:
    """Writes batches of one instance, as its loader would."""

    def __init__(self, url: str, instance: str = "main") -> None:
        """Open a sink."""
        self.instance = instance
        self.sink = PostgresSink(url)
        self.position = self.sink.open(instance)

    def write(self, *batch: Record) -> WriteResult:
        """Write a batch and move on."""
        end = Position(1, self.position.offset + 100)
        result = self.sink.write(Batch(self.instance, self.position, end, batch))
        self.position = end
        return result


class Ledger:
    """Reads what the database says is there and is not."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Read through ``connection``."""
        self.connection = connection

    def gaps(self, columns: str = "first_missing_id, last_missing_id, status, cause") -> list[tuple[Any, ...]]:
        """Return columns of all gaps."""
        query = f"SELECT {columns} FROM gaps ORDER BY symbol, stream, first_missing_id, from_time"  # noqa: S608  # a test's own words
        return self.connection.execute(query.encode()).fetchall()

    def coverage(self) -> list[tuple[Any, ...]]:
        """Return what is covered."""
        return self.connection.execute(
            "SELECT symbol, stream, first_id, last_id, last_key FROM coverage ORDER BY market, symbol, stream"
        ).fetchall()

    def ids(self) -> list[int]:
        """Return the ids of trades."""
        return [row[0] for row in self.connection.execute("SELECT trade_id FROM trades ORDER BY trade_id")]


def trades(*ids: int, **fields: Any) -> list[Record]:  # noqa: ANN401  # any field of a trade
    """Build spot trades."""
    return [records.trade(number, **fields) for number in ids]


def from_rest(*ids: int, at: int) -> list[Record]:
    """Build trades as one REST answer brings them."""
    return [records.trade(number, event_time=None, receive_time=at) for number in ids]


def event(kind: EventKind, at: int, instance: str = "main", **fields: Any) -> RecorderEvent:  # noqa: ANN401  # any field
    """Build an event of the spot recorder."""
    return records.event(kind, time=at, **({"instance": instance, "market": Market.SPOT} | fields))


def received(trade_id: int) -> int:
    """Return when trade ``trade_id`` was received, ns."""
    return NOON + trade_id * MILLISECOND + 12_345_678
