"""A small database in good order, and a way to spoil it."""

from collections.abc import Sequence
from typing import Final

from orderflow_recorder.app.verify import verify
from orderflow_recorder.app.verify_report import Verification
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import BookTicker, DepthDiff, Record
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres.ledger_reads import Filter
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records

DEPTH: Final = "depth@100ms"


def write(url: str, *batches: Sequence[Record], instance: str = "main") -> None:
    """Write batches as a loader does."""
    sink = PostgresSink(url)
    for batch in batches:
        start = sink.open(instance)
        sink.write(Batch(instance, start, Position(1, start.offset + 100), batch))
    sink.close()


def spot_diff(first: int, final: int, bid_quantity: str = "1") -> DepthDiff:
    """Build a diff that sets the best bid's quantity."""
    return records.depth_diff(
        first,
        final,
        bid_prices=["100"],
        bid_quantities=[bid_quantity],
        ask_prices=[],
        ask_quantities=[],
        stream=DEPTH,
    )


def usdm_diff(previous: int, final: int) -> DepthDiff:
    """Build a futures diff whose first id tells nothing."""
    return records.depth_diff(final - 1, final, market=Market.USDM, previous_final_update_id=previous, stream=DEPTH)


def snapshot(last_update_id: int, bid_quantity: str) -> Record:
    """Build a book of two bids and two asks."""
    return records.book_snapshot(
        last_update_id,
        bid_prices=["100", "99"],
        bid_quantities=[bid_quantity, "5"],
        ask_prices=["101", "102"],
        ask_quantities=["7", "8"],
        receive_time=records.NOON + last_update_id * records.MILLISECOND,
    )


def ticker(update_id: int, bid_quantity: str) -> BookTicker:
    """Build the best prices of the same book."""
    return records.book_ticker(update_id, bid_price="100", bid_quantity=bid_quantity, ask_price="101", ask_quantity="7")


def good_state(url: str) -> None:
    """Fill a database with streams of every kind, whole ones and ones with holes, all in the ledger.

    Spot trades 1-5, 8-10 (6 and 7 missing); futures trades 1-4, 6-8 (5 spent, 7 missing); aggregates
    1-3; spot diffs 11-20, 21-30, 41-50, 51-60 with snapshots and book tickers; futures diffs (5, 9],
    (9, 30], (40, 50]; mark prices.
    """
    write(
        url,
        [records.trade(n) for n in (1, 2, 3, 4, 5, 8, 9, 10)],
        [records.trade(n, market=Market.USDM) for n in (1, 2, 3, 4)],
        [records.spent_trade_id(5), *(records.trade(n, market=Market.USDM) for n in (6, 8))],
        [records.agg_trade(n) for n in (1, 2, 3)],
        [snapshot(15, "1"), spot_diff(11, 20, "2"), ticker(20, "2"), spot_diff(21, 30, "3"), snapshot(30, "3")],
        [spot_diff(41, 50, "4"), snapshot(50, "4"), spot_diff(51, 60, "6"), ticker(60, "6")],
        [usdm_diff(5, 9), usdm_diff(9, 30), usdm_diff(40, 50)],
        [records.mark_price(), records.mark_price(event_time=records.NOON + 10**9, receive_time=records.NOON + 10**9)],
    )


def prove(url: str, wanted: Filter | None = None) -> Verification:
    """Verify everything, or what is wanted."""
    return verify(url, wanted or Filter(), [], lambda _label, _done, _work: None)
