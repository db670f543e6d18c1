"""Shares of streams; tests/integration/test_ledger_commands.py asks a database."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orderflow_recorder.app.completeness import existing_database, stream_coverage
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.errors import SinkRefusedError
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.ledger_reads import CoverageRow, GapRow

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def covered(first_id: int | None, last_id: int | None, seconds: float = 100) -> CoverageRow:
    end = NOON + timedelta(seconds=seconds)
    return CoverageRow(Market.SPOT, "BTCUSDT", "any", first_id, last_id, NOON, end, None)


def gap(status: GapStatus, first: int | None = None, last: int | None = None, seconds: float = 10) -> GapRow:
    end = NOON + timedelta(seconds=seconds)
    return GapRow(
        1, Market.SPOT, "BTCUSDT", "any", first, last, NOON, end, "stall", status, None, end, None, None, "main"
    )


def test_ids_decide_where_there_are_any_and_healed_gaps_do_not_count() -> None:
    gaps = [gap(GapStatus.OPEN, 3, 4), gap(GapStatus.UNRECOVERABLE, 6, 8), gap(GapStatus.HEALED, 10, 20)]
    found = stream_coverage(covered(1, 20), gaps, 15)
    assert (found.missing_ids, found.missing_seconds, found.covered_share) == (5, 20, 0.75)


def test_time_decides_where_there_are_no_ids() -> None:
    found = stream_coverage(covered(None, None), [gap(GapStatus.UNRECOVERABLE)], 15)
    assert found.missing_ids is None
    assert found.covered_share == pytest.approx(0.9)


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_stream_without_length_and_a_gap_that_runs_backwards_are_no_trouble(seconds: float) -> None:
    found = stream_coverage(covered(None, None, 0), [gap(GapStatus.UNRECOVERABLE, seconds=seconds)], 1)
    assert (found.missing_seconds, found.covered_share) == (0, 1)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    settings = load_settings(env_file=None, data_dir=tmp_path, db_url="")
    with pytest.raises(SinkRefusedError, match="nothing has been recorded"), existing_database(settings):
        pass
