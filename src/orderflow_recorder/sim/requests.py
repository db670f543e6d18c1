"""Control messages of a socket: SUBSCRIBE and its kin. Pure: bytes in, answer and changes out.

Everything that parses is acknowledged, whether or not the stream exists or its route carries it.
Errors are flat on spot, as documented, and wrapped on futures, as seen.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderflow_recorder.domain.market import Market

MAX_STREAMS: Final = 1024
MAX_REQUEST_BYTES: Final = 4088
"""A longer request gets no answer and has no effect."""
_MAX_ID_TEXT: Final = 36
_MAX_ID: Final = 2**63 - 1


class Subscriptions:
    """What one socket asked for."""

    def __init__(self, market: Market, streams: Sequence[str], *, combined: bool) -> None:
        """Begin with the streams of the URL."""
        self.market = market
        self.combined = combined
        self._streams = dict.fromkeys(streams)

    @property
    def streams(self) -> list[str]:
        """Return the streams asked for, oldest first."""
        return list(self._streams)

    def add(self, streams: Sequence[str]) -> bool:
        """Add ``streams``; false, and no change, if that would be too many."""
        wanted = self._streams | dict.fromkeys(streams)
        if len(wanted) > MAX_STREAMS:
            return False
        self._streams = wanted
        return True

    def remove(self, streams: Sequence[str]) -> None:
        """Remove ``streams``; unknown ones are fine."""
        for stream in streams:
            self._streams.pop(stream, None)


class _RefusedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def answer_request(message: bytes, state: Subscriptions) -> bytes | None:
    """Carry out a request on ``state`` and return the venue's answer.

    Args:
        message: The frame's payload as received.
        state: Changed in place.

    Returns:
        The answer; none where the venue stays silent (requests above `MAX_REQUEST_BYTES`).
    """
    if len(message) > MAX_REQUEST_BYTES:
        return None
    request_id: object = None
    try:
        request = _parsed(message)
        request_id = _checked_id(request.get("id"), state.market)
        result = _carry_out(request, state)
    except _RefusedError as refusal:
        error_body: dict[str, Any] = {"code": refusal.code, "msg": refusal.message}
        if state.market is Market.USDM:
            error_body = {"error": error_body}
        return msgspec.json.encode({**error_body, "id": request_id})
    return msgspec.json.encode({"result": result, "id": request_id})


def _parsed(message: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _RefusedError(3, f"Invalid JSON: {error}") from error
    if not isinstance(request, dict):
        raise _RefusedError(2, "Invalid request: request must be an object")
    return request


def _checked_id(value: object, market: Market) -> object:
    is_int = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_ID
    if market is Market.USDM:
        if not is_int or int(str(value)) < 0:
            raise _RefusedError(2, "Invalid request: request ID must be an unsigned integer")
    elif not (value is None or is_int or (isinstance(value, str) and len(value) <= _MAX_ID_TEXT)):
        raise _RefusedError(2, "Invalid request: id must be int64, a string of at most 36 characters, or null")
    return value


def _carry_out(request: dict[str, Any], state: Subscriptions) -> object:
    method = request.get("method")
    if method == "LIST_SUBSCRIPTIONS":
        return state.streams
    if method in {"SUBSCRIBE", "UNSUBSCRIBE"}:
        params = request.get("params")
        if not isinstance(params, list) or not params or not all(isinstance(name, str) for name in params):
            raise _RefusedError(2, "Invalid request: missing field `params`, expected a list of stream names")
        if method == "UNSUBSCRIBE":
            state.remove(params)
        elif not state.add(params):
            raise _RefusedError(4, "Too many subscriptions")
        return None
    if method in {"SET_PROPERTY", "GET_PROPERTY"}:
        return _property(method, request.get("params"), state)
    raise _RefusedError(2, f"Invalid request: unknown variant `{method}`, expected SUBSCRIBE, UNSUBSCRIBE, …")


def _property(method: str, params: object, state: Subscriptions) -> object:
    expected = 2 if method == "SET_PROPERTY" else 1
    if not isinstance(params, list) or len(params) != expected:
        raise _RefusedError(2, f"Invalid request: {method} expects {expected} parameters")
    if params[0] != "combined":
        raise _RefusedError(0, f"Unknown property: {params[0]}")
    if method == "GET_PROPERTY":
        return state.combined
    if not isinstance(params[1], bool):
        raise _RefusedError(1, "Invalid value type: expected Boolean")
    state.combined = params[1]
    return None
