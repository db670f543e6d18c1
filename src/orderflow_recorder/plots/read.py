"""Reads what a picture shows: piece by piece, so that a day needs no more memory than a few minutes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.plots.clocks import Clocks
from orderflow_recorder.plots.errors import PlotError
from orderflow_recorder.plots.flow import Flow, FlowReducer
from orderflow_recorder.plots.heat import Answer, Base, Change, Heat, HeatReducer
from orderflow_recorder.plots.holes import Hole
from orderflow_recorder.plots.ledger import BY_OUR_CLOCK, Period, Seen, holes_by_clocks, holes_of, recorded, strips
from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.scales import edges, shown_prices, time_step
from orderflow_recorder.plots.source import Source
from orderflow_recorder.plots.words import instant

MOST_COLUMNS: Final = 300
"""Columns of the book, at most."""
STEPS: Final = 4
"""Small steps a column, of which lines have a point each."""
MOST_BARS: Final = 120
"""Bars of volume, at most."""
_TABLES: Final = ("trades", "agg_trades", "depth_diffs")
"""What is drawn."""
_PIECE: Final = timedelta(minutes=10)
"""Time that is read at once."""
_DOLLARS: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD")
"""Endings of symbols that say what the symbol is made of where the venue's own description is not recorded."""

Observe = Callable[[str, int, int], None]
"""Told what is read, how much of it is done, and how much there is."""


