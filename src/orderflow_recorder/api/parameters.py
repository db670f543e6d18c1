"""What may be asked for: the words of requests, and their bounds."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.research import QuestionError
from orderflow_recorder.research.questions import parse_moment

MOST_ROWS: Final = 50_000
"""Of a page."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2100, 1, 1, tzinfo=UTC)


def _moment(name: str) -> BeforeValidator:
    def parse(text: Any) -> datetime | None:  # noqa: ANN401  # whatever came
        if text is None:
            return None
        # A + in an address is a blank: a zone must not be lost over it.
        moment = parse_moment(name, text.replace(" ", "+") if "T" in text else text)
        if not _FIRST <= moment <= _LAST:
            msg = f"{name}: expected a time from {_FIRST.year} to {_LAST.year}, received {text!r}"
            raise QuestionError(msg)
        return moment

    return BeforeValidator(parse)


def _words(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example]})


MarketName: TypeAlias = Annotated[Market, Field(description="spot, or usdm for USD-M futures.")]
Symbol: TypeAlias = Annotated[
    str,
    Field(pattern=r"^\w{2,40}$", description="E.g. BTCUSDT, in any case.", examples=["BTCUSDT"]),
    AfterValidator(str.upper),
]
StreamName: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9@]{1,40}$", description="Wire name without the symbol, e.g. trade, depth@100ms."),
]
Start: TypeAlias = Annotated[
    datetime | None,
    Field(description="First moment, ISO 8601; UTC unless it says otherwise."),
    _moment("start"),
    _words("2026-01-31T12:00:00Z"),
]
End: TypeAlias = Annotated[
    datetime | None,
    Field(description="The moment after the last one, ISO 8601; UTC unless it says otherwise."),
    _moment("end"),
    _words("2026-01-31T13:00:00Z"),
]
At: TypeAlias = Annotated[
    datetime | None,
    Field(description="The instant, venue's clock, ISO 8601; UTC unless it says otherwise. None: now."),
    _moment("at"),
    _words("2026-01-31T12:00:00Z"),
]
Day: TypeAlias = Annotated[
    date | None, Field(description="The whole day, UTC, instead of start and end.", examples=["2026-01-31"])
]
Limit: TypeAlias = Annotated[int, Field(ge=1, le=MOST_ROWS, description="The most rows of the answer.")]
After: TypeAlias = Annotated[
    str | None,
    Field(max_length=80, description="Where the page before ended: its `next`, which its Link header has, too."),
]
Status: TypeAlias = Annotated[GapStatus | None, Field(description="Only these.")]


class Question(BaseModel):
    """The parameters of a request; one that is not known is refused, as it would be left out in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OfSymbol(Question):
    """A question about one symbol."""

    market: MarketName
    symbol: Symbol


class OfMany(Question):
    """A question about all symbols, or those of a market, or one."""

    market: MarketName | None = None
    symbol: Symbol | None = None


def now(clock: Clock) -> datetime:
    """Return the time of ``clock`` in UTC."""
    return _EPOCH + timedelta(microseconds=clock.now_ns() // 1000)


def span_of(
    start: datetime | None, end: datetime | None, day: date | None = None
) -> tuple[datetime | None, datetime | None]:
    """Return the span that is meant: a day (UTC), or from start to end.

    Raises:
        QuestionError: Both were given, or they are the wrong way round.
    """
    if day is not None:
        if start is not None or end is not None:
            msg = "date, start, end: expected a date, or start and end, received both"
            raise QuestionError(msg)
        if not _FIRST.date() <= day < _LAST.date():
            msg = f"date: expected a day from {_FIRST.year} to {_LAST.year - 1}, received {day.isoformat()}"
            raise QuestionError(msg)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return start, start + timedelta(days=1)
    if start is not None and end is not None and start > end:
        msg = f"start, end: expected a start before the end, received {start.isoformat()} and {end.isoformat()}"
        raise QuestionError(msg)
    return start, end
