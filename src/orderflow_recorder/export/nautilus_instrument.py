"""The instrument that a nautilus_trader catalog needs, written by the library itself."""

import importlib
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.errors import ExportError
from orderflow_recorder.postgres.export_reads import Listing

VENUE: Final = "BINANCE"

_QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")
"""Quote assets to know a symbol's by, where the venue was not asked; the longer ones first where one ends another."""


def instrument_id(market: Market, symbol: str, listing: Listing | None) -> str:
    """Return what the library calls a symbol.

    Args:
        market: The market.
        symbol: Upper case.
        listing: As the venue described it, if it did.

    Raises:
        ExportError: It is a future with a delivery date, whose definition is not recorded.
    """
    if market is Market.SPOT:
        return f"{symbol}.{VENUE}"
    if "_" in symbol or (listing is not None and listing.contract_type not in (None, "PERPETUAL")):
        raise ExportError(
            f"{symbol}: nautilus takes spot pairs and perpetuals, this is a contract with a delivery date"
        )
    return f"{symbol}-PERP.{VENUE}"


def write_instrument(
    folder: Path, scratch: Path, market: Market, symbol: str, listing: Listing | None, precisions: tuple[int, int]
) -> None:
    """Write a symbol's definition into a catalog; an older one is replaced.

    Args:
        folder: Of the catalog.
        scratch: Folder on the same disk, for the time of writing.
        market: The market.
        symbol: Upper case.
        listing: As the venue described it, if it did.
        precisions: Decimals of its prices and sizes.
    """
    catalogs = importlib.import_module("nautilus_trader.persistence.catalog.parquet")
    shutil.rmtree(scratch, ignore_errors=True)
    catalogs.ParquetDataCatalog(str(scratch)).write_data([_definition(market, symbol, listing, precisions)])
    for path in sorted(scratch.rglob("*.parquet")):
        target = folder / path.relative_to(scratch)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    shutil.rmtree(scratch)


def _definition(market: Market, symbol: str, listing: Listing | None, precisions: tuple[int, int]) -> Any:  # noqa: ANN401  # the library is imported where it is needed
    identifiers = importlib.import_module("nautilus_trader.model.identifiers")
    instruments = importlib.import_module("nautilus_trader.model.instruments")
    objects = importlib.import_module("nautilus_trader.model.objects")
    base, quote = _assets(symbol, listing)
    price, size = precisions
    tick = listing.tick_size if listing and listing.tick_size else Decimal(1).scaleb(-price)
    step = listing.step_size if listing and listing.step_size else Decimal(1).scaleb(-size)
    common = {
        "instrument_id": identifiers.InstrumentId.from_str(instrument_id(market, symbol, listing)),
        "raw_symbol": identifiers.Symbol(symbol),
        "base_currency": _currency(base),
        "quote_currency": _currency(quote),
        "price_precision": price,
        "size_precision": size,
        "price_increment": objects.Price(tick, price),
        "size_increment": objects.Quantity(step, size),
        "ts_event": 0,
        "ts_init": 0,
    }
    if market is Market.SPOT:
        return instruments.CurrencyPair(**common)
    return instruments.CryptoPerpetual(**common, settlement_currency=_currency(quote), is_inverse=False)


def _currency(code: str) -> Any:  # noqa: ANN401  # the library is imported where it is needed
    objects = importlib.import_module("nautilus_trader.model.objects")
    enums = importlib.import_module("nautilus_trader.model.enums")
    known = objects.Currency.from_internal_map(code)
    return known or objects.Currency(code, 8, 0, code, enums.CurrencyType.CRYPTO)


def _assets(symbol: str, listing: Listing | None) -> tuple[str, str]:
    if listing is not None:
        return listing.base_asset, listing.quote_asset
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    raise ExportError(
        f"{symbol}: which asset it is priced in is not recorded; expected a row in instruments, which `run` writes"
    )
