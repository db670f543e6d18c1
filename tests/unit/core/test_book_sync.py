"""The life of a book, step by step."""

import pytest

from orderflow_recorder.core.book_sync import (
    REGRESSION_RUN,
    TABLE,
    BookGap,
    BookSync,
    BufferGap,
    RequestSnapshot,
    SnapshotStale,
    Synced,
    SyncSignal,
    SyncState,
)
from orderflow_recorder.domain.errors import TransitionError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds


def spot(first: int, final: int) -> DepthIds:
    return DepthIds(first, final)


def synced_at(final: int) -> BookSync:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, final))
    assert sync.on_snapshot(final - 1) == [Synced(1, final - 1, final)]
    return sync


def test_the_first_diff_asks_for_a_snapshot_and_no_other_does() -> None:
    sync = BookSync(Market.SPOT)
    assert sync.state is SyncState.EMPTY
    assert sync.on_diff(spot(1, 5)) == [RequestSnapshot()]
    assert sync.on_diff(spot(6, 9)) == []
    assert (sync.state, sync.epoch, sync.last_final) == (SyncState.BUFFERING, 0, 9)


def test_a_snapshot_that_a_buffered_diff_spans_begins_an_epoch_at_the_newest_diff() -> None:
    sync = BookSync(Market.SPOT)
    for ids in (spot(1, 5), spot(6, 9), spot(10, 14)):
        sync.on_diff(ids)
    assert sync.on_snapshot(7) == [Synced(1, 7, 9)]
    assert (sync.state, sync.epoch, sync.last_final) == (SyncState.SYNCED, 1, 14)
    assert sync.on_diff(spot(15, 15)) == []


def test_a_snapshot_older_than_the_buffer_is_asked_for_again() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(10, 15))
    assert sync.on_snapshot(8) == [SnapshotStale(8, 10), RequestSnapshot()]
    assert sync.state is SyncState.BUFFERING
    assert sync.on_snapshot(9) == [Synced(1, 9, 15)]


def test_a_snapshot_ahead_waits_for_the_diff_that_spans_it() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, 5))
    assert sync.on_snapshot(12) == []
    assert sync.state is SyncState.WAITING
    assert sync.on_diff(spot(6, 12)) == []
    assert sync.on_diff(spot(13, 20)) == [Synced(1, 12, 20)]


def test_a_snapshot_in_hand_that_the_diffs_skipped_is_stale_and_the_diff_is_kept() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, 5))
    sync.on_snapshot(12)
    diff = spot(14, 20)
    assert sync.on_diff(diff) == [BufferGap(5, diff), SnapshotStale(12, 14), RequestSnapshot()]
    assert sync.on_snapshot(15) == [Synced(1, 15, 20)]


def test_a_hole_before_the_snapshot_in_hand_is_on_record_and_does_no_harm() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, 5))
    sync.on_snapshot(30)
    diff = spot(14, 20)
    assert sync.on_diff(diff) == [BufferGap(5, diff)]
    assert sync.on_diff(spot(21, 31)) == [Synced(1, 30, 31)]


def test_a_quiet_symbol_takes_its_snapshot_before_its_first_diff() -> None:
    sync = BookSync(Market.SPOT)
    assert sync.on_snapshot(7) == []
    assert sync.state is SyncState.WAITING
    assert sync.on_diff(spot(8, 9)) == [Synced(1, 7, 9)]


def test_another_snapshot_ahead_of_the_diffs_replaces_the_one_in_hand() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, 5))
    sync.on_snapshot(50)
    assert sync.on_snapshot(6) == []
    assert sync.on_diff(spot(6, 8)) == [Synced(1, 6, 8)]


@pytest.mark.parametrize("behind", [4, 5])
def test_a_snapshot_behind_the_diffs_does_not_replace_the_one_in_hand(behind: int) -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, 5))
    sync.on_snapshot(7)
    assert sync.on_snapshot(behind) == []
    assert sync.on_diff(spot(6, 6)) == []
    assert sync.on_diff(spot(7, 9)) == [Synced(1, 7, 9)]


def test_a_gap_ends_the_epoch_and_the_next_sync_begins_another() -> None:
    sync = synced_at(10)
    diff = spot(12, 15)
    assert sync.on_diff(diff) == [BookGap(1, 10, diff), RequestSnapshot()]
    assert (sync.state, sync.epoch) == (SyncState.BUFFERING, 1)
    assert sync.on_snapshot(14) == [Synced(2, 14, 15)]
    assert sync.epoch == 2


