"""How often work may be done that must not take more than a share of the time."""


class DutyCycle:
    """Says when it is time again."""

    def __init__(self, every_s: float, share: float) -> None:
        """Start with work that is due at once.

        Args:
            every_s: Least time from one begin to the next, seconds.
            share: Of the time that may be worked, above 0, at most 1.

        Raises:
            ValueError: Limits under which it is never time, or always.
        """
        if not every_s > 0 or not 0 < share <= 1:
            message = f"expected every_s > 0 and 0 < share <= 1, got every_s={every_s}, share={share}"
            raise ValueError(message)
        self._every_s = every_s
        self._share = share
        self._next: float | None = None

    def is_due(self, now: float) -> bool:
        """Return whether it is time; ``now`` in monotonic seconds."""
        return self._next is None or now >= self._next

    def worked(self, began: float, ended: float) -> None:
        """Take from when to when work was done, monotonic seconds."""
        self._next = began + max(self._every_s, (ended - began) / self._share)
