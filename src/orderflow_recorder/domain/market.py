"""The two markets that are recorded."""

from enum import StrEnum


class Market(StrEnum):
    """A market of the venue; the value is what the ``market`` column stores."""

    SPOT = "spot"
    USDM = "usdm"

    __hash__ = str.__hash__  # an enumeration's own is a Python function, too slow for the key of every record
