"""What a plain HTTP request gets, and whether a handshake is let through."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Response

from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.sim import limits, rest
from orderflow_recorder.sim.control_channel import run_command
from orderflow_recorder.sim.controls import Controls
from orderflow_recorder.sim.rest_faults import RestFaults
from orderflow_recorder.sim.rest_words import RestQuery
from orderflow_recorder.sim.routes import Endpoint, parse_endpoint
from orderflow_recorder.sim.source import Source
from orderflow_recorder.sim.truth import Truth

_MAX_URL: Final = 8004
_CONTROL: Final = "/control/"


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a request: a socket (``endpoint``), an answer after ``delay`` seconds, or a cut."""

    endpoint: Endpoint | None = None
    reply: rest.RestReply | None = None
    delay: float = 0.0
    cut: bool = False


class Web:
    """Answers requests; keeps the limits."""

    def __init__(  # the parts it asks
        self, *, source: Source, truth: Truth, faults: RestFaults, controls: Controls, clock: Clock, limited: bool
    ) -> None:
        """Take the parts."""
        self.limited = limited
        self._source = source
        self._truth = truth
        self._faults = faults
        self._controls = controls
        self._clock = clock
        self._budgets = {market: limits.WeightBudget(limit) for market, limit in limits.WEIGHT_PER_MINUTE.items()}
        self._connections: dict[str, limits.SlidingWindow] = {}

    def judge(self, target: str, headers: Mapping[str, str], address: str) -> Verdict:
        """Say what becomes of a request.

        Args:
            target: Path and query.
            headers: Of the request, case-insensitive.
            address: The client's IP.
        """
        path, _, query_text = target.partition("?")
        params = {name: values[-1] for name, values in parse_qs(query_text, keep_blank_values=True).items()}
        if path.startswith(_CONTROL):
            status, body = run_command(self._controls, path.removeprefix(_CONTROL), params)
            return Verdict(reply=_json_reply(status, body))
        query = rest.parse_query(path, params, headers)
        if query is not None:
            return self._judge_rest(query)
        endpoint = parse_endpoint(target)
        if endpoint is None:
            return Verdict(reply=_json_reply(404, {"code": -1, "msg": f"no such path: {path}"}))
        return self._judge_socket(endpoint, target, address)

    def _judge_socket(self, endpoint: Endpoint, target: str, address: str) -> Verdict:
        now = self._clock.monotonic()
        refusal = self._faults.take_refusal(now)
        if refusal is not None:
            return Verdict(reply=_json_reply(503, {"code": -1, "msg": "refused"}), cut=refusal == "raw")
        if len(target) > _MAX_URL:
            return Verdict(reply=_json_reply(414, {"code": -1, "msg": "URI too long"}))
        window = self._connections.setdefault(
            address, limits.SlidingWindow(limits.CONNECTIONS, limits.CONNECTIONS_WINDOW_S)
        )
        if self.limited and not window.admit(now):
            return Verdict(reply=_json_reply(429, {"code": -1003, "msg": "Too many connections."}))
        return Verdict(endpoint=endpoint)

    def _judge_rest(self, query: RestQuery) -> Verdict:
        used = limits.WeightVerdict(None, 0)
        if self.limited:
            used = self._budgets[query.market].charge(rest.weight_of(query), self._clock.monotonic())
        headers = {"X-MBX-USED-WEIGHT-1M": str(used.used)}
        if used.status is not None:
            if query.market is Market.SPOT:
                headers["Retry-After"] = str(used.retry_after)
            text = "Too much request weight used; please use WebSocket Streams for live updates."
            return Verdict(reply=_json_reply(used.status, {"code": -1003, "msg": text}, headers))
        reply = self._faults.take_reply(query.market)
        if reply is None:
            view = rest.RestView(
                truth=self._truth,
                instruments=self._source.instruments(query.market),
                now=self._truth.time(query.market) or self._clock.now_ns() // 1000,
                stale=query.endpoint == "depth" and self._faults.take_stale(),
            )
            reply = rest.answer(query, view)
        reply = rest.RestReply(reply.status, reply.body, {**headers, **reply.headers})
        return Verdict(reply=reply, delay=self._faults.take_delay())


def _json_reply(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> rest.RestReply:
    return rest.RestReply(status, msgspec.json.encode(body), headers or {})


def to_response(reply: rest.RestReply) -> Response:
    """Return ``reply`` as the HTTP response that the server sends."""
    headers = Headers(
        {
            "Content-Type": "application/json;charset=UTF-8",
            "Content-Length": str(len(reply.body)),
            "Connection": "close",
        }
    )
    for name, value in reply.headers.items():
        if name in headers:
            del headers[name]
        headers[name] = value
    return Response(reply.status, HTTPStatus(reply.status).phrase, headers, reply.body)
