"""The two markets that are recorded."""

from enum import StrEnum


class Market(StrEnum):
    """A market of the venue; the value is what the ``market`` column stores."""

    SPOT = "spot"
    USDM = "usdm"
