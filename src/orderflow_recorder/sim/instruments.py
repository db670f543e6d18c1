"""What ``exchangeInfo`` says of a symbol, and how to tell it from recorded prices."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

from orderflow_recorder.domain.market import Market

_QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY")
_GONE: Final = {Market.SPOT: "BREAK", Market.USDM: "SETTLING"}


class SimInstrument(msgspec.Struct, frozen=True):
    """One symbol.

    Attributes:
        market: Where it trades.
        symbol: Upper case.
        tick_size: Price step as decimal text.
        step_size: Quantity step as decimal text.
        trading: False once delisted.
    """

    market: Market
    symbol: str
    tick_size: str
    step_size: str
    trading: bool = True


def smallest_step(texts: Iterable[str]) -> str:
    """Return the smallest power of ten that divides every decimal in ``texts``, e.g. ``0.01``."""
    places = max((len(text.partition(".")[2].rstrip("0")) for text in texts), default=0)
    return str(Decimal(1).scaleb(-places)) if places < 7 else f"{Decimal(1).scaleb(-places):f}"  # noqa: PLR2004  # str() would write 1E-7


def exchange_info(market: Market, instruments: Iterable[SimInstrument], time: int) -> dict[str, Any]:
    """Return the body of ``exchangeInfo``.

    Args:
        market: Whose dialect to write.
        instruments: The symbols.
        time: ``serverTime`` in the unit that was asked for.
    """
    describe = _spot_symbol if market is Market.SPOT else _futures_symbol
    return {
        "timezone": "UTC",
        "serverTime": time,
        "rateLimits": [
            {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": 6000 if market is Market.SPOT else 2400,
            }
        ],
        "exchangeFilters": [],
        "symbols": [describe(instrument) for instrument in instruments],
    }


def _assets(symbol: str) -> tuple[str, str]:
    pair = symbol.partition("_")[0]
    quote = next((quote for quote in _QUOTES if pair.endswith(quote) and pair != quote), "")
    return pair.removesuffix(quote), quote


def _filters(instrument: SimInstrument) -> list[dict[str, str]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": instrument.tick_size,
            "maxPrice": "1000000.00000000",
            "tickSize": instrument.tick_size,
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": instrument.step_size,
            "maxQty": "9000.00000000",
            "stepSize": instrument.step_size,
        },
    ]


def _status(instrument: SimInstrument) -> str:
    return "TRADING" if instrument.trading else _GONE[instrument.market]


def _spot_symbol(instrument: SimInstrument) -> dict[str, Any]:
    base, quote = _assets(instrument.symbol)
    return {
        "symbol": instrument.symbol,
        "status": _status(instrument),
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "filters": _filters(instrument),
        "permissionSets": [["SPOT"]],
    }


def _futures_symbol(instrument: SimInstrument) -> dict[str, Any]:
    base, quote = _assets(instrument.symbol)
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol.partition("_")[0],
        "contractType": "CURRENT_QUARTER" if "_" in instrument.symbol else "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": _status(instrument),
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": len(instrument.tick_size.partition(".")[2]),
        "quantityPrecision": len(instrument.step_size.partition(".")[2]),
        "underlyingType": "COIN",
        "filters": _filters(instrument),
    }
