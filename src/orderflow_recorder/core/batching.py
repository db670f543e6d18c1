"""When a batch is full: policy apart from the loop that carries it out."""

import msgspec


class BatchPolicy(msgspec.Struct, frozen=True):
    """Limits; a batch is due when the first of them is reached.

    Attributes:
        max_rows: Rows.
        max_bytes: Bytes of journal.
        max_age_s: Seconds since the batch's first entry.
    """

    max_rows: int
    max_bytes: int
    max_age_s: float

    def __post_init__(self) -> None:
        """Refuse limits under which every batch is due at once, or none ever."""
        if self.max_rows < 1 or self.max_bytes < 1 or not self.max_age_s > 0:
            message = f"expected limits above 0, got {self}"
            raise ValueError(message)


class Batcher:
    """Counts what a batch holds."""

    def __init__(self, policy: BatchPolicy) -> None:
        """Start with an empty batch."""
        self._policy = policy
        self._rows = 0
        self._bytes = 0
        self._since: float | None = None

    def add(self, rows: int, bytes: int, now: float) -> None:  # noqa: A002  # shadows nothing we use
        """Count what was put into the batch.

        Args:
            rows: Rows; may be 0 for entries that only move the position.
            bytes: Bytes of journal they came from.
            now: Monotonic seconds.
        """
        if self._since is None:
            self._since = now
        self._rows += rows
        self._bytes += bytes

    @property
    def room(self) -> tuple[int, int]:
        """Return how many more rows and bytes make the batch due, at least one of each."""
        return max(1, self._policy.max_rows - self._rows), max(1, self._policy.max_bytes - self._bytes)

    def should_flush(self, now: float) -> bool:
        """Return whether the batch must be written now; an empty one never."""
        full = self._rows >= self._policy.max_rows or self._bytes >= self._policy.max_bytes
        return full or (self._since is not None and now - self._since >= self._policy.max_age_s)

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until the batch is due by age, none while it is empty."""
        if self._since is None:
            return None
        return 0.0 if self.should_flush(now) else self._since + self._policy.max_age_s - now

    def reset(self) -> None:
        """Begin an empty batch."""
        self._rows = 0
        self._bytes = 0
        self._since = None
