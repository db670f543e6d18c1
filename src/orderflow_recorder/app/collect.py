"""Composes the collector process: journal, feeds, REST, clients, housekeeping, health."""

import asyncio
import random
import ssl
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import httpx
from loguru import logger

from orderflow_recorder import __version__
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.collector_health import CollectorReporter
from orderflow_recorder.app.health import CollectorHealth
from orderflow_recorder.app.ledger import LedgerInThread
from orderflow_recorder.app.settings import ALL_SYMBOLS, Settings
from orderflow_recorder.app.shards import collector_shard, sinks
from orderflow_recorder.app.subscription_files import LOOK_S, WishWatch
from orderflow_recorder.binance.feed import CONNECTIONS_PER_WINDOW, BinanceFeed
from orderflow_recorder.binance.rest import BinanceVenue, default_budget
from orderflow_recorder.collector import Collector, Intake, MarketClient, MarketPlan, SocketTimes
from orderflow_recorder.core.budget import RequestBudget
from orderflow_recorder.core.shards import place_of
from orderflow_recorder.domain.errors import JournalLockedError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.jetstream.forwarder import SPOOL_SINK
from orderflow_recorder.journal.retention import delete_expired
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.postgres.open_gaps import PostgresLedger

LOCK_PATIENCE_S = 15.0
"""An earlier collector that lost its supervisor may still be draining: wait so long for its lock."""

HOUSEKEEPING_S = 60.0
HEALTH_S = 1.0


async def run_collector(settings: Settings, stop: asyncio.Event, publish: Callable[[CollectorHealth], None]) -> bool:
    """Record until ``stop`` is set.

    Args:
        settings: What to record.
        stop: Set to end cleanly.
        publish: Takes the health once a second.

    Returns:
        False where it was stopped while the disk was full.

    Raises:
        JournalLockedError: Another collector keeps this journal.
        DiskFullError: There is no room to begin.
    """
    clock = SystemClock()
    run_id = str(uuid.uuid4())
    writer = await _open_journal(settings, clock, run_id)
    intake = Intake(writer, clock, instance=settings.instance_id, run_id=run_id)
    if writer.torn is not None:
        logger.warning("cut a torn line of {} bytes off segment {}", writer.torn.bytes, writer.torn.segment)
        intake.event(EventKind.TORN_TAIL_CUT, detail={"segment": writer.torn.segment, "bytes": writer.torn.bytes})
    async with AsyncExitStack() as stack:
        budgets: dict[Market, RequestBudget] = {}
        clients = []
        for market in Market:  # one that has nothing to record connects to nothing until that is asked for
            budgets[market] = default_budget(market, clock.monotonic(), parts=settings.collector_shards)
            clients.append(_client(settings, _plan(settings, market), clock, intake, budgets[market], stack))
        wishes = WishWatch(settings, clients)
        wishes.read()
        collector = Collector(
            clients,
            writer,
            intake,
            clock,
            flush_s=settings.journal_flush_ms / 1000,
            fsync_s=settings.journal_fsync_seconds,
            run_detail={"version": __version__, "settings": settings.public()},
            window=settings.window,
        )
        report = CollectorReporter(collector, writer, clock, budgets, wishes)
        return await run_beside(
            collector.run(stop),
            stop,
            repeat("old segments stay", partial(delete_loaded, settings, clock), HOUSEKEEPING_S, clock),
            repeat("what is recorded is not told", wishes.look, LOOK_S, clock),
            repeat("health is not told", partial(_publish, report, publish), HEALTH_S, clock),
        )


async def run_beside(
    main: Coroutine[Any, Any, bool], stop: asyncio.Event, *side_jobs: Coroutine[Any, Any, None]
) -> bool:
    """Run ``main`` to its end with ``side_jobs`` beside it, and return what it returns.

    Args:
        main: The work; it ends once ``stop`` is set.
        stop: Set where a side job ends, which it never should: it has failed.
        side_jobs: Cancelled at the end.

    Raises:
        Exception: What a side job failed with, after ``main`` has ended.
    """
    working = asyncio.create_task(main)
    beside = [asyncio.create_task(job) for job in side_jobs]
    try:
        await asyncio.wait([working, *beside], return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in beside if task.done()]
        if failed:
            stop.set()
        result = await working
        for failure in failed:
            failure.result()
        return result
    finally:
        working.cancel()
        for task in beside:
            task.cancel()
        await asyncio.gather(working, *beside, return_exceptions=True)


