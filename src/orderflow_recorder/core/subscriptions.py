"""What was asked of a running recorder: streams to record beside the settings, and streams not to: pure.

A wish is about one stream of one symbol and holds until another one about the same stream: the newest
counts. What nobody wished anything about is as the settings say.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import SubscriptionRefusedError, UnknownStreamError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream, StreamKind, stream_kind

MOST_WISHES: Final = 50_000
"""More than every stream of every symbol of both markets."""

_SYMBOL: Final = re.compile(r"\w{2,40}")


class SubscriptionState(StrEnum):
    """What becomes of a stream."""

    WANTED = "wanted"
    """To be recorded; no open socket carries it yet."""
    ACTIVE = "active"
    """An open socket carries it."""
    REFUSED = "refused"
    """Asked for, and not recorded; the reason says why."""
    REMOVED = "removed"
    """Not recorded, because that was asked for."""


class Subscription(msgspec.Struct, frozen=True):
    """A stream, and what becomes of it.

    Attributes:
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        state: See `SubscriptionState`.
        reason: Why it is not recorded, or not yet; empty where there is nothing to say.
    """

    market: Market
    symbol: str
    stream: str
    state: SubscriptionState
    reason: str = ""


class Wish(msgspec.Struct, frozen=True):
    """What was asked for about one stream.

    Attributes:
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        wanted: Whether it is to be recorded.
        asked_at: When that was asked for, ns since the epoch.
    """

    market: Market
    symbol: str
    stream: str
    wanted: bool
    asked_at: int

    def __post_init__(self) -> None:
        """Refuse names that no stream can have."""
        try:
            check_names(self.market, self.symbol, [self.stream])
        except SubscriptionRefusedError as error:
            raise ValueError(str(error)) from None

    @property
    def key(self) -> Stream:
        """Return the stream it is about."""
        return Stream(self.market, self.symbol, self.stream)


class Wishes(msgspec.Struct, frozen=True):
    """All wishes that hold.

    Attributes:
        revision: Greater after each change.
        wishes: One at most about a stream.
    """

    revision: int = 0
    wishes: tuple[Wish, ...] = ()

    def of(self, market: Market, symbol: str) -> dict[Stream, bool]:
        """Return of each stream of a symbol that was asked about whether it is wanted."""
        return {wish.key: wish.wanted for wish in self.wishes if (wish.market, wish.symbol) == (market, symbol)}

    def asking(self, streams: Collection[Stream], *, wanted: bool | None, now_ns: int) -> "Wishes":
        """Return the wishes after another one about ``streams``.

        Args:
            streams: What is asked about.
            wanted: Whether they are to be recorded; none leaves that to the settings again.
            now_ns: Wall time, ns since the epoch.

        Raises:
            SubscriptionRefusedError: There are too many.
        """
        if not streams:
            return self
        kept = [wish for wish in self.wishes if wish.key not in streams]
        if wanted is not None:
            kept += [Wish(one.market, one.symbol, one.name, wanted, now_ns) for one in streams]
        if len(kept) > MOST_WISHES:
            message = f"expected at most {MOST_WISHES} streams to be asked about, got more: remove some first"
            raise SubscriptionRefusedError(message)
        return Wishes(max(now_ns, self.revision + 1), tuple(kept))


class Outcome(msgspec.Struct, frozen=True):
    """What became of a request.

    Attributes:
        subscriptions: The streams that it is about.
        settled: Whether everybody concerned has said what became of it.
        note: Where it is not settled: what it waits for.
    """

    subscriptions: Sequence[Subscription]
    settled: bool
    note: str = ""


def check_names(market: Market, symbol: str, names: Sequence[str]) -> None:
    """Check what a request names.

    Args:
        market: The market.
        symbol: Upper case.
        names: Wire names without the symbol.

    Raises:
        SubscriptionRefusedError: No symbol or stream can have that name.
    """
    if not _SYMBOL.fullmatch(symbol) or symbol != symbol.upper():
        message = f"expected a symbol of letters, digits and _ such as BTCUSDT, got {symbol[:60]!r}"
        raise SubscriptionRefusedError(message)
    for name in names:
        try:
            stream_kind(market, name)
        except UnknownStreamError as error:
            raise SubscriptionRefusedError(str(error)) from None


def check_speeds(streams: Iterable[Stream]) -> None:
    """Check that the streams of one symbol go together.

    Raises:
        SubscriptionRefusedError: There are diffs at two speeds.
    """
    diffs = sorted(stream.name for stream in streams if stream.kind is StreamKind.DEPTH)
    if len(diffs) > 1:
        message = (
            f"expected one speed of the depth stream of a symbol, got {', '.join(diffs)}: "
            "they carry the same update ids; remove one first"
        )
        raise SubscriptionRefusedError(message)
