"""Arguments of a question: read leniently where nothing can be misunderstood, refused clearly elsewhere."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, get_args

from orderflow_recorder.domain.errors import UnknownStreamError
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.research.decimals import Numbers
from orderflow_recorder.research.errors import QuestionError

MarketName: TypeAlias = Market | str
"""A market, or its name: ``spot`` or ``usdm`` (USDⓈ-M futures)."""

Moment: TypeAlias = datetime | str
"""An instant, as a datetime or ISO 8601 text; UTC unless it says otherwise."""

_NUMBERS: Final = get_args(Numbers)
_INTERVAL: Final = re.compile(r"(?P<number>[1-9][0-9]{0,7})(?P<unit>[smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SECOND: Final = timedelta(seconds=1)
_LONGEST: Final = timedelta(weeks=520)


def parse_market(market: MarketName) -> Market:
    """Return the market that ``market`` names, in whatever case.

    Raises:
        QuestionError: There is no such market.
    """
    try:
        return Market(market.lower())
    except (AttributeError, ValueError):
        msg = f"market: expected 'spot' or 'usdm' (USD-M futures), received {market!r}"
        raise QuestionError(msg) from None


def parse_symbol(symbol: str) -> str:
    """Return ``symbol`` as the database has it: upper case.

    Raises:
        QuestionError: It is empty, or none.
    """
    if not isinstance(symbol, str) or not symbol.strip():
        msg = f"symbol: expected one like 'BTCUSDT', received {symbol!r}"
        raise QuestionError(msg)
    return symbol.strip().upper()


def parse_moment(name: str, moment: Moment) -> datetime:
    """Return an instant in UTC.

    Args:
        name: Of the argument, for the error.
        moment: Without a time zone it is UTC.

    Raises:
        QuestionError: It is no instant.
    """
    try:
        found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        msg = f"{name}: expected a datetime or a time like '2026-01-31T12:00:00Z', received {moment!r}"
        raise QuestionError(msg) from None


def parse_span(start: Moment | None, end: Moment | None) -> tuple[datetime | None, datetime | None]:
    """Return a half-open span of time in UTC; an end that is none stays open.

    Raises:
        QuestionError: One of the two is no instant, or they are the wrong way round.
    """
    first = None if start is None else parse_moment("start", start)
    last = None if end is None else parse_moment("end", end)
    if first is not None and last is not None and first > last:
        msg = f"start, end: expected a start before the end, received {first.isoformat()} and {last.isoformat()}"
        raise QuestionError(msg)
    return first, last


def parse_numbers(numbers: str) -> Numbers:
    """Return how prices and quantities are to come.

    Raises:
        QuestionError: It is none of `Numbers`.
    """
    for known in _NUMBERS:
        if numbers == known:
            return known  # type: ignore[no-any-return]  # the words of a Literal
    msg = f"numbers: expected one of {', '.join(map(repr, _NUMBERS))}, received {numbers!r}"
    raise QuestionError(msg)


def parse_levels(levels: int | None) -> int | None:
    """Return how many levels of a side are wanted; none: all.

    Raises:
        QuestionError: It is not a positive number.
    """
    if levels is not None and not _is_positive(levels):
        msg = f"levels: expected a whole number above 0, or None for all, received {levels!r}"
        raise QuestionError(msg)
    return levels


def parse_rows(rows: int) -> int:
    """Return how many rows a batch may have.

    Raises:
        QuestionError: It is not a positive number.
    """
    if not _is_positive(rows):
        msg = f"rows: expected a whole number above 0, received {rows!r}"
        raise QuestionError(msg)
    return rows


def parse_interval(interval: str | timedelta) -> int:
    """Return the length of a candle, seconds.

    Raises:
        QuestionError: It is none, or not of whole seconds.
    """
    if isinstance(interval, timedelta):
        length = interval
    else:
        written = _INTERVAL.fullmatch(interval) if isinstance(interval, str) else None
        length = timedelta(**{_UNITS[written["unit"]]: int(written["number"])}) if written else timedelta()
    if length <= timedelta() or length > _LONGEST or length % _SECOND:
        msg = f"interval: expected whole seconds, e.g. '5s', '15m', '4h', '1d' or '1w', received {interval!r}"
        raise QuestionError(msg)
    return length // _SECOND


def parse_status(status: str | None) -> GapStatus | None:
    """Return which gaps are wanted; none: all.

    Raises:
        QuestionError: There is no such status.
    """
    try:
        return None if status is None else GapStatus(status)
    except ValueError:
        msg = f"status: expected {', '.join(map(repr, map(str, GapStatus)))} or None, received {status!r}"
        raise QuestionError(msg) from None


def parse_stream(market: Market, stream: str) -> StreamKind:
    """Return what ``stream`` of ``market`` carries.

    Raises:
        QuestionError: The market has no such stream.
    """
    try:
        return stream_kind(market, stream)
    except (UnknownStreamError, TypeError) as error:
        msg = f"stream: {error}"
        raise QuestionError(msg) from None


def _is_positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0
