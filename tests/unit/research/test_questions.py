"""Arguments: what is understood, and that anything else is refused in words that help."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.research import questions
from orderflow_recorder.research.errors import QuestionError, ResearchError

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize("market", [Market.USDM, "usdm", "USDM"])
def test_markets_by_name(market: str) -> None:
    assert questions.parse_market(market) is Market.USDM


def test_symbols_in_any_case() -> None:
    assert questions.parse_symbol(" btcusdt") == "BTCUSDT"


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        datetime(2024, 8, 8, 12),  # noqa: DTZ001  # what is tested
        NOON.astimezone(timezone(timedelta(hours=2))),
        "2024-08-08 12:00",
        "2024-08-08T12:00Z",
        "2024-08-08T14:00+02:00",
    ],
)
def test_moments_are_utc_unless_they_say_otherwise(moment: datetime | str) -> None:
    found = questions.parse_moment("at", moment)
    assert found == NOON
    assert found.tzinfo is UTC


def test_an_end_that_is_none_is_open() -> None:
    assert questions.parse_span(None, None) == (None, None)
    assert questions.parse_span(NOON, None) == (NOON, None)
    assert questions.parse_span("2024-08-08", NOON) == (NOON - timedelta(hours=12), NOON)
    assert questions.parse_span(NOON, NOON) == (NOON, NOON)


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [("5s", 5), ("1m", 60), ("15m", 900), ("4h", 14_400), ("1d", 86_400), ("1w", 604_800), (timedelta(hours=1), 3600)],
)
def test_intervals(interval: str | timedelta, seconds: int) -> None:
    assert questions.parse_interval(interval) == seconds


def test_the_rest() -> None:
    assert questions.parse_levels(None) is None
    assert questions.parse_levels(20) == 20
    assert questions.parse_rows(1) == 1
    assert questions.parse_status(None) is None
    assert questions.parse_status("open") is GapStatus.OPEN
    assert questions.parse_stream(Market.SPOT, "depth@100ms") is StreamKind.DEPTH
    assert questions.parse_numbers("float") == "float"


@pytest.mark.parametrize(
    ("parse", "words"),
    [
        (lambda: questions.parse_market("futures"), "market: expected 'spot' or 'usdm' .*, received 'futures'"),
        (lambda: questions.parse_market(None), "market: expected .* received None"),  # type: ignore[arg-type]
        (lambda: questions.parse_symbol(" "), "symbol: expected one like 'BTCUSDT', received ' '"),
        (lambda: questions.parse_symbol(7), "symbol: expected .* received 7"),  # type: ignore[arg-type]
        (lambda: questions.parse_moment("at", "yesterday"), "at: expected a datetime .* received 'yesterday'"),
        (lambda: questions.parse_moment("at", 1_723_118_400), "at: expected .* received 1723118400"),  # type: ignore[arg-type]
        (lambda: questions.parse_span("soon", None), "start: expected a datetime"),
        (lambda: questions.parse_span(None, "later"), "end: expected a datetime"),
        (lambda: questions.parse_span(NOON, "2024-08-08"), "start, end: expected a start before the end"),
        (lambda: questions.parse_interval("0s"), "interval: expected whole seconds, .* received '0s'"),
        (lambda: questions.parse_interval("5"), "interval: expected"),
        (lambda: questions.parse_interval("1.5s"), "interval: expected"),
        (lambda: questions.parse_interval(timedelta(milliseconds=1500)), "interval: expected"),
        (lambda: questions.parse_interval(timedelta(0)), "interval: expected"),
        (lambda: questions.parse_interval("99999999w"), "interval: expected"),
        (lambda: questions.parse_interval(5), "interval: expected"),  # type: ignore[arg-type]
        (lambda: questions.parse_levels(0), "levels: expected a whole number above 0, or None for all, received 0"),
        (lambda: questions.parse_levels(True), "levels: expected"),  # noqa: FBT003  # what is tested
        (lambda: questions.parse_rows(0), "rows: expected a whole number above 0, received 0"),
        (lambda: questions.parse_status("closed"), "status: expected 'open', 'healed', 'unrecoverable' or None"),
        (lambda: questions.parse_stream(Market.SPOT, "markPrice@1s"), "stream: unknown spot stream 'markPrice@1s'"),
        (
            lambda: questions.parse_numbers("decimal"),
            "numbers: expected one of 'exact', 'float', 'text', received 'decimal'",
        ),
    ],
)
def test_anything_else_is_refused(parse: Callable[[], Any], words: str) -> None:
    with pytest.raises(QuestionError, match=words) as caught:
        parse()
    assert isinstance(caught.value, ResearchError)
    assert isinstance(caught.value, ValueError)
