"""Recordings as a source: captures and the recorder's own journals, one or many played together."""

import gzip
import heapq
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim import frames as wire
from orderflow_recorder.sim.instruments import SimInstrument, smallest_step
from orderflow_recorder.sim.source import Wanted

_STEP_SAMPLE: Final = 200
"""Trades per symbol that are read for the price step where there is no snapshot."""


class _Line(msgspec.Struct, gc=False):
    t: int
    k: str
    market: Market | None = None
    symbol: str | None = None
    path: str | None = None
    d: msgspec.Raw = msgspec.Raw(b"null")


_line_decoder: Final = msgspec.json.Decoder(_Line)


class CaptureSource:
    """Plays recorded frames byte for byte.

    Every path starts at playback time 0. A directory is a journal: its segments are one recording.
    """

    recorded = True

    def __init__(self, paths: Sequence[Path | str]) -> None:
        """Read what the recordings contain: symbols, snapshots, price steps.

        Args:
            paths: Files (``.jsonl``, ``.jsonl.gz``) or journal directories.

        Raises:
            SettingsError: A path is missing, or holds no recorded frame.
        """
        if not paths:
            text = "no recording to play: expected at least one capture file or journal directory"
            raise SettingsError(text)
        self._recordings = [_files(Path(path)) for path in paths]
        self._snapshots: list[wire.KnownSnapshot] = []
        self._texts: dict[tuple[Market, str], tuple[list[str], list[str]]] = {}
        for files in self._recordings:
            self._scan(files)
        self._steps = {
            key: (smallest_step(prices), smallest_step(quantities))
            for key, (prices, quantities) in sorted(self._texts.items())
        }
        self._delisted: set[tuple[Market, str]] = set()

    def markets(self) -> frozenset[Market]:
        """Return the markets that were recorded."""
        return frozenset(market for market, _ in self._steps)

    def instruments(self, market: Market) -> Sequence[SimInstrument]:
        """Return the recorded symbols; price and quantity steps are inferred from their decimals."""
        return [
            SimInstrument(
                market=market,
                symbol=symbol,
                tick_size=tick_size,
                step_size=step_size,
                trading=self.is_trading(market, symbol),
            )
            for (where, symbol), (tick_size, step_size) in self._steps.items()
            if where is market
        ]

    def is_trading(self, market: Market, symbol: str) -> bool:
        """Say whether ``symbol`` was not delisted."""
        return (market, symbol) not in self._delisted

    def snapshots(self) -> Sequence[wire.KnownSnapshot]:
        """Return the recorded REST books, in order of time."""
        return self._snapshots

    def frames(self, start: int, wanted: Wanted) -> Iterator[wire.PlayedFrame]:  # noqa: ARG002  # recorded times, all frames
        """Return the frames of all recordings, merged by time since each one's start."""
        return heapq.merge(*map(_played, self._recordings), key=lambda frame: frame.at)

    def list_symbol(self, market: Market, symbol: str) -> wire.KnownSnapshot | None:
        """Let a delisted symbol trade again."""
        self._check(market, symbol)
        self._delisted.discard((market, symbol))
        return None

    def delist_symbol(self, market: Market, symbol: str) -> None:
        """Stop sending the frames of ``symbol``."""
        self._check(market, symbol)
        self._delisted.add((market, symbol))

    def _check(self, market: Market, symbol: str) -> None:
        if (market, symbol) not in self._steps:
            text = f"symbol {symbol!r} is not in the recordings of {market}: a recording cannot make new symbols"
            raise SettingsError(text)

    def _scan(self, files: Sequence[Path]) -> None:
        known: set[tuple[Market, str]] = set()
        found = False
        for line in _lines(files):
            if line.market is None:
                continue
            if line.k == "rest" and line.symbol and (line.path or "").endswith("/depth"):
                self._scan_snapshot(line.market, line.symbol, bytes(line.d))
            wrapper = _stream_frame(line)
            found = found or wrapper is not None
            if wrapper is not None and (line.market, wrapper.stream) not in known:
                self._scan_frame(line.market, wrapper, known)
        if not found:
            text = f'{files[0]}: expected recorded frames (lines with "k":"ws"), found none'
            raise SettingsError(text)

    def _scan_snapshot(self, market: Market, symbol: str, body: bytes) -> None:
        try:
            payload = wire.snapshot_decoder.decode(body)
        except msgspec.DecodeError:
            return  # a recorder keeps refused answers too
        self._snapshots.append(wire.KnownSnapshot(market, symbol, body))
        prices, quantities = self._texts.setdefault((market, symbol), ([], []))
        prices += [price for price, _ in payload.bids + payload.asks]
        quantities += [quantity for _, quantity in payload.bids + payload.asks]

    def _scan_frame(self, market: Market, wrapper: wire.Wrapper, known: set[tuple[Market, str]]) -> None:
        symbol, name = wire.split_stream(wrapper.stream)
        if symbol.startswith("!"):
            known.add((market, wrapper.stream))
            return
        prices, quantities = self._texts.setdefault((market, symbol), ([], []))
        if name in {"trade", "aggTrade"} and len(prices) < _STEP_SAMPLE:
            with suppress(msgspec.DecodeError):  # the recording may hold malformed frames
                trade = msgspec.json.decode(wrapper.data, type=_PriceAndQuantity)
                prices.append(trade.p)
                quantities.append(trade.q)
        if name not in {"trade", "aggTrade"} or len(prices) >= _STEP_SAMPLE:
            known.add((market, wrapper.stream))


class _PriceAndQuantity(msgspec.Struct):
    p: str
    q: str


def _files(path: Path) -> list[Path]:
    files = sorted(chain(path.glob("*.jsonl"), path.glob("*.jsonl.gz"))) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        text = f"no recording at {path}: expected a .jsonl or .jsonl.gz file, or a directory of them"
        raise SettingsError(text)
    return files


def _lines(files: Sequence[Path]) -> Iterator[_Line]:
    for file in files:
        try:
            with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as text:
                for line in text:
                    # A line that is none (a torn tail, a damaged sector) is passed over, as every reader does.
                    with suppress(msgspec.DecodeError):
                        yield _line_decoder.decode(line)
        except (OSError, EOFError) as error:
            message = f"{file}: cannot be read: {error}"
            raise SettingsError(message) from error


def _stream_frame(line: _Line) -> wire.Wrapper | None:
    # Acknowledgements are in a journal too: they are frames without a stream.
    if line.k != "ws" or line.market is None:
        return None
    try:
        return wire.wrapper_decoder.decode(line.d)
    except msgspec.DecodeError:
        return None


def _played(files: Sequence[Path]) -> Iterator[wire.PlayedFrame]:
    start: int | None = None
    at = 0
    for line in _lines(files):
        if line.k not in {"ws", "rest"}:
            continue
        start = line.t if start is None else start
        at = max(at, line.t - start)  # a clock that was set back must not stop the playback
        wrapper = _stream_frame(line)
        if wrapper is not None and line.market is not None:
            yield wire.PlayedFrame(at, line.market, wrapper.stream, bytes(line.d))
