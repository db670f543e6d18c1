"""Readers of the WebSocket stream, all in one process: prints what they got as JSON when it is told to end.

Each counts the trades in what it gets, and takes apart one message in so many, to see how old events are: since the
recorder's socket read, by the same machine's clock. Stalled ones subscribe, and then take nothing.
"""  # noqa: INP001  # programs, no package

import argparse
import asyncio
import gc
import json
import signal
import sys
from contextlib import AsyncExitStack, suppress
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.binance.frame_socket import FrameSocket

_CHANNELS: Final = ("trades", "tops", "candles", "gaps")
_TRADE: Final = b'"type":"trade"'
_MISSED: Final = b'"type":"missed"'


class _Event(msgspec.Struct):
    """As much of an event as says how old it is."""

    type: str
    receive_time: str | None = None


_decode: Final = msgspec.json.Decoder(list[_Event]).decode


class Readers:
    """All readers, and what they got."""

    def __init__(self, one_in: int) -> None:
        """Start with nothing.

        Args:
            one_in: Of so many messages one is taken apart.
        """
        self.trades: list[int] = []
        self.missed = 0
        self.messages = 0
        self.bytes = 0
        self.closed = 0
        self.ages_ms: dict[str, list[float]] = {"trade": [], "top": []}
        self._one_in = one_in

    async def read(self, connection: FrameSocket, place: int) -> None:
        """Read until the connection is closed."""
        turn = place
        with suppress(ConnectionClosed):
            while True:
                arrival = await connection.next_arrival()
                for data in arrival.frames:
                    self.messages += 1
                    self.bytes += len(data)
                    self.trades[place] += data.count(_TRADE)
                    self.missed += data.count(_MISSED)
                    turn += 1
                    if turn % self._one_in == 0:
                        self._look(data, arrival.receive_time)
        self.closed += 1

    def _look(self, data: bytes, now: int) -> None:
        for event in _decode(data):
            if event.receive_time is not None and event.type in self.ages_ms:
                received = datetime.fromisoformat(event.receive_time).timestamp()
                self.ages_ms[event.type].append((now / 1e9 - received) * 1000)

    def figures(self) -> dict[str, Any]:
        """Return it all."""
        return {
            "trades": self.trades,
            "missed": self.missed,
            "messages": self.messages,
            "bytes": self.bytes,
            "closed": self.closed,
            "ages_ms": {
                kind: {
                    "events": len(ages),
                    **{f"p{point}": float(np.percentile(ages, point)) for point in (50, 99, 99.9) if ages},
                    **({"max": max(ages)} if ages else {}),
                }
                for kind, ages in self.ages_ms.items()
            },
        }


async def _subscribed(url: str, stack: AsyncExitStack) -> FrameSocket:
    """Return a connection that is subscribed to everything: the recorder's own kind, as it reads fast."""
    factory = FrameSocket.stamped_by(SystemClock())
    connecting = connect(url, compression=None, max_size=None, ping_interval=None, create_connection=factory)
    connection = await stack.enter_async_context(connecting)
    if not isinstance(connection, FrameSocket):
        raise TypeError(connection)
    for channel in _CHANNELS:
        await connection.send(json.dumps({"op": "subscribe", "channel": channel, "market": "*", "symbol": "*"}))
    confirmed = 0
    while confirmed < len(_CHANNELS):
        confirmed += b"".join((await connection.next_arrival()).frames).count(b'"type":"subscribed"')
    return connection


async def _run(options: argparse.Namespace) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    readers = Readers(options.one_in)
    async with AsyncExitStack() as stack:
        stalled = [await _subscribed(options.url, stack) for _ in range(options.stalled)]
        reading = [await _subscribed(options.url, stack) for _ in range(options.readers)]
        for connection in stalled:
            connection.transport.pause_reading()
        readers.trades = [0] * len(reading)
        gc.freeze()
        tasks = [asyncio.create_task(readers.read(connection, place)) for place, connection in enumerate(reading)]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await ended.wait()
        sys.stdout.write(json.dumps(readers.figures()) + "\n")
        sys.stdout.flush()
        for task in tasks:
            task.cancel()
        for connection in (*stalled, *reading):
            connection.transport.abort()


def main() -> int:
    """Listen until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.listen", description=__doc__)
    parser.add_argument("url", help="of the stream")
    parser.add_argument("--readers", type=int, default=90, help="that take everything (90)")
    parser.add_argument("--stalled", type=int, default=10, help="that take nothing (10)")
    parser.add_argument("--one-in", type=int, default=10, help="of so many messages one is taken apart (10)")
    asyncio.run(_run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