async def repeat(failure: str, job: Callable[[], Awaitable[None]], every_s: float, clock: Clock) -> None:
    """Do ``job`` again and again; what the disk refuses is logged and tried again the next time.

    Args:
        failure: What to say where it fails.
        job: What to do.
        every_s: The pause after each time, seconds.
        clock: Time.
    """
    while True:
        try:
            await job()
        except OSError as error:
            logger.warning("{}: {}; next attempt in {:.0f} s", failure, error, every_s)
        await clock.sleep(every_s)


async def _open_journal(settings: Settings, clock: SystemClock, run_id: str) -> FileJournalWriter:
    deadline = clock.monotonic() + LOCK_PATIENCE_S
    while True:
        try:
            return FileJournalWriter.open(
                settings.journal_directory,
                instance=settings.instance_id,
                run_id=run_id,
                clock=clock,
                segment_bytes=settings.journal_segment_bytes,
                segment_seconds=settings.journal_segment_seconds,
                min_free_bytes=settings.journal_min_free_bytes,
            )
        except JournalLockedError:
            if clock.monotonic() > deadline:
                raise
        await clock.sleep(0.2)


def _plan(settings: Settings, market: Market) -> MarketPlan:
    """Return what of a market this shard records."""
    symbols, shard = settings.symbols(market), collector_shard(settings)
    named = tuple(symbol for symbol in symbols if shard.takes(market, symbol))
    return MarketPlan(
        market=market,
        symbols=None if symbols == (ALL_SYMBOLS,) else named,
        stream_names=settings.streams(market),
        streams_per_socket=settings.ws_streams_per_socket,
        times=SocketTimes(
            first_frame_s=settings.ws_first_frame_s,
            stall_s=settings.ws_stall_s,
            backoff_s=settings.ws_reconnect_backoff_s,
            backoff_max_s=settings.ws_reconnect_backoff_max_s,
            max_session_s=settings.ws_max_session_s,
        ),
        snapshot_refresh_s=settings.snapshot_refresh_s,
        shard=shard,
    )


def _client(
    settings: Settings,
    plan: MarketPlan,
    clock: SystemClock,
    intake: Intake,
    budget: RequestBudget,
    stack: AsyncExitStack,
) -> MarketClient:
    market = plan.market
    context = tls_context(verify=not settings.insecure_tls)
    feed = BinanceFeed(
        market,
        settings.ws_base_url(market),
        clock=clock,
        ssl_context=context,
        ping_interval_s=settings.ws_ping_interval_s,
        ping_timeout_s=settings.ws_ping_timeout_s,
        connections_per_window=CONNECTIONS_PER_WINDOW // settings.collector_shards,
    )
    venue = BinanceVenue(
        market, settings.rest_base_url(market), clock=clock, budget=budget, verify=context, random=random.random
    )
    stack.push_async_callback(venue.close)
    ledger = None
    if settings.db_url:
        ledger = LedgerInThread(PostgresLedger(settings.db_url, plan.shard))
        stack.push_async_callback(ledger.close)
    return MarketClient(plan, feed, venue, intake, clock, random=random.random, ledger=ledger)


def tls_context(*, verify: bool) -> ssl.SSLContext:
    """Return the TLS settings of every connection; without ``verify`` certificates are not checked."""
    context = httpx.create_ssl_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def delete_loaded(settings: Settings, clock: Clock) -> None:
    """Delete an instance's segments that every sink, or the journal's server, has and that are old enough."""
    published = settings.journal_url and place_of(settings.instance_id)[1] <= settings.collector_shards
    deleted = await asyncio.to_thread(
        delete_expired,
        settings.journal_directory,
        required=(SPOOL_SINK,) if published else sinks(settings),
        retention_hours=settings.journal_retention_hours,
        now_ns=clock.now_ns(),
    )
    if deleted:
        who = "the server has" if published else "every sink has passed"
        logger.info("deleted journal segments {} to {}: {} them", deleted[0], deleted[-1], who)


async def _publish(reporter: CollectorReporter, publish: Callable[[CollectorHealth], None]) -> None:
    publish(reporter.report())
