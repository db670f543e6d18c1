"""Changes of the gap ledger, as readers of the stream are told."""

import psycopg
import pytest

from orderflow_recorder.app.live_gaps import GapWatch
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.live import Hub, TickStore
from orderflow_recorder.live.reader import Reader
from orderflow_recorder.postgres.live_gaps import LedgerChanges
from tests.support.eventually import eventually
from tests.support.ledger_writer import Recorder, from_rest, trades
from tests.support.processes import free_port
from tests.support.records import MILLISECOND, NOON
from tests.unit.live.test_hub import taken

KILL = """
select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()
"""


def told(changes: LedgerChanges) -> list[tuple[int, int, str]]:
    return [(row["first_missing_id"], row["last_missing_id"], row["status"]) for row in changes.look()]


def test_what_is_new_or_changed_is_told_once(database_url: str, main: Recorder) -> None:
    main.write(*trades(1, 3, 10))
    changes = LedgerChanges(lambda: database_url)
    assert told(changes) == []
    main.write(*trades(20))
    assert told(changes) == [(11, 19, "open")]
    assert told(changes) == []
    main.write(*from_rest(*range(11, 20), at=NOON + 60_000 * MILLISECOND))
    main.write(*from_rest(2, 5, at=NOON + 60_000 * MILLISECOND))
    assert sorted(told(changes)) == [
        (2, 2, "healed"),
        (4, 4, "open"),
        (5, 5, "healed"),
        (6, 9, "open"),
        (11, 19, "healed"),
    ]
    assert told(changes) == []
    changes.close()
    changes.close()


def test_what_happens_while_the_database_is_away_is_told_later(database_url: str, main: Recorder) -> None:
    address = database_url
    changes = LedgerChanges(lambda: address)
    assert told(changes) == []
    main.write(*trades(1, 3))
    with psycopg.connect(database_url) as connection:
        connection.execute(KILL)
    with pytest.raises(SinkUnavailableError):
        changes.look()
    assert told(changes) == [(2, 2, "open")]
    changes.close()
    address = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with pytest.raises(SinkUnavailableError):
        changes.look()


async def test_readers_are_told_every_column(database_url: str, main: Recorder) -> None:
    hub, reader = Hub(TickStore()), Reader()
    hub.join(reader, [("gaps", "spot", "BTCUSDT")])
    watch = GapWatch(lambda: database_url, hub)
    watch.start()
    numbers = iter(range(1, 1000, 2))
    events: list[dict[str, object]] = []

    def happened() -> bool:
        main.write(*trades(next(numbers)))
        hub.flush()
        events.extend(taken(reader))
        return bool(events)

    await eventually(happened, what="a gap is told")
    watch.close()
    event = events[0]
    with psycopg.connect(database_url) as connection:
        cursor = connection.execute("SELECT * FROM gaps WHERE gap_id = %s", (event["gap_id"],))
        assert cursor.description is not None
        assert event.keys() == {"type", *(column.name for column in cursor.description)}
    assert (event["type"], event["market"], event["status"]) == ("gap", "spot", "open")
    assert str(event["opened_at"]).endswith("Z")
    assert event["healed_at"] is None
