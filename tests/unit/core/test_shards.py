"""Which shard a symbol belongs to: always the same one, and exactly one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.shards import (
    MOST_SHARDS,
    WHOLE,
    Shard,
    Work,
    family,
    is_part_of,
    journal_of,
    place_of,
    shards,
    sink_of,
)
from orderflow_recorder.domain.market import Market

SYMBOLS = [
    f"{base}{quote}" for base in ("BTC", "ETH", "SOL", "DOGE", "1000PEPE", "币安人生") for quote in ("USDT", "FDUSD")
]


def number(work: Work, count: int, symbol: str, market: Market = Market.SPOT) -> int:
    """Return the shard that takes ``symbol``; there is no other."""
    (found,) = [shard.number for shard in shards(work, count) if shard.takes(market, symbol)]
    return found


def test_a_symbol_stays_where_it_is_for_ever() -> None:
    """A change of the hash would move symbols between journals without a change of the settings."""
    assert [number(Work.COLLECT, 8, symbol) for symbol in SYMBOLS] == [8, 6, 7, 3, 7, 5, 1, 1, 6, 2, 2, 5]
    assert [number(Work.LOAD, 8, symbol) for symbol in SYMBOLS] == [3, 7, 4, 3, 5, 6, 4, 6, 7, 4, 4, 4]


@given(
    symbol=st.text(min_size=1, max_size=20),
    market=st.sampled_from(Market),
    work=st.sampled_from(Work),
    count=st.integers(1, MOST_SHARDS),
)
def test_every_symbol_has_exactly_one_shard(symbol: str, market: Market, work: Work, count: int) -> None:
    assert 1 <= number(work, count, symbol, market) <= count


def test_the_whole_takes_everything() -> None:
    assert all(WHOLE.takes(market, symbol) for market in Market for symbol in SYMBOLS)


def test_symbols_are_spread_evenly_and_those_of_one_collector_over_all_loaders() -> None:
    cells = Counter(
        (number(Work.COLLECT, 2, f"SYMBOL{index}USDT"), number(Work.LOAD, 2, f"SYMBOL{index}USDT"))
        for index in range(1000)
    )
    assert len(cells) == 4
    assert all(200 < size < 300 for size in cells.values())


@pytest.mark.parametrize(("which", "count"), [(0, 1), (3, 2), (-1, 2)])
def test_a_shard_that_does_not_exist_is_refused(which: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"expected a shard from 1 to {count}, got {which}"):
        Shard(which, count)


def test_journals_are_named_after_the_recorder() -> None:
    assert [journal_of("main", one) for one in (1, 2, 8)] == ["main", "main.2", "main.8"]
    assert [place_of(name) for name in ("main", "main.2", "a-b_c.8", "main.x", "replay:a.jsonl:0f")] == [
        ("main", 1),
        ("main", 2),
        ("a-b_c", 8),
        ("main.x", 1),
        ("replay:a.jsonl:0f", 1),
    ]
    assert family("main.3") == family("main") == [journal_of("main", one) for one in range(1, MOST_SHARDS + 1)]


def test_sinks_are_named_after_their_part() -> None:
    assert sink_of("postgres", WHOLE) == "postgres"
    assert sink_of("postgres", Shard(2, 3, Work.LOAD)) == "postgres.2of3"
    names = ("postgres", "postgres.2of3", "postgres.of3", "postgres.2", "postgresql", "archive.1of2", "replay:x:0f")
    assert [is_part_of("postgres", name) for name in names] == [True, True, False, False, False, False, False]
