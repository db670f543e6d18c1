"""What a picture says in words: its title, and under each panel's title what was drawn and what was left out."""

from datetime import UTC, datetime, timedelta
from typing import Final

import polars as pl

from orderflow_recorder.plots.picture import Picture

_MARKETS: Final = {"spot": "Binance Spot", "usdm": "Binance USD-M futures"}
_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def title(picture: Picture) -> str:
    """Return symbol and market."""
    return f"{picture.symbol} · {_MARKETS[picture.market]}"


def subtitle(picture: Picture) -> list[str]:
    """Return the period, and what is in it."""
    trades = "no trades" if picture.trade_stream is None else f"{picture.flow.trades:,} rows of {picture.trade_stream}"
    diffs = "no book changes" if picture.depth_stream is None else f"{picture.heat.diffs:,} of {picture.depth_stream}"
    period = f"{instant(picture.start)} to {instant(picture.end)} UTC ({length(picture.end - picture.start)})"
    return [f"{period}, by the venue's clock", f"{trades} · {diffs} · {holes_words(picture)}"]


def holes_words(picture: Picture) -> str:
    """Return how many holes there are, and what is missing in them."""
    holes = picture.holes
    if not holes:
        return "no holes"
    ids = sum(one.last_id - one.first_id + 1 for one in holes if one.first_id is not None and one.last_id is not None)
    streams = ", ".join(sorted({one.stream for one in holes}))
    return f"{len(holes):,} hole{'' if len(holes) == 1 else 's'} ({ids:,} ids) in {streams}, marked in red"


def dots_words(picture: Picture) -> str:
    """Return which trades are drawn one by one."""
    dots, trades = picture.flow.dots.height, picture.flow.trades
    which = f"each of the {trades:,} trades a dot"
    if dots < trades:
        which = f"dots: the {dots:,} largest of {trades:,} trades, evenly over time; upright lines: the range of all"
    which += "; lines: last price, best bid and ask" if picture.heat.quotes.height else "; line: last price"
    return which + _beyond(picture)


def _beyond(picture: Picture) -> str:
    if picture.prices is None or not picture.flow.trades:
        return ""
    lowest, highest = picture.flow.path.select(pl.col("low").min(), pl.col("high").max()).row(0)
    low, high = picture.prices
    beyond = [plain(price) for price in (lowest, highest) if not low <= price <= high]
    return f"; not shown: trades as far as {' and '.join(beyond)}" if beyond else ""


def sum_words(picture: Picture) -> str:
    """Return what the running sum is made of."""
    words = "bought minus sold by aggressors, summed up from the left"
    return f"{words}; what is missing in holes is not in it" if picture.holes_of(picture.trade_stream) else words


def bars_words(picture: Picture) -> str:
    """Return what a bar is."""
    step = f"bars of {length(picture.bar)}: bought above, sold below, strokes: delta"
    return f"{step}; pale where something is missing" if picture.holes_of(picture.trade_stream) else step


def book_words(picture: Picture) -> str:
    """Return what a cell is."""
    words = f"quantity on the book at the end of each {length(picture.column)}, by price; lines: best bid and ask"
    return f"{words}; hatched: not known" if picture.heat.unknown.height else words


def instant(moment: datetime) -> str:
    """Return a moment in UTC, as short as it can be without losing anything but microseconds."""
    text = moment.astimezone(UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
    return text.removesuffix(".000")


def length(span: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = span.total_seconds()
    size, unit = next((one for one in _UNITS if seconds >= one[0]), (0.001, "ms"))
    return f"{seconds / size:.3g} {unit}"


def plain(number: float) -> str:
    """Return a number with all its digits, never as a power of ten."""
    return f"{number:,.10f}".rstrip("0").rstrip(".")
