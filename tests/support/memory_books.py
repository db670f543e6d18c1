"""A book source on what a memory sink has: `BookSource`, told plainly."""

from collections.abc import Generator

from orderflow_recorder.core.sequencing import Bridge, bridge
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff, DepthIds
from orderflow_recorder.ports.books import BookSeed
from tests.support.memory_sink import MemoryStore


class MemoryBooks:
    """`BookSource` on a `MemoryStore`.

    Attributes:
        asked: What it was asked, in order.
        error: Raised by the next question.
    """

    def __init__(self, store: MemoryStore) -> None:
        """Use ``store``."""
        self._store = store
        self.asked: list[str] = []
        self.error: Exception | None = None

    def seed(self, diff: DepthDiff) -> BookSeed:
        """Return the newest checkpoint before ``diff``, and the newest snapshot if it came after it."""
        self._ask("seed")
        books = [
            one
            for one in self._store.tables["book_snapshots"].values()
            if isinstance(one, BookSnapshot)
            and (one.market, one.symbol) == (diff.market, diff.symbol)
            and one.receive_time <= diff.receive_time
        ]
        books.sort(key=lambda one: (one.receive_time, one.last_update_id))
        checkpoints = [one for one in books if one.source == "checkpoint"]
        received = checkpoints[-1].receive_time if checkpoints else 0
        checkpoint = max(checkpoints, key=lambda one: one.last_update_id, default=None)
        snapshot = next((one for one in reversed(books) if one.source == "rest"), None)
        if (
            checkpoint is not None
            and snapshot is not None
            and snapshot.receive_time <= received
            and bridge(diff.market, snapshot.last_update_id, DepthIds(0, checkpoint.last_update_id))
            is not Bridge.BEFORE
        ):
            snapshot = None
        return BookSeed(checkpoint, snapshot)

    def diffs(self, until: DepthDiff, *, after: int) -> Generator[DepthDiff, None, None]:
        """Yield the diffs after an id, up to another diff or received before it."""
        self._ask("diffs")
        yield from sorted(
            (
                one
                for one in self._store.tables["depth_diffs"].values()
                if isinstance(one, DepthDiff)
                and (one.market, one.symbol) == (until.market, until.symbol)
                and one.final_update_id > after
                and (one.final_update_id <= until.final_update_id or one.receive_time <= until.receive_time)
            ),
            key=lambda one: one.final_update_id,
        )

    def close(self) -> None:
        """Have nothing to release."""

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.error is not None:
            error, self.error = self.error, None
            raise error
