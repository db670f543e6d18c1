"""Settings that are spans of time, written as people say them: ``90d``, ``12h``, ``4w``."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

NEVER: Final = "off"
"""What `COMPRESS_AFTER` says where nothing is to be compressed."""

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST: Final = timedelta(weeks=5200)
_TWO_DAYS: Final = "healing and candles look two days back"
_SHORTEST: Final[Mapping[str, tuple[str, str]]] = {
    "compress_after": ("1h", "rows still arrive for the last hour"),
    "retain_trades": ("2d", _TWO_DAYS),
    "retain_depth": ("1h", "a book is rebuilt from what came before"),
    "retain_tops": ("1h", "less is gone before anybody reads it"),
    "retain_prices": ("1h", "less is gone before anybody reads it"),
    "retain_candles": ("2d", _TWO_DAYS),
    "retain_events": ("2d", "a gap takes its cause from the events of its socket, which lives a day"),
}
"""The shortest span that each setting takes, and why."""


def check_duration(text: object) -> str:
    """Return a duration in lower case, without blanks; empty stays empty.

    Raises:
        ValueError: It is none, or absurdly long.
    """
    written = str(text).replace(" ", "").lower()
    if not written:
        return written
    if not re.fullmatch(r"[1-9][0-9]{0,6}[mhdw]", written):
        msg = "expected a duration such as 90d, 12h or 4w (m minutes, h hours, d days, w weeks)"
        raise ValueError(msg)
    if duration(written) > _LONGEST:
        msg = "expected at most a hundred years; empty means for ever"
        raise ValueError(msg)
    return written


def check_compress_after(text: object) -> str:
    """Return a duration like `check_duration`, or ``off``.

    Raises:
        ValueError: It is neither.
    """
    written = str(text).strip().lower()
    if written == NEVER:
        return written
    try:
        return check_duration(written)
    except ValueError as error:
        msg = f"{error}, or {NEVER} for never"
        raise ValueError(msg) from None


def duration(text: str) -> timedelta:
    """Return what a checked, non-empty duration means."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def duration_text(span: timedelta) -> str:
    """Return a span as it is written in a setting, in the longest unit that fits: ``36h``, ``2d``."""
    minutes = round(span.total_seconds() / 60)
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size}{unit}"
    return f"{minutes}m"


def too_short(values: Mapping[str, Any]) -> Iterator[str]:
    """Return one line per duration that is shorter than what the recorder itself needs.

    Args:
        values: Validated settings by field name.
    """
    for name, (shortest, reason) in _SHORTEST.items():
        text = values[name]
        if text and text != NEVER and duration(text) < duration(shortest):
            yield f"{name.upper()}: expected at least {shortest}, got {text}: {reason}"
