"""What the commands that show and prove completeness have in common."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import msgspec

from orderflow_recorder.app.admin import running_database
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.domain.errors import SinkRefusedError
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.ledger_reads import CoverageRow, GapRow


@contextmanager
def existing_database(settings: Settings) -> Iterator[str]:
    """Give the URL of a database that is there; an embedded server is started, never made.

    Raises:
        SinkRefusedError: There is none, or it cannot run here.
    """
    if not settings.db_url and not (settings.postgres_directory / "PG_VERSION").is_file():
        raise SinkRefusedError(
            f"nothing has been recorded here: expected a database in {settings.postgres_directory}; "
            "record first, or set DATA_DIR or DB_URL"
        )
    with running_database(settings) as url:
        yield url


class StreamCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """What is there of one stream.

    Attributes:
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        first_id: First id covered; none where ids are not consecutive.
        last_id: Last id covered.
        first_time: When the record of the first id was received.
        last_time: When the record of the last id was received.
        rows: Rows in its table; of all streams that share it.
        missing_ids: Ids in gaps that are not healed; none where ids are not consecutive.
        missing_seconds: Length of the gaps that are not healed.
        covered_share: From 0 to 1, by ids where they are consecutive, else by time.
    """

    market: Market
    symbol: str
    stream: str
    first_id: int | None
    last_id: int | None
    first_time: datetime
    last_time: datetime
    rows: int
    missing_ids: int | None
    missing_seconds: float
    covered_share: float


def stream_coverage(coverage: CoverageRow, gaps: Sequence[GapRow], rows: int) -> StreamCoverage:
    """Return what is there of a stream.

    Args:
        coverage: The stream.
        gaps: All its gaps.
        rows: In its table.
    """
    unhealed = [gap for gap in gaps if gap.status is not GapStatus.HEALED]
    spans = [(gap.to_time - gap.from_time).total_seconds() for gap in unhealed if gap.from_time and gap.to_time]
    missing_seconds = sum(max(0.0, span) for span in spans)
    missing_ids: int | None = None
    if coverage.first_id is not None and coverage.last_id is not None:
        missing_ids = sum(
            gap.last_missing_id - gap.first_missing_id + 1
            for gap in unhealed
            if gap.first_missing_id is not None and gap.last_missing_id is not None
        )
        share = 1 - missing_ids / (coverage.last_id - coverage.first_id + 1)
    else:
        whole = abs((coverage.last_time - coverage.first_time).total_seconds())
        share = max(0.0, 1 - missing_seconds / whole) if whole else 1.0
    return StreamCoverage(
        market=coverage.market,
        symbol=coverage.symbol,
        stream=coverage.stream,
        first_id=coverage.first_id,
        last_id=coverage.last_id,
        first_time=coverage.first_time,
        last_time=coverage.last_time,
        rows=rows,
        missing_ids=missing_ids,
        missing_seconds=missing_seconds,
        covered_share=share,
    )
