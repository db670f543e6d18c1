"""The live view beside a real recorder that records captures: what it says is what the captures say."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderflow_recorder.app.live import LiveFeed
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.market import Market
from orderflow_recorder.live import Hub, TickStore
from tests.support.captures import Expected, capture
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, count, loaded
from tests.support.stream_server import StreamServer, connected, serving

pytestmark = pytest.mark.timeout(300)

NAMES = ("spot_btcusdt_2024-08-08", "usdm_five_symbols_2021-04-05")
SYMBOLS = [
    ("spot", "BTCUSDT"),
    ("usdm", "SANDUSDT"),
    ("usdm", "CHRUSDT"),
    ("usdm", "NEOUSDT"),
    ("usdm", "CTKUSDT"),
    ("usdm", "BATUSDT"),
]


@contextmanager
def fed(data: Path, environment: dict[str, str], url: str | None) -> Iterator[tuple[TickStore, Hub]]:
    """Feed a store from a recorder's journals."""
    settings = load_settings({**environment, "DATA_DIR": str(data)}, env_file=None)
    store = TickStore()
    hub = Hub(store)
    feed = LiveFeed(settings, store, hub, url=url)
    feed.start()
    try:
        yield store, hub
        assert feed.trouble == ""
    finally:
        feed.close()
