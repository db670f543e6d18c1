"""What must hold before a recorder starts.

A recorder that has never recorded refuses to start on what cannot work. One that has recorded before
keeps trying for ever: after a reboot the network and the database may simply come later.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

import httpx
from loguru import logger

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import collectors, journals
from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.domain.errors import (
    JournalLockedError,
    JournalUnavailableError,
    OrderflowError,
    SinkUnavailableError,
    VenueUnreachableError,
)
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.jetstream.link import check_server
from orderflow_recorder.journal.lock import DirectoryLock
from orderflow_recorder.journal.space import DiskSpace
from orderflow_recorder.postgres.schema import SchemaState, check

VENUE_PATIENCE_S: Final = 10.0
DATABASE_PATIENCE_S: Final = 5.0
JOURNAL_PATIENCE_S: Final = 5.0
_ASK_AGAIN_S: Final = 1.0
_TIME_PATHS: Final = {Market.SPOT: "/api/v3/time", Market.USDM: "/fapi/v1/time"}
_REFUSED_HERE: Final = 451


class AlreadyRunningError(OrderflowError):
    """Another recorder of the same instance uses the same data folder."""


class DataFolderError(OrderflowError):
    """``DATA_DIR`` cannot be used."""


def has_recorded(settings: Settings) -> bool:
    """Say whether this instance has a journal from an earlier run."""
    return bool(journals(settings))


def prepare_folders(settings: Settings) -> None:
    """Make the data folder's parts and check that they can be written and have room.

    Raises:
        DataFolderError: They cannot be made or written.
        DiskFullError: There is less room than ``JOURNAL_MIN_FREE_BYTES``.
    """
    space = DiskSpace(nearest_existing(settings.journal_directory), min_free_bytes=settings.journal_min_free_bytes)
    try:
        space.require()
        places = [part.settings for part in collectors(settings)]
        for directory in [place for one in places for place in (one.journal_directory, one.run_directory)]:
            directory.mkdir(parents=True, exist_ok=True)
            probe = directory / ".writable"
            probe.touch()
            probe.unlink()
    except OSError as error:
        msg = f"DATA_DIR: expected a folder that can be written, got {error}"
        raise DataFolderError(msg) from None


def nearest_existing(path: Path) -> Path:
    """Return ``path`` or its nearest parent that exists."""
    return next(candidate for candidate in (path, *path.absolute().parents) if candidate.exists())


def lock_instance(settings: Settings) -> DirectoryLock:
    """Take this instance's lock, which the kernel frees when the process ends, however it ends.

    Raises:
        AlreadyRunningError: Another recorder holds it; the text names its pid.
    """
    try:
        return DirectoryLock(settings.run_directory)
    except JournalLockedError:
        path = settings.run_directory / "lock"
        pid = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
        msg = (
            f"another recorder with INSTANCE_ID {settings.instance_id!r} runs on this DATA_DIR "
            f"(pid {pid}, lock {path}): stop it, or choose another INSTANCE_ID"
        )
        raise AlreadyRunningError(msg) from None


async def check_database(url: str, *, patience_s: float, lenient: bool) -> SchemaState | None:
    """Look at an external database's schema, waiting a while for a server that does not answer yet.

    Args:
        url: The database.
        patience_s: Keep asking for so long.
        lenient: Go on without an answer.

    Returns:
        The schema's state; none where the server does not answer and ``lenient``.

    Raises:
        SinkUnavailableError: No answer, and not ``lenient``.
        SinkRefusedError: A person must act: wrong password, no such database.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await in_thread(lambda: check(url))
        except SinkUnavailableError as error:
            if time.monotonic() >= deadline:
                if not lenient:
                    msg = f"database unreachable: {error}: check host and port in DB_URL, and that the server runs"
                    raise SinkUnavailableError(msg) from None
                logger.error("database unreachable: {}; recording into the journal, the loader keeps trying", error)
                return None
        await asyncio.sleep(min(_ASK_AGAIN_S, patience_s))


async def check_journal(settings: Settings, *, patience_s: float, lenient: bool) -> None:
    """Look at the journal's server, waiting a while for one that does not answer yet.

    Args:
        settings: Where it is; nothing is checked where the journal is local files.
        patience_s: Keep asking for so long.
        lenient: Go on without an answer.

    Raises:
        JournalUnavailableError: No answer, and not ``lenient``.
        JournalError: A person must act: wrong password, a server without JetStream.
    """
    deadline = time.monotonic() + patience_s
    while settings.journal_url:
        try:
            await check_server(settings.journal_url, settings.instance_id)
        except JournalUnavailableError as error:
            if time.monotonic() < deadline:
                await asyncio.sleep(min(_ASK_AGAIN_S, patience_s))
                continue
            if not lenient:
                raise
            logger.error("{}; going on without it, forwarder and loader keep trying", error)
        return


async def check_venue(settings: Settings, *, patience_s: float, lenient: bool) -> None:
    """Ask each market's hosts for any answer; complain of those that give none.

    Args:
        settings: Which markets and where they are.
        patience_s: Keep asking for so long while no market answers.
        lenient: Go on without an answer.

    Raises:
        VenueUnreachableError: No market answers, and not ``lenient``.
    """
    deadline = time.monotonic() + patience_s
    async with httpx.AsyncClient(timeout=patience_s, verify=not settings.insecure_tls) as client:
        while True:
            faults = await asyncio.gather(*(_fault(client, settings, market) for market in settings.markets))
            if not all(faults) or time.monotonic() >= deadline:
                break
            await asyncio.sleep(min(_ASK_AGAIN_S, patience_s))
    text = "; ".join(fault for fault in faults if fault)
    if all(faults) and not lenient:
        msg = f"venue unreachable: {text}: check the network, and the BINANCE_* URLs"
        raise VenueUnreachableError(msg)
    if text:
        logger.error("venue unreachable: {}; the collector keeps trying", text)


async def _fault(client: httpx.AsyncClient, settings: Settings, market: Market) -> str:
    """Return why ``market`` cannot be recorded now; empty if both its hosts answer anything at all."""
    for url in (
        settings.rest_base_url(market) + _TIME_PATHS[market],
        settings.ws_base_url(market).replace("ws", "http", 1),
    ):
        try:
            answer = await client.get(url)
        except httpx.HTTPError as error:
            return f"{market} at {url}: {_reason(error)}"
        if answer.status_code == _REFUSED_HERE:
            logger.warning("{} at {} answers 451: the venue does not serve this place", market, url)
    return ""


def _reason(error: BaseException) -> str:
    """Return the text of the innermost cause: that is the one which says what happened."""
    while error.__cause__ is not None or error.__context__ is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]  # one of them is there
    return str(error) or type(error).__name__
