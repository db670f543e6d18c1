"""A status with times as people and programs outside read them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_TIMES: Final = frozenset({"time", "started_at", "updated_at", "asleep_until"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
