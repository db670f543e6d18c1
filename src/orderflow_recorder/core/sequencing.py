"""Continuity of depth diffs: does this one follow, and does that one bridge a snapshot.

The venue's rules differ by market and must never be mixed: spot chains by ``U`` and ``u`` alone,
futures by ``pu`` alone (there ``U`` normally jumps past the previous ``u`` + 1). The quoted numbers
are the steps of the venue's own descriptions of how to keep a local book.
"""

from enum import StrEnum

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds


class Verdict(StrEnum):
    """How a diff stands to the one before it."""

    NEXT = "next"
    """It follows without a hole."""
    STALE = "stale"
    """Everything it says is already covered."""
    GAP = "gap"
    """Updates between the two are missing."""


class Bridge(StrEnum):
    """How a diff stands to a snapshot."""

    BEFORE = "before"
    """Wholly before the snapshot: drop it."""
    SPANS = "spans"
    """The first diff to apply on top of the snapshot."""
    AFTER = "after"
    """Updates between the two are missing: the snapshot is too old."""


def follows_spot(last_final: int, ids: DepthIds) -> bool:
    """Say whether a spot diff is `Verdict.NEXT` behind one that ended at ``last_final``."""
    # Spot 6: "U > id + 1: events lost: discard, restart. Else apply, id := u".
    return ids.first <= last_final + 1 and ids.final > last_final


def follows_usdm(last_final: int, ids: DepthIds) -> bool:
    """Say whether a futures diff is `Verdict.NEXT` behind one that ended at ``last_final``."""
    # Futures 5: "every pu must equal the previous u, else restart".
    return ids.previous == last_final < ids.final


def judge(market: Market, last_final: int, ids: DepthIds) -> Verdict:
    """Say whether a diff continues a book.

    Args:
        market: Whose rule applies.
        last_final: Final update id of the last diff applied.
        ids: The diff's ids.
    """
    if market is Market.USDM:
        return _judge_usdm(last_final, ids)
    if follows_spot(last_final, ids):
        return Verdict.NEXT
    # Spot 6: "u < book id: ignore" (an equal one is harmless: quantities are absolute).
    return Verdict.STALE if ids.final <= last_final else Verdict.GAP


def _judge_usdm(last_final: int, ids: DepthIds) -> Verdict:
    if follows_usdm(last_final, ids):
        return Verdict.NEXT
    # Without pu nothing can be proven, and the spot rule does not hold here.
    return Verdict.STALE if ids.previous is not None and ids.final <= last_final else Verdict.GAP


def bridge(market: Market, last_update_id: int, ids: DepthIds) -> Bridge:
    """Say whether a diff can be the first one applied on a snapshot.

    Args:
        market: Whose rule applies.
        last_update_id: The snapshot's id.
        ids: The diff's ids.
    """
    if market is Market.USDM:
        return _bridge_usdm(last_update_id, ids)
    # Spot 4: "drop buffered events with u <= lastUpdateId".
    if ids.final <= last_update_id:
        return Bridge.BEFORE
    # Spot 4: "the next one must contain it: U <= lastUpdateId + 1 <= u"; 3: else refetch.
    return Bridge.SPANS if ids.first <= last_update_id + 1 else Bridge.AFTER


def _bridge_usdm(last_update_id: int, ids: DepthIds) -> Bridge:
    # Futures 3: "drop events with u < lastUpdateId" (not <=: the first applied may end at it).
    if ids.final < last_update_id:
        return Bridge.BEFORE
    # Futures 4: "first applied event: U <= lastUpdateId and u >= lastUpdateId".
    if ids.first <= last_update_id:
        return Bridge.SPANS
    # A snapshot that falls between two events has no diff with U <= lastUpdateId <= u; that
    # nothing lies between pu and U makes pu <= lastUpdateId <= u as good a proof.
    if ids.previous is not None and ids.previous <= last_update_id:
        return Bridge.SPANS
    return Bridge.AFTER
