"""A REST host that answers what a test tells it to (the real protocol is tested on the simulator)."""

from collections.abc import Mapping, Sequence

from orderflow_recorder.domain.errors import VenueError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import Instrument
from orderflow_recorder.ports.venue import RestAnswer


class FakeVenue:
    """`Venue` with snapshots and statuses set by the test."""

    def __init__(self, *, market: Market = Market.SPOT, statuses: Mapping[str, str] | None = None) -> None:
        """Know ``statuses`` by symbol."""
        self.market = market
        self.statuses = dict(statuses or {})
        self.snapshots: dict[str, list[int | VenueError]] = {}
        self.asked: list[str] = []
        self.latest: dict[str, int | None] = {}
        self.error: VenueError | None = None
        self.spacing_s = 0.0

    async def snapshot(self, symbol: str) -> RestAnswer:
        """Answer the next snapshot prepared for ``symbol``."""
        self.asked.append(symbol)
        answer = self.snapshots[symbol].pop(0)
        if isinstance(answer, VenueError):
            raise answer
        return self._answer("depth", symbol, b"%d" % answer)

    def snapshot_spacing_s(self, wanted: int) -> float:
        """Answer what the test set, where more than one is wanted."""
        return self.spacing_s if wanted > 1 else 0.0

    async def exchange_info(self) -> RestAnswer:
        """Answer the list of symbols."""
        if self.error is not None:
            raise self.error
        return self._answer("exchangeInfo", None, b"{}")

    async def latest_id(self, symbol: str, stream: str) -> int | None:
        """Answer the newest id set for ``symbol@stream``."""
        return self.latest.get(f"{symbol}@{stream}")

    async def agg_trades(self, symbol: str, from_id: int, limit: int) -> RestAnswer:
        """Answer nothing: healing is tested on the simulator."""
        return self._answer("aggTrades", symbol, b"[]")

    async def historical_trades(self, symbol: str, from_id: int, limit: int) -> RestAnswer:
        """Answer nothing, likewise."""
        return self._answer("historicalTrades", symbol, b"[]")

    def trade_ids(self, answer: RestAnswer) -> Sequence[int]:
        """Return no ids."""
        return ()

    async def server_time(self) -> int:
        """Answer the epoch."""
        return 0

    def snapshot_id(self, answer: RestAnswer) -> int:
        """Return the id in the body."""
        return int(answer.body)

    def instruments(self, answer: RestAnswer) -> Sequence[Instrument]:
        """Return the symbols as they are set now."""
        return [
            Instrument(self.market, symbol, status, "BASE", "USDT", None, "0.1", "0.1", answer.receive_time)
            for symbol, status in self.statuses.items()
        ]

    async def close(self) -> None:
        """Nothing to release."""

    def _answer(self, path: str, symbol: str | None, body: bytes) -> RestAnswer:
        return RestAnswer(market=self.market, path=path, params={}, symbol=symbol, receive_time=1, body=body)
