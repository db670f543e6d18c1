"""``/gaps``, ``/coverage`` and ``/instruments``: what is missing, what is there, and of what."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from orderflow_recorder.api.cursors import read_number, write_number
from orderflow_recorder.api.formats import Wanted, rows_response
from orderflow_recorder.api.parameters import After, End, Limit, OfMany, Start, Status, StreamName, span_of
from orderflow_recorder.api.schemas import answers, page_of, row_of
from orderflow_recorder.api.services import Databases
from orderflow_recorder.research.ledger import small_table_schema


class GapsQuestion(OfMany):
    """Which gaps."""

    stream: StreamName | None = None
    status: Status = None
    start: Start = None
    end: End = None
    limit: Limit = 1000
    after: After = None


class CoverageQuestion(OfMany):
    """Which streams."""

    stream: StreamName | None = None


def ledger_router(databases: Databases) -> APIRouter:
    """Return the paths that read ``databases``."""
    router = APIRouter(tags=["recorded"])

    @router.get(
        "/gaps",
        responses=answers(page_of(row_of(small_table_schema("gaps"))), "Gaps, newest number first.", rows=True),
    )
    def gaps(request: Request, wanted: Wanted, question: Annotated[GapsQuestion, Query()]) -> Response:
        """Return what is missing, since when, why, and whether it was healed; times are those of receipt.

        With start and end: what touches that span.
        """
        with databases() as database:
            found = database.gaps_page(
                market=question.market,
                symbol=question.symbol,
                stream=question.stream,
                status=question.status,
                span=span_of(question.start, question.end),
                before=read_number(question.after),
                limit=question.limit,
            )
        cursor = write_number(found["gap_id"][-1]) if len(found) == question.limit else None
        following = f"?{urlencode({**request.query_params, 'after': cursor or ''})}"
        return rows_response(found.to_arrow(), wanted, after=cursor, following=following)

    @router.get(
        "/coverage",
        responses=answers(page_of(row_of(small_table_schema("coverage"))), "Streams by market and symbol.", rows=True),
    )
    def coverage(wanted: Wanted, question: Annotated[CoverageQuestion, Query()]) -> Response:
        """Return from where to where each stream is recorded; what is missing in between is in `/gaps`."""
        with databases() as database:
            found = database.coverage(question.market, question.symbol, question.stream)
        return rows_response(found.to_arrow(), wanted)

    @router.get(
        "/instruments",
        responses=answers(page_of(row_of(small_table_schema("instruments"))), "Symbols by market.", rows=True),
    )
    def instruments(wanted: Wanted, question: Annotated[OfMany, Query()]) -> Response:
        """Return the symbols as the venue last described them."""
        with databases() as database:
            found = database.instruments(question.market, question.symbol, numbers=wanted.numbers)
        return rows_response(found.to_arrow(), wanted)

    return router
