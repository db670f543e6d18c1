"""``/trades``: trades page by page."""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from orderflow_recorder.api.cursors import read_place, write_place
from orderflow_recorder.api.formats import Wanted, rows_response
from orderflow_recorder.api.parameters import After, End, Limit, OfSymbol, Start, span_of
from orderflow_recorder.api.recorded import require_recorded
from orderflow_recorder.api.schemas import answers, page_of, row_of
from orderflow_recorder.api.services import Databases
from orderflow_recorder.research.batches import TIMES, table_schema
from orderflow_recorder.research.pages import TRADE_IDS, TradeTable

_TABLES: Final[dict[str, TradeTable]] = {"trade": "trades", "aggTrade": "agg_trades"}


class TradesQuestion(OfSymbol):
    """Which trades."""

    stream: Literal["trade", "aggTrade"] = "trade"
    start: Start = None
    end: End = None
    limit: Limit = 1000
    after: After = None


def trades_router(databases: Databases) -> APIRouter:
    """Return the path that reads ``databases``."""
    router = APIRouter(tags=["recorded"])
    rows = {"anyOf": [row_of(table_schema(table)) for table in _TABLES.values()]}

    @router.get("/trades", responses=answers(page_of(rows), "Trades by trade time, then id.", rows=True))
    def trades(request: Request, wanted: Wanted, question: Annotated[TradesQuestion, Query()]) -> Response:
        """Return trades of one symbol, or aggregate trades, which are the same flow: never add the two up.

        A page ends after `limit` rows; `next` is where the following one begins.
        """
        table = _TABLES[question.stream]
        place = read_place(question.after)
        with databases() as database:
            found = database.trades_page(
                table,
                (question.market, question.symbol),
                span_of(question.start, question.end),
                after=place,
                limit=question.limit,
                numbers=wanted.numbers,
            )
            if found.is_empty():
                require_recorded(database, question.market, question.symbol, question.stream)
        cursor = None
        if len(found) == question.limit:
            last = found.row(-1, named=True)
            cursor = write_place(last[TIMES[table]], last[TRADE_IDS[table]])
        following = f"?{urlencode({**request.query_params, 'after': cursor or ''})}"
        return rows_response(found.to_arrow(), wanted, after=cursor, following=following)

    return router
