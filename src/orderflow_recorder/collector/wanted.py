"""Which streams of a market are to be recorded: the plan's, as requests to the running recorder change them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.plan import MarketPlan
from orderflow_recorder.collector.slot import Slot
from orderflow_recorder.collector.symbols import SymbolFollower
from orderflow_recorder.core.subscriptions import Subscription, SubscriptionState, Wish, Wishes
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.streams import Stream, StreamKind

_CHANGES: Final = {True: EventKind.STREAMS_ADDED, False: EventKind.STREAMS_REMOVED}


class WishCounts(msgspec.Struct, frozen=True):
    """How many streams requests have changed."""

    added: int = 0
    removed: int = 0
    refused: int = 0


class WantedStreams:
    """Knows what is wanted, and tells the journal of every request that was carried out.

    A request is on record in each run anew: a run's journal explains its holes by itself.

    Args:
        plan: What the settings say.
        symbols: What the venue lists.
        intake: Where the events go.
    """

    def __init__(self, plan: MarketPlan, symbols: SymbolFollower, intake: Intake) -> None:
        """Know of no request."""
        self.revision = 0
        """Of the wishes taken last."""
        self._plan = plan
        self._symbols = symbols
        self._intake = intake
        self._wishes: dict[Stream, Wish] = {}
        self._refused: dict[Stream, str] = {}
        self._told: dict[Stream, tuple[Wish, str]] = {}

    def take(self, wishes: Wishes) -> None:
        """Take all wishes that hold now; what the venue refused is tried again where it was asked for again."""
        market, shard = self._plan.market, self._plan.shard
        ours = {one.key: one for one in wishes.wishes if one.market is market and shard.takes(market, one.symbol)}
        self._refused = {key: words for key, words in self._refused.items() if ours.get(key) == self._wishes[key]}
        self._wishes = ours
        self._symbols.also = {one.symbol for one in ours.values() if one.wanted}
        self.revision = wishes.revision

    def is_anything(self) -> bool:
        """Say whether there is, or may be, anything to record."""
        return self._plan.symbols is None or bool(self.streams())

    def streams(self) -> list[Stream]:
        """Return every stream to record: what was added comes last."""
        planned = self._plan.streams(self._symbols.recorded)
        added = [stream for stream, wish in self._wishes.items() if wish.wanted and not self._hindrance(stream)]
        return [*(stream for stream in planned if stream not in self._wishes), *added]

    def is_unlisted(self) -> bool:
        """Say whether a symbol was added that the venue's list, as it was read last, does not have."""
        return any(self._symbols.is_listed(symbol) is not True for symbol in self._symbols.also)

    def refuse(self, refused: Mapping[Stream, str]) -> None:
        """Take the venue's refusals; what only the settings want is asked for again with the next socket."""
        self._refused |= {stream: words for stream, words in refused.items() if stream in self._wishes}

    def tell(self) -> None:
        """Put on record what was carried out, or refused, and is not on record yet."""
        groups = self._forgotten()
        for stream, wish in self._wishes.items():
            if wish.wanted and self._symbols.is_listed(stream.symbol) is None:
                continue  # nobody knows yet whether it can be recorded
            reason = self._refusal(stream) if wish.wanted else ""
            if self._told.get(stream) != (wish, reason):
                kind = EventKind.STREAMS_REFUSED if reason else _CHANGES[wish.wanted]
                groups[kind, wish.asked_at, reason].append(stream.wire)
                self._told[stream] = wish, reason
        for (kind, asked_at, reason), wires in groups.items():
            detail = {"streams": wires, "asked_at": asked_at, "reason": reason}
            detail = {name: value for name, value in detail.items() if value}
            self._intake.event(kind, market=self._plan.market, detail=detail)
            log = logger.bind(market=str(self._plan.market))
            (log.error if reason else log.info)("{}{}: {}", kind, f" ({reason})" if reason else "", ", ".join(wires))

    def counts(self) -> WishCounts:
        """Return how many streams requests have changed."""
        wanted = [stream for stream, wish in self._wishes.items() if wish.wanted]
        refused = sum(1 for stream in wanted if self._refusal(stream))
        return WishCounts(len(wanted) - refused, len(self._wishes) - len(wanted), refused)

    def report(self, slots: Iterable[Slot]) -> list[Subscription]:
        """Return every stream that is recorded or was asked about, with what becomes of it."""
        carried = {stream: slot for slot in slots for stream in slot.streams}
        every = dict.fromkeys([*carried, *self.streams(), *self._wishes])
        return [self._state(stream, carried.get(stream)) for stream in every]

    def _forgotten(self) -> defaultdict[tuple[EventKind, int, str], list[str]]:
        """Return what changes because wishes were taken back, and forget that these were told."""
        groups: defaultdict[tuple[EventKind, int, str], list[str]] = defaultdict(list)
        if self._told.keys() <= self._wishes.keys():
            return groups
        planned = set(self._plan.streams(self._symbols.recorded))
        for stream in [stream for stream in self._told if stream not in self._wishes]:
            wish, refusal = self._told.pop(stream)
            if not refusal and wish.wanted is not (stream in planned):
                groups[_CHANGES[stream in planned], 0, ""].append(stream.wire)
        return groups

    def _state(self, stream: Stream, slot: Slot | None) -> Subscription:
        wish = self._wishes.get(stream)
        state, reason = SubscriptionState.WANTED, ""
        if slot is not None:
            state = SubscriptionState.ACTIVE if slot.connected else SubscriptionState.WANTED
            reason = "" if slot.connected else slot.last_error or ""
        elif wish is not None and not wish.wanted:
            state = SubscriptionState.REMOVED
        elif reason := self._hindrance(stream):
            state = SubscriptionState.REFUSED if self._refusal(stream) else SubscriptionState.WANTED
        return Subscription(stream.market, stream.symbol, stream.name, state, reason)

    def _refusal(self, stream: Stream) -> str:
        """Return why a stream that was asked for cannot be recorded; empty if it can."""
        if self._symbols.is_listed(stream.symbol) is False:
            return f"the venue does not list {stream.symbol} on {stream.market}: check its name"
        if stream.kind is StreamKind.DEPTH and stream.symbol in self._symbols.recorded:
            planned = self._plan.streams([stream.symbol])
            twice = [one.name for one in planned if one.kind is StreamKind.DEPTH and one not in self._wishes]
            if twice:
                return f"the settings record its diffs as {twice[0]}: remove that first"
        return self._refused.get(stream, "")

    def _hindrance(self, stream: Stream) -> str:
        """Return why a stream that was asked for is not recorded now; empty if it is."""
        if refusal := self._refusal(stream):
            return refusal
        if self._plan.symbols is None and not self._symbols.is_trading(stream.symbol):
            return f"{stream.symbol} does not trade now"
        return ""


def by_symbol(streams: Sequence[Stream]) -> list[list[Stream]]:
    """Return ``streams`` in parts of one symbol each, in order."""
    parts: dict[str, list[Stream]] = {}
    for stream in streams:
        parts.setdefault(stream.symbol, []).append(stream)
    return list(parts.values())
