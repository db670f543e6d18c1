"""Does the venue have newer data than we were sent: asks for one stream's newest id, twice.

States::

    ASKING      no answer yet
    KNOWN       one answer: there is something to compare with
    QUIET       two equal answers: nothing happens on this stream
    MOVED       two unequal answers: the venue sent something, and we did not get it
    UNKNOWABLE  no answer for four periods: it cannot be asked

A period is the silence that made us ask. The first question is due one period after the silence
began, the next ones a period apart. QUIET may turn into MOVED later, MOVED and UNKNOWABLE are final.
"""

from enum import StrEnum
from math import inf
from typing import Final

from orderflow_recorder.core.machine import Table
from orderflow_recorder.domain.streams import Stream

PATIENCE: Final = 4
"""Periods without an answer after which the venue cannot be asked."""

FRAME_DELAY_S: Final = 2.0
"""An id that moved is believed after this long (a slow depth stream speaks once a second, so the
frame may still be on its way), or after half a period if that is shorter."""


class InquiryState(StrEnum):
    """What is known."""

    ASKING = "asking"
    KNOWN = "known"
    QUIET = "quiet"
    MOVED = "moved"
    UNKNOWABLE = "unknowable"


class InquirySignal(StrEnum):
    """What became known."""

    ANSWER = "answer"
    SAME = "same"
    OTHER = "other"
    NO_ANSWER = "no_answer"


TABLE: Final = Table(
    "inquiry",
    {
        (InquiryState.ASKING, InquirySignal.ANSWER): InquiryState.KNOWN,
        (InquiryState.ASKING, InquirySignal.NO_ANSWER): InquiryState.UNKNOWABLE,
        (InquiryState.KNOWN, InquirySignal.SAME): InquiryState.QUIET,
        (InquiryState.KNOWN, InquirySignal.OTHER): InquiryState.MOVED,
        (InquiryState.KNOWN, InquirySignal.NO_ANSWER): InquiryState.UNKNOWABLE,
        (InquiryState.QUIET, InquirySignal.SAME): InquiryState.QUIET,
        (InquiryState.QUIET, InquirySignal.OTHER): InquiryState.MOVED,
        (InquiryState.QUIET, InquirySignal.NO_ANSWER): InquiryState.UNKNOWABLE,
    },
)

_FINAL: Final = (InquiryState.MOVED, InquiryState.UNKNOWABLE)


class Inquiry:
    """Asks about one stream that represents a silence."""

    def __init__(self, stream: Stream, *, since: float, period_s: float) -> None:
        """Begin.

        Args:
            stream: The stream to ask for.
            since: When the silence began, monotonic seconds.
            period_s: Seconds from there to the first question, and between questions.
        """
        self.stream = stream
        self.since = since
        self.state = InquiryState.ASKING
        self._period_s = period_s
        self._latest: int | None = None
        self._heard_at = since
        self._ask_at = since + period_s

    @property
    def ask_at(self) -> float:
        """Return when the next question is due, infinity if no more is asked."""
        return inf if self.state in _FINAL else self._ask_at

    def on_asked(self, now: float) -> None:
        """Learn that the venue is being asked: the next question is due a period later."""
        self._ask_at = now + self._period_s

    def on_answer(self, latest_id: int | None, now: float) -> None:
        """Take the venue's newest id in, none if it could not be asked."""
        if latest_id is None or self.state in _FINAL:
            return
        if self.state is InquiryState.ASKING:
            signal = InquirySignal.ANSWER
        else:
            signal = InquirySignal.SAME if latest_id == self._latest else InquirySignal.OTHER
        self.state = TABLE.next(self.state, signal)
        self._latest = latest_id
        self._heard_at = now

    def proves_loss(self, now: float) -> bool:
        """Return whether the silence must be taken for a loss."""
        if self.state is InquiryState.MOVED:
            return now - self._heard_at >= min(FRAME_DELAY_S, self._period_s / 2)
        if self.state is not InquiryState.UNKNOWABLE and now - self._heard_at >= PATIENCE * self._period_s:
            self.state = TABLE.next(self.state, InquirySignal.NO_ANSWER)
        return self.state is InquiryState.UNKNOWABLE

    def succeed(self, stream: Stream, now: float) -> "Inquiry":
        """Return an inquiry into the same silence by way of another stream, due at once."""
        successor = Inquiry(stream, since=self.since, period_s=self._period_s)
        successor._ask_at = now
        successor._heard_at = self._heard_at
        return successor
