"""Parquet files of tables: zstd, exact decimals or floats, times in µs and UTC."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS: Final = 262_144
"""Rows of a row group where rows are short."""

ROW_GROUP_BYTES: Final = 64 << 20
"""Bytes in memory at which a row group ends where rows are whole books."""


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write batches to a file.

    Args:
        path: Overwritten.
        schema: Of every batch.
        batches: In the order of the file.
    """
    held: list[pa.RecordBatch] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            held.append(batch)
            if sum(each.num_rows for each in held) >= ROW_GROUP_ROWS or _bytes(held) >= ROW_GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(held, schema), ROW_GROUP_ROWS)
                held.clear()
        if held:
            writer.write_table(pa.Table.from_batches(held, schema), ROW_GROUP_ROWS)


def _bytes(batches: Iterable[pa.RecordBatch]) -> int:
    return sum(batch.nbytes for batch in batches)
