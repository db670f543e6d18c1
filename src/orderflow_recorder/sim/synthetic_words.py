"""Synthetic events in the venue's words: the 2026 dialect of both markets, written as text."""

from collections.abc import Iterable

import msgspec

from orderflow_recorder.domain.market import Market


class Dialect(msgspec.Struct, frozen=True):
    """How one symbol's numbers and frames are written.

    Attributes:
        market: Decides fields and padding.
        symbol: Upper case.
        price_places: Decimals of the price step.
        quantity_places: Decimals of the quantity step.
    """

    market: Market
    symbol: str
    price_places: int
    quantity_places: int

    def price(self, steps: int) -> str:
        """Return a price as decimal text."""
        return _decimal(steps, self.price_places, pad=self.market is Market.SPOT)

    def quantity(self, steps: int) -> str:
        """Return a quantity as decimal text."""
        return _decimal(steps, self.quantity_places, pad=self.market is Market.SPOT)

    def levels(self, levels: Iterable[tuple[int, int]]) -> str:
        """Return levels (price and quantity in steps) as a JSON array."""
        return "[" + ",".join(f'["{self.price(price)}","{self.quantity(size)}"]' for price, size in levels) + "]"

    def wrap(self, name: str, payload: str) -> tuple[str, bytes]:
        """Return wire stream name and combined frame."""
        stream = f"{self.symbol.lower()}@{name}"
        return stream, f'{{"stream":"{stream}","data":{payload}}}'.encode()

    def trade(self, trade_id: int, numbers: tuple[str, str], times: tuple[int, int], *, sold: bool) -> str:
        """Return a ``trade`` payload; ``numbers`` are price and quantity, ``times`` E and T in ms."""
        price, quantity = numbers
        event, match = times
        if self.market is Market.SPOT:
            return (
                f'{{"e":"trade","E":{event},"s":"{self.symbol}","t":{trade_id},"p":"{price}","q":"{quantity}",'
                f'"T":{match},"m":{_json(sold)},"M":true}}'
            )
        kind = "NA" if price == "0" else "MARKET"
        return (
            f'{{"e":"trade","E":{event},"T":{match},"s":"{self.symbol}","t":{trade_id},"p":"{price}",'
            f'"q":"{quantity}","X":"{kind}","m":{_json(sold)},"st":1}}'
        )

    def agg_trade(
        self, ids: tuple[int, int, int], numbers: tuple[str, str], times: tuple[int, int], *, sold: bool
    ) -> str:
        """Return an ``aggTrade`` payload; ``ids`` are aggregate, first and last trade id."""
        (agg_id, first, last), (price, quantity), (event, match) = ids, numbers, times
        head = f'{{"e":"aggTrade","E":{event},"s":"{self.symbol}","a":{agg_id},"p":"{price}","q":"{quantity}",'
        tail = f'"f":{first},"l":{last},"T":{match},"m":{_json(sold)},'
        if self.market is Market.SPOT:
            return f'{head}{tail}"M":true}}'
        return f'{head}"nq":"{quantity}",{tail}"st":1}}'

    def depth(self, ids: tuple[int, int, int], event: int, bids: str, asks: str) -> str:
        """Return a ``depthUpdate`` payload; ``ids`` are U, u and pu."""
        first, final, previous = ids
        if self.market is Market.SPOT:
            return (
                f'{{"e":"depthUpdate","E":{event},"s":"{self.symbol}","U":{first},"u":{final},"b":{bids},"a":{asks}}}'
            )
        return (
            f'{{"e":"depthUpdate","E":{event},"T":{event - 2},"s":"{self.symbol}","ps":"{self.symbol}",'
            f'"U":{first},"u":{final},"pu":{previous},"b":{bids},"a":{asks},"st":1}}'
        )

    def partial_depth(self, ids: tuple[int, int, int], event: int, bids: str, asks: str) -> str:
        """Return a partial-depth payload: on futures the shape of the diff, on spot without symbol or time."""
        if self.market is Market.USDM:
            return self.depth(ids, event, bids, asks)
        return f'{{"lastUpdateId":{ids[1]},"bids":{bids},"asks":{asks}}}'

    def book_ticker(self, update_id: int, event: int, bid: tuple[int, int], ask: tuple[int, int]) -> str:
        """Return a ``bookTicker`` payload; ``bid`` and ``ask`` are price and quantity in steps."""
        top = (
            f'"b":"{self.price(bid[0])}","B":"{self.quantity(bid[1])}",'
            f'"a":"{self.price(ask[0])}","A":"{self.quantity(ask[1])}"'
        )
        if self.market is Market.SPOT:
            return f'{{"u":{update_id},"s":"{self.symbol}",{top}}}'
        return (
            f'{{"e":"bookTicker","u":{update_id},"s":"{self.symbol}","ps":"{self.symbol}",{top},'
            f'"T":{event - 1},"E":{event},"st":1}}'
        )

    def mark_price(self, event: int, price: str) -> str:
        """Return a ``markPriceUpdate`` payload; funding is due every eight hours."""
        eight_hours = 8 * 3_600_000
        due = (event // eight_hours + 1) * eight_hours
        return (
            f'{{"e":"markPriceUpdate","E":{event},"s":"{self.symbol}","p":"{price}","ap":"{price}","P":"{price}",'
            f'"i":"{price}","r":"0.00010000","T":{due},"st":1}}'
        )

    def force_order(self, event: int, side: str, price: str, quantity: str) -> str:
        """Return a ``forceOrder`` payload, filled completely."""
        return (
            f'{{"e":"forceOrder","E":{event},"o":{{"s":"{self.symbol}","S":"{side}","o":"LIMIT","f":"IOC",'
            f'"q":"{quantity}","p":"{price}","ap":"{price}","X":"FILLED","l":"{quantity}","z":"{quantity}",'
            f'"T":{event - 3}}}}}'
        )

    def snapshot(self, update_id: int, event: int, bids: str, asks: str) -> bytes:
        """Return the body of a REST depth answer."""
        times = f'"E":{event},"T":{event},' if self.market is Market.USDM else ""
        return f'{{"lastUpdateId":{update_id},{times}"bids":{bids},"asks":{asks}}}'.encode()


def _json(value: bool) -> str:  # noqa: FBT001  # the value itself, not a switch
    return "true" if value else "false"


def _decimal(steps: int, places: int, *, pad: bool) -> str:
    whole, part = divmod(steps, 10**places)
    text = f"{whole}.{part:0{places}d}" if places else f"{whole}"
    if not pad:
        return text
    return text + "0" * (8 - places) if places else text + ".00000000"
