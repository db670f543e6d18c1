"""Which gaps touch a partition."""

from datetime import UTC, datetime, timedelta

import pytest

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.holes import bounds, touching
from orderflow_recorder.postgres.export_reads import Neighbour, Stock
from orderflow_recorder.postgres.ledger_reads import GapRow

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


def gap(first: int | None, last: int | None, *, since: int = 0, until: int = 0) -> GapRow:
    """Build a gap of ids, or of receive times (µs)."""
    return GapRow(
        gap_id=1,
        market=Market.SPOT,
        symbol="BTCUSDT",
        stream="trade",
        first_missing_id=first,
        last_missing_id=last,
        from_time=EPOCH + timedelta(microseconds=since),
        to_time=EPOCH + timedelta(microseconds=until),
        cause="disconnect",
        status=GapStatus.OPEN,
        reason=None,
        opened_at=NOON,
        healed_at=None,
        healed_by=None,
        instance="main",
    )


def neighbour(position: int | None) -> Neighbour | None:
    """Build the row next to a partition."""
    return None if position is None else Neighbour(position, NOON)


@pytest.mark.parametrize(
    ("before", "stock", "after", "found"),
    [
        (9, Stock(5, 20, 29), 40, [(10, 19), (22, 23), (30, 39)]),
        (12, Stock(5, 20, 29), 32, [(10, 19), (22, 23), (30, 39)]),
        (None, Stock(5, 20, 29), None, [(10, 19), (22, 23), (30, 39), (41, 44)]),
        (24, Stock(3, 25, 26), 28, []),
        (29, Stock(0, None, None), 40, [(30, 39)]),
        (40, Stock(0, None, None), None, [(41, 44)]),
        (None, Stock(2, 45, 46), 50, [(41, 44)]),
        (None, Stock(2, 46, 47), 50, []),
        (35, Stock(3, 20, 29), 40, [(22, 23), (30, 39)]),
    ],
)
def test_a_gap_touches_where_it_lies_between_the_rows_on_either_side(
    before: int | None, stock: Stock, after: int | None, found: list[tuple[int, int]]
) -> None:
    gaps = [gap(41, 44), gap(10, 19), gap(30, 39), gap(22, 23)]
    assert [bounds(one) for one in touching(gaps, stock, neighbour(before), neighbour(after))] == found


def test_a_gap_without_ids_is_placed_by_the_receive_times_of_its_neighbours() -> None:
    inside, later = gap(None, None, since=100, until=200), gap(None, None, since=300, until=301)
    assert bounds(inside) == (101, 199)
    assert touching([later, inside], Stock(3, 100, 250), None, neighbour(300)) == [inside]
    assert touching([later, inside], Stock(3, 301, 400), neighbour(300), None) == []
    assert touching([later, inside], Stock(3, 200, 250), neighbour(100), neighbour(300)) == [inside]
