"""A whole recorder against a simulated venue, and what it recorded."""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.app.database import database
from orderflow_recorder.app.health import CollectorHealth, LoaderReport, is_fresh
from orderflow_recorder.app.recorder import Recorder, stop_on_signals
from orderflow_recorder.app.settings import ALL_SYMBOLS, Settings, load_settings
from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.core.order_book import Level, replay
from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.embedded import EmbeddedPostgres, psql_hint
from orderflow_recorder.postgres.reads import StreamSummary, read_diffs, read_snapshots, stream_summary
from orderflow_recorder.sim.capture import CaptureSource
from orderflow_recorder.sim.run import SimulatorOptions, make_simulator, recorder_environment

DEFAULT_FOLDER: Final = Path("data/demo")
BOOK_LEVELS: Final = 5
_OURS: Final = {"journal", "run", "postgres"}


class BookTop(msgspec.Struct, frozen=True):
    """The best levels of one book, rebuilt from its snapshots and diffs; best first."""

    market: Market
    symbol: str
    bids: Sequence[Level]
    asks: Sequence[Level]


class DemoResult(msgspec.Struct, frozen=True):
    """What a demo recorded.

    Attributes:
        streams: Rows, ids and holes of each symbol in each table.
        books: Top of each book; a book that is not whole to its end is left out.
        psql: Command that opens the database while its server runs.
        data_dir: Where the data is.
    """

    streams: Sequence[StreamSummary]
    books: Sequence[BookTop]
    psql: str
    data_dir: Path


class DemoScreen(msgspec.Struct, frozen=True):
    """Where a demo shows itself.

    Attributes:
        level: Least severe level that the recorder's processes log.
        take_line: Takes their log lines.
        show: Takes the seconds recorded so far, and the newest health.
    """

    level: str
    take_line: Callable[[str], None]
    show: Callable[[float, CollectorHealth | None, LoaderReport | None], None]


async def run_demo(
    captures: Sequence[Path], *, seconds: float, data_dir: Path | None, screen: DemoScreen
) -> DemoResult:
    """Simulate, record, stop, and read what was recorded.

    Args:
        captures: Recordings to play; none makes synthetic order flow of two symbols a market.
        seconds: How long to record; SIGINT and SIGTERM end it earlier.
        data_dir: An empty or new folder; none takes `DEFAULT_FOLDER` and empties it first.
        screen: Where it shows itself.

    Raises:
        OrderflowError: It does not work; the text says what to do.
    """
    markets = CaptureSource(captures).markets() if captures else frozenset(Market)
    simulator = make_simulator(SimulatorOptions(captures=captures, port=0))
    await simulator.start()
    try:
        settings = demo_settings(prepare_folder(data_dir), markets, recorder_environment(simulator))
        async with database(settings, lenient=False) as url:
            changes = {"db_url": url, "log_level": screen.level}
            await _record(settings.model_copy(update=changes), seconds, screen)
            return await in_thread(lambda: _read(url, settings.data_dir))
    finally:
        await simulator.stop()


async def _record(settings: Settings, seconds: float, screen: DemoScreen) -> None:
    """Record for ``seconds``, counted from when the collector says that it records."""
    began: float | None = None
    over = False

    def show(collector: CollectorHealth | None, loader: LoaderReport | None) -> None:
        nonlocal began, over
        if began is None and collector is not None and is_fresh(collector, time.time_ns()):
            began = time.monotonic()
        elapsed = 0.0 if began is None else time.monotonic() - began
        screen.show(min(elapsed, seconds), collector, loader)
        if elapsed >= seconds and not over:
            over = True  # a second call would not wait for the processes to drain
            recorder.stop()

    recorder = Recorder(settings, take_line=screen.take_line, show=show)
    stop_on_signals(recorder)
    await recorder.run()


def demo_settings(data_dir: Path, markets: frozenset[Market], urls: dict[str, str]) -> Settings:
    """Return settings that record everything the simulator has, whatever the user's own settings are."""
    return load_settings(
        env_file=None,
        db_url="",
        data_dir=data_dir,
        instance_id="demo",
        collector_shards=1,
        loader_shards=1,
        loader_shard_numbers="",
        port=0,
        symbols_spot=ALL_SYMBOLS if Market.SPOT in markets else "",
        symbols_futures=ALL_SYMBOLS if Market.USDM in markets else "",
        spot_streams_trades="trade,aggTrade",
        spot_streams_depth="depth@100ms",
        spot_streams_extra="",
        futures_streams_trades="trade,aggTrade",
        futures_streams_depth="depth@100ms",
        futures_streams_extra="",
        **{name.lower(): url for name, url in urls.items()},
    )


def prepare_folder(data_dir: Path | None) -> Path:
    """Return a folder without data: a demo's order flow has nothing to do with an earlier demo's.

    Raises:
        SettingsError: ``data_dir`` has something in it.
    """
    folder = DEFAULT_FOLDER if data_dir is None else data_dir
    if not folder.exists() or not any(folder.iterdir()):
        return folder
    strangers = [path.name for path in folder.iterdir() if path.name.split(".")[0] not in _OURS]
    if data_dir is not None or strangers:
        found = strangers[0] if strangers else "the data of another recorder"
        msg = f"demo: expected a new or empty folder, got {folder} with {found} in it: choose another --data-dir"
        raise SettingsError(msg)
    with EmbeddedPostgres(folder / "postgres", log=logger.debug):
        pass  # a server that `db url` started would go on writing there: this stops it
    shutil.rmtree(folder)
    return folder


def _read(url: str, data_dir: Path) -> DemoResult:
    with connect(url) as connection:
        streams = stream_summary(connection)
        books = []
        for one in streams:
            if one.table != "depth_diffs":
                continue
            snapshots = read_snapshots(connection, one.market, one.symbol)
            book = replay(one.market, snapshots, read_diffs(connection, one.market, one.symbol))
            if book is not None:
                top = BookTop(one.market, one.symbol, book.bids(BOOK_LEVELS), book.asks(BOOK_LEVELS))
                books.append(top)
    return DemoResult(streams, books, psql_hint(url), data_dir)
