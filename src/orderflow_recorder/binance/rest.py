"""REST side of Binance, under the weight budget.

The weights are the venue's (`endpoints`); ours are counted before a request is sent, its own count
(``X-MBX-USED-WEIGHT-1M``) is learnt from every answer.
"""

import math
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import httpx
import msgspec

from orderflow_recorder.binance.endpoints import ENDPOINTS
from orderflow_recorder.binance.faults import describe_error, describe_status
from orderflow_recorder.binance.inspect import DECODE_ERRORS, ErrorBody
from orderflow_recorder.binance.parse_rest import (
    newest_agg_trade_id,
    newest_trade_id,
    parse_instruments,
    server_time,
    snapshot_id,
    trade_ids,
)
from orderflow_recorder.binance.text import line_fault, printable
from orderflow_recorder.core.budget import RequestBudget
from orderflow_recorder.domain.errors import FrameError, RateLimitedError, VenueRefusedError, VenueUnreachableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import Instrument
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.venue import RestAnswer

USED_SHARE: Final = 0.8
"""The rest is left to others behind the same address."""

_TOO_MANY_REQUESTS: Final = 429
_BANNED: Final = 418
_RETRY_AFTER_S: Final = {_TOO_MANY_REQUESTS: 60.0, _BANNED: 120.0}
"""Where the header is absent (optional on USD-M); a ban lasts 2 minutes to 3 days."""
_MAX_RETRY_AFTER_S: Final = 259_200.0
_KEEP_FREE_SHARE: Final = 0.4
"""Of our budget, left to snapshots by requests for the past."""
_SPREAD_S: Final = 0.25
"""Waiters for the same budget wake up within this time, not all at once."""


_SERVER_CODES: Final = (-1099, -1000)
"""The venue's error codes for its own troubles; the others are about the request."""

_Value = TypeVar("_Value")

_json = msgspec.json.Decoder(msgspec.Raw).decode
_error_body = msgspec.json.Decoder(ErrorBody).decode


def default_budget(market: Market, now: float, *, parts: int = 1) -> RequestBudget:
    """Return the weight budget of one address in ``market``, or an equal part of it.

    Args:
        market: Whose limit.
        now: Monotonic seconds.
        parts: How many processes share the address.
    """
    whole = int(ENDPOINTS[market].weight_per_minute * USED_SHARE)
    part = whole // parts
    return RequestBudget(part, window_s=60.0, now=now, others=part * (parts - 1))


