"""Order flow as nautilus_trader keeps it: a catalog of TradeTick and OrderBookDelta, exact.

The library itself says what its files look like and writes the instrument; ticks are laid out here, column by
column, because an object a level is a hundred times slower. A layout that is not the one known here is refused.
"""

import importlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orderflow_recorder.export.book_steps import Begun, Changed, Lost, Step
from orderflow_recorder.export.errors import ExportError
from orderflow_recorder.export.flow import FlowClock, Times, levels_of
from orderflow_recorder.postgres.export_reads import Book, Listing
from orderflow_recorder.research.decimals import DECIMAL

SCALE: Final = 16
"""Decimals that the library's 128-bit numbers have."""

ADD: Final = 1
UPDATE: Final = 2
DELETE: Final = 3
CLEAR: Final = 4
BUYER: Final = 1
SELLER: Final = 2
F_LAST: Final = 128
F_SNAPSHOT: Final = 32

_RAW: Final = pa.binary(16)
_TRADE_TICK: Final = pa.schema(
    [
        pa.field("price", _RAW, nullable=False),
        pa.field("size", _RAW, nullable=False),
        pa.field("aggressor_side", pa.uint8(), nullable=False),
        pa.field("trade_id", pa.string(), nullable=False),
        pa.field("ts_event", pa.uint64(), nullable=False),
        pa.field("ts_init", pa.uint64(), nullable=False),
    ]
)
_ORDER_BOOK_DELTA: Final = pa.schema(
    [
        pa.field("action", pa.uint8(), nullable=False),
        pa.field("side", pa.uint8(), nullable=False),
        pa.field("price", _RAW, nullable=False),
        pa.field("size", _RAW, nullable=False),
        pa.field("order_id", pa.uint64(), nullable=False),
        pa.field("flags", pa.uint8(), nullable=False),
        pa.field("sequence", pa.uint64(), nullable=False),
        pa.field("ts_event", pa.uint64(), nullable=False),
        pa.field("ts_init", pa.uint64(), nullable=False),
    ]
)
FOLDERS: Final = {"trades": "trade_tick", "agg_trades": "trade_tick", "depth_diffs": "order_book_delta"}
"""Folder of the catalog for each table."""

_SCHEMAS: Final = {"trade_tick": _TRADE_TICK, "order_book_delta": _ORDER_BOOK_DELTA}
_NS_PER_S: Final = 1_000_000_000
_ROW_GROUP: Final = 131_072


class Ticks(msgspec.Struct, frozen=True):
    """Columns of a catalog's file; price and size still as decimals."""

    columns: dict[str, Any]


class Written(msgspec.Struct, frozen=True):
    """A file of ticks: its first and last ``ts_init`` (ns), and the decimals that its numbers need."""

    first: int
    last: int
    price_precision: int
    size_precision: int


def require_library() -> None:
    """Check that the library is there, and keeps its data as it is known here.

    Raises:
        ExportError: It is not; the text says what to install.
    """
    try:
        known = importlib.import_module("nautilus_trader.serialization.arrow.schema").NAUTILUS_ARROW_SCHEMA
        data = importlib.import_module("nautilus_trader.model.data")
        version = importlib.import_module("nautilus_trader").__version__
    except ImportError as error:
        raise ExportError(
            "--format nautilus needs the library that reads it: pip install 'nautilus_trader>=1.221,<2'"
        ) from error
    if not known[data.TradeTick].equals(_TRADE_TICK) or not known[data.OrderBookDelta].equals(_ORDER_BOOK_DELTA):
        raise ExportError(
            f"nautilus_trader {version} keeps its catalog in another form than expected: "
            "install 1.221 with 128-bit numbers (its ordinary build for Linux)"
        )


def trade_ticks(batches: Iterable[pa.RecordBatch], id_column: str) -> Iterator[Ticks]:
    """Yield rows of ``trades`` or ``agg_trades`` as ticks."""
    clock = FlowClock()
    for batch in batches:
        happened, known = clock.trades(batch)
        sold = batch["buyer_is_maker"].to_numpy(zero_copy_only=False)
        yield Ticks(
            {
                "price": batch["price"],
                "size": batch["quantity"],
                "aggressor_side": np.where(sold, SELLER, BUYER).astype(np.uint8),
                "trade_id": batch[id_column].cast(pa.string()),
                "ts_event": happened.astype(np.uint64),
                "ts_init": known.astype(np.uint64),
            }
        )


def book_deltas(steps: Iterable[Step]) -> Iterator[Ticks]:
    """Yield the steps of a book as deltas: cleared where it is lost, a snapshot where it begins."""
    clock = FlowClock()
    for step in steps:
        match step:
            case Lost():
                yield _whole(clock.diffs(step.diff), Book(step.diff["final_update_id"][0].as_py(), [], [], [], []))
            case Begun():
                yield _whole(clock.diffs(step.diff), step.book)
            case Changed():
                yield _changes(clock.diffs(step.diffs), step.diffs)


