"""Errors as programs read them: RFC 9457, ``application/problem+json``.

``detail`` says what was expected, what came, and what to do. Whatever an error repeats of a request or of the
database, no key is in it.
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from loguru import logger
from psycopg.errors import QueryCanceled
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from orderflow_recorder.api.databases import BusyError
from orderflow_recorder.domain.errors import SinkError
from orderflow_recorder.research import NumberTooWideError, QuestionError

PROBLEM: Final = "application/problem+json"
RETRY_S: Final = 2
"""After how many seconds a client may ask again whom the database could not answer."""

_LONGEST_QUOTE: Final = 100
_NO_PATH: Final = "expected a path of the API or a file of the page, received another one: see /openapi.json"
_NO_JSON: Final = "expected a body of JSON in UTF-8, received something else"
_SHOULD: Final = "Input should be "


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong.

    Attributes:
        title: The status in words.
        status: Of HTTP.
        detail: What was expected, what came, what to do.
    """

    title: str
    status: int
    detail: str


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(msgspec.json.encode(body), status, dict(headers or {}), PROBLEM)


def too_many(wait_s: int, reason: str) -> Response:
    """Return that something was asked for too often, and when it may be again."""
    detail = f"{reason}: ask again in {wait_s} s"
    return problem(HTTPStatus.TOO_MANY_REQUESTS, detail, {"Retry-After": str(wait_s)})


def add_handlers(app: FastAPI, redact: Callable[[str], str], headers: Mapping[str, str]) -> None:
    """Let every error of ``app`` be a problem.

    Args:
        app: The application.
        redact: Takes keys out of a text.
        headers: For the answer to what nobody expected, which no middleware sees.
    """

    def of_http(request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  # it is registered for these alone
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names the methods of the first of several that share a path.
            known = app.openapi()["paths"].get(request.scope["path"], {"get": {}})
            allowed = ", ".join(sorted(name.upper() for name in known))
            return problem(error.status_code, f"expected one of {allowed}", {"Allow": allowed})
        if error.status_code == HTTPStatus.BAD_REQUEST:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _NO_JSON)  # what the framework has for such a body
        detail = _NO_PATH if error.detail == HTTPStatus.NOT_FOUND.phrase else error.detail
        return problem(error.status_code, redact(detail), error.headers)

    def of_parameters(_request: HTTPConnection, error: Exception) -> Response:
        faults = error.errors() if isinstance(error, RequestValidationError) else ()
        detail = "; ".join(map(_fault_text, faults)) if faults else str(error)
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, redact(detail))

    def of_database(_request: HTTPConnection, error: Exception) -> Response:
        if isinstance(error.__cause__, QueryCanceled):
            detail = "the database took too long over this question: ask for less, or again when it is less busy"
        elif isinstance(error, BusyError):
            detail = f"the database is busy: {error}"
        else:
            detail = f"the database is away: {error}"
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, redact(detail), {"Retry-After": str(RETRY_S)})

    def of_width(_request: HTTPConnection, error: Exception) -> Response:
        assert isinstance(error, NumberTooWideError)  # noqa: S101  # the same
        detail = (
            f"{error.table}.{error.column}: expected at most 20 digits before the point and 18 after it, as Arrow has "
            f"room for, received {error.value}: ask for JSON or CSV"
        )
        return problem(HTTPStatus.NOT_ACCEPTABLE, redact(detail))

    def of_anything(request: Request, error: Exception) -> Response:
        # The traceback is logged by the server; neither says what was in the request.
        logger.error("unexpected {} in the answer to {}", type(error).__name__, request.method)
        detail = "this is unexpected: please report it with the lines of the log"
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, headers)

    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_parameters)
    app.add_exception_handler(QuestionError, of_parameters)
    app.add_exception_handler(SinkError, of_database)
    app.add_exception_handler(NumberTooWideError, of_width)
    app.add_exception_handler(Exception, of_anything)


def _fault_text(fault: Mapping[str, Any]) -> str:
    """Return what pydantic found in our words."""
    where: Sequence[str | int] = fault["loc"]
    name = ".".join(map(str, where[1:])) or str(where[0])
    if fault["type"] == "missing":
        return f"{name}: expected a value, received none"
    if fault["type"] == "extra_forbidden":
        return f"{name}: expected no such parameter"
    if fault["type"] == "json_invalid":
        return _NO_JSON
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    message = str(fault["msg"])
    expected = f"expected {message.removeprefix(_SHOULD)}" if message.startswith(_SHOULD) else message
    received = repr(fault.get("input"))
    return f"{name}: {expected}, received {received[:_LONGEST_QUOTE]}"
