"""What a loader needs to take local books up again: what it wrote of them before."""

from collections.abc import Generator
from typing import Protocol

import msgspec

from orderflow_recorder.domain.records import BookSnapshot, DepthDiff


class BookSeed(msgspec.Struct, frozen=True):
    """Where a book goes on.

    Attributes:
        checkpoint: The newest one; none where there is none.
        snapshot: The venue's newest snapshot, if it came after that checkpoint or is ahead of it.
    """

    checkpoint: BookSnapshot | None = None
    snapshot: BookSnapshot | None = None


class BookSource(Protocol):
    """Reads committed books and diffs; changes nothing.

    Lifecycle: any number of questions, `close` between them at will.
    """

    def seed(self, diff: DepthDiff) -> BookSeed:
        """Return where the book of a symbol stood when ``diff`` came, as far back as makes sense; cheap if nowhere.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        ...

    def diffs(self, until: DepthDiff, *, after: int) -> Generator[DepthDiff, None, None]:
        """Yield the diffs of a symbol up to one of them, by final id; to be closed if it is not read to its end.

        Args:
            until: Names market and symbol. Diffs beyond it count where they were received before it.
            after: Final ids are greater than this.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        ...

    def close(self) -> None:
        """Release the connection until the next question. Idempotent."""
        ...
