"""Writer and loader stop dead at every named point: the journal is in the tables once, and the ledger holds."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import psycopg
import pytest

from orderflow_recorder.ports.crashpoint import CrashPoint
from orderflow_recorder.ports.journal import EntryKind
from tests.support.campaign_checks import verify
from tests.support.captures import QUERIES, Expected
from tests.support.flow import frames, open_writer, record
from tests.support.journal import read_journal
from tests.support.long import LONG
from tests.support.naive_ledger import problems, read_ledger, spent_ids
from tests.support.processes import COMMAND, wait_until

FRAMES = 2500
WRITER = """
import sys
from pathlib import Path
from orderflow_recorder.ports.crashpoint import CrashPoint, arm
from tests.support.flow import open_writer, record

writer = open_writer(Path(sys.argv[1]))
arm(CrashPoint(sys.argv[2]), int(sys.argv[3]))
record(writer, 0, int(sys.argv[4]))
"""
JOURNAL_HITS = {
    CrashPoint.BEFORE_APPEND: 1777,
    CrashPoint.AFTER_APPEND: 1777,
    CrashPoint.BEFORE_WRITE: 30,
    CrashPoint.AFTER_WRITE: 30,
    CrashPoint.BEFORE_FSYNC: 30,
    CrashPoint.AFTER_FSYNC: 30,
    CrashPoint.BEFORE_SWITCH: 2,
    CrashPoint.AFTER_SWITCH: 2,
}
POSITION = "select segment, byte_offset from loader_positions where instance = 'main'"
TWINS = {CrashPoint.AFTER_POSITION, CrashPoint.AFTER_LEDGER, CrashPoint.AFTER_COPY, CrashPoint.BEFORE_PUBLISH}
"""Nothing lies between one of these and its neighbour: not both in every run."""
LOADER_POINTS = [
    pytest.param(point, marks=LONG if point in TWINS else ()) for point in CrashPoint if point not in JOURNAL_HITS
]

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a journal of several segments with a hole: the frames of a run that ended, and of one that began later."""
    journal = tmp_path_factory.mktemp("recorded") / "journal" / "main"
    before = open_writer(journal)
    record(before, 0, FRAMES // 2)
    before.close()
    after = open_writer(journal, run_id="run-2")
    record(after, FRAMES // 2 + 100, FRAMES)
    after.close()
    return journal


@contextmanager
def loader(data: Path, url: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the real loader process on the journal in ``data``."""
    reading, writing = os.pipe()
    settings = {"DATA_DIR": str(data), "DB_URL": url, "LOADER_BATCH_ROWS": "300", "LOADER_BACKOFF_S": "0.05"}
    process = subprocess.Popen(
        [*COMMAND, "_load", "--parent-fd", str(reading)],
        env={**os.environ, **settings, **environment},
        pass_fds=[reading],
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(reading)
    try:
        yield process
    finally:
        os.close(writing)
        process.kill()
        process.communicate()


def load(data: Path, url: str) -> None:
    """Load what is left of the journal in ``data``."""
    end = read_journal(data / "journal" / "main")[-1].end

    def stands_at_the_end() -> bool:
        with psycopg.connect(url) as connection:
            return (end.segment, end.offset) in connection.execute(POSITION).fetchall()

    with loader(data, url) as process:
        wait_until(stands_at_the_end, within_s=20, what="the journal is loaded")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said


def assert_proven(journal: Path, url: str) -> None:
    """Hold the tables to the journal: every frame once, and nothing unaccounted for."""
    segments = sorted(journal.glob("*.jsonl"))
    expected = Expected.of(*segments)
    with psycopg.connect(url) as connection:
        for table, query in QUERIES.items():
            found = connection.execute(query).fetchall()
            assert len(found) == len(getattr(expected, table))
            assert {row[:3]: row[3:] for row in found} == getattr(expected, table)
    assert problems(read_ledger(url), spent_ids(segments)) == []
    assert verify(url, journal) == []


@pytest.mark.parametrize(("point", "hits"), JOURNAL_HITS.items())
def test_a_journal_whose_writer_stopped_dead_is_whole_and_goes_on(
    tmp_path: Path, database_url: str, point: CrashPoint, hits: int
) -> None:
    journal = tmp_path / "journal" / "main"
    ended = subprocess.run(
        [sys.executable, "-c", WRITER, str(journal), point, str(hits), str(FRAMES)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL
    survived = [bytes(entry.payload) for entry in read_journal(journal) if entry.kind is EntryKind.FRAME]
    assert len(survived) >= 700
    assert survived == [frame.combined for frame in islice(frames(), len(survived))]
    following = open_writer(journal, run_id="run-2")
    record(following, len(survived) + 200, FRAMES)
    following.close()
    load(tmp_path, database_url)
    assert_proven(journal, database_url)


@pytest.mark.parametrize("point", LOADER_POINTS)
def test_a_loader_that_stopped_dead_goes_on_without_loss_or_repetition(
    tmp_path: Path, database_url: str, recorded: Path, point: CrashPoint
) -> None:
    journal = tmp_path / "journal" / "main"
    shutil.copytree(recorded, journal)
    request = tmp_path / "crash"
    request.write_text(f"{point}:4")
    with loader(tmp_path, database_url, ORDERFLOW_CRASH_FILE=str(request)) as process:
        _, said = process.communicate(timeout=20)
        assert process.returncode == -signal.SIGKILL, said
    assert not request.exists()
    assert problems(read_ledger(database_url), spent_ids(journal.glob("*.jsonl"))) == []
    load(tmp_path, database_url)
    assert_proven(journal, database_url)
