"""A journal as a collector would have written it, made of a flood's frames."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from benchmarks.flood.market import FloodMarket, StreamKey
from benchmarks.flood.plan import Plan
from benchmarks.flood.words import FloodSymbol
from benchmarks.lab.loaded import Sent
from orderflow_recorder.domain.market import Market

_SEGMENT_BYTES: Final = 64 * 2**20
_BLOCK_BYTES: Final = 2**20
_FRAMES_PER_S: Final = 20_000
"""Receive and event times advance as if so many frames came a second: the loader sees no clock but theirs."""


def write_journal(folder: Path, kind: str, symbols: int, frames: int, *, market: Market = Market.USDM) -> Sent:
    """Write ``frames`` frames of one kind, spread over ``symbols``, as segments of ``folder``.

    Books begin with a snapshot each, so that the loader keeps them, as it does in life.

    Returns:
        What a database must have when the journal is loaded.
    """
    plan = Plan(symbols={market: symbols}, rates={}, seconds=0.0, pool=min(4096, frames))
    venue = FloodMarket(plan)
    name = "depth@100ms" if kind == "depth" else kind
    known = list(venue.symbols[market].values())
    keys = [StreamKey(market, f"{symbol.name.lower()}@{name}") for symbol in known]
    reel = venue.reel(keys, microseconds=market is Market.SPOT, framed=False)
    folder.mkdir(parents=True)
    now_us = time.time_ns() // 1000
    lines = _Lines(folder)
    if kind == "depth":
        for symbol in known:
            lines.write(_snapshot_line(venue, symbol, name, now_us))
    head = b'{"t":%d,"k":"ws","market":"' + str(market).encode() + b'","c":1,"d":'
    edges = reel.edges
    while reel.sent < frames:
        first = reel.sent % reel.size
        block, count = reel.take(frames - reel.sent, _BLOCK_BYTES, now_us)
        base = edges[first]
        for place in range(first, first + count):
            now_us += 1_000_000 // _FRAMES_PER_S
            lines.write(head % (now_us * 1000) + bytes(block[edges[place] - base : edges[place + 1] - base]) + b"}\n")
    lines.close()
    return Sent({f"{key.market}:{key.stream}": (venue.newest(key), venue.frames_sent(key)) for key in keys})


class _Lines:
    """Segments of a journal, one after another."""

    def __init__(self, folder: Path) -> None:
        self._run = str(uuid.uuid4())
        self._files = self._segments(folder)
        self._file = next(self._files)

    def write(self, line: bytes) -> None:
        if self._file.tell() > _SEGMENT_BYTES:
            self._file.close()
            self._file = next(self._files)
        self._file.write(line)

    def close(self) -> None:
        self._file.close()

    def _segments(self, folder: Path) -> Iterator[BinaryIO]:
        number = 0
        while True:
            number += 1
            file = (folder / f"{number:08d}.jsonl").open("wb")
            file.write(
                b'{"t":%d,"k":"header","version":1,"instance":"main","run":"%s","segment":%d}\n'
                % (time.time_ns(), self._run.encode(), number)
            )
            yield file


def _snapshot_line(venue: FloodMarket, symbol: FloodSymbol, name: str, now_us: int) -> bytes:
    limit, path = (5000, "/api/v3/depth") if symbol.market is Market.SPOT else (1000, "/fapi/v1/depth")
    return (
        b'{"t":%d,"k":"rest","market":"%s","symbol":"%s","path":"%s","params":{"symbol":"%s","limit":"%d"},"d":%s}\n'
        % (
            now_us * 1000,
            str(symbol.market).encode(),
            symbol.name.encode(),
            path.encode(),
            symbol.name.encode(),
            limit,
            venue.book(symbol, name, limit),
        )
    )
