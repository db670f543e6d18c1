"""``heal`` on a real database: what comes from the archive, what from REST, and what nobody has."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orderflow_recorder.app import heal as healing
from orderflow_recorder.app.heal import Healing, StreamHealing, heal
from orderflow_recorder.app.heal_journal import open_heal_journal
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.postgres.ledger_reads import Filter
from orderflow_recorder.sim.server import Simulator
from tests.support.archive_files import write_archive
from tests.support.manual_clock import ManualClock
from tests.support.processes import free_port
from tests.unit.sim.tools import InstantClock, ScriptedSource, played, trade

SPOT, USDM = Market.SPOT, Market.USDM
NOON_MS = 1_700_049_600_000  # 2023-11-15 12:00 UTC
USDM_TRADES = "futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2023-11-15.zip"
SPOT_AGG_TRADES = "spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2023-11-15.zip"


def frame(stream: str, number: int) -> bytes:
    """Return what the venue sent of id ``number``, one id a second."""
    payload = {"e": stream, "E": NOON_MS, "s": "BTCUSDT", "p": "1.50", "q": "2", "T": NOON_MS + number, "m": True}
    payload |= {"t": number} if stream == "trade" else {"a": number, "f": number, "l": number}
    return json.dumps({"stream": f"btcusdt@{stream}", "data": payload}).encode()


def settings_of(folder: Path, url: str, **changes: Any) -> Settings:  # noqa: ANN401  # any setting
    return load_settings(env_file=None, db_url=url, data_dir=folder / "data", **changes)


def record(settings: Settings, market: Market, stream: str, ids: Iterable[int]) -> None:
    """Load a journal in which frames of ``stream`` with ``ids`` came."""
    folder = settings.data_dir / "recorded" / f"{market}-{stream}"
    writer = FileJournalWriter.open(
        folder,
        instance="main",
        run_id="r",
        clock=ManualClock(),
        segment_bytes=1 << 30,
        segment_seconds=1e9,
        min_free_bytes=0,
    )
    for number in ids:
        writer.append_frame((NOON_MS + number * 1000) * 1_000_000, market, 1, frame(stream, number))
    writer.close()
    replay(settings, settings.db_url, [folder], lambda _path, _left: None)


def run(settings: Settings, archive: Path | str | None, wanted: Filter | None = None) -> Healing:
    return heal(
        settings, settings.db_url, wanted or Filter(), None if archive is None else str(archive), lambda _a, _b: None
    )


def gaps(url: str) -> list[tuple[Any, ...]]:
    query = "select first_missing_id, last_missing_id, status, healed_by, reason from gaps order by 1"
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def refusals(url: str) -> list[tuple[Any, ...]]:
    query = """select (detail->>'first_id')::bigint, (detail->>'last_id')::bigint, detail->>'reason'
               from sync_events where event = 'heal_refused' order by 1"""
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def ids(url: str, query: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query.encode()).fetchall()]


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return settings_of(tmp_path, database_url)


def test_the_archive_heals_futures_trades_and_knows_which_ids_were_only_spent(
    tmp_path: Path, settings: Settings
) -> None:
    record(settings, USDM, "trade", [*range(1, 11), *range(21, 31)])
    present = [number for number in range(1, 40) if number not in {13, 14, 18}]
    header = "id,price,qty,quote_qty,time,is_buyer_maker"
    rows = [f"{number},1.50,2,3.0,{NOON_MS + number},true" for number in present]
    write_archive(tmp_path / "files" / USDM_TRADES, [header, *rows, rows[12]])
    done = run(settings, tmp_path / "files")
    why = "futures serve old raw trades only to API keys (historicalTrades)"
    assert done.streams == [StreamHealing(USDM, "BTCUSDT", "trade", 1, 10, 7, 3, 0, [why])]
    assert (done.problems, done.done) == ([], True)
    assert ids(settings.db_url, "select trade_id from trades order by 1") == [n for n in range(1, 31) if n in present]
    by_status = {(first, last): (status, healer) for first, last, status, healer, _ in gaps(settings.db_url)}
    assert by_status == {
        (11, 12): ("healed", "archive"),
        (13, 14): ("unrecoverable", None),
        (15, 17): ("healed", "archive"),
        (18, 18): ("unrecoverable", None),
        (19, 20): ("healed", "archive"),
    }
    spent = "not in the venue's archive either (spent ids have no trade)"
    assert refusals(settings.db_url) == [(13, 14, spent), (18, 18, spent)]


def test_only_missing_rows_are_taken_and_what_was_journaled_can_be_loaded_again(
    tmp_path: Path, settings: Settings, empty_database_url: str
) -> None:
    record(settings, SPOT, "aggTrade", [1, 2, 2003, 2004])
    rows = [f"{number},1.50,2,{number},{number},{NOON_MS + number}000,True,True" for number in range(1, 3000)]
    write_archive(tmp_path / "files" / SPOT_AGG_TRADES, rows)
    assert run(settings, tmp_path / "files").streams[0].healed == 2000
    assert ids(settings.db_url, "select agg_trade_id from agg_trades order by 1") == list(range(1, 2005))
    [heal_journal] = (settings.data_dir / "journal").iterdir()
    again = settings.model_copy(update={"db_url": empty_database_url})
    recorded = [settings.data_dir / "recorded" / "spot-aggTrade", heal_journal]
    replay(again, empty_database_url, recorded, lambda _path, _left: None)
    assert gaps(empty_database_url) == gaps(settings.db_url) == [(3, 2002, "healed", "archive", None)]


def test_ids_that_whole_files_of_two_days_lack_are_lost_and_ids_outside_of_them_stay_open(
    tmp_path: Path, settings: Settings
) -> None:
    midnight = 12 * 3600
    record(settings, SPOT, "aggTrade", [midnight - 9, midnight + 9])
    rows = [f"{midnight + n},1,1,1,1,{NOON_MS},True,True" for n in (-6, -5, -3, 3, 5)]
    write_archive(tmp_path / "files" / SPOT_AGG_TRADES, rows[:3])
    write_archive(tmp_path / "files" / SPOT_AGG_TRADES.replace("11-15", "11-16"), rows[3:])
    done = run(settings, tmp_path / "files")
    lost = [(-4, -4), (-2, 2), (4, 4)]
    reason = "not in the venue's archive either"
    assert refusals(settings.db_url) == [(midnight + first, midnight + last, reason) for first, last in lost]
    assert done.streams == [StreamHealing(SPOT, "BTCUSDT", "aggTrade", 1, 17, 5, 7, 5, [reason])]


def test_a_day_that_is_not_out_yet_leaves_the_gap_open(tmp_path: Path, settings: Settings) -> None:
    record(settings, SPOT, "aggTrade", [1, 5])
    (tmp_path / "files").mkdir()
    done = run(settings, tmp_path / "files")
    assert done.problems == ["spot BTCUSDT aggTrade: there is no file of 2023-11-15 (yet)"]
    assert (done.streams[0].still_open, done.done) == (3, False)


def test_a_damaged_file_is_a_problem_and_nothing_of_it_is_used(tmp_path: Path, settings: Settings) -> None:
    record(settings, SPOT, "aggTrade", [1, 5])
    path = write_archive(tmp_path / "files" / SPOT_AGG_TRADES, [f"3,1,1,3,3,{NOON_MS},True,True"])
    path.with_name(path.name + ".CHECKSUM").write_text(f"{'0' * 64}  {path.name}\n")
    done = run(settings, tmp_path / "files")
    assert "expected SHA-256 000" in done.problems[0]
    assert [gap[:3] for gap in gaps(settings.db_url)] == [(2, 4, "open")]


def test_only_the_gaps_wanted_are_healed(tmp_path: Path, settings: Settings) -> None:
    record(settings, SPOT, "aggTrade", [1, 5, 6, 6000, 6001])
    write_archive(tmp_path / "files" / SPOT_AGG_TRADES, [f"{n},1,1,1,1,{NOON_MS},True,True" for n in range(1, 6002)])
    late = datetime.fromtimestamp(NOON_MS / 1000 + 60, UTC)
    done = run(settings, tmp_path / "files", Filter(until=late.replace(minute=0, second=6)))
    assert [(one.gaps, one.healed) for one in done.streams] == [(1, 3)]
    assert run(settings, tmp_path / "files", Filter(symbol="ETHUSDT")) == Healing((), ())
    assert run(settings, tmp_path / "files", Filter(since=late)).streams[0].healed == 5993


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(ScriptedSource([trade(SPOT, 1)]), clock=InstantClock(), speed=0) as simulator:
        for number in range(1, 4000):
            if number not in {7, 8}:
                payload = {"e": "aggTrade", "E": NOON_MS, "s": "BTCUSDT", "a": number, "p": "1.50", "q": "2"}
                payload |= {"f": 1, "l": 1, "T": NOON_MS + number, "m": False}
                simulator.truth.apply(played(USDM, "btcusdt@aggTrade", payload))
        yield simulator


async def test_rest_heals_page_by_page_and_the_table_tells_what_nobody_has(
    tmp_path: Path, database_url: str, simulator: Simulator
) -> None:
    settings = settings_of(tmp_path, database_url, binance_rest_futures_base_url=simulator.base_rest_url(USDM))
    await in_thread(lambda: record(settings, USDM, "aggTrade", [1, 2, 3500]))
    seen: list[tuple[int, int]] = []
    done = await in_thread(lambda: heal(settings, database_url, Filter(), None, lambda a, b: seen.append((a, b))))
    reason = "the venue's answer skips them"
    assert done.streams == [StreamHealing(USDM, "BTCUSDT", "aggTrade", 1, 3497, 3495, 2, 0, [reason])]
    assert (done.problems, done.done) == ([], True)
    assert seen[0] == (0, 3497)
    assert seen[-1] == (3497, 3497)
    assert {gap[3] for gap in gaps(database_url) if gap[2] == "healed"} == {"rest"}


def test_a_venue_out_of_reach_is_given_up_after_a_while_with_its_reason(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healing, "PATIENCE_S", 0.1)
    settings = settings_of(tmp_path, database_url, binance_rest_spot_base_url=f"http://127.0.0.1:{free_port()}")
    record(settings, SPOT, "aggTrade", [1, 5])
    done = run(settings, None)
    assert "BINANCE_REST_SPOT_BASE_URL" in done.problems[0]
    assert (done.streams[0].still_open, done.done) == (3, False)


def test_a_second_heal_at_once_is_refused_in_words(tmp_path: Path, settings: Settings) -> None:
    record(settings, SPOT, "aggTrade", [1, 5])
    with (
        open_heal_journal(settings, settings.db_url),
        pytest.raises(OrderflowError, match="main-heal is written by process"),
    ):
        run(settings, tmp_path)