def test_stale_diffs_are_ignored() -> None:
    sync = synced_at(10)
    assert sync.on_diff(spot(3, 8)) == []
    assert sync.on_diff(spot(3, 10)) == []
    assert (sync.state, sync.last_final) == (SyncState.SYNCED, 10)


def test_a_periodic_snapshot_changes_nothing() -> None:
    sync = synced_at(10)
    assert sync.on_snapshot(99) == []
    assert sync.on_snapshot_failed() == []
    assert (sync.state, sync.epoch, sync.last_final) == (SyncState.SYNCED, 1, 10)


def test_a_hole_in_the_buffer_discards_what_lies_before_it() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1, 5))
    diff = spot(8, 9)
    assert sync.on_diff(diff) == [BufferGap(5, diff)]
    assert sync.on_snapshot(4) == [SnapshotStale(4, 8), RequestSnapshot()]
    assert sync.on_snapshot(8) == [Synced(1, 8, 9)]


def test_a_failed_request_is_made_again_only_where_a_snapshot_is_needed() -> None:
    sync = BookSync(Market.SPOT)
    assert sync.on_snapshot_failed() == []
    sync.on_diff(spot(1, 5))
    assert sync.on_snapshot_failed() == [RequestSnapshot()]


def test_the_buffer_keeps_the_newest_diffs() -> None:
    sync = BookSync(Market.SPOT, buffer_limit=3)
    for update in range(1, 11):
        sync.on_diff(spot(update, update))
    assert sync.on_snapshot(6) == [SnapshotStale(6, 8), RequestSnapshot()]
    assert sync.on_snapshot(8) == [Synced(1, 8, 9)]
    assert sync.last_final == 10


def test_futures_chain_by_previous_final_id() -> None:
    sync = BookSync(Market.USDM)
    sync.on_diff(DepthIds(100, 110, 90))
    assert sync.on_snapshot(105) == [Synced(1, 105, 110)]
    assert sync.on_diff(DepthIds(117, 120, 110)) == []
    diff = DepthIds(121, 130, 119)
    assert sync.on_diff(diff) == [BookGap(1, 120, diff), RequestSnapshot()]


@pytest.mark.parametrize("market", list(Market))
def test_ids_that_restart_far_below_end_the_epoch(market: Market) -> None:
    sync = BookSync(market)
    sync.on_diff(DepthIds(1_000_000, 1_000_001, 999_999))
    sync.on_snapshot(1_000_000)
    diffs = [DepthIds(update, update, update - 1) for update in range(1, REGRESSION_RUN + 1)]
    assert [sync.on_diff(ids) for ids in diffs[:-1]] == [[]] * (REGRESSION_RUN - 1)
    assert sync.on_diff(diffs[-1]) == [BookGap(1, 1_000_001, diffs[-1]), RequestSnapshot()]
    assert sync.on_snapshot(99) == [Synced(2, 99, 100)]
    sync.on_diff(DepthIds(101, 101, 100))
    assert (sync.state, sync.epoch, sync.last_final) == (SyncState.SYNCED, 2, 101)


def test_ids_that_restart_while_a_snapshot_is_in_hand_give_it_up() -> None:
    sync = BookSync(Market.SPOT)
    sync.on_diff(spot(1_000_000, 1_000_001))
    sync.on_snapshot(1_000_050)
    effects = [sync.on_diff(spot(update, update)) for update in range(1, REGRESSION_RUN + 1)]
    assert effects[-1] == [BufferGap(1_000_001, spot(100, 100)), RequestSnapshot()]
    assert sync.state is SyncState.BUFFERING


def test_a_newer_diff_ends_a_run_of_stale_ones() -> None:
    sync = synced_at(10)
    for update in range(11, 14):
        for _ in range(REGRESSION_RUN - 1):
            assert sync.on_diff(spot(5, 5)) == []
        assert sync.on_diff(spot(update, update)) == []
    assert sync.state is SyncState.SYNCED


def test_a_synced_book_cannot_be_synced_again() -> None:
    with pytest.raises(TransitionError, match="book sync: no transition from synced on spanned"):
        TABLE.next(SyncState.SYNCED, SyncSignal.SPANNED)
