"""``/book``: the order book now, or at an instant, and whether it can be trusted."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import polars as pl
import pyarrow as pa
from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from orderflow_recorder.api.formats import Format, Wanted, object_response, rows_response
from orderflow_recorder.api.parameters import At, OfSymbol, now
from orderflow_recorder.api.recorded import require_recorded
from orderflow_recorder.api.routes.ticks import require_tick
from orderflow_recorder.api.schemas import INTEGER, NUMBER, TEXT, TIME, TRUTH, answers, object_of, optional
from orderflow_recorder.api.services import Databases
from orderflow_recorder.live import Level, Tick, TickStore
from orderflow_recorder.live.times import iso
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.research import Book, QuestionError
from orderflow_recorder.research.decimals import DECIMAL, to_numbers

MOST_LEVELS: Final = 5000
MOST_LIVE_LEVELS: Final = 20

_SKEW: Final = timedelta(seconds=10)
"""The venue's clock, the asker's and ours are not the same."""
_NO_BOOK: Final = "there is no book without holes now: it begins again with the next snapshot"
_LEVELS: Final = {"type": "array", "items": object_of({"price": NUMBER, "quantity": NUMBER, "known": TRUTH})}
_SCHEMA: Final = object_of(
    {"market": TEXT, "symbol": TEXT, "source": {"type": "string", "enum": ["live", "recorded"]}, "at": TIME}
    | {"trusted": TRUTH, "reason": TEXT, "last_update_id": optional(INTEGER), "checkpoint": optional(INTEGER)}
    | {"bids": _LEVELS, "asks": _LEVELS}
)


class BookQuestion(OfSymbol):
    """Which book."""

    at: At = None
    levels: Annotated[
        int, Field(ge=1, le=MOST_LEVELS, description=f"Of each side, the best; at most {MOST_LIVE_LEVELS} without at.")
    ] = 20


def book_router(databases: Databases, store: TickStore, clock: Clock) -> APIRouter:
    """Return the path that reads ``store``, or ``databases``."""
    router = APIRouter(tags=["now", "recorded"])

    @router.get("/book", responses=answers(_SCHEMA, "Best first.", rows=True))
    def book(wanted: Wanted, question: Annotated[BookQuestion, Query()]) -> Response:
        """Return the book as it is now, or as it was at an instant of the venue's clock, and whether to trust it.

        `known` is false beyond the edge of what is known: others may lie between that level and the one before it.
        CSV and Arrow have a row a level.
        """
        if question.at is None:
            return _live(require_tick(store, question.market, question.symbol), question.levels, wanted)
        if question.at > now(clock) + _SKEW:
            msg = f"at: expected an instant that has passed, received {question.at.isoformat()}"
            raise QuestionError(msg)
        with databases() as database:
            found = database.book(
                question.market, question.symbol, question.at, levels=question.levels, numbers=wanted.numbers
            )
            if found.bids.is_empty() and found.asks.is_empty():
                require_recorded(database, question.market, question.symbol)
        return _recorded(found, wanted)

    return router


def _live(tick: Tick, levels: int, wanted: Format) -> Response:
    """Return the book of now.

    Raises:
        QuestionError: Nobody keeps so many levels.
    """
    if levels > MOST_LIVE_LEVELS:
        msg = f"levels: expected at most {MOST_LIVE_LEVELS} of the live book, received {levels}: ask with at for more"
        raise QuestionError(msg)
    top = tick.book
    head = {
        "market": tick.market,
        "symbol": tick.symbol,
        "source": "live",
        "at": iso(tick.updated_at if top is None else top.event_time or top.receive_time),
        "trusted": top is not None,
        "reason": _NO_BOOK if top is None else f"every update up to {top.last_update_id} is in it",
        "last_update_id": None if top is None else top.last_update_id,
        "checkpoint": None,
    }
    bids, asks = (_side(side[:levels], wanted) for side in (((), ()) if top is None else (top.bids, top.asks)))
    return _answer(head, bids, asks, wanted)


def _recorded(book: Book, wanted: Format) -> Response:
    head = {
        "market": book.market,
        "symbol": book.symbol,
        "source": "recorded",
        "at": _iso(book.at),
        "trusted": book.trusted,
        "reason": book.reason,
        "last_update_id": None,
        "checkpoint": book.checkpoint,
    }
    return _answer(head, book.bids, book.asks, wanted)


def _answer(head: dict[str, Any], bids: pl.DataFrame, asks: pl.DataFrame, wanted: Format) -> Response:
    if wanted is Format.JSON:
        return object_response(head | {"bids": bids.to_dicts(), "asks": asks.to_dicts()})
    sides = [frame.select(pl.lit(name).alias("side"), pl.all()) for name, frame in (("bid", bids), ("ask", asks))]
    levels = pl.concat(sides).with_columns(pl.lit(head["trusted"]).alias("trusted"), pl.lit(head["at"]).alias("at"))
    return rows_response(levels.to_arrow(), wanted)


def _side(levels: tuple[Level, ...], wanted: Format) -> pl.DataFrame:
    """Return levels as a recorded book has them."""
    columns = {
        name: pa.array([getattr(level, name) for level in levels], pa.string()) for name in ("price", "quantity")
    }
    if wanted is Format.ARROW:
        columns = {name: to_numbers(column, DECIMAL) for name, column in columns.items()}
    return pl.DataFrame(pa.table({**columns, "known": pa.array([True] * len(levels), pa.bool_())}))


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
