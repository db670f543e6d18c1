"""Where pictures get their data from: what they need of `research.Database`."""

from datetime import datetime
from typing import Literal, Protocol

import polars as pl

from orderflow_recorder.domain.market import Market


class RebuiltBook(Protocol):
    """A book at an instant; its levels have price, quantity and known."""

    @property
    def bids(self) -> pl.DataFrame:
        """Return the bids, best first."""

    @property
    def asks(self) -> pl.DataFrame:
        """Return the asks, best first."""

    @property
    def trusted(self) -> bool:
        """Return whether nothing is missing of it."""

    @property
    def reason(self) -> str:
        """Return why it is not trusted; else what it is made of."""


class Source(Protocol):
    """Recorded data as frames; periods are half-open and by the venue's clock."""

    def trades(
        self, market: Market, symbol: str, start: datetime, end: datetime, /, *, numbers: Literal["float"]
    ) -> pl.DataFrame:
        """Return trades."""

    def agg_trades(
        self, market: Market, symbol: str, start: datetime, end: datetime, /, *, numbers: Literal["float"]
    ) -> pl.DataFrame:
        """Return aggregate trades."""

    def depth_diffs(
        self, market: Market, symbol: str, start: datetime, end: datetime, /, *, numbers: Literal["float"]
    ) -> pl.DataFrame:
        """Return book changes."""

    def book(
        self, market: Market, symbol: str, at: datetime, /, *, levels: None, numbers: Literal["float"]
    ) -> RebuiltBook:
        """Return the whole book at an instant."""

    def coverage(self, market: Market, symbol: str, /) -> pl.DataFrame:
        """Return what is covered of each stream."""

    def gaps(self, market: Market, symbol: str, /) -> pl.DataFrame:
        """Return the gaps of all streams."""

    def holes(self, market: Market, symbol: str, stream: str, start: datetime, end: datetime, /) -> pl.DataFrame:
        """Return the gaps of a stream that is read by the venue's clock, between the times of their neighbours."""

    def instruments(self) -> pl.DataFrame:
        """Return what the symbols are made of."""

    def period(self, market: Market, symbol: str, table: str, /) -> tuple[datetime, datetime] | None:
        """Return when the first and the last row of a table happened; none where there is none."""
