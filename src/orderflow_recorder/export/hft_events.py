"""The event files of hftbacktest: how events are laid out, ordered, and packed.

An event is known to two sides: to the exchange at ``exch_ts``, to us at ``local_ts``. In a file the events of
each side must be in the order of its own time. Where the two orders differ, an event stands twice, once for
each side (https://hftbacktest.readthedocs.io, "Data"). All events of a message have the same two times, so
messages are ordered, not events: what is held in memory grows by a message, not by an event.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from orderflow_recorder.export.flow import Times, ranges

DEPTH: Final = 1
TRADE: Final = 2
DEPTH_CLEAR: Final = 3
DEPTH_SNAPSHOT: Final = 4
EXCHANGE: Final = 1 << 31
LOCAL: Final = 1 << 30
BUY: Final = 1 << 29
SELL: Final = 1 << 28

EVENT: Final = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)
"""One event, as hftbacktest 2 reads it."""

_SPOOLED: Final = np.dtype([("ev", "u8"), ("px", "f8"), ("qty", "f8")])
_EVENTS_AT_ONCE: Final = 1 << 18
_QUICK: Final = 1
"""Most bytes of an event are zero: more effort makes the file little smaller."""


class EventSpool:
    """Takes messages in any order, and packs them into a file in the order of both sides."""

    def __init__(self, path: Path) -> None:
        """Spool events to a file; it grows by 24 bytes an event, and may be removed after `pack`."""
        self._path = path
        self._file: BinaryIO = path.open("wb")
        self._exchange: list[Times] = []
        self._local: list[Times] = []
        self._counts: list[NDArray[np.int64]] = []

    def add(
        self,
        times: tuple[Times, Times],
        counts: NDArray[np.int64],
        kinds: NDArray[np.uint64],
        prices: NDArray[np.float64],
        quantities: NDArray[np.float64],
    ) -> None:
        """Take messages.

        Args:
            times: Of each message: the exchange's, ours; ns.
            counts: Events of each message.
            kinds: Of each event: what it is, and its side.
            prices: Of each event.
            quantities: Of each event.
        """
        events = np.empty(len(kinds), _SPOOLED)
        events["ev"], events["px"], events["qty"] = kinds, prices, quantities
        self._file.write(events.data)
        self._exchange.append(times[0])
        self._local.append(times[1])
        self._counts.append(counts)

    def pack(self, path: Path) -> tuple[int, int]:
        """Write the file, and close the spool.

        Where a message seems to be known before it happened, every ``local_ts`` is moved by as much as the worst
        of them needs: what hftbacktest's own tools do (``correct_local_timestamp``).

        Returns:
            Number of events written; the lowest latency before anything was moved, ns.
        """
        self._file.close()
        exchange, local = _joined(self._exchange), _joined(self._local)
        counts = _joined(self._counts)
        lowest = int((local - exchange).min()) if len(local) else 0
        local = local + max(0, -lowest)
        order, sides = both_orders(exchange, local)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_QUICK) as archive:
            # Without a date of its own, so that the same rows make the same file.
            member = zipfile.ZipInfo("data.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                total = int(counts[order].sum())
                header = {"descr": EVENT.descr, "fortran_order": False, "shape": (total,)}
                np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
                for events in self._ordered(order, sides, counts, exchange, local):
                    file.write(events.data)
        return total, lowest

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()

    def _ordered(
        self, order: NDArray[np.int64], sides: NDArray[np.uint64], counts: NDArray[np.int64], *times: Times
    ) -> Iterator[NDArray[np.void]]:
        """Yield the events in order, some at a time."""
        if not counts.sum():
            return
        spooled = np.memmap(self._path, _SPOOLED, "r")
        starts = np.cumsum(counts) - counts
        ends = np.cumsum(counts[order])
        first = 0
        while first < len(order):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + _EVENTS_AT_ONCE, "right")))
            messages = order[first:last]
            repeated = np.repeat(np.arange(len(messages)), counts[messages])
            found = spooled[ranges(starts[messages], counts[messages])]
            events = np.zeros(len(found), EVENT)
            events["ev"] = found["ev"] | sides[first:last][repeated]
            events["px"], events["qty"] = found["px"], found["qty"]
            events["exch_ts"], events["local_ts"] = (each[messages][repeated] for each in times)
            yield events
            first = last


def both_orders(exchange: Times, local: Times) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return messages in the order of both times: a message stands twice where the two orders differ.

    Args:
        exchange: Of each message.
        local: Of each message.

    Returns:
        Numbers of messages, and for each the sides that it is for.
    """
    by_exchange, by_local = np.argsort(exchange, kind="stable"), np.argsort(local, kind="stable")
    place = np.empty_like(by_exchange)
    place[by_exchange] = np.arange(len(place))
    # Going by our order, the exchange has been told everything up to the furthest place met so far.
    places = place[by_local]
    told = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]])[: len(places)]
    new = places > told
    # What the exchange has to know before a message that is new to both stands right before it, for the exchange alone.
    before = np.where(new, places - told - 1, 0)
    at = np.arange(len(places)) + np.cumsum(before)
    order = np.empty(len(places) + int(before.sum()), np.int64)
    sides = np.full(len(order), EXCHANGE, np.uint64)
    order[at] = by_local
    sides[at] = np.where(new, EXCHANGE | LOCAL, LOCAL)
    order[ranges(at - before, before)] = by_exchange[ranges(told + 1, before)]
    return order, sides


def _joined(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)
