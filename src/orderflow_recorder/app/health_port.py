"""The recorder's own port: /health/live, /health/ready and /metrics, served by the supervisor.

It reads what the processes write down anyway, in threads of its own; the processes that record know nothing of it.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from loguru import logger

from orderflow_recorder.app.gap_watch import GapWatch
from orderflow_recorder.app.health_pages import HealthPages
from orderflow_recorder.app.health_server import listen
from orderflow_recorder.app.metric_text import metrics_page
from orderflow_recorder.app.observed import observe
from orderflow_recorder.app.processes import SUPERVISOR
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import health_path
from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.postgres.gap_figures import PostgresGapFigures

STUCK_S: Final = 10.0
"""A supervisor whose loop has not come round for so long does not live."""
_BEAT_S: Final = 1.0
_CLOSE_S: Final = 1.0


class HealthPort:
    """Answers from the start, from threads of its own, until `close`.

    Args:
        settings: Of the recorder.
        clock: Time.

    Raises:
        SettingsError: The address cannot be listened on.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Listen."""
        self._settings = settings
        self._clock = clock
        self._beat_at = clock.monotonic()
        self._gaps: GapWatch | None = None
        pages = HealthPages(settings.api_key, self._stuck_for_s, self._problems, self._metrics)
        self._server = listen(settings.port_host, settings.port, pages)
        # What an earlier run said last may be so young that it would be taken for ours.
        health_path(settings, SUPERVISOR).unlink(missing_ok=True)
        threading.Thread(target=self._server.serve_forever, name="health port", daemon=True).start()

    def read_ledger(self, url: str) -> None:
        """Tell of the gaps in the database ``url``, too; empty for none."""
        if url:
            ledger = PostgresGapFigures(url)
            self._gaps = GapWatch(ledger, lambda: self._clock.now_ns() / 1e9, self._clock.monotonic)

    async def beat(self) -> None:
        """Show that the event loop comes round, until cancelled."""
        while True:
            self._beat_at = self._clock.monotonic()
            await self._clock.sleep(_BEAT_S)

    def close(self) -> None:
        """Listen no more; what is open ends by itself."""
        self._server.shutdown()
        self._server.server_close()
        if self._gaps is not None:
            self._gaps.close()

    def _stuck_for_s(self) -> float | None:
        still_s = self._clock.monotonic() - self._beat_at
        return still_s if still_s > STUCK_S else None

    def _problems(self) -> Sequence[str]:
        return observe(self._settings, self._clock.now_ns()).problems(self._settings.instance_id)

    def _metrics(self, accept: str) -> tuple[str, bytes]:
        observed = observe(self._settings, self._clock.now_ns())
        return metrics_page(self._settings, observed, self._gaps, accept)


@asynccontextmanager
async def health_port(settings: Settings, clock: Clock) -> AsyncIterator[Callable[[str], None]]:
    """Serve health and metrics where ``PORT`` says so, and give what takes the database's URL once it is known.

    Args:
        settings: Of the recorder.
        clock: Time.

    Raises:
        SettingsError: The address cannot be listened on.
    """
    if not settings.port:
        yield lambda _url: None
        return
    port = HealthPort(settings, clock)
    logger.info("health and metrics: http://{}:{}/health/ready and /metrics", settings.port_host, settings.port)
    beating = asyncio.create_task(port.beat())
    try:
        yield port.read_ledger
    finally:
        beating.cancel()
        # A ledger that is being read may hold it up: the process ends all the same.
        await asyncio.wait([asyncio.ensure_future(in_thread(port.close))], timeout=_CLOSE_S)
