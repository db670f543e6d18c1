"""What the recorder's port answers, whoever carries it: pages, their codes, and who may see them."""

import hmac
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from email.message import Message
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from loguru import logger

JSON: Final = "application/json"
METHODS: Final = ("GET", "HEAD")


class Answer(msgspec.Struct, frozen=True):
    """What is sent back.

    Attributes:
        status: HTTP status.
        body: As it is sent.
        content_type: Of the body.
        headers: Beside that.
    """

    status: HTTPStatus
    body: bytes
    content_type: str = JSON
    headers: Mapping[str, str] = {}


class HealthPages(msgspec.Struct, frozen=True):
    """The pages.

    Attributes:
        keys: Any of them opens the metrics; without one, being on this machine does.
        stuck_for_s: How long nothing has moved in the supervisor, seconds.
        problems: Why the recorder is not ready; empty if it is.
        metrics: Given the header ``Accept``: the type and text of all metrics.
    """

    keys: Sequence[str]
    stuck_for_s: Callable[[], float | None]
    problems: Callable[[], Sequence[str]]
    metrics: Callable[[str], tuple[str, bytes]]

    def answer(self, method: str, target: str, headers: Message, client: str) -> Answer:
        """Answer a request; never raises.

        Args:
            method: E.g. ``GET``.
            target: As in the request line.
            headers: As they came.
            client: Address that asks.
        """
        pages = {"/health/live": self._live, "/health/ready": self._ready, "/metrics": self._metrics}
        page = pages.get(_path(target))
        if page is None:
            return refusal(HTTPStatus.NOT_FOUND, f"expected {', '.join(pages)}")
        if method not in METHODS:
            allowed = ", ".join(METHODS)
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {allowed}", {"Allow": allowed})
        try:
            return page(headers, client)
        except Exception:  # noqa: BLE001  # whatever it is, the caller gets an answer and the log the reason
            logger.exception("a page of the health port failed")
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "see the recorder's log")

    def _live(self, _headers: Message, _client: str) -> Answer:
        stuck_for_s = self.stuck_for_s()
        if stuck_for_s is None:
            return _json(HTTPStatus.OK, {"live": True})
        reason = f"the supervisor has not moved for {stuck_for_s:.0f} s"
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, {"live": False, "reasons": [reason]})

    def _ready(self, _headers: Message, _client: str) -> Answer:
        reasons = list(self.problems())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _json(status, {"ready": not reasons, "reasons": reasons})

    def _metrics(self, headers: Message, client: str) -> Answer:
        if not self.keys and not _is_here(client):
            return refusal(
                HTTPStatus.FORBIDDEN,
                f"without an API_KEY the metrics are for this machine alone, got a request from {client}: set API_KEY, "
                "and send it as X-API-Key or as Authorization: Bearer",
            )
        if self.keys and not _has_key(headers, self.keys):
            return refusal(
                HTTPStatus.UNAUTHORIZED,
                "expected a key of API_KEY as X-API-Key or as Authorization: Bearer",
                {"WWW-Authenticate": "Bearer"},
            )
        content_type, text = self.metrics(headers.get("Accept") or "")
        return Answer(HTTPStatus.OK, text, content_type)


def refusal(status: HTTPStatus, reason: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that says why there is none."""
    return _json(status, {"error": f"{status.phrase}: {reason}"}, headers)


def _json(status: HTTPStatus, body: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, msgspec.json.encode(body) + b"\n", headers=headers or {})


def _path(target: str) -> str:
    try:
        return urlsplit(target).path
    except ValueError:
        return ""


def _is_here(client: str) -> bool:
    """Say whether an address is this machine's own; ``::ffff:127.0.0.1`` is, too."""
    address = ipaddress.ip_address(client.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _has_key(headers: Message, keys: Sequence[str]) -> bool:
    scheme, _, token = (headers.get("Authorization") or "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    given = [text.encode("latin-1", "replace") for text in (headers.get("X-API-Key") or "", bearer)]
    # All of them are compared, so that the time tells nothing.
    return sum(hmac.compare_digest(text, key.encode()) for text in given for key in keys) > 0
