"""Where journals stood when symbols were divided anew."""

from pathlib import Path

import pytest

from orderflow_recorder.domain.errors import JournalError, JournalLockedError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.fences import Fence, History, note_shards, read_history
from orderflow_recorder.journal.segments import segment_path
from tests.support.journal import FRAME, open_writer


@pytest.fixture
def journals(tmp_path: Path) -> dict[str, Path]:
    """Give two journals, of two segments and of one."""
    found = {"main": tmp_path / "main", "main.2": tmp_path / "main.2"}
    for directory, runs in zip(found.values(), (2, 1), strict=True):
        for _ in range(runs):
            write_run(directory)
    return found


def write_run(directory: Path) -> None:
    writer = open_writer(directory)
    writer.append_frame(1, Market.SPOT, 0, FRAME)
    writer.close()


def test_the_first_run_has_nothing_behind_it(tmp_path: Path) -> None:
    note_shards(tmp_path, 1, {})
    assert list(tmp_path.iterdir()) == []
    note_shards(tmp_path, 2, {})
    assert read_history(tmp_path) == History(2)


def test_every_change_is_a_fence_and_staying_the_same_is_none(journals: dict[str, Path]) -> None:
    place = journals["main"]
    note_shards(place, 2, journals)
    note_shards(place, 2, journals)
    write_run(journals["main"])
    note_shards(place, 1, journals)
    assert read_history(place) == History(1, (Fence({"main": 2, "main.2": 1}), Fence({"main": 3, "main.2": 1})))


def test_a_fence_goes_with_the_last_segment_before_it(journals: dict[str, Path]) -> None:
    place = journals["main"]
    note_shards(place, 2, journals)
    write_run(place)
    for number in (1, 2):
        segment_path(place, number).unlink()
    note_shards(place, 3, journals)
    assert len(read_history(place).fences) == 2, "the other journal still has a segment before the first"
    write_run(journals["main.2"])
    segment_path(journals["main.2"], 1).unlink()
    note_shards(place, 4, journals)
    assert [fence.ends for fence in read_history(place).fences] == [{"main": 3, "main.2": 1}, {"main": 3, "main.2": 2}]


def test_nothing_is_noted_while_a_collector_of_before_still_writes(journals: dict[str, Path]) -> None:
    writer = open_writer(journals["main.2"])
    with pytest.raises(JournalLockedError):
        note_shards(journals["main"], 2, journals)
    assert read_history(journals["main"]) == History()
    writer.close()
    note_shards(journals["main"], 2, journals)
    assert read_history(journals["main"]).fences == (Fence({"main": 2, "main.2": 2}),)


def test_a_note_that_cannot_be_read_is_no_reason_to_guess(tmp_path: Path) -> None:
    (tmp_path / "shards.json").write_text("[")
    with pytest.raises(JournalError, match=r"shards\.json: expected where journals stood"):
        note_shards(tmp_path, 1, {})
