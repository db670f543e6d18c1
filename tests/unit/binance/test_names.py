"""Wire stream names."""

import pytest

from orderflow_recorder.binance.names import Source, resolve
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind


def test_a_name_gives_symbol_and_kind() -> None:
    assert resolve(Market.SPOT, "btcusdt@depth5@100ms") == Source(
        Market.SPOT, "BTCUSDT", StreamKind.PARTIAL_DEPTH, "depth5@100ms"
    )
    assert resolve(Market.USDM, "btcusdt_210625@markPrice@1s") == Source(
        Market.USDM, "BTCUSDT_210625", StreamKind.MARK_PRICE, "markPrice@1s"
    )


@pytest.mark.parametrize("name", ["ethusdt@kline_1m", "!bookTicker", "!markPrice@arr@1s", "!x@trade", "", "btcusdt"])
def test_streams_that_nobody_records_resolve_to_none(name: str) -> None:
    assert resolve(Market.USDM, name) is None


def test_futures_streams_are_unknown_on_spot() -> None:
    assert resolve(Market.SPOT, "btcusdt@markPrice") is None


def test_a_name_without_a_symbol_is_refused() -> None:
    with pytest.raises(FrameError, match="expected a symbol"):
        resolve(Market.SPOT, "@trade")


def test_the_payload_must_name_the_same_symbol_in_any_case() -> None:
    source = Source(Market.SPOT, "BTCUSDT", StreamKind.TRADE, "trade")
    source.check("BTCUSDT")
    source.check("btcusdt")
    with pytest.raises(FrameError, match="expected symbol BTCUSDT, received 'ETHUSDT'"):
        source.check("ETHUSDT")
