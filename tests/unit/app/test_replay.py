"""Names of replays; tests/integration/test_replay.py replays."""

from pathlib import Path

import pytest

from orderflow_recorder.app.replay import position_key, size_of
from orderflow_recorder.domain.errors import JournalError


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
