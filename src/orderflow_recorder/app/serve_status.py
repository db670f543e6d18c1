"""The status as `serve` tells it: times as words, and no more looks than people need."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

import msgspec

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.status import Stored, read_status, read_stored
from orderflow_recorder.ports.clock import Clock

STATUS_S: Final = 2.0
"""So old may a status be: processes report every second."""
STORED_S: Final = 15.0
"""So old may be in it what the database says: with many chunks, or all symbols, that is no small question."""

_TIMES: Final = frozenset({"time", "started_at", "updated_at", "asleep_until"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

FoundT = TypeVar("FoundT")


class Remembered(Generic[FoundT]):
    """What was found, looked at once for all who ask at about the same time; may be asked from any thread."""

    def __init__(self, look: Callable[[], FoundT], clock: Clock, keep_s: float) -> None:
        """Look for nothing yet.

        Args:
            look: Finds it; what it raises reaches who asked, and is not remembered.
            clock: For its age.
            keep_s: So old may it be, seconds.
        """
        self._look = look
        self._clock = clock
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._found: tuple[float, FoundT] | None = None

    def get(self) -> FoundT:
        """Return it; while somebody else looks, what was found before."""
        found = self._found
        if found is not None and self._is_fresh(found):
            return found[1]
        if not self._lock.acquire(blocking=found is None) and found is not None:
            return found[1]
        try:
            found = self._found
            if found is None or not self._is_fresh(found):
                self._found = found = (self._clock.monotonic(), self._look())
            return found[1]
        finally:
            self._lock.release()

    def _is_fresh(self, found: tuple[float, FoundT]) -> bool:
        return self._clock.monotonic() - found[0] < self._keep_s


class StatusReader:
    """Says how a recorder is."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Look at nothing yet."""
        stored: Remembered[Stored] = Remembered(lambda: read_stored(settings, clock.now_ns()), clock, STORED_S)
        self._status = Remembered(lambda: _plain(settings, stored), clock, STATUS_S)

    def read(self) -> Mapping[str, Any]:
        """Return it as plain data."""
        return self._status.get()


def _plain(settings: Settings, stored: Remembered[Stored]) -> dict[str, Any]:
    return with_times(msgspec.to_builtins(read_status(settings, lambda _settings, _now: stored.get())))


def with_times(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status with ISO 8601 in UTC in place of ns since the epoch.

    Args:
        status: As plain data.
    """
    return {name: _value(name, value) for name, value in status.items()}


def _value(name: str, value: Any) -> Any:  # noqa: ANN401  # plain data
    if isinstance(value, Mapping):
        return with_times(value)
    if isinstance(value, list):
        return [with_times(one) if isinstance(one, Mapping) else one for one in value]
    if name in _TIMES and isinstance(value, int):
        moment = _EPOCH + timedelta(microseconds=value // 1000)
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value
