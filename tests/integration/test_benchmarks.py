"""What the benchmarks of speed say of a database: that each frame is a row, or which are not."""

from pathlib import Path

import psycopg
import pytest

from benchmarks.lab.journal import write_journal
from benchmarks.lab.loaded import Covered, Sent, missing
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings


@pytest.fixture
def sent(database_url: str, tmp_path: Path) -> Sent:
    """Give what was sent, which is all in the database."""
    journal = tmp_path / "main"
    sent = write_journal(journal, "depth", 2, 40)
    replay(load_settings(env_file=None), database_url, [journal], lambda _path, _left: None)
    return sent


def test_nothing_is_missing_where_every_frame_is_a_row(database_url: str, sent: Sent) -> None:
    covered = Covered(database_url)
    try:
        assert covered.wait(sent.advance, within_s=0) is not None
    finally:
        covered.close()
    assert missing(database_url, sent) == []


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (
            "DELETE FROM depth_diffs WHERE final_update_id = (SELECT min(final_update_id) FROM depth_diffs)",
            "rows up to",
        ),
        ("UPDATE coverage SET last_id = last_id - 1 WHERE symbol = 'BTCUSDT'", "coverage of 1 of 2 streams"),
        (
            (
                "INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, cause, status, opened_at,"
                " instance) VALUES ('usdm', 'BTCUSDT', 'depth@100ms', 1, 2, 'disconnect', 'open', now(), 'main')"
            ),
            "gap registered",
        ),
    ],
)
def test_whatever_is_missing_is_said(database_url: str, sent: Sent, harm: str, says: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(harm.encode())
    (fault,) = missing(database_url, sent)
    assert says in fault
