"""Asks a running recorder to record other streams, and tells what became of it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from orderflow_recorder.app.health import CollectorHealth, is_fresh, read_health
from orderflow_recorder.app.settings import ALL_SYMBOLS, Settings
from orderflow_recorder.app.shard_health import RECORDING
from orderflow_recorder.app.shards import Part, collectors
from orderflow_recorder.app.subscription_files import Answer, answer_path, change_wishes, read_answer, read_wishes
from orderflow_recorder.app.subscription_files import wishes_path as path_of_wishes
from orderflow_recorder.core.subscriptions import (
    Outcome,
    Subscription,
    SubscriptionState,
    Wishes,
    check_names,
    check_speeds,
)
from orderflow_recorder.domain.errors import SubscriptionRefusedError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock

PATIENCE_S: Final = 10.0
"""A request waits so long for the collector's answer."""
_LOOK_S: Final = 0.1
_THERE: Final = (SubscriptionState.WANTED, SubscriptionState.ACTIVE)

States = Mapping[Stream, Subscription]


class _Voice(msgspec.Struct, frozen=True):
    """What one collector says: its answer, or why there is none."""

    answer: Answer | None
    note: str = ""

    @property
    def states(self) -> States:
        """Return what becomes of its streams."""
        return {} if self.answer is None else _by_stream(self.answer.subscriptions)


