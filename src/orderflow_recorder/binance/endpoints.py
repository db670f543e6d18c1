"""What the venue's two REST hosts answer, and what each request weighs."""

from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market


class Endpoints(msgspec.Struct, frozen=True):
    """Paths, limits and request weights of one market.

    Attributes:
        main_host: The venue's own host, which answers everything.
        base_url_setting: What sets another one.
        prefix: Of every path.
        headers: With every request.
        weight_per_minute: Of one address.
        snapshot_levels: The deepest book there is.
    """

    main_host: str
    base_url_setting: str
    prefix: str
    headers: dict[str, str]
    weight_per_minute: int
    snapshot_levels: int
    snapshot_weight: int
    exchange_info_weight: int
    top_weight: int
    trades_weight: int
    agg_trades_weight: int
    historical_trades_weight: int
    time_weight: int = 1


ENDPOINTS: Final = {
    Market.SPOT: Endpoints(
        main_host="https://api.binance.com",
        base_url_setting="BINANCE_REST_SPOT_BASE_URL",
        prefix="/api/v3/",
        headers={"X-MBX-TIME-UNIT": "MICROSECOND"},
        weight_per_minute=6_000,
        snapshot_levels=5_000,
        snapshot_weight=250,
        exchange_info_weight=20,
        top_weight=5,
        trades_weight=25,
        agg_trades_weight=4,
        historical_trades_weight=25,
    ),
    Market.USDM: Endpoints(
        main_host="https://fapi.binance.com",
        base_url_setting="BINANCE_REST_FUTURES_BASE_URL",
        prefix="/fapi/v1/",
        headers={},
        weight_per_minute=2_400,  # shared with COIN-M since 2026-06-30
        snapshot_levels=1_000,
        snapshot_weight=20,
        exchange_info_weight=1,
        top_weight=2,
        trades_weight=5,
        agg_trades_weight=20,
        historical_trades_weight=200,
    ),
}
