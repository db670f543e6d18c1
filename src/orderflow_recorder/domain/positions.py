"""A place in the journal."""

import msgspec


class Position(msgspec.Struct, frozen=True, order=True):
    """The place after an entry: everything before it has been dealt with.

    Attributes:
        segment: Number of the segment file, from 1.
        offset: Bytes from the start of that segment (of its uncompressed text).
    """

    segment: int
    offset: int


JOURNAL_START = Position(0, 0)
