"""How long to wait before the next attempt."""

from collections.abc import Callable


class Backoff:
    """Doubles the wait with each attempt, with jitter so that many do not come back at once."""

    def __init__(self, base_s: float, maximum_s: float, random: Callable[[], float]) -> None:
        """Start with no attempt made.

        Args:
            base_s: Upper bound of the first wait, seconds.
            maximum_s: Upper bound of any wait, seconds.
            random: Uniform numbers in [0, 1).

        Raises:
            ValueError: Not 0 < base_s <= maximum_s.
        """
        if not 0 < base_s <= maximum_s:
            message = f"expected 0 < base_s <= maximum_s, got base_s={base_s}, maximum_s={maximum_s}"
            raise ValueError(message)
        self._base_s = base_s
        self._maximum_s = maximum_s
        self._random = random
        self._cap_s = base_s
        self._attempts = 0

    @property
    def attempts(self) -> int:
        """Return how many waits were handed out since the last success."""
        return self._attempts

    def next(self) -> float:
        """Return the seconds to wait now: between half of the cap and the cap, never 0."""
        cap_s = self._cap_s
        self._attempts += 1
        self._cap_s = min(self._maximum_s, cap_s * 2)
        return cap_s * (1 + self._random()) / 2

    def reset(self) -> None:
        """Begin anew after a success."""
        self._cap_s = self._base_s
        self._attempts = 0
