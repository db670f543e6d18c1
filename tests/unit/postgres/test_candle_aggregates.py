"""Which ranges are refreshed at once."""

from datetime import UTC, datetime, timedelta

from orderflow_recorder.postgres.candle_aggregates import Span, joined

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


def span(since: float, until: float, symbol: str = "BTCUSDT") -> Span:
    return Span("spot", symbol, NOON + timedelta(minutes=since), NOON + timedelta(minutes=until), 1)


def test_what_overlaps_or_touches_is_one_range() -> None:
    spans = [span(0, 10), span(1, 2), span(10, 11, "ETHUSDT"), span(12, 13)]
    assert list(joined(spans)) == [
        (NOON, NOON + timedelta(minutes=11), spans[:3]),
        (NOON + timedelta(minutes=12), NOON + timedelta(minutes=13), spans[3:]),
    ]


def test_a_range_does_not_grow_without_end() -> None:
    spans = [span(n, n + 1) for n in range(12 * 60)]
    found = list(joined(spans))
    assert [until - since for since, until, _ in found] == [timedelta(hours=6)] * 2
    assert [one for *_, members in found for one in members] == spans


def test_nothing_is_no_range() -> None:
    assert list(joined([])) == []
