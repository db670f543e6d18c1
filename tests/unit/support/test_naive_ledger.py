"""The naive ledger finds every way in which a ledger can be wrong: a check that passes must mean something."""

from collections import defaultdict

import pytest

from tests.support.naive_ledger import Key, Ledger, Piece, not_healed, problems, strangers

TRADES = Key("spot", "BTCUSDT", "trade")
FUTURES = Key("usdm", "BTCUSDT", "trade")
DEPTH = Key("usdm", "BTCUSDT", "depth")


def ledger(key: Key, rows: list[tuple[int, int]], gaps: list[tuple[int, int]], cover: tuple[int, int]) -> Ledger:
    """Return the ledger of one stream."""
    pieces = defaultdict(list, {key: [Piece(*row, "row") for row in rows]})
    missing = defaultdict(list, {key: [Piece(*gap, "gap") for gap in gaps]})
    return Ledger(pieces, missing, {key: Piece(*cover, "coverage")})


def test_rows_and_gaps_that_lie_end_to_end_are_a_proof() -> None:
    assert problems(ledger(TRADES, [(1, 1), (2, 2), (5, 5)], [(3, 4)], (1, 5)), set()) == []
    assert problems(ledger(DEPTH, [(1, 10), (21, 30)], [(11, 20)], (1, 30)), set()) == []


@pytest.mark.parametrize(
    ("rows", "gaps", "cover"),
    [
        pytest.param([(1, 1), (3, 3)], [], (1, 3), id="an id is neither"),
        pytest.param([(1, 1), (2, 2), (3, 3)], [(2, 2)], (1, 3), id="an id is both"),
        pytest.param([(1, 1), (1, 1)], [], (1, 1), id="a row twice"),
        pytest.param([(1, 1), (4, 4)], [(2, 3), (3, 3)], (1, 4), id="two gaps overlap"),
        pytest.param([(1, 1), (2, 2)], [], (1, 3), id="coverage goes on"),
        pytest.param([(1, 1), (2, 2)], [], (1, 1), id="coverage ends early"),
        pytest.param([(1, 1), (2, 2)], [], (2, 2), id="coverage begins late"),
        pytest.param([(2, 2)], [], (1, 2), id="coverage begins early"),
    ],
)
def test_every_other_ledger_is_refuted(
    rows: list[tuple[int, int]], gaps: list[tuple[int, int]], cover: tuple[int, int]
) -> None:
    assert problems(ledger(TRADES, rows, gaps, cover), set()) != []
    assert problems(ledger(DEPTH, rows, gaps, cover), set()) != []


def test_rows_of_a_stream_without_coverage_are_refuted() -> None:
    wrong = ledger(TRADES, [(1, 1)], [], (1, 1))
    wrong.cover.clear()
    assert problems(wrong, set()) != []


def test_spent_ids_need_no_row_at_their_own_place_alone() -> None:
    with_hole = ledger(FUTURES, [(1, 1), (3, 3)], [], (1, 4))
    assert problems(with_hole, {("usdm", "BTCUSDT", 2), ("usdm", "BTCUSDT", 4)}) == []
    assert problems(with_hole, {("usdm", "BTCUSDT", 2)}) != []
    assert problems(with_hole, {("spot", "BTCUSDT", 2), ("spot", "BTCUSDT", 4)}) != []


def test_rows_that_were_never_sent_are_strangers() -> None:
    truth = ledger(DEPTH, [(1, 10), (11, 20)], [], (1, 20))
    assert strangers(ledger(DEPTH, [(1, 10)], [], (1, 10)), truth) == []
    assert strangers(ledger(DEPTH, [(1, 9)], [], (1, 9)), truth) != []


def test_what_rest_could_have_brought_must_be_there_between_first_and_last() -> None:
    sent = [(number, number) for number in range(1, 10)]
    assert not_healed(ledger(TRADES, sent[2:5], [], (3, 5)), ledger(TRADES, sent, [], (1, 9))) == []
    assert not_healed(ledger(TRADES, [(3, 3), (5, 5)], [(4, 4)], (3, 5)), ledger(TRADES, sent, [], (1, 9))) != []
    assert not_healed(ledger(FUTURES, [(3, 3), (5, 5)], [(4, 4)], (3, 5)), ledger(FUTURES, sent, [], (1, 9))) == []