def write_ticks(
    path: Path, folder: str, instrument_id: str, precisions: tuple[int, int], ticks: Iterable[Ticks]
) -> Written:
    """Write a file of a catalog.

    Args:
        path: Overwritten.
        folder: Of the catalog: what kind of ticks they are.
        instrument_id: Whose ticks.
        precisions: Decimals of the instrument's prices and sizes; more where the numbers have more.
        ticks: In the order of their ``ts_init``.

    Raises:
        ExportError: A number has more decimals than the library's.
    """
    price, size = precisions
    first = last = 0
    schema = _with_metadata(_SCHEMAS[folder], instrument_id, *precisions)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in ticks:
            columns = part.columns
            if not len(columns["ts_init"]):
                continue
            price, size = _decimals(columns["price"], price), _decimals(columns["size"], size)
            raw = {**columns, "price": _raw(columns["price"]), "size": _raw(columns["size"])}
            writer.write_table(pa.table([pa.array(raw[name]) for name in schema.names], schema=schema), _ROW_GROUP)
            first, last = first or int(columns["ts_init"][0]), int(columns["ts_init"][-1])
    if (price, size) != precisions:
        _rewrite(path, _with_metadata(_SCHEMAS[folder], instrument_id, price, size))
    return Written(first, last, price, size)


def file_name(written: Written) -> str:
    """Return the name by which the library knows the times of a file."""
    return f"{_file_time(written.first)}_{_file_time(written.last)}.parquet"


def precisions_of(listing: Listing | None) -> tuple[int, int]:
    """Return the decimals of a symbol's prices and sizes as the venue described them; 0 where it was not asked."""
    if listing is None:
        return 0, 0
    return _decimals_of(listing.tick_size), _decimals_of(listing.step_size)


def _decimals_of(step: Decimal | None) -> int:
    exponent = 0 if step is None else step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _whole(times: tuple[Times, Times], book: Book) -> Ticks:
    """Return a message that clears the book and adds levels."""
    bids, asks = len(book.bid_prices), len(book.ask_prices)
    count = 1 + bids + asks
    flags = np.full(count, F_SNAPSHOT, np.uint8)
    # Not both: the library knows the end of a message by this flag alone (`OrderBookDeltas.batch`, its data engine).
    flags[-1] = F_LAST
    return Ticks(
        {
            "action": np.array([CLEAR] + [ADD] * (bids + asks), np.uint8),
            "side": np.array([0] + [BUYER] * bids + [SELLER] * asks, np.uint8),
            "price": _exact(["0", *book.bid_prices, *book.ask_prices]),
            "size": _exact(["0", *book.bid_quantities, *book.ask_quantities]),
            "flags": flags,
            "order_id": np.zeros(count, np.uint64),
            "sequence": np.full(count, book.last_update_id, np.uint64),
            "ts_event": np.full(count, times[0][0], np.uint64),
            "ts_init": np.full(count, times[1][0], np.uint64),
        }
    )


def _changes(times: tuple[Times, Times], diffs: pa.RecordBatch) -> Ticks:
    levels = levels_of(diffs)
    gone = np.array(pc.equal(levels.quantities, pa.scalar(Decimal(0), DECIMAL)))
    flags = np.zeros(len(gone), np.uint8)
    flags[np.cumsum(levels.counts)[levels.counts > 0] - 1] = F_LAST
    sequence = diffs["final_update_id"].to_numpy().astype(np.uint64)
    return Ticks(
        {
            "action": np.where(gone, DELETE, UPDATE).astype(np.uint8),
            "side": np.where(levels.is_bid, BUYER, SELLER).astype(np.uint8),
            "price": levels.prices,
            "size": levels.quantities,
            "flags": flags,
            "order_id": np.zeros(len(gone), np.uint64),
            "sequence": sequence[levels.rows],
            "ts_event": times[0][levels.rows].astype(np.uint64),
            "ts_init": times[1][levels.rows].astype(np.uint64),
        }
    )


def _exact(texts: list[str]) -> pa.Array:
    return pa.array([Decimal(text) for text in texts], DECIMAL)


def _decimals(numbers: pa.Array, at_least: int) -> int:
    """Return how many decimals ``numbers`` need, or ``at_least``."""
    for decimals in range(at_least, SCALE + 1):
        try:
            numbers.cast(pa.decimal128(DECIMAL.precision, decimals))
        except pa.ArrowInvalid:
            continue
        return decimals
    raise ExportError(f"a price or quantity has more than the {SCALE} decimals that nautilus_trader can hold")


def _raw(numbers: pa.Array) -> pa.Array:
    """Return numbers as the library's: integers of 16 bytes, little-endian, in units of the last decimal."""
    scaled = numbers.cast(pa.decimal128(DECIMAL.precision, SCALE))
    return pa.Array.from_buffers(_RAW, len(scaled), [None, scaled.buffers()[1]], offset=scaled.offset)


def _with_metadata(schema: pa.Schema, instrument_id: str, price: int, size: int) -> pa.Schema:
    return schema.with_metadata(
        {"instrument_id": instrument_id, "price_precision": str(price), "size_precision": str(size)}
    )


def _rewrite(path: Path, schema: pa.Schema) -> None:
    """Copy a file under another schema's metadata: how many decimals there are is known at the end only."""
    copy = path.with_name(path.name + ".copy")
    with pq.ParquetFile(path) as file, pq.ParquetWriter(copy, schema, compression="zstd") as writer:
        for number in range(file.num_row_groups):
            writer.write_table(file.read_row_group(number).replace_schema_metadata(schema.metadata), _ROW_GROUP)
    copy.replace(path)


def _file_time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, _NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}-{rest:09d}Z"
