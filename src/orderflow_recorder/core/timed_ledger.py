"""The ledger of streams whose ids cannot tell what is missing: pure, like `ledger`."""

from collections.abc import Callable

import msgspec

from orderflow_recorder.domain.gaps import GapCause


class Outage(msgspec.Struct, frozen=True):
    """A time in which a stream without ids was not recorded, between two receive times (ns)."""

    from_time: int
    to_time: int
    cause: GapCause


class HighWater(msgspec.Struct, frozen=True):
    """What is known of a stream without consecutive ids: its highest key, the receive times (ns) of its ends."""

    key: int
    first_time: int
    last_time: int


class TimedLedger:
    """The ledger of a stream without consecutive ids, during one batch.

    Nothing can be missed by number there. A row is new if its key (update id or event time) is
    above all others, and time was lost where something interrupted the stream between two rows.

    Args:
        mark: As stored; none for a new stream.
        explain: Returns the cause where something interrupted the stream between two receive times.
    """

    def __init__(self, mark: HighWater | None, explain: Callable[[int, int, int], GapCause | None]) -> None:
        """Start from what is stored."""
        self.mark = mark
        self.outages: list[Outage] = []
        self._explain = explain

    def arrive(self, key: int, time: int, place: int = 0) -> bool:
        """Take a row; say whether it is new.

        Args:
            key: Update id, or event time.
            time: Receive time, ns.
            place: Where in the journal, for causes.
        """
        mark = self.mark
        if mark is None:
            self.mark = HighWater(key, time, time)
            return True
        if key <= mark.key:
            return False
        cause = self._explain(mark.last_time, time, place)
        if cause is not None:
            self.outages.append(Outage(mark.last_time, time, cause))
        self.mark = HighWater(key, mark.first_time, time)
        return True
