"""The database a recorder writes to: the embedded one, or the one that ``DB_URL`` names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from loguru import logger

from orderflow_recorder.app.preflight import DATABASE_PATIENCE_S, check_database
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.domain.errors import SchemaMismatchError, SinkRefusedError
from orderflow_recorder.postgres.connection import redact_url
from orderflow_recorder.postgres.embedded import EmbeddedPostgres, psql_hint
from orderflow_recorder.postgres.schema import SchemaStatus, database_kind, upgrade

STOP_S: Final = 1.0
"""How long the embedded server's end is waited for; with the children's time it makes less than 10 s."""
_LOOK_EVERY_S: Final = 2.0


@asynccontextmanager
async def database(settings: Settings, *, lenient: bool) -> AsyncIterator[str]:
    """Give the URL of a database whose schema is current; an embedded server stops at the end.

    Args:
        settings: Where it is.
        lenient: Go on where an external server does not answer.

    Raises:
        SinkUnavailableError: No answer, and not ``lenient``.
        SinkRefusedError: A person must act: wrong password, no such database.
        SchemaMismatchError: The external database's schema is older or newer than this version.
    """
    if settings.db_url:
        await _require_current(settings.db_url, lenient=lenient)
        yield settings.db_url
        return
    server = EmbeddedPostgres(settings.postgres_directory, log=logger.info)
    starting = asyncio.ensure_future(in_thread(server.start))
    watching: asyncio.Task[None] | None = None
    try:
        url = await asyncio.shield(starting)
        await in_thread(lambda: upgrade(url))
        logger.info("embedded database: {}", await in_thread(lambda: database_kind(url)))
        logger.info("look at the data with: {}", psql_hint(url))
        watching = asyncio.create_task(_keep_running(server))
        yield url
    finally:
        if watching is not None:
            watching.cancel()
        await asyncio.wait([starting], timeout=STOP_S)
        # A server with much to write goes on shutting down after us; the next start waits for it.
        await asyncio.wait([asyncio.ensure_future(in_thread(server.stop))], timeout=STOP_S)


async def _keep_running(server: EmbeddedPostgres) -> None:
    """Start the server again whenever it is gone; the loader waits for it meanwhile."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        if await in_thread(server.is_running):
            continue
        logger.error("the embedded Postgres is gone: starting it again")
        try:
            await in_thread(server.start)
        except SinkRefusedError as error:
            logger.error("{}", error)


async def _require_current(url: str, *, lenient: bool) -> None:
    """Bring an empty database up to date; refuse one that holds another version's schema."""
    state = await check_database(url, patience_s=DATABASE_PATIENCE_S, lenient=lenient)
    if state is None or state.status is SchemaStatus.CURRENT:
        return
    if state.status is not SchemaStatus.EMPTY:
        msg = f"{redact_url(url)}: {state.message}"
        raise SchemaMismatchError(msg)
    logger.info("{} is empty: making the schema {}", redact_url(url), state.head)
    await in_thread(lambda: upgrade(url))
