"""What a collector says of itself, worked out once a second from what it counts anyway."""

import os
from collections.abc import Mapping

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.health import CollectorHealth, MarketHealth
from orderflow_recorder.app.subscription_files import WishWatch
from orderflow_recorder.collector import Collector
from orderflow_recorder.core.budget import RequestBudget
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.writer import FileJournalWriter


class CollectorReporter:
    """Turns the collector's figures into its health, with rates since the last report.

    Args:
        collector: Whose figures.
        writer: Its journal.
        clock: Time.
        budgets: What it may ask of each market's REST.
        wishes: What it was asked for.
    """

    def __init__(
        self,
        collector: Collector,
        writer: FileJournalWriter,
        clock: SystemClock,
        budgets: Mapping[Market, RequestBudget],
        wishes: WishWatch,
    ) -> None:
        """Begin to count now."""
        self._collector = collector
        self._wishes = wishes
        self._writer = writer
        self._clock = clock
        self._budgets = budgets
        self._started_at = clock.now_ns()
        self._before: dict[str, int] = {}
        self._before_at = clock.monotonic()

    def report(self) -> CollectorHealth:
        """Return how the collector is now."""
        stats = self._collector.stats()
        now = self._clock.monotonic()
        elapsed = max(now - self._before_at, 1e-3)
        used = {name for name, market in stats.markets.items() if not market.is_idle}
        weights = {str(market): budget.used for market, budget in self._budgets.items() if market in used}
        markets = {
            name: MarketHealth(
                frames=market.frames,
                frames_per_s=(market.frames - self._before.get(name, 0)) / elapsed,
                connections_open=market.sockets_open,
                connections_wanted=market.sockets,
                streams=market.streams,
                streams_silent=market.streams_silent,
                books_synced=market.books_synced,
                books_wanted=market.books,
                rest_weight_used=weights[name],
                clock_offset_ms=market.clock_offset.offset_ms if market.clock_offset else None,
                clock_round_trip_ms=market.clock_offset.round_trip_ms if market.clock_offset else None,
            )
            for name, market in stats.markets.items()
            if name in used
        }
        self._before = {name: market.frames for name, market in stats.markets.items()}
        self._before_at = now
        counters = stats.counters
        return CollectorHealth(
            pid=os.getpid(),
            started_at=self._started_at,
            updated_at=self._clock.now_ns(),
            last_error=stats.last_error or "",
            frames=counters.frames + counters.bad_frames,
            frames_per_s=sum(market.frames_per_s for market in markets.values()),
            bytes=counters.frame_bytes,
            connections_open=sum(market.connections_open for market in markets.values()),
            connections_wanted=sum(market.connections_wanted for market in markets.values()),
            streams=sum(market.streams for market in markets.values()),
            streams_silent=sum(market.streams_silent for market in markets.values()),
            streams_added=sum(market.wishes.added for market in stats.markets.values()),
            streams_removed=sum(market.wishes.removed for market in stats.markets.values()),
            streams_refused=sum(market.wishes.refused for market in stats.markets.values()),
            wishes_error=self._wishes.error,
            books_synced=sum(market.books_synced for market in markets.values()),
            books_wanted=sum(market.books_wanted for market in markets.values()),
            reconnects=sum(market.reconnects for market in stats.markets.values()),
            resyncs=sum(market.gaps for market in stats.markets.values()),
            bad_frames=counters.bad_frames,
            rest_weight_used=weights,
            journal_segment=self._writer.segment,
            journal_bytes=self._writer.bytes_written,
            ingestion=stats.state,
            asleep_until=stats.asleep_until,
            markets=markets,
        )
