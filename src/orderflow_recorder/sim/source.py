"""What a simulator plays: the one protocol that captures and synthetic flow share."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import KnownSnapshot, PlayedFrame
from orderflow_recorder.sim.instruments import SimInstrument

Wanted = Callable[[Market, str], bool]
"""Says whether anybody subscribed to a stream: frames that hold no truth need not be made for nobody."""


class Source(Protocol):
    """Frames in order of time, and what is known beside them."""

    recorded: bool
    """True where frames are a recording: sent byte for byte, held back for slow readers, waited with
    until somebody listens. False where flow is made up as time passes."""

    def markets(self) -> frozenset[Market]:
        """Return the markets that have symbols."""
        ...

    def instruments(self, market: Market) -> Sequence[SimInstrument]:
        """Return the symbols of a market, delisted ones included."""
        ...

    def is_trading(self, market: Market, symbol: str) -> bool:
        """Say whether frames of ``symbol`` are sent."""
        ...

    def snapshots(self) -> Sequence[KnownSnapshot]:
        """Return the full books known before playback, in order of time."""
        ...

    def frames(self, start: int, wanted: Wanted) -> Iterator[PlayedFrame]:
        """Return the frames in order of time.

        Args:
            start: Wall time of the start of playback, ns since the epoch.
            wanted: See `Wanted`.
        """
        ...

    def list_symbol(self, market: Market, symbol: str) -> KnownSnapshot | None:
        """Let ``symbol`` trade (again); return its full book if it is new.

        Raises:
            SettingsError: This source cannot make that symbol.
        """
        ...

    def delist_symbol(self, market: Market, symbol: str) -> None:
        """Stop ``symbol`` trading: its streams go quiet.

        Raises:
            SettingsError: There is no such symbol.
        """
        ...
