"""One journal and several loaders: where each begins, and what all of them write."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from orderflow_recorder.app.load import run_loader
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.core.shards import Shard, Work, shards
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.fences import note_shards
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records
from tests.support.manual_clock import ManualClock
from tests.support.processes import wait_until

POSITIONS = "select sink, segment, byte_offset from loader_positions where instance = 'main' order by sink"
TICKERS = "select update_id from book_tickers order by update_id"


def part(url: str, number: int, count: int) -> PostgresSink:
    """Return the sink of one loader."""
    return PostgresSink(url, shard=Shard(number, count, Work.LOAD))


def move(sink: PostgresSink, offset: int) -> None:
    """Let a sink load up to ``offset``."""
    sink.write(Batch("main", sink.open("main"), Position(1, offset), ()))
    sink.close()


def positions(url: str) -> dict[str, tuple[int, int]]:
    """Return where each sink stands."""
    with psycopg.connect(url) as connection:
        return {row[0]: row[1:] for row in connection.execute(POSITIONS)}


def test_every_part_begins_where_the_last_of_another_division_stands(database_url: str) -> None:
    one, two = part(database_url, 1, 2), part(database_url, 2, 2)
    assert one.open("main") == JOURNAL_START
    one.close()
    move(one, 500)
    assert two.open("main") == JOURNAL_START, "what the first part has loaded is not the second's"
    two.close()
    move(two, 300)
    three = part(database_url, 3, 3)
    assert three.open("main") == Position(1, 300)
    three.close()
    assert positions(database_url) == {f"postgres.{number}of3": (1, 300) for number in (1, 2, 3)}
    move(three, 900)
    whole = PostgresSink(database_url)
    assert whole.open("main") == Position(1, 300)
    whole.close()
    assert positions(database_url) == {"postgres": (1, 300)}


def test_other_journals_and_other_sinks_keep_their_places(database_url: str) -> None:
    replay = PostgresSink(database_url, name="replay:main:0f")
    move(replay, 700)
    move(PostgresSink(database_url), 100)
    move(part(database_url, 1, 2), 200)
    assert positions(database_url) == {
        "postgres.1of2": (1, 200),
        "postgres.2of2": (1, 100),
        "replay:main:0f": (1, 700),
    }
    other = part(database_url, 1, 2)
    assert other.open("second") == JOURNAL_START
    other.close()


def test_all_parts_may_begin_at_once(database_url: str) -> None:
    move(PostgresSink(database_url), 100)
    sinks = [PostgresSink(database_url, shard=shard) for shard in shards(Work.LOAD, 4)]
    found: list[Position] = []
    threads = [threading.Thread(target=lambda sink=sink: found.append(sink.open("main"))) for sink in sinks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for sink in sinks:
        sink.close()
    assert found == [Position(1, 100)] * 4
    assert len(positions(database_url)) == 4


def test_what_every_part_says_is_stored_once(database_url: str) -> None:
    said = [records.event(EventKind.CONNECTED, time=records.NOON + second * 10**9) for second in range(3)]
    results = []
    for number, events in ((1, said[:2]), (2, said)):
        sink = part(database_url, number, 2)
        start = sink.open("main")
        results.append(sink.write(Batch("main", start, Position(1, 100), events)))
        sink.close()
    assert results == [WriteResult(2, 0), WriteResult(1, 2)]


class Journals:
    """Two journals, as two collectors leave them, in a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        """Begin without any segment."""
        self.settings = load_settings(env_file=None, data_dir=folder, db_url=url, loader_batch_age_ms=1)
        self.directories = {name: folder / "journal" / name for name in ("main", "main.2")}

    def write(self, instance: str, *numbers: int) -> None:
        """Write a segment with best prices, which have no consecutive ids."""
        writer = FileJournalWriter.open(
            self.directories[instance],
            instance=instance,
            run_id="run",
            clock=ManualClock(),
            segment_bytes=1 << 30,
            segment_seconds=1e9,
            min_free_bytes=0,
        )
        for number in numbers:
            frame = b'{"stream":"btcusdt@bookTicker","data":{"u":%d,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
            writer.append_frame(records.NOON + number * 10**9, Market.SPOT, 1, frame % number)
        writer.close()

    def divide(self, count: int) -> None:
        """Note that symbols are divided anew."""
        note_shards(self.directories["main"], count, self.directories)

    @contextmanager
    def loading(self, *instances: str) -> Iterator[list[threading.Thread]]:
        """Load journals while the body runs; of the second one nobody writes any more."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._load, args=(instance, stop)) for instance in instances]
        try:
            for thread in threads:
                thread.start()
            yield threads
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)

    def _load(self, instance: str, stop: threading.Event) -> None:
        settings = self.settings.model_copy(update={"instance_id": instance})
        run_loader(settings, stop, lambda _report: None, to_the_end=instance != "main")


def test_nobody_waits_for_a_journal_that_was_deleted(tmp_path: Path, database_url: str) -> None:
    journals = Journals(tmp_path, database_url)
    journals.write("main", 1)
    journals.write("main.2", 2)
    journals.divide(2)
    shutil.rmtree(journals.directories["main.2"])
    journals.write("main", 3)
    with journals.loading("main"), psycopg.connect(database_url, autocommit=True) as connection:
        wait_until(
            lambda: connection.execute(TICKERS).fetchall() == [(1,), (3,)], within_s=20, what="what is there is loaded"
        )


@pytest.mark.parametrize("emptied", [False, True], ids=["as it was recorded", "into an empty database"])
def test_a_symbol_that_moves_between_journals_is_loaded_in_the_order_of_its_stream(
    tmp_path: Path, database_url: str, *, emptied: bool
) -> None:
    """There and back again; whichever loader comes first waits for the others."""
    journals = Journals(tmp_path, database_url)
    journals.write("main", 1, 2)
    journals.write("main.2")
    journals.divide(2)
    journals.write("main")
    journals.write("main.2", 3, 4)
    journals.divide(1)
    journals.write("main", 5, 6)
    with psycopg.connect(database_url, autocommit=True) as connection:

        def has(*numbers: int) -> bool:
            return [row[0] for row in connection.execute(TICKERS)] == [*numbers]

        with journals.loading("main"):
            wait_until(lambda: has(1, 2), within_s=20, what="what was before the first division is loaded")
            with journals.loading("main.2") as (second,):
                wait_until(lambda: has(1, 2, 3, 4, 5, 6), within_s=20, what="all is loaded")
                second.join(20)
                assert not second.is_alive(), "it comes to an end by itself"
        assert positions(database_url)["postgres"][0] == 3
        if emptied:
            connection.execute("truncate book_tickers, coverage, gaps, sync_events, loader_positions")
            with journals.loading("main.2", "main"):
                wait_until(lambda: has(1, 2, 3, 4, 5, 6), within_s=20, what="all is loaded again")
