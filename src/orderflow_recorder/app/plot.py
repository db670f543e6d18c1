"""Makes pictures of recorded order flow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from orderflow_recorder import research
from orderflow_recorder.domain.market import Market
from orderflow_recorder.plots.errors import PlotError
from orderflow_recorder.plots.files import page, png
from orderflow_recorder.plots.ledger import Period
from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.read import PictureReader, recorded_extent
from orderflow_recorder.plots.theme import ThemeName

DEFAULT_LENGTH: Final = timedelta(minutes=10)
_INSTANT: Final = timedelta(microseconds=1)


class PlotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which picture.

    Attributes:
        market: The market.
        symbol: Upper case.
        start: First instant, by the venue's clock; none: ``length`` before the end.
        end: First instant after it; none: ``length`` after the start, without both what is recorded last.
        length: Of the period, where only one end is given, or none; none: `DEFAULT_LENGTH`, or from the start on.
        theme: How it looks; none: as the reader's system, in a PNG light.
    """

    market: Market
    symbol: str
    start: datetime | None = None
    end: datetime | None = None
    length: timedelta | None = None
    theme: ThemeName | None = None


def draw(
    url: str, request: PlotRequest, to: Path | None, observe: Callable[[str, int, int], None]
) -> tuple[Path, Picture]:
    """Write a picture, and return where it is and what it shows.

    Args:
        url: Of the database.
        request: Which picture.
        to: A file that ends on ``.html`` or ``.png``; none makes a page in the current folder.
        observe: Told what is being read, how many parts of it are done, and how many there are.

    Raises:
        PlotError: Nothing is recorded there, or the file cannot be written.
        SinkError: The database cannot be reached, or refuses.
    """
    if to is not None and not to.parent.is_dir():
        raise PlotError(f"{to}: expected a file in a folder that is there; make {to.parent} first")
    with research.connect(url) as database, database.one_moment():
        extent = recorded_extent(database, request.market, request.symbol)
        if extent is None:
            raise PlotError(
                f"{request.market} {request.symbol}: expected trades or book changes, found none; "
                "`orderflow-recorder coverage` lists what is recorded"
            )
        period = wanted_period(request, extent)
        picture = PictureReader(database, period, observe).read()
    observe("drawing", 0, 1)
    path = to or Path(f"{default_name(period)}.html")
    if path.suffix == ".png":
        content = png(picture, request.theme or ThemeName.LIGHT)
    else:
        content = page(picture, request.theme, file_name=path.stem).encode()
    _write(path, content)
    observe("drawing", 1, 1)
    return path, picture


def wanted_period(request: PlotRequest, recorded: tuple[datetime, datetime]) -> Period:
    """Return the period of a picture.

    Args:
        request: Which picture.
        recorded: When the first and the last thing recorded happened.
    """
    oldest, newest = recorded
    start, end, length = request.start, request.end, request.length
    if start is None:
        end = end or newest + _INSTANT
        start = end - (length or DEFAULT_LENGTH)
        # Minutes before anything was recorded are of no use, if nobody asked for them.
        start = max(start, oldest) if oldest < end else start
    elif end is None:
        end = newest + _INSTANT if length is None else start + length
    if start >= end:
        raise PlotError(
            f"expected a period with a start before its end, got {start.isoformat()} to {end.isoformat()}; "
            f"the last thing recorded happened at {newest.isoformat()}"
        )
    return Period(request.market, request.symbol, start, end)


def default_name(period: Period) -> str:
    """Return the name of a picture's file, without its ending."""
    start, end = (moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ") for moment in (period.start, period.end))
    return f"{period.market}_{period.symbol}_{start}_{end}"


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise PlotError(f"{path}: expected a file that can be written, {error.strerror or error}") from error
