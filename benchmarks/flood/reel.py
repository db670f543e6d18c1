"""Frames in the order in which a socket sends them, ready as bytes; ids and times are rewritten in place."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from benchmarks.flood.cycle import ID_DIGITS, MAX_ID, Cycle
from benchmarks.flood.digits import EIGHT, Bytes, Digits, Numbers, Places

_TIME_KEYS: Final = (b'"E":', b'"T":')
_SHORT: Final = 126
_MEDIUM: Final = 2**16
_SPARE: Final = 8


def ws_frame(payload: bytes) -> bytes:
    """Return a text frame as a server sends it: unmasked."""
    size = len(payload)
    if size < _SHORT:
        return bytes((0x81, size)) + payload
    if size < _MEDIUM:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class Reel:
    """Cycles wound together; `take` gives the next frames, lap after lap.

    What `take` returned is a part of the buffer: it must have been used up before the next call.
    """

    def __init__(
        self, cycles: Sequence[Cycle], shifts: Sequence[int], random: np.random.Generator, *, framed: bool = True
    ) -> None:
        """Wind ``cycles`` together at random; each keeps its order.

        Args:
            cycles: One a stream.
            shifts: How many laps each cycle has behind it.
            random: The order.
            framed: Wrap each frame for a socket.
        """
        self.cycles = cycles
        self.sent = 0
        counts = [len(cycle.frames) for cycle in cycles]
        self._order = random.permutation(np.repeat(np.arange(len(cycles)), counts))
        self._position = 0
        self._lap = -1
        self._time_head = b""
        self._heads: Numbers = np.empty(0, dtype=np.int64)
        self._microseconds = False
        self._wind(np.asarray(shifts, dtype=np.int64), framed=framed)

    @property
    def size(self) -> int:
        """Return how many frames a lap has."""
        return len(self._order)

    @property
    def laps(self) -> int:
        """Return how many laps were begun."""
        return self._lap + 1

    @property
    def edges(self) -> Sequence[int]:
        """Return where each frame of the lap begins in the bytes; one more is the end of the last."""
        return self._edges

    def begin_lap(self) -> None:
        """Write the ids of the next lap."""
        self._lap += 1
        ids = self._ids + self._steps * self._lap
        if int(ids.max(initial=0)) >= MAX_ID:
            raise OverflowError(f"expected ids of {ID_DIGITS} digits, reached {int(ids.max())} in lap {self._lap}")
        heads: Numbers = ids // EIGHT
        if not np.array_equal(heads, self._heads):
            self._heads = heads
            self._digits.write_four(self._id_places, heads)
        self._digits.write_eight(self._id_places + (ID_DIGITS - 8), ids - heads * EIGHT)

    def take(self, frames: int, max_bytes: int, now_us: int) -> tuple[memoryview, int]:
        """Return the next frames' bytes and how many frames they are: at least one, at most to the lap's end.

        Args:
            frames: At most so many.
            max_bytes: No more frames than fit into so many bytes, but one.
            now_us: What their times shall say, µs since the epoch.
        """
        if self._position == 0:
            self.begin_lap()
        first = self._position
        last = min(first + frames, self.size)
        room = int(np.searchsorted(self._edge_array, self._edges[first] + max_bytes, side="right")) - 1
        last = max(min(last, room), first + 1)
        self._stamp(first, last, now_us)
        self._position = 0 if last == self.size else last
        self.sent += last - first
        return memoryview(self._buffer.data)[self._edges[first] : self._edges[last]], last - first

    def sent_of(self, cycle: int) -> tuple[int, int]:
        """Return how many whole laps of a cycle were taken, and how many frames of the current one."""
        if self._lap < 0:
            return 0, 0
        if self._position == 0:
            return self._lap + 1, 0
        return self._lap, int(np.count_nonzero(self._order[: self._position] == cycle))

    def _stamp(self, first: int, last: int, now_us: int) -> None:
        text = b"%d" % (now_us if self._microseconds else now_us // 1000)
        head, tail = text[:-8], text[-8:]
        if head != self._time_head:
            self._time_head = head
            for offset, digit in enumerate(head):
                self._buffer[self._time_places + offset] = digit
        places = self._time_places[self._time_edges[first] : self._time_edges[last]]
        self._digits.write_same(places + len(head), tail)

    def _wind(self, shifts: Numbers, *, framed: bool) -> None:
        parts: list[bytes] = []
        edges, time_edges = [0], [0]
        id_places: list[int] = []
        ids: list[int] = []
        steps: list[int] = []
        time_places: list[int] = []
        taken = [0] * len(self.cycles)
        for index in self._order.tolist():
            cycle = self.cycles[index]
            frame = cycle.frames[taken[index]]
            taken[index] += 1
            part = ws_frame(frame.payload) if framed else frame.payload
            for key, value, step in zip(cycle.keys, frame.ids, cycle.steps, strict=True):
                id_places.append(edges[-1] + part.index(b'"%s":' % key.encode()) + len(key) + 3)
                ids.append(value + step * int(shifts[index]))
                steps.append(step)
            for key_bytes in _TIME_KEYS:
                found = part.find(key_bytes)
                if found >= 0:
                    time_places.append(edges[-1] + found + len(key_bytes))
            parts.append(part)
            edges.append(edges[-1] + len(part))
            time_edges.append(len(time_places))
        self._buffer: Bytes = np.frombuffer(bytearray(b"".join(parts) + bytes(_SPARE)), dtype=np.uint8)
        self._edges: list[int] = edges
        self._edge_array = np.asarray(edges)
        self._digits = Digits(self._buffer)
        self._id_places: Places = np.asarray(id_places, dtype=np.intp)
        self._ids: Numbers = np.asarray(ids, dtype=np.int64)
        self._steps: Numbers = np.asarray(steps, dtype=np.int64)
        self._time_places: Places = np.asarray(time_places, dtype=np.intp)
        self._time_edges: list[int] = time_edges
        first = parts[0] if parts else b""
        place = self._time_places[0] if time_places else 0
        self._microseconds = first[int(place) :][:16].isdigit()
