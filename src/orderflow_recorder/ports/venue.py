"""REST side of a venue: every answer comes back raw, to be journaled before it is used."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import Instrument


class RestAnswer(msgspec.Struct, frozen=True):
    """One successful answer.

    Attributes:
        market: Which venue host answered.
        path: E.g. ``/api/v3/depth``.
        params: The query as sent.
        symbol: Upper case, or none.
        receive_time: ns since the epoch.
        body: JSON as received.
    """

    market: Market
    path: str
    params: Mapping[str, str]
    symbol: str | None
    receive_time: int
    body: bytes


class Venue(Protocol):
    """Asks one market's REST host, under its weight budget.

    Every method waits for budget before it sends, and raises
    `VenueUnreachableError`, `RateLimitedError` or `VenueRefusedError`.
    """

    market: Market

    async def snapshot(self, symbol: str) -> RestAnswer:
        """Return the deepest book the market gives (spot 5000, futures 1000 levels)."""
        ...

    def snapshot_spacing_s(self, wanted: int) -> float:
        """Return how many seconds to leave between snapshots when so many are wanted; 0 if all may be had now."""
        ...

    async def exchange_info(self) -> RestAnswer:
        """Return the market's symbols."""
        ...

    async def latest_id(self, symbol: str, stream: str) -> int | None:
        """Return the newest id the venue has for ``stream``, to tell quiet from silent.

        Returns:
            Last update id for depth and book streams, trade id for ``trade``, aggregate id for
            ``aggTrade``; none for streams that cannot be asked for.
        """
        ...

    async def agg_trades(self, symbol: str, from_id: int, limit: int) -> RestAnswer:
        """Return past aggregate trades from ``from_id`` on, at most ``limit`` (up to 1000).

        Leaves a part of the budget to requests that matter more. `VenueRefusedError` means that
        these ids will not be had; everything that may pass is `VenueUnreachableError`.
        """
        ...

    async def historical_trades(self, symbol: str, from_id: int, limit: int) -> RestAnswer:
        """Return past trades from ``from_id`` on, likewise; spot alone serves them without a key."""
        ...

    def trade_ids(self, answer: RestAnswer) -> Sequence[int]:
        """Return the ids of an answer with trades or aggregate trades; `FrameError` if it is not one."""
        ...

    async def server_time(self) -> int:
        """Return the venue's clock, ns since the epoch."""
        ...

    def snapshot_id(self, answer: RestAnswer) -> int:
        """Return ``lastUpdateId`` of a snapshot answer; `FrameError` if it is not one."""
        ...

    def instruments(self, answer: RestAnswer) -> Sequence[Instrument]:
        """Return the symbols of an exchange-info answer; `FrameError` if it is not one."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
