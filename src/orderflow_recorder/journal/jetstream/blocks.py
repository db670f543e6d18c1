"""What a message says of itself: which bytes of which segment it carries."""

from collections.abc import Mapping
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.positions import Position

HEADER: Final = "Orderflow-Block"
MESSAGE_ID: Final = "Nats-Msg-Id"
EXPECTED_LAST: Final = "Nats-Expected-Last-Sequence"

_encode: Final = msgspec.json.Encoder().encode


class Stamp(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The header of a message whose data is part of a segment's text, whole lines as a rule.

    A line that is longer than a message is cut; all but the last of its messages then do not end with a line break.

    Attributes:
        start: Where the data begins.
        end: Where it ends.
        after: Nothing lies between this place and ``start``. It is the end of the message before, unless the
            segments in between were gone before they could be published.
        instance: From the segment's header.
        run_id: From the segment's header.
        time: When it was published, ns since the epoch.
        line: Where the line begins within which the data ends; none where it ends with a line break.
        dropped_bytes: See `JournalBlock`.
    """

    start: Position
    end: Position
    after: Position
    instance: str
    run_id: str
    time: int
    line: Position | None = None
    dropped_bytes: int = 0


_decode: Final = msgspec.json.Decoder(Stamp).decode


def message_headers(stamp: Stamp, last_sequence: int) -> dict[str, str]:
    """Compose a message's headers.

    Args:
        stamp: What the message carries.
        last_sequence: The server takes the message only where this is its newest one, so that no fault and
            no second publisher can make a hole or a repetition, however long ago the last attempt was.
    """
    start = stamp.start
    return {
        MESSAGE_ID: f"{stamp.instance}/{start.segment}/{start.offset}",
        EXPECTED_LAST: str(last_sequence),
        HEADER: _encode(stamp).decode(),
    }


def read_stamp(headers: Mapping[str, str] | None) -> Stamp:
    """Return what a message carries.

    Raises:
        JournalError: It is none of ours.
    """
    try:
        return _decode((headers or {})[HEADER])
    except (KeyError, msgspec.MsgspecError):
        message = (
            f"expected messages with the header {HEADER} in the journal's stream, got one without: somebody else "
            "publishes to it; delete that message, or use another INSTANCE_ID"
        )
        raise JournalError(message) from None
