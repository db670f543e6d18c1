"""Names of replays; tests/integration/test_replay.py replays."""

from pathlib import Path

import pytest

from orderflow_recorder.app.replay import instance_of, position_key, size_of
from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.market import Market
from tests.support.journal import FRAME, open_writer


def test_a_place_keeps_its_key_and_shares_it_with_no_other(tmp_path: Path) -> None:
    key = position_key(tmp_path / "main")
    assert key == position_key(tmp_path / "x" / ".." / "main")
    assert key.startswith("replay:main:")
    assert key != position_key(tmp_path / "other" / "main")


def test_a_path_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="nothing at"):
        size_of(tmp_path / "absent.jsonl")


def test_the_size_is_that_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("12345\n")
    assert size_of(tmp_path / "a.jsonl") == 6


def test_a_journal_says_who_wrote_it_and_a_capture_does_not(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "journal")
    writer.append_frame(1, Market.SPOT, 0, FRAME)
    writer.close()
    assert instance_of(tmp_path / "journal") == "main"
    (tmp_path / "capture.jsonl").write_bytes(b'{"t":1,"k":"ws","market":"spot","d":%b}\n' % FRAME)
    assert instance_of(tmp_path / "capture.jsonl") == ""