class BinanceVenue:
    """Asks one market's REST host, under its weight budget."""

    def __init__(
        self,
        market: Market,
        base_url: str,
        *,
        clock: Clock,
        budget: RequestBudget,
        verify: ssl.SSLContext | bool,
        timeout_s: float = 10.0,
        random: Callable[[], float],
    ) -> None:
        """Keep the settings; nothing is opened yet.

        Args:
            market: Whose host.
            base_url: E.g. ``https://api.binance.com``.
            clock: Stamps answers, waits for budget.
            budget: Weight of this address in this market; share it between all who use them.
            verify: TLS context, or whether certificates are checked.
            timeout_s: For connecting, and for each read, in seconds.
            random: From 0 to 1; spreads those who wait for budget.
        """
        self.market = market
        self._base_url = base_url.strip().rstrip("/")
        self._endpoints = ENDPOINTS[market]
        self._clock = clock
        self._budget = budget
        self._random = random
        self._client = httpx.AsyncClient(verify=verify, timeout=timeout_s, headers=self._endpoints.headers)

    async def snapshot(self, symbol: str) -> RestAnswer:
        """Return the deepest book the market gives (spot 5000, futures 1000 levels)."""
        params = {"symbol": symbol, "limit": str(self._endpoints.snapshot_levels)}
        return await self._get("depth", params, weight=self._endpoints.snapshot_weight)

    def snapshot_spacing_s(self, wanted: int) -> float:
        """Return how many seconds to leave between snapshots when so many are wanted; 0 if all may be had now."""
        return self._budget.spacing(self._endpoints.snapshot_weight, wanted, self._clock.monotonic())

    async def exchange_info(self) -> RestAnswer:
        """Return the market's symbols."""
        return await self._get("exchangeInfo", {}, weight=self._endpoints.exchange_info_weight)

    async def latest_id(self, symbol: str, stream: str) -> int | None:
        """Return the newest id the venue has for ``stream``, to tell quiet from silent.

        Args:
            symbol: Upper case.
            stream: Wire name without the symbol.

        Returns:
            Last update id for depth and book streams, trade id for ``trade``, aggregate id for
            ``aggTrade``; none for streams that cannot be asked for, or where there is none yet.
        """
        kind = stream_kind(self.market, stream)
        ends = self._endpoints
        newest: Callable[[bytes], int | None]
        match kind:
            case StreamKind.TRADE:
                endpoint, limit, weight, newest = "trades", "1", ends.trades_weight, newest_trade_id
            case StreamKind.AGG_TRADE:
                endpoint, limit, weight, newest = "aggTrades", "1", ends.agg_trades_weight, newest_agg_trade_id
            case StreamKind.DEPTH | StreamKind.PARTIAL_DEPTH | StreamKind.BOOK_TICKER:
                endpoint, limit, weight, newest = "depth", "5", ends.top_weight, snapshot_id
            case _:
                return None
        answer = await self._get(endpoint, {"symbol": symbol, "limit": limit}, weight=weight)
        return _usable(newest, answer)

    async def agg_trades(self, symbol: str, from_id: int, limit: int) -> RestAnswer:
        """Return past aggregate trades from ``from_id`` on, at most ``limit`` (up to 1000)."""
        return await self._get_past("aggTrades", symbol, from_id, limit, weight=self._endpoints.agg_trades_weight)

    async def historical_trades(self, symbol: str, from_id: int, limit: int) -> RestAnswer:
        """Return past trades from ``from_id`` on, at most ``limit``; on futures only with an API key."""
        weight = self._endpoints.historical_trades_weight
        return await self._get_past("historicalTrades", symbol, from_id, limit, weight=weight)

    def trade_ids(self, answer: RestAnswer) -> Sequence[int]:
        """Return the ids of an answer with trades or aggregate trades; `FrameError` if it is not one."""
        return trade_ids(answer.path, answer.body)

    async def server_time(self) -> int:
        """Return the venue's clock, ns since the epoch."""
        return _usable(server_time, await self._get("time", {}, weight=self._endpoints.time_weight))

    def snapshot_id(self, answer: RestAnswer) -> int:
        """Return ``lastUpdateId`` of a snapshot answer; `FrameError` if it is not one."""
        return snapshot_id(answer.body)

    def instruments(self, answer: RestAnswer) -> Sequence[Instrument]:
        """Return the symbols of an exchange-info answer; `FrameError` if it is not one."""
        return parse_instruments(self.market, answer.body, answer.receive_time)

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()

    async def _get_past(self, endpoint: str, symbol: str, from_id: int, limit: int, *, weight: int) -> RestAnswer:
        """Ask for what was, after everything else; only a refusal of these very ids counts as one."""
        params = {"symbol": symbol, "fromId": str(from_id), "limit": str(limit)}
        try:
            # A small part of an address's budget cannot keep so much beside the dearest request.
            spare = max(0, self._budget.limit - weight)
            keep_free = min(int(self._budget.limit * _KEEP_FREE_SHARE), spare)
            return await self._get(endpoint, params, weight=weight, keep_free=keep_free)
        except VenueRefusedError as error:
            about_request = error.code is not None and not _SERVER_CODES[0] <= error.code <= _SERVER_CODES[1]
            if error.status == httpx.codes.BAD_REQUEST and about_request:
                raise
            message = f"{self._base_url} does not answer {endpoint} ({error}); {self._host_hint()}"
            raise VenueUnreachableError(message) from error
        except VenueUnreachableError as error:
            message = f"{error}; {self._host_hint()}"
            raise VenueUnreachableError(message) from error

    def _host_hint(self) -> str:
        # E.g. data-api.binance.vision serves everything but past trades.
        return f"{self._endpoints.base_url_setting} sets the host, {self._endpoints.main_host} serves past trades"

    async def _get(self, endpoint: str, params: Mapping[str, str], *, weight: int, keep_free: int = 0) -> RestAnswer:
        path = self._endpoints.prefix + endpoint
        while (wait := self._budget.reserve(weight, self._clock.monotonic(), keep_free=keep_free)) > 0:
            await self._clock.sleep(wait + self._random() * _SPREAD_S)
        try:
            response = await self._client.get(self._base_url + path, params=params)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            message = f"cannot ask {self._base_url}{path}: {describe_error(error)}"
            raise VenueUnreachableError(message) from error
        receive_time = self._clock.now_ns()
        self._learn_weight(response)
        return RestAnswer(
            market=self.market,
            path=path,
            params=params,
            symbol=params.get("symbol"),
            receive_time=receive_time,
            body=self._checked(response),
        )

    def _learn_weight(self, response: httpx.Response) -> None:
        used = response.headers.get("X-MBX-USED-WEIGHT-1M", "")
        if used.isdecimal() and len(used) < len("1000000000"):
            self._budget.on_used_weight(int(used), self._clock.monotonic())

    def _checked(self, response: httpx.Response) -> bytes:
        """Return the body of a good answer as one line of JSON."""
        status = response.status_code
        if status in _RETRY_AFTER_S:
            retry_after_s = _retry_after(response)
            self._budget.on_rate_limited(retry_after_s, self._clock.monotonic())
            raise RateLimitedError(status, retry_after_s)
        body = response.content.strip()
        if httpx.codes.is_client_error(status):
            _raise_refused(status, body)
        if not httpx.codes.is_success(status):
            raise VenueUnreachableError(_unusable(response, describe_status(status)))
        try:
            _json(body)
            if b"\n" in body or b"\r" in body:
                # Only white space: inside strings JSON has no raw line breaks. Digits stay as sent.
                body = msgspec.json.format(body, indent=-1)
        except DECODE_ERRORS as error:
            raise VenueUnreachableError(_unusable(response, f"expected JSON: {error}")) from error
        fault = line_fault(body)
        if fault is not None:
            raise VenueUnreachableError(_unusable(response, fault))
        return body


def _usable(read: Callable[[bytes], _Value], answer: RestAnswer) -> _Value:
    try:
        return read(answer.body)
    except FrameError as error:
        raise VenueUnreachableError(f"no usable answer from {answer.path}: {error}") from error


def _raise_refused(status: int, body: bytes) -> None:
    try:
        error = _error_body(body)
    except DECODE_ERRORS:
        return
    raise VenueRefusedError(status, error.code, printable(error.msg) or describe_status(status))


def _unusable(response: httpx.Response, reason: str) -> str:
    url = printable(str(response.request.url), limit=300)
    return f"no usable answer from {url}: {reason}; received {printable(response.content)}"


def _retry_after(response: httpx.Response) -> float:
    status = response.status_code
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return _RETRY_AFTER_S[status]
    return _RETRY_AFTER_S[status] if math.isnan(seconds) else min(max(seconds, 1.0), _MAX_RETRY_AFTER_S)
