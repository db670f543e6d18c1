"""Decimal digits written into bytes by the thousand."""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]
Places: TypeAlias = npt.NDArray[np.intp]
Numbers: TypeAlias = npt.NDArray[np.int64]

EIGHT: Final = 100_000_000
_FOUR: Final = 10_000
_TABLE: Final = np.frombuffer(b"".join(b"%04d" % number for number in range(_FOUR)), dtype="<u4").astype(np.uint64)
_HIGH_HALF: Final = np.uint64(32)


class Digits:
    """Fixed places in a buffer at which numbers stand.

    The buffer is seen as overlapping words of four and eight bytes, one at each byte, so that a group of digits is
    written at once wherever it is.
    """

    def __init__(self, buffer: Bytes) -> None:
        """Look at ``buffer``, which must have eight bytes to spare at its end."""
        size = buffer.size - 7
        self._words4: npt.NDArray[Any] = np.ndarray((size,), dtype="<u4", buffer=buffer.data, strides=(1,))
        self._words8: npt.NDArray[Any] = np.ndarray((size,), dtype="<u8", buffer=buffer.data, strides=(1,))

    def write_four(self, places: Places, numbers: Numbers) -> None:
        """Write numbers below ten thousand with four digits each."""
        self._words4[places] = _TABLE[numbers]

    def write_eight(self, places: Places, numbers: Numbers) -> None:
        """Write numbers below a hundred million with eight digits each."""
        low = numbers.astype(np.uint32)  # a division by a constant is several times as fast in 32 bits
        high = low // np.uint32(_FOUR)
        low -= high * np.uint32(_FOUR)
        self._words8[places] = _TABLE[high] | (_TABLE[low] << _HIGH_HALF)

    def write_same(self, places: Places, digits: bytes) -> None:
        """Write the same eight digits at each of ``places``."""
        self._words8[places] = int.from_bytes(digits, "little")
