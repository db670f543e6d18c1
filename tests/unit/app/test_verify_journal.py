"""Spent ids, looked up in journals."""

import json
from pathlib import Path

import pytest

from orderflow_recorder.app.verify_journal import JournalCheck
from orderflow_recorder.core.completeness import Contradiction
from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.domain.errors import JournalError

SYMBOL = "BTCUSDT"


def trade(trade_id: int, price: str = "100.5", market: str = "usdm") -> str:
    quantity = "0" if price == "0" else "1"
    data = {"e": "trade", "E": 1_700_000_000_001, "T": 1_700_000_000_000, "s": SYMBOL, "t": trade_id,
            "p": price, "q": quantity, "X": "MARKET", "m": True}  # fmt: skip
    frame = {"stream": "btcusdt@trade", "data": data}
    return json.dumps({"t": 1_700_000_000_002_000_000, "k": "ws", "market": market, "d": frame})


def journal(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "capture.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def check(path: Path, *spent: Interval) -> tuple[tuple[str, Contradiction] | None, JournalCheck]:
    machine = JournalCheck({SYMBOL: spent})
    return machine.read(path, lambda _left: None) or machine.finish(), machine


def test_frames_of_price_0_prove_that_ids_were_spent(tmp_path: Path) -> None:
    path = journal(tmp_path, trade(1), trade(2, "0"), trade(3, "0"), trade(4))
    found, machine = check(path, Interval(2, 3))
    assert found is None
    assert machine.proven == {SYMBOL: 2}


def test_a_trade_that_is_no_row_is_found(tmp_path: Path) -> None:
    found, _ = check(journal(tmp_path, trade(1), trade(2), trade(3)), Interval(2, 2))
    assert found is not None
    symbol, wrong = found
    assert (symbol, wrong.first_id, wrong.last_id) == (SYMBOL, 2, 2)
    assert "price 100.5" in wrong.expected


def test_an_id_that_the_journal_skips_was_not_spent(tmp_path: Path) -> None:
    found, _ = check(journal(tmp_path, trade(1), trade(3)), Interval(2, 2))
    assert found is not None
    assert (found[1].first_id, found[1].found) == (2, "no frame with id 2 in the journals given")


def test_ids_before_the_oldest_segment_cannot_be_looked_up(tmp_path: Path) -> None:
    found, machine = check(journal(tmp_path, trade(5), trade(6)), Interval(2, 3))
    assert found is None
    assert machine.proven == {SYMBOL: 0}


def test_other_markets_and_unreadable_frames_say_nothing(tmp_path: Path) -> None:
    broken = trade(2).replace('"t": 2', '"t": "two"')
    path = journal(tmp_path, trade(2, market="spot"), broken, trade(7))
    found, machine = check(path, Interval(2, 2))
    assert found is None
    assert machine.proven == {SYMBOL: 0}


def test_a_journal_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        check(tmp_path / "absent", Interval(2, 2))
