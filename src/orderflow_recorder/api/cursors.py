"""Where a page ended, as text that clients hand back and need not understand."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from orderflow_recorder.research import QuestionError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_MICROSECONDS: Final = 4_102_444_800_000_000
_MOST_ID: Final = 2**63 - 1


def write_place(time: datetime, number: int) -> str:
    """Return the cursor of a row by its time and id."""
    return _write([(time - _EPOCH) // _MICROSECOND, number])


def read_place(cursor: str | None) -> tuple[datetime, int] | None:
    """Return the time and id that a cursor says; none for none.

    Raises:
        QuestionError: It is no cursor of rows with a time.
    """
    if cursor is None:
        return None
    microseconds, number = _read(cursor, 2)
    return _EPOCH + min(microseconds, _MOST_MICROSECONDS) * _MICROSECOND, number


def write_number(number: int) -> str:
    """Return the cursor of a row by its number."""
    return _write([number])


def read_number(cursor: str | None) -> int | None:
    """Return the number that a cursor says; none for none.

    Raises:
        QuestionError: It is no cursor of numbered rows.
    """
    return None if cursor is None else _read(cursor, 1)[0]


def _write(numbers: list[int]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(numbers)).decode().rstrip("=")


def _read(cursor: str, length: int) -> list[int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        numbers = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=list[int])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        numbers = []
    if len(numbers) != length or not all(0 <= number <= _MOST_ID for number in numbers):
        msg = f"after: expected the `next` of a page of this very path, received {cursor!r}"
        raise QuestionError(msg)
    return numbers
