"""What exchangeInfo says."""

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.instruments import SimInstrument, exchange_info, smallest_step
from tests.unit.sim.tools import SPOT, USDM


@pytest.mark.parametrize(
    ("texts", "step"),
    [(["61737.63000000", "5.1"], "0.01"), (["100", "20.000"], "1"), (["0.00000001"], "0.00000001"), ([], "1")],
)
def test_the_step_is_the_smallest_decimal_used(texts: list[str], step: str) -> None:
    assert smallest_step(texts) == step


@pytest.mark.parametrize(("market", "gone"), [(SPOT, "BREAK"), (USDM, "SETTLING")])
def test_exchange_info_tells_status_and_steps(market: Market, gone: str) -> None:
    listed = SimInstrument(market, "BTCUSDT", "0.01", "0.001")
    delisted = SimInstrument(market, "LUNAUSDT", "0.1", "1", trading=False)
    first, second = exchange_info(market, [listed, delisted], 5)["symbols"]
    assert (first["status"], second["status"]) == ("TRADING", gone)
    assert (first["baseAsset"], first["quoteAsset"]) == ("BTC", "USDT")
    steps = {each["filterType"]: each.get("tickSize", each.get("stepSize")) for each in first["filters"]}
    assert steps == {"PRICE_FILTER": "0.01", "LOT_SIZE": "0.001"}


def test_futures_tell_the_contract() -> None:
    quarterly = SimInstrument(USDM, "BTCUSDT_261225", "0.1", "0.001")
    described = exchange_info(USDM, [quarterly], 5)["symbols"][0]
    assert (described["pair"], described["contractType"]) == ("BTCUSDT", "CURRENT_QUARTER")
