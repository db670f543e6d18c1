"""``/candles``: candles of any length."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from orderflow_recorder.api.formats import Wanted, rows_response
from orderflow_recorder.api.parameters import Day, End, OfSymbol, Start, now, span_of
from orderflow_recorder.api.recorded import require_recorded
from orderflow_recorder.api.schemas import answers, page_of, row_of
from orderflow_recorder.api.services import Databases
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.research import QuestionError
from orderflow_recorder.research.candles import candle_schema
from orderflow_recorder.research.questions import parse_interval

MOST_CANDLES: Final = 100_000
_MINUTE_S: Final = 60
_LONGEST_OF_SECONDS: Final = timedelta(days=2)
"""Candles of whole minutes are made of those of a minute, all others of those of a second."""
_LONGEST_OF_MINUTES: Final = timedelta(days=366)


class CandlesQuestion(OfSymbol):
    """Which candles."""

    date: Day = None
    start: Start = None
    end: End = None
    resolution: Annotated[
        str,
        Field(pattern=r"^[1-9][0-9]{0,7}[smhdw]$", description="Length of a candle: 1s, 5s, 1m, 15m, 4h, 1d, 1w …"),
    ] = "1m"


def candles_router(databases: Databases, clock: Clock) -> APIRouter:
    """Return the path that reads ``databases``."""
    router = APIRouter(tags=["recorded"])
    description = "Candles in order; where nothing was traded there is none."

    @router.get("/candles", responses=answers(page_of(row_of(candle_schema("exact"))), description, rows=True))
    def candles(wanted: Wanted, question: Annotated[CandlesQuestion, Query()]) -> Response:
        """Return the candles that begin on a day, or from start on and before end (none: now), by trade time.

        `complete` is false where a hole touches the candle. Of a longer span than is allowed ask for longer
        candles, or in parts.
        """
        seconds = parse_interval(question.resolution)
        start, end = span_of(question.start, question.end, question.date)
        end = _check_span(start, end or now(clock), seconds, question.resolution)
        with databases() as database:
            found = database.candles(
                question.market,
                question.symbol,
                start,
                end,
                interval=timedelta(seconds=seconds),
                numbers=wanted.numbers,
            )
            if found.is_empty():
                require_recorded(database, question.market, question.symbol, "trade", "aggTrade")
        return rows_response(found.to_arrow(), wanted)

    return router


def _check_span(start: datetime | None, end: datetime, seconds: int, resolution: str) -> datetime:
    """Return the end of a span that is not too long.

    Raises:
        QuestionError: It is, or has no start.
    """
    if start is None:
        msg = "date, start: expected a day, or a start, received neither"
        raise QuestionError(msg)
    if start > end:
        msg = f"start, end: expected a start before the end, received {start.isoformat()} and {end.isoformat()}"
        raise QuestionError(msg)
    longest = min(
        MOST_CANDLES * timedelta(seconds=seconds), _LONGEST_OF_SECONDS if seconds % _MINUTE_S else _LONGEST_OF_MINUTES
    )
    if end - start > longest:
        msg = (
            f"start, end: expected at most {longest} of candles of {resolution}, received {end - start}: "
            "ask for longer candles, or in parts"
        )
        raise QuestionError(msg)
    return end