class RecorderSubscriptions:
    """The streams of the recorder on ``DATA_DIR``, running or not.

    Args:
        settings: Of the recorder.
        clock: Time.
        patience_s: How long a request waits until the collector has said what became of it, seconds.
    """

    def __init__(self, settings: Settings, clock: Clock, *, patience_s: float = PATIENCE_S) -> None:
        """Read nothing yet."""
        self._settings = settings
        self._clock = clock
        self._patience_s = patience_s
        self._path = path_of_wishes(settings)

    def read(self) -> list[Subscription]:
        """Return every stream that is recorded, wanted, refused or removed.

        Raises:
            SubscriptionsDamagedError: The file of what was asked for cannot be read.
        """
        wishes = read_wishes(self._path)
        found: dict[Stream, Subscription] = {}
        for part in collectors(self._settings):
            voice = self._voice(part)
            ours = [one for one in self._known(wishes) if part.shard.takes(one.market, one.symbol)]
            # What it has not read yet is as it was asked for.
            found |= {_key(one): msgspec.structs.replace(one, reason=voice.note) for one in ours}
            found |= voice.states
        return sorted(found.values(), key=_key)

    async def add(self, market: Market, symbol: str, names: Sequence[str] | None = None) -> Outcome:
        """Have streams of ``symbol`` recorded from now on.

        Args:
            market: The market.
            symbol: In any case.
            names: Wire names without the symbol; none for those of the settings.

        Raises:
            SubscriptionRefusedError: It cannot be done.
            SubscriptionsDamagedError: The file of what was asked for cannot be read.
            OSError: It cannot be written.
        """
        symbol = symbol.upper()
        names = list(dict.fromkeys(self._settings.streams(market) if names is None else names))
        check_names(market, symbol, names)
        if not names:
            message = f"expected the names of streams because the settings have none for {market}, got none"
            raise SubscriptionRefusedError(message)
        streams = [Stream(market, symbol, name) for name in names]
        part = self._part(market, symbol)
        wishes = await asyncio.to_thread(change_wishes, self._path, partial(self._adding, part, streams))
        outcome = await self._outcome(
            part, streams, wishes.revision, lambda one: one is not None and one.state is not SubscriptionState.WANTED
        )
        refused = [one for one in outcome.subscriptions if one.state is SubscriptionState.REFUSED]
        if refused:
            raise SubscriptionRefusedError("; ".join(f"{_key(one).wire}: {one.reason}" for one in refused))
        return outcome

    async def remove(self, market: Market, symbol: str, name: str | None = None) -> Outcome:
        """Have a stream of ``symbol``, or all of them, recorded no more.

        Args:
            market: The market.
            symbol: In any case.
            name: Wire name without the symbol; none for all.

        Raises:
            SubscriptionRefusedError: No symbol or stream can have that name.
            SubscriptionsDamagedError: The file of what was asked for cannot be read.
            OSError: It cannot be written.
        """
        symbol = symbol.upper()
        check_names(market, symbol, [] if name is None else [name])
        part = self._part(market, symbol)
        streams = self._streams(part, market, symbol) if name is None else [Stream(market, symbol, name)]
        wishes = await asyncio.to_thread(change_wishes, self._path, partial(self._removing, part, streams))
        return await self._outcome(part, streams, wishes.revision, lambda one: one is None or one.state not in _THERE)

    def _adding(self, part: Part, streams: Sequence[Stream], wishes: Wishes) -> Wishes:
        market, symbol = streams[0].market, streams[0].symbol
        states = self._voice(part).states
        there = self._there(wishes, states, market, symbol)
        check_speeds({*there, *streams, *(self._planned(market, symbol) - wishes.of(market, symbol).keys())})
        refused = {stream for stream, one in states.items() if one.state is SubscriptionState.REFUSED}
        fresh = [stream for stream in streams if stream not in there or stream in refused]
        return wishes.asking(fresh, wanted=True, now_ns=self._clock.now_ns())

    def _removing(self, part: Part, streams: Sequence[Stream], wishes: Wishes) -> Wishes:
        if not streams:
            return wishes
        market, symbol = streams[0].market, streams[0].symbol
        states = self._voice(part).states
        planned, asked = self._planned(market, symbol), wishes.of(market, symbol)
        there = self._there(wishes, states, market, symbol) | planned
        refused = {stream for stream, one in states.items() if one.state is SubscriptionState.REFUSED}
        forget = refused & set(streams) - planned
        gone = [stream for stream in streams if stream in there - forget and asked.get(stream) is not False]
        now_ns = self._clock.now_ns()
        return wishes.asking(forget & asked.keys(), wanted=None, now_ns=now_ns).asking(
            gone, wanted=False, now_ns=now_ns
        )

    def _there(self, wishes: Wishes, states: States, market: Market, symbol: str) -> set[Stream]:
        """Return what is recorded of a symbol, or would be if the wishes were carried out."""
        asked = wishes.of(market, symbol)
        there = {stream for stream, wanted in asked.items() if wanted}
        if symbol in self._settings.symbols(market):
            there |= self._planned(market, symbol) - asked.keys()
        # With * only a collector knows what it records.
        of_symbol = (one for one in states.values() if (one.market, one.symbol) == (market, symbol))
        return there | {_key(one) for one in of_symbol if one.state in _THERE and _key(one) not in asked}

    def _streams(self, part: Part, market: Market, symbol: str) -> list[Stream]:
        """Return every stream of a symbol that anybody knows of."""
        known = {*self._planned(market, symbol), *read_wishes(self._path).of(market, symbol)}
        known |= {stream for stream in self._voice(part).states if (stream.market, stream.symbol) == (market, symbol)}
        return sorted(known)

    def _planned(self, market: Market, symbol: str) -> set[Stream]:
        """Return the streams of a symbol that the settings have recorded."""
        if not {symbol, ALL_SYMBOLS} & set(self._settings.symbols(market)):
            return set()
        return {Stream(market, symbol, name) for name in self._settings.streams(market)}

    def _known(self, wishes: Wishes) -> Iterable[Subscription]:
        """Yield what the settings name and what was asked for, as if nobody had done anything yet."""
        asked = {wish.key for wish in wishes.wishes}
        for market in Market:
            for symbol in self._settings.symbols(market):
                # What * means is known to the collector alone.
                planned = set() if symbol == ALL_SYMBOLS else self._planned(market, symbol)
                for one in planned - asked:
                    yield Subscription(market, symbol, one.name, SubscriptionState.WANTED)
        for wish in wishes.wishes:
            state = SubscriptionState.WANTED if wish.wanted else SubscriptionState.REMOVED
            yield Subscription(wish.market, wish.symbol, wish.stream, state)

    def _part(self, market: Market, symbol: str) -> Part:
        return next(part for part in collectors(self._settings) if part.shard.takes(market, symbol))

    def _voice(self, part: Part) -> _Voice:
        health = read_health(part.health_path, CollectorHealth)
        if health is None or not is_fresh(health, self._clock.now_ns()):
            return _Voice(None, f"the {part.name} does not run: carried out at its start")
        answer = read_answer(answer_path(part.settings))
        if answer is None or answer.pid != health.pid:
            return _Voice(None, f"the {part.name} has not answered yet")
        note = answer.error or ("" if health.ingestion == RECORDING else f"the {part.name} is {health.ingestion}")
        return _Voice(answer, note)

    async def _outcome(
        self, part: Part, streams: Sequence[Stream], revision: int, done: Callable[[Subscription | None], bool]
    ) -> Outcome:
        """Wait, but not for ever, until the collector has carried out ``revision`` and each stream is ``done``."""
        if not streams:
            return Outcome([], settled=True)
        market, until = streams[0].market, self._clock.monotonic() + self._patience_s
        while True:
            voice = self._voice(part)
            states = voice.states
            answered = voice.answer is not None and voice.answer.revisions.get(market, 0) >= revision
            settled = answered and all(done(states.get(stream)) for stream in streams)
            if settled or voice.note or self._clock.monotonic() >= until:
                break
            await self._clock.sleep(_LOOK_S)
        known = _by_stream(self._known(read_wishes(self._path)))
        found = [states.get(one) or known.get(one) or _removed(one) for one in streams]
        note = "" if settled else voice.note or f"the {part.name} has not finished within {self._patience_s:g} s"
        return Outcome(found, settled, note)


def _key(one: Subscription) -> Stream:
    return Stream(one.market, one.symbol, one.stream)


def _by_stream(subscriptions: Iterable[Subscription]) -> dict[Stream, Subscription]:
    return {_key(one): one for one in subscriptions}


def _removed(stream: Stream) -> Subscription:
    return Subscription(stream.market, stream.symbol, stream.name, SubscriptionState.REMOVED)
