"""``/subscriptions``: what a running recorder records, and how to change that."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol, TypeAlias

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from orderflow_recorder.core.subscriptions import Outcome, Subscription, SubscriptionState
from orderflow_recorder.domain.errors import SubscriptionRefusedError, SubscriptionsDamagedError
from orderflow_recorder.domain.market import Market

_PATH: Final = "/subscriptions"
_METHODS: Final = "GET, POST, DELETE"
_MOST_STREAMS: Final = 20
_Responses: TypeAlias = dict[int | str, dict[str, Any]]

SymbolName = Annotated[
    str, Field(pattern=r"^\w{2,40}$", description="E.g. BTCUSDT, in any case.", examples=["SOLUSDT"])
]
StreamName = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9@]{1,40}$", description="Wire name without the symbol, e.g. trade, depth@100ms.")
]


class Subscriptions(Protocol):
    """What the paths need of the recorder."""

    def read(self) -> Sequence[Subscription]:
        """Return every stream, with what becomes of it.

        Raises:
            SubscriptionsDamagedError: Nobody knows what was asked for.
        """
        ...

    async def add(self, market: Market, symbol: str, names: Sequence[str] | None = None) -> Outcome:
        """Have streams recorded; without ``names`` those of the settings.

        Raises:
            SubscriptionRefusedError: It cannot be done.
            SubscriptionsDamagedError: Nobody knows what was asked for.
            OSError: The disk refuses.
        """
        ...

    async def remove(self, market: Market, symbol: str, name: str | None = None) -> Outcome:
        """Have a stream recorded no more; without ``name`` all of the symbol. Raises as `add`."""
        ...


class Wanted(BaseModel):
    """Streams to record from now on."""

    model_config = ConfigDict(extra="forbid")

    market: Market
    symbol: SymbolName
    streams: Annotated[
        list[StreamName] | None,
        Field(
            description="Which streams; left out: those that the settings record for this market.",
            examples=[["trade", "depth@100ms"]],
            min_length=1,
            max_length=_MOST_STREAMS,
        ),
    ] = None


class Row(BaseModel):
    """One stream."""

    market: Market
    symbol: str
    stream: str = Field(description="Wire name without the symbol.")
    state: SubscriptionState = Field(
        description="`active`: an open socket carries it. `wanted`: to be recorded, but not carried yet. "
        "`refused`: asked for, and not recorded. `removed`: not recorded, because that was asked for."
    )
    reason: str = Field(description="Why it is not recorded, or not yet; empty where there is nothing to say.")


class Rows(BaseModel):
    """Streams."""

    rows: list[Row]
    next: str | None = Field(default=None, description="Always null: all rows come at once.")
    note: str = Field(default="", description="Where the answer is 202: what the request waits for.")


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    title: str
    status: int
    detail: str = Field(description="What was expected, what came, what to do.")


def _described(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}


_REFUSED: Final[_Responses] = {
    422: _described("It cannot be done, e.g. the venue does not list the symbol; the detail says why.")
}
_DAMAGED: Final[_Responses] = {503: _described("The file that keeps what was asked for cannot be read or written.")}
_UNREADABLE: Final[_Responses] = {400: _described("The body is not text.")}
_LATER: Final[_Responses] = {
    202: {
        "model": Rows,
        "description": "It is kept, and will be carried out; the recorder has not said yet what became of it, e.g. "
        "because it does not run. Ask for the list later.",
    }
}


def subscriptions_router(control: Subscriptions) -> APIRouter:
    """Return the paths over ``control``."""
    router = APIRouter(tags=["subscriptions"])

    @router.get(_PATH, summary="What is recorded", response_model=Rows, responses=_DAMAGED)
    def read() -> Response | Rows:
        """Every stream that is recorded or was asked about, with what becomes of it."""
        try:
            return Rows(rows=_rows(control.read()))
        except SubscriptionsDamagedError as error:
            return _problem(503, str(error))

    @router.post(
        _PATH, summary="Record more", response_model=Rows, responses=_LATER | _UNREADABLE | _REFUSED | _DAMAGED
    )
    async def add(wanted: Wanted, response: Response) -> Response | Rows:
        """Have streams of a symbol recorded from now on, by a running recorder, without touching any other stream.

        It outlives restarts of the recorder. Asking twice changes nothing. The answer waits, for some seconds at most,
        until an open socket carries the streams. What is refused stays on the list as `refused` until it is deleted: it
        is looked up again at each start, when the venue's list of symbols is read again and when it is asked for again.
        """
        try:
            return _answer(await control.add(wanted.market, wanted.symbol, wanted.streams), response)
        except SubscriptionRefusedError as error:
            return _problem(422, str(error))
        except (SubscriptionsDamagedError, OSError) as error:
            return _problem(503, str(error))

    @router.delete(_PATH, summary="Record less", response_model=Rows, responses=_LATER | _REFUSED | _DAMAGED)
    async def remove(
        market: Annotated[Market, Query()],
        symbol: Annotated[SymbolName, Query()],
        response: Response,
        stream: Annotated[StreamName | None, Query()] = None,
    ) -> Response | Rows:
        """Have a stream of a symbol, or without `stream` all of them, recorded no more, without touching any other.

        What is recorded already stays. It outlives restarts of the recorder. Asking twice changes nothing. Where the
        stream is added again later, what was not recorded in between is in `gaps` with the cause `unsubscribed`, and
        is not fetched.
        """
        try:
            return _answer(await control.remove(market, symbol, stream), response)
        except SubscriptionRefusedError as error:
            return _problem(422, str(error))
        except (SubscriptionsDamagedError, OSError) as error:
            return _problem(503, str(error))

    @router.api_route(_PATH, methods=["HEAD", "OPTIONS", "PATCH", "PUT", "TRACE"], include_in_schema=False)
    def other() -> Response:
        """Name every method there is; the framework would name those of the first route alone."""
        answer = _problem(405, f"expected one of {_METHODS}, received another method")
        answer.headers["Allow"] = _METHODS
        return answer

    return router


def _answer(outcome: Outcome, response: Response) -> Rows:
    response.status_code = 200 if outcome.settled else 202
    return Rows(rows=_rows(outcome.subscriptions), note=outcome.note)


def _rows(subscriptions: Iterable[Subscription]) -> list[Row]:
    return [
        Row(market=one.market, symbol=one.symbol, stream=one.stream, state=one.state, reason=one.reason)
        for one in subscriptions
    ]


def _problem(status: int, detail: str) -> Response:
    content = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail).model_dump()
    return JSONResponse(content, status, media_type="application/problem+json")
