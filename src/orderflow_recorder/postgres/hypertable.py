"""How a table is cut into chunks, and when those are compressed."""

from typing import Final

import msgspec

COMPRESS_AFTER_CHUNKS: Final = 2
"""Older chunks than this many intervals are compressed; late rows into them are slow (8 us each)."""


class Hypertable(msgspec.Struct, frozen=True):
    """How one table is cut into chunks.

    Attributes:
        table: Name in schema public.
        time: The column that chunks are cut by; part of the table's unique index.
        order: The columns that order rows of the same time in a compressed chunk: what market, symbol
            and time leave of the unique index, so that a late row is looked for in few batches.
        chunk_hours: Length of a chunk, h.
    """

    table: str
    time: str
    order: tuple[str, ...]
    chunk_hours: int