class PictureReader:
    """Reads one picture."""

    def __init__(self, source: Source, period: Period, observe: Observe) -> None:
        """Take where to read and what."""
        self._source = source
        self._period = period
        self._observe = observe
        length = period.end - period.start
        self._column = time_step(length, MOST_COLUMNS)
        self._bar = time_step(length, MOST_BARS)
        self._small = self._column / STEPS
        self._clocks = Clocks(self._small)
        self._seen: dict[str, Seen] = {}

    def read(self) -> Picture:
        """Return the picture.

        Raises:
            PlotError: Nothing is recorded in the period.
            SinkError: The database failed.
        """
        period, source = self._period, self._source
        coverage = source.coverage(period.market, period.symbol)
        streams: list[str] = coverage["stream"].sort().to_list()
        flow, trade_stream, holes = self._flow(streams)
        depth_streams = recorded(streams, period.market, StreamKind.DEPTH)
        prices = shown_prices(flow.path) if flow.trades else None
        heat = self._heat(depth_streams, prices)
        if not flow.trades and not heat.diffs:
            raise PlotError(self._nothing())
        for stream in streams:
            if stream != trade_stream and stream_kind(period.market, stream) not in BY_OUR_CLOCK:
                holes += holes_of(source, period, stream)
        holes += holes_by_clocks(source, period, self._clocks)
        base, quote = self._assets()
        return Picture(
            market=period.market,
            symbol=period.symbol,
            base=base,
            quote=quote,
            start=period.start,
            end=period.end,
            bar=self._bar,
            column=self._column,
            prices=prices or (None if heat.grid is None else (heat.grid.low, heat.grid.high)),
            trade_stream=trade_stream,
            depth_stream=next(iter(depth_streams), None),
            flow=flow,
            heat=heat,
            strips=strips(period, coverage, self._seen, self._clocks),
            holes=sorted(holes, key=lambda hole: (hole.start, hole.stream)),
        )

    def _flow(self, streams: list[str]) -> tuple[Flow, str | None, list[Hole]]:
        """Return what is shown of trades: the raw ones, else aggregates; both are the same flow."""
        period = self._period
        flow = FlowReducer(period.start, period.end, step=self._small, bar=self._bar, holes=())
        for kind, identity, read in (
            (StreamKind.TRADE, "trade_id", self._source.trades),
            (StreamKind.AGG_TRADE, "agg_trade_id", self._source.agg_trades),
        ):
            for stream in recorded(streams, period.market, kind):
                holes = holes_of(self._source, period, stream)
                flow = FlowReducer(period.start, period.end, step=self._small, bar=self._bar, holes=holes)
                for start, end in self._pieces(stream):
                    rows = read(period.market, period.symbol, start, end, numbers="float")
                    self._note([stream], rows, pl.col(identity), pl.col(identity), pl.col("trade_time"))
                    flow.add(
                        rows.select(
                            pl.col(identity).alias("id"),
                            pl.col("trade_time").alias("time"),
                            "price",
                            "quantity",
                            "buyer_is_maker",
                        )
                    )
                result = flow.result()
                if result.trades:
                    return result, stream, holes
        return flow.result(), None, []

    def _heat(self, streams: list[str], prices: tuple[float, float] | None) -> Heat:
        """Return what is shown of books."""
        period = self._period
        heat = HeatReducer(
            period.market,
            period.start,
            edges(period.start, period.end, self._small),
            every=STEPS,
            prices=prices,
            rebuild=self._rebuild,
        )
        for start, end in self._pieces(next(iter(streams), "books")) if streams else ():
            rows = self._source.depth_diffs(period.market, period.symbol, start, end, numbers="float")
            # Streams of different speeds tell the same book, and share a table.
            before = pl.coalesce(pl.col("previous_final_update_id") + 1, pl.col("first_update_id"))
            self._note(streams, rows, before, pl.col("final_update_id"), pl.col("event_time"))
            for change in _changes(rows):
                heat.take(change)
        return heat.result(self._rebuild(period.end) if streams else "no book changes are recorded")

    def _rebuild(self, at: datetime) -> Answer:
        book = self._source.book(self._period.market, self._period.symbol, at, levels=None, numbers="float")
        if not book.trusted:
            return book.reason
        bids, asks = book.bids, book.asks
        return Base(
            dict(bids.select("price", "quantity").iter_rows()),
            dict(asks.select("price", "quantity").iter_rows()),
            _float(bids.filter("known")["price"].min()),
            _float(asks.filter("known")["price"].max()),
        )

    def _note(self, streams: Iterable[str], rows: pl.DataFrame, first: pl.Expr, last: pl.Expr, time: pl.Expr) -> None:
        """Remember from where to where streams go, and what the clocks showed."""
        if rows.is_empty():
            return
        self._clocks.add(rows)
        found = Seen(*rows.select(first.min(), last.max().alias("last"), time.min().alias("from"), time.max()).row(0))
        for stream in streams:
            before = self._seen.get(stream, found)
            self._seen[stream] = Seen(before.first_id, found.last_id, before.first_time, found.last_time)

    def _pieces(self, what: str) -> Iterator[tuple[datetime, datetime]]:
        """Yield the period in pieces, telling how far it is."""
        ends = edges(self._period.start, self._period.end, _PIECE)
        start = self._period.start
        for number, end in enumerate(ends):
            self._observe(f"reading {what}", number, len(ends))
            yield start, end
            start = end
        self._observe(f"reading {what}", len(ends), len(ends))

    def _assets(self) -> tuple[str, str]:
        """Return what is traded and what it is priced in, in words where that is not known."""
        symbol = self._period.symbol
        found = self._source.instruments().filter(market=str(self._period.market), symbol=symbol)
        for base, quote in found.select("base_asset", "quote_asset").iter_rows():
            return base, quote
        for quote in _DOLLARS:
            if symbol.endswith(quote) and symbol != quote:
                return symbol.removesuffix(quote), quote
        return "base asset", "quote asset"

    def _nothing(self) -> str:
        period = self._period
        there = f"{period.market} {period.symbol}: expected trades or book changes from {instant(period.start)} to "
        there += f"{instant(period.end)} UTC, found none"
        extent = recorded_extent(self._source, period.market, period.symbol)
        if extent is None:
            return f"{there}, nor at any other time"
        return f"{there}; recorded from {instant(extent[0])} to {instant(extent[1])} UTC"


def recorded_extent(source: Source, market: Market, symbol: str) -> tuple[datetime, datetime] | None:
    """Return when the first and the last trade or book change happened; none where there is neither."""
    ends = [found for table in _TABLES if (found := source.period(market, symbol, table)) is not None]
    return (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None


def _changes(rows: pl.DataFrame) -> Iterator[Change]:
    for time, first, final, previous, bid_prices, bid_quantities, ask_prices, ask_quantities in rows.select(
        "event_time",
        "first_update_id",
        "final_update_id",
        "previous_final_update_id",
        "bid_prices",
        "bid_quantities",
        "ask_prices",
        "ask_quantities",
    ).iter_rows():
        bids = list(zip(bid_prices, bid_quantities, strict=True))
        asks = list(zip(ask_prices, ask_quantities, strict=True))
        yield Change(time, DepthIds(first, final, previous), bids, asks)


def _float(value: object) -> float | None:
    return value if isinstance(value, float) else None
