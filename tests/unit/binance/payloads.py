"""One payload of each stream, in the dialect of 2026; microseconds on spot."""

from typing import Any

from orderflow_recorder.domain.market import Market

SPOT, USDM = Market.SPOT, Market.USDM
RECEIVED = 1_790_000_000_123_456_789
MS, US = 1_790_000_000_000, 1_790_000_000_000_001
MS_NS, US_NS = MS * 1_000_000, US * 1_000

Json = dict[str, Any]

TRADE: Json = {"e": "trade", "E": US, "s": "BTCUSDT", "t": 5, "p": "1.50", "q": "2", "T": US, "m": True, "M": True}
USDM_TRADE: Json = {**TRADE, "E": MS, "T": MS, "X": "MARKET", "st": 1}
AGG_TRADE: Json = {
    "e": "aggTrade",
    "E": MS,
    "s": "BTCUSDT",
    "a": 7,
    "p": "1.50",
    "q": "2",
    "nq": "1",
    "f": 3,
    "l": 5,
    "T": MS,
    "m": False,
    "st": 1,
}
SPOT_DIFF: Json = {"e": "depthUpdate", "E": US, "s": "BTCUSDT", "U": 1, "u": 4, "b": [["1.0", "0.0"]], "a": []}
USDM_DIFF: Json = {
    "e": "depthUpdate",
    "E": MS,
    "T": MS - 1,
    "s": "BTCUSDT",
    "ps": "BTCUSDT",
    "st": 1,
    "U": 1,
    "u": 4,
    "pu": 0,
    "b": [["1.0", "0"]],
    "a": [["2", "3"], ["4", "5"]],
}
SPOT_TICKER: Json = {"u": 9, "s": "BTCUSDT", "b": "1.0", "B": "2.0", "a": "3.0", "A": "4.0"}
USDM_TICKER: Json = {**SPOT_TICKER, "e": "bookTicker", "T": MS - 1, "E": MS, "ps": "BTCUSDT", "st": 1}
MARK: Json = {
    "e": "markPriceUpdate",
    "E": MS,
    "s": "BTCUSDT",
    "p": "1.1",
    "ap": "1.2",
    "i": "1.3",
    "P": "1.4",
    "r": "-0.00010000",
    "T": MS,
    "st": 1,
}
ORDER: Json = {
    "s": "BTCUSDT",
    "S": "SELL",
    "o": "LIMIT",
    "f": "IOC",
    "q": "0.014",
    "p": "9910",
    "ap": "9911",
    "X": "FILLED",
    "l": "0.013",
    "z": "0.014",
    "T": MS,
}
FORCE: Json = {"e": "forceOrder", "E": MS, "o": ORDER}

EXAMPLES: list[tuple[Market, str, Json]] = [
    (SPOT, "trade", TRADE),
    (SPOT, "depth", SPOT_DIFF),
    (SPOT, "bookTicker", SPOT_TICKER),
    (USDM, "trade", USDM_TRADE),
    (USDM, "aggTrade", AGG_TRADE),
    (USDM, "depth", USDM_DIFF),
    (USDM, "depth5", USDM_DIFF),
    (USDM, "bookTicker", USDM_TICKER),
    (USDM, "markPrice", MARK),
    (USDM, "forceOrder", FORCE),
]
