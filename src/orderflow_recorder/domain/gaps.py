"""The words of the gap ledger."""

from enum import StrEnum
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind


class GapCause(StrEnum):
    """Why ids (or a time) are missing, taken from the journal's events."""

    DISCONNECT = "disconnect"
    """The socket was lost."""
    STALL = "stall"
    """The socket was open and silent, and was replaced."""
    RESTART = "restart"
    """The recorder did not run, or had ended without a word."""
    VENUE_SKIPPED = "venue_skipped"
    """Nothing happened on our side: the venue did not send it."""
    UNPARSABLE_FRAME = "unparsable_frame"
    """A frame came that could not be read; it is kept raw in the journal."""
    DISK_FULL = "disk_full"
    ROTATION = "rotation"
    """Lost while one socket replaced another: a bug, if it ever shows."""
    WINDOW = "window"
    """Outside of the recording window: wanted, never an alarm."""
    UNSUBSCRIBED = "unsubscribed"
    """Removed from a running recorder, and added again later: wanted, never an alarm."""
    HOST_ASLEEP = "host_asleep"
    """The machine was suspended, or so busy that the recorder stood still."""
    JOURNAL_LOST = "journal_lost"
    """Segments were gone before they were loaded."""


class GapStatus(StrEnum):
    """What became of a gap."""

    OPEN = "open"
    """Missing, and the venue may still serve it."""
    HEALED = "healed"
    """Its ids are rows now."""
    UNRECOVERABLE = "unrecoverable"
    """No source has it; ``reason`` says why. Another recorder or an archive may still bring it."""


WANTED: Final = frozenset({GapCause.WINDOW, GapCause.UNSUBSCRIBED})
"""Causes of holes that were asked for: nobody fetches what nobody wanted."""


class OpenGap(msgspec.Struct, frozen=True):
    """A gap of a stream with ids, as the ledger knows it.

    Attributes:
        gap_id: Its number.
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        first_missing_id: First id that is missing.
        last_missing_id: Last one.
        from_time: When the record before it was received, ns; none if unknown.
        to_time: When the record after it was received, ns; none if unknown.
        cause: Why, see `GapCause`.
    """

    gap_id: int
    market: Market
    symbol: str
    stream: str
    first_missing_id: int
    last_missing_id: int
    from_time: int | None
    to_time: int | None
    cause: str


def no_source(market: Market, kind: StreamKind) -> str | None:
    """Return why the venue serves no past data of a kind over keyless REST; none where it does."""
    match kind:
        case StreamKind.AGG_TRADE:
            return None
        case StreamKind.TRADE if market is Market.SPOT:
            return None
        case StreamKind.TRADE:
            return "futures serve old raw trades only to API keys (historicalTrades)"
        case StreamKind.DEPTH | StreamKind.PARTIAL_DEPTH:
            return "the venue serves no past book changes; the book is whole again from the next snapshot"
        case _:
            return "the venue serves no past data of this stream"
