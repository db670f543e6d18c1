"""The venue's daily archive: names of its files, and their lines in the shape of REST rows. Pure.

A file has a header or none, booleans as ``true`` or ``True``, times in ms or µs, by the day it was
made: all of it is told from the content. Columns that REST rows do not need are ignored.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from orderflow_recorder.binance.text import printable
from orderflow_recorder.binance.values import check_decimals, to_ns
from orderflow_recorder.domain.errors import FrameError, VenueUnreachableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind

ENTRY_PATH: Final = "archive/"
"""Begins the path of a journal entry with rows from the archive; the type of file follows."""

_TYPES: Final[Mapping[StreamKind, str]] = {StreamKind.TRADE: "trades", StreamKind.AGG_TRADE: "aggTrades"}
_FOLDERS: Final = {Market.SPOT: "spot", Market.USDM: "futures/um"}
_BOOLEANS: Final = {"true": True, "false": False}


class ArchiveError(VenueUnreachableError):
    """A file of the archive cannot be used: nothing of it was."""


class ArchiveFile(msgspec.Struct, frozen=True):
    """One day of one stream.

    Attributes:
        market: The market.
        symbol: Upper case.
        type: ``trades`` or ``aggTrades``.
        day: UTC.
    """

    market: Market
    symbol: str
    type: str
    day: date

    @property
    def name(self) -> str:
        """Return the file's name."""
        return f"{self.symbol}-{self.type}-{self.day.isoformat()}.zip"

    @property
    def path(self) -> str:
        """Return the file's place in the archive."""
        return f"data/{_FOLDERS[self.market]}/daily/{self.type}/{self.symbol}/{self.name}"

    @property
    def entry_path(self) -> str:
        """Return the path of the journal entries with its rows; REST's parser reads them."""
        return ENTRY_PATH + self.type


def archive_file(market: Market, symbol: str, stream: str, day: date) -> ArchiveFile:
    """Return the file that holds what ``stream`` of ``symbol`` brought on ``day``.

    Raises:
        KeyError: The stream is neither trades nor aggregate trades.
    """
    return ArchiveFile(market, symbol, _TYPES[stream_kind(market, stream)], day)


def rest_rows(file: ArchiveFile, lines: Iterable[list[str]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each row's id and what REST would have said of it.

    Args:
        file: What is read.
        lines: Cells of each line, header included where there is one.

    Raises:
        ArchiveError: A line is not what the venue documents.
    """
    convert = _trade if file.type == "trades" else _agg_trade
    for number, cells in enumerate(lines, start=1):
        if number == 1 and cells and not cells[0].isdecimal():
            continue
        try:
            row = convert(cells)
        except (ValueError, KeyError, FrameError):
            message = f"{file.name}, line {number}: expected a row of {file.type}, received {printable(str(cells))}"
            raise ArchiveError(message) from None
        yield int(cells[0]), row


def _check(price: str, quantity: str, time: str) -> None:
    check_decimals((price, quantity))
    to_ns(int(time))


def _trade(cells: list[str]) -> dict[str, Any]:
    number, price, quantity, _, time, buyer_is_maker = cells[:6]
    _check(price, quantity, time)
    return {
        "id": int(number),
        "price": price,
        "qty": quantity,
        "time": int(time),
        "isBuyerMaker": _BOOLEANS[buyer_is_maker.lower()],
    }


def _agg_trade(cells: list[str]) -> dict[str, Any]:
    number, price, quantity, first, last, time, buyer_is_maker = cells[:7]
    _check(price, quantity, time)
    return {
        "a": int(number),
        "p": price,
        "q": quantity,
        "f": int(first),
        "l": int(last),
        "T": int(time),
        "m": _BOOLEANS[buyer_is_maker.lower()],
    }
