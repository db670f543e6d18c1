"""From one store to many readers: events are encoded once, and nobody makes another wait.

The feeder's thread leaves what is new under a lock, and goes on. The event loop takes it, at most every `FLUSH_S`, and
puts it into the readers' queues.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import msgspec

from orderflow_recorder.core.rollup import trade_id
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, Trade
from orderflow_recorder.live.candles import Place, SecondCandles
from orderflow_recorder.live.events import CandleEvent, TopEvent, candle_event, top_event, trade_event
from orderflow_recorder.live.reader import Chunk, Message, Reader, Topic, message_of
from orderflow_recorder.live.ticks import Key, TickStore

FLUSH_S: Final = 0.025
MOST_LATE_S: Final = 0.075
"""By so much longer is a pause at most, where sending takes long."""
MOST_AT_ONCE: Final = 3_000
"""Trades of one flush, some 700 kB: so that a message always fits into a reader's queue."""
MOST_TOPS_AT_ONCE: Final = 100
"""Books that are looked at in one flush, for a millisecond or two each the first time; others come with the next."""
MOST_PENDING: Final = 50_000
"""Trades that wait for a flush; where more come, all readers miss them."""

_encode: Final = msgspec.json.Encoder().encode
ALL: Final = "*"


class Hub:
    """The fan-out of one store.

    Lifecycle: `run` in the event loop of the readers; `join` and `leave` there; fed from anywhere.
    """

    def __init__(self, store: TickStore) -> None:
        """Follow ``store``."""
        self._store = store
        self._lock = threading.Lock()
        self._groups: dict[frozenset[Topic], set[Reader]] = {}
        self._wanted: frozenset[Topic] = frozenset()
        self._answers: dict[Topic, bool] = {}
        self._trades: deque[Trade | AggTrade] = deque()
        self._lost: dict[Topic, Chunk] = {}
        self._books: dict[Key, None] = {}
        self._tops: dict[Key, TopEvent] = {}
        self._seconds = SecondCandles()
        self._candles: dict[Place, CandleEvent] = {}
        self._gaps: list[Chunk] = []
        self._wake: Callable[[], object] | None = None
        store.follow(self._take)

    async def run(self, pause: Callable[[float], Awaitable[object]]) -> None:
        """Flush whenever there is something, until cancelled.

        Args:
            pause: Waits so many seconds.
        """
        loop, something = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(something.set)
        late_s = 0.0
        try:
            while True:
                await something.wait()
                something.clear()
                began = loop.time()
                if self.flush():
                    something.set()
                # Sending to all takes a while: where it takes longer than a pause, pauses become longer, too.
                await pause(FLUSH_S + late_s)
                late_s = min(MOST_LATE_S, max(0.0, loop.time() - began - FLUSH_S - late_s))
        finally:
            self._wake = None

    def join(self, reader: Reader, topics: Iterable[Topic]) -> None:
        """Give a reader these topics and no others from now on."""
        self.leave(reader)
        reader.topics = frozenset(topics)
        if reader.topics:
            self._groups.setdefault(reader.topics, set()).add(reader)
        self._know_wanted()

    def leave(self, reader: Reader) -> None:
        """Give a reader nothing any more. Idempotent."""
        group = self._groups.get(reader.topics, set())
        group.discard(reader)
        if not group:
            self._groups.pop(reader.topics, None)
        reader.topics = frozenset()
        self._know_wanted()

    def now(self, market: Market, symbol: str) -> TopEvent:
        """Return the best levels of a symbol, for a reader who begins to follow them."""
        return top_event(market, symbol, self._store.get_best(market, symbol))

    def tell_gap(self, market: Market, symbol: str, gap_id: int, row: Mapping[str, Any]) -> None:
        """Tell a change of the gap ledger.

        Args:
            market: Of the gap.
            symbol: Of the gap.
            gap_id: Its number.
            row: All columns, ready to be encoded.
        """
        topic: Topic = ("gaps", market, symbol)
        if self._is_wanted(topic):
            with self._lock:
                self._gaps.append(Chunk(topic, _encode({"type": "gap", **row}), 1, gap_id, gap_id))
        self._awake()

    def settle(self, now: int) -> None:
        """Know that everything received before ``now`` (ns) was taken: seconds without a later trade are over, too."""
        with self._lock:
            self._tell_candles(now)
        self._awake()

    def flush(self) -> bool:
        """Put what is new into the readers' queues, in the loop's thread; say whether there is more already."""
        with self._lock:
            trades = [self._trades.popleft() for _ in range(min(MOST_AT_ONCE, len(self._trades)))]
            lost: list[Chunk] = []
            if not self._trades:
                lost, self._lost = list(self._lost.values()), {}
            books = list(islice(self._books, MOST_TOPS_AT_ONCE))
            for key in books:
                del self._books[key]
            more = bool(self._trades or self._books)
            candles, self._candles = self._candles, {}
            gaps, self._gaps = self._gaps, []
        chunks = [*_trade_chunks(trades), *lost, *self._top_chunks(books), *_candle_chunks(candles.values()), *gaps]
        if chunks:
            self._deliver(chunks)
        return more

    def _deliver(self, chunks: Sequence[Chunk]) -> None:
        by_pattern: dict[Topic, list[int]] = {}
        for place, chunk in enumerate(chunks):
            for pattern in _patterns(chunk.topic):
                by_pattern.setdefault(pattern, []).append(place)
        for topics, readers in self._groups.items():
            if len(topics) <= len(by_pattern):
                found = {place for topic in topics for place in by_pattern.get(topic, ())}
            else:
                found = {place for topic, places in by_pattern.items() if topic in topics for place in places}
            if found:
                message: Message = message_of([chunks[place] for place in sorted(found)])
                for reader in readers:
                    reader.offer(message)

    def _take(self, trades: Sequence[Trade | AggTrade], books: Collection[Key], newest: int) -> None:
        """Take what is new in the store, in the feeder's thread."""
        with self._lock:
            for trade in trades:
                topic: Topic = ("trades", trade.market, trade.symbol)
                if self._is_wanted(topic):
                    self._put(topic, trade)
            self._books.update((key, None) for key in books if self._is_wanted(("tops", *key)))
            self._seconds.take(trades)
            self._tell_candles(newest)
        self._awake()

    def _put(self, topic: Topic, trade: Trade | AggTrade) -> None:
        if not self._lost and len(self._trades) < MOST_PENDING:
            self._trades.append(trade)
            return
        number = trade_id(trade)
        known = self._lost.get(topic, Chunk(topic, b"", 0, number, number))
        first, last = min(number, known.first_id or number), max(number, known.last_id or number)
        self._lost[topic] = Chunk(topic, b"", known.count + 1, first, last)

    def _tell_candles(self, now: int) -> None:
        for place, candle, final in self._seconds.tell(now):
            second, market, symbol = place
            if self._is_wanted(("candles", market, symbol)):
                self._candles[place] = candle_event(market, symbol, second, candle, final=final)

    def _top_chunks(self, books: Iterable[Key]) -> Iterator[Chunk]:
        for market, symbol in books:
            event = top_event(market, symbol, self._store.get_best(market, symbol))
            known = self._tops.get((market, symbol))
            if known is not None and (known.bids, known.asks) == (event.bids, event.asks):
                continue
            self._tops[market, symbol] = event
            number = event.last_update_id
            yield Chunk(("tops", market, symbol), _encode(event), 1, number, number)

    def _is_wanted(self, topic: Topic) -> bool:
        """Say whether any reader asked for a topic (hot path)."""
        answers = self._answers
        answer = answers.get(topic)
        if answer is None:
            answers[topic] = answer = not self._wanted.isdisjoint(_patterns(topic))
        return answer

    def _know_wanted(self) -> None:
        self._wanted = frozenset(topic for topics in self._groups for topic in topics)
        self._answers = {}

    def _awake(self) -> None:
        """Have the loop flush, if there is one, and something to flush."""
        wake = self._wake
        if wake is not None and (self._trades or self._lost or self._books or self._candles or self._gaps):
            with suppress(RuntimeError):  # the loop has just ended
                wake()


def _patterns(topic: Topic) -> tuple[Topic, ...]:
    """Return what a reader may have asked for to get a topic."""
    channel, market, symbol = topic
    return topic, (channel, market, ALL), (channel, ALL, symbol), (channel, ALL, ALL)


def _trade_chunks(trades: Iterable[Trade | AggTrade]) -> Iterator[Chunk]:
    by_symbol: dict[Key, list[Trade | AggTrade]] = {}
    for trade in trades:
        by_symbol.setdefault((trade.market, trade.symbol), []).append(trade)
    for (market, symbol), some in by_symbol.items():
        body = _encode([trade_event(trade) for trade in some])[1:-1]
        numbers = [trade_id(trade) for trade in some]
        yield Chunk(("trades", market, symbol), body, len(some), min(numbers), max(numbers))


def _candle_chunks(candles: Iterable[CandleEvent]) -> Iterator[Chunk]:
    for candle in candles:
        yield Chunk(("candles", candle.market, candle.symbol), _encode(candle), 1)
