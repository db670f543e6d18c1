"""What a REST query asks, and how the venue refuses it."""

from collections.abc import Mapping

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import to_microseconds


class Refusal(Exception):  # noqa: N818  # it is the venue's answer, not a fault of the simulator
    """An error of the venue's own: HTTP status, code, text."""

    def __init__(self, status: int, code: int, message: str) -> None:
        """Keep the three."""
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


def bad_parameter(name: str) -> Refusal:
    """Return the venue's error for a parameter whose value is out of range or malformed."""
    return Refusal(400, -1130, f"Data sent for parameter '{name}' is not valid.")


class RestQuery(msgspec.Struct, frozen=True):
    """One request.

    Attributes:
        market: Whose REST.
        endpoint: Last part of the path, e.g. ``depth``.
        params: The query string.
        microseconds: ``X-MBX-TIME-UNIT: MICROSECOND`` on spot.
        has_key: An API key was sent (any is taken).
    """

    market: Market
    endpoint: str
    params: Mapping[str, str]
    microseconds: bool = False
    has_key: bool = False

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return parameter ``name`` as a whole number.

        Raises:
            Refusal: It is something else.
        """
        text = self.params.get(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise bad_parameter(name)
        return int(text)

    def instant(self, name: str) -> int | None:
        """Return time parameter ``name``, ms or µs by its size, in µs; none if it was not sent.

        Raises:
            Refusal: It is not a whole number.
        """
        value = self.integer(name)
        return None if value is None else to_microseconds(value)

    def time(self, microseconds: int) -> int:
        """Return a time in the unit that was asked for."""
        return microseconds if self.microseconds else microseconds // 1000
