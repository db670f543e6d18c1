"""A hole in one symbol's stream is that symbol's alone."""

from collections import defaultdict
from pathlib import Path

import psycopg
import pytest

from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until

SYMBOLS = 10
VICTIM = "ETHUSDT"
MARKETS = ("spot", "usdm")
BOOK_EVENTS = """
    select market, symbol, event, epoch from sync_events
     where event in ('book_synced', 'book_gap', 'snapshot_requested') order by time"""

pytestmark = pytest.mark.timeout(120)

History = dict[tuple[str, str], list[tuple[str, int | None]]]


def histories(url: str) -> History:
    """Return the events of each book, in order, with their epochs."""
    found: History = defaultdict(list)
    with psycopg.connect(url) as connection:
        for market, symbol, event, epoch in connection.execute(BOOK_EVENTS):
            found[market, symbol].append((event, epoch))
    return found


def synced(url: str, times: int) -> bool:
    """Say whether every victim's book began an epoch ``times`` times, and every other book at all."""
    found = histories(url)
    enough = {key: [name for name, _ in events].count("book_synced") for key, events in found.items()}
    return len(enough) == SYMBOLS * len(MARKETS) and all(
        count >= (times if symbol == VICTIM else 1) for (_, symbol), count in enough.items()
    )


def test_a_gap_in_one_of_ten_symbols_leaves_the_other_nine_with_one_unbroken_epoch(
    tmp_path: Path, database_url: str
) -> None:
    flow = ("--symbols-spot", str(SYMBOLS), "--symbols-usdm", str(SYMBOLS), "--rate", "2")
    with SimulatorProgram(tmp_path / "simulator.log", *flow) as simulator:
        environment = {
            "DB_URL": database_url,
            "SYMBOLS_SPOT": "*",
            "SYMBOLS_FUTURES": "*",
            **simulator.environment(),
        }
        with RecorderProgram(tmp_path, environment) as recorder:
            wait_until(lambda: synced(database_url, 1), within_s=40, what="every book is in sync")
            for market in MARKETS:
                simulator.control(f"lose?pattern={market}:{VICTIM.lower()}@depth*&count=3")
            wait_until(lambda: synced(database_url, 2), within_s=30, what="the broken books are in sync again")
            assert recorder.stop() == 0
    for (market, symbol), events in histories(database_url).items():
        names = [name for name, _ in events if name != "snapshot_requested"]
        epochs = {epoch for name, epoch in events if name == "book_synced"}
        if symbol == VICTIM:
            assert names == ["book_synced", "book_gap", "book_synced"], (market, symbol)
            assert len(epochs) == 2
        else:
            assert names == ["book_synced"], (market, symbol)
            assert [name for name, _ in events].count("snapshot_requested") == 1, (market, symbol)
