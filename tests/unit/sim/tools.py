"""What the simulator's tests share: a scripted source, a clock that never waits, plain clients."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from websockets.asyncio.client import ClientConnection, connect

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import KnownSnapshot, PlayedFrame
from orderflow_recorder.sim.instruments import SimInstrument
from orderflow_recorder.sim.server import Simulator
from orderflow_recorder.sim.source import Wanted

SPOT, USDM = Market.SPOT, Market.USDM
Levels: TypeAlias = Sequence[Sequence[str]]


class InstantClock:
    """Sleeping takes no time, but moves the clock."""

    def __init__(self) -> None:
        """Begin at 1000 s."""
        self.now = 1000.0

    def now_ns(self) -> int:
        """Return wall time, ns."""
        return 1_700_000_000_000_000_000 + int(self.now * 1e9)

    def monotonic(self) -> float:
        """Return seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.now += seconds
        await asyncio.sleep(0)


class ScriptedSource:
    """Plays the frames it is given."""

    recorded = True

    def __init__(self, script: Sequence[PlayedFrame], snapshots: Sequence[KnownSnapshot] = ()) -> None:
        """Take the frames and the books."""
        self.script = script
        self._snapshots = snapshots
        self.quiet: set[tuple[Market, str]] = set()

    def markets(self) -> frozenset[Market]:
        """Return the markets in the script."""
        return frozenset(frame.market for frame in self.script)

    def instruments(self, market: Market) -> Sequence[SimInstrument]:
        """Return BTCUSDT."""
        return [SimInstrument(market, "BTCUSDT", "0.01", "0.001", trading=self.is_trading(market, "BTCUSDT"))]

    def is_trading(self, market: Market, symbol: str) -> bool:
        """Say whether it was not delisted."""
        return (market, symbol) not in self.quiet

    def snapshots(self) -> Sequence[KnownSnapshot]:
        """Return the books."""
        return self._snapshots

    def frames(self, start: int, wanted: Wanted) -> Iterator[PlayedFrame]:
        """Return the script."""
        assert start > 0
        assert callable(wanted)
        return iter(self.script)

    def list_symbol(self, market: Market, symbol: str) -> KnownSnapshot | None:
        """Let it trade again."""
        self.quiet.discard((market, symbol))
        return None

    def delist_symbol(self, market: Market, symbol: str) -> None:
        """Stop it."""
        if symbol != "BTCUSDT":
            message = f"no {symbol}"
            raise SettingsError(message)
        self.quiet.add((market, symbol))


def played(market: Market, stream: str, payload: dict[str, Any], at: int = 0) -> PlayedFrame:
    text = json.dumps({"stream": stream, "data": payload}, separators=(",", ":"))
    return PlayedFrame(at, market, stream, text.encode())


def trade(market: Market, trade_id: int, *, price: str = "10.00", symbol: str = "BTCUSDT") -> PlayedFrame:
    time = 1_700_000_000_000 + trade_id
    payload = {"e": "trade", "E": time, "s": symbol, "t": trade_id, "p": price, "q": "0.500", "T": time, "m": True}
    return played(market, f"{symbol.lower()}@trade", payload, at=trade_id * 1_000_000)


def depth(  # the fields of a diff
    market: Market, first: int, final: int, previous: int | None = None, *, bids: Levels = (), asks: Levels = ()
) -> PlayedFrame:
    payload: dict[str, Any] = {"e": "depthUpdate", "E": 1_700_000_000_000 + final, "s": "BTCUSDT"}
    payload |= {"U": first, "u": final, "b": list(bids), "a": list(asks)}
    if previous is not None:
        payload["pu"] = previous
    return played(market, "btcusdt@depth@100ms", payload, at=final * 1_000_000)


def snapshot(market: Market, last: int, bids: Levels = (), asks: Levels = ()) -> KnownSnapshot:
    body = {"lastUpdateId": last, "bids": list(bids), "asks": list(asks)}
    return KnownSnapshot(market, "BTCUSDT", json.dumps(body).encode())


@asynccontextmanager
async def opened(simulator: Simulator, path: str) -> AsyncIterator[ClientConnection]:
    """Open a socket, and be sure that the simulator has registered its streams."""
    url = simulator.base_ws_url(SPOT) + path
    async with connect(url, compression=None, ping_interval=None, max_queue=None, close_timeout=1) as socket:
        assert await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 999}) is not None
        yield socket


async def ask(socket: ClientConnection, request: dict[str, Any]) -> dict[str, Any]:
    await socket.send(json.dumps(request))
    answer: dict[str, Any] = json.loads(await socket.recv())
    return answer


async def received(socket: ClientConnection, count: int) -> list[Any]:
    return [json.loads(await socket.recv()) for _ in range(count)]
