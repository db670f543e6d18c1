"""The application: paths, the door before them, and what every answer has in common."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from orderflow_recorder import __version__
from orderflow_recorder.api.auth import Keys
from orderflow_recorder.api.guard import Guard
from orderflow_recorder.api.headers import SECURITY, SecurityHeaders
from orderflow_recorder.api.page_files import PageFiles
from orderflow_recorder.api.problems import add_handlers
from orderflow_recorder.api.rates import Rates
from orderflow_recorder.api.routes.book import book_router
from orderflow_recorder.api.routes.candles import candles_router
from orderflow_recorder.api.routes.health import health_router
from orderflow_recorder.api.routes.ledger import ledger_router
from orderflow_recorder.api.routes.status import status_router
from orderflow_recorder.api.routes.subscriptions import subscriptions_router
from orderflow_recorder.api.routes.ticks import ticks_router
from orderflow_recorder.api.routes.trades import trades_router
from orderflow_recorder.api.schemas import PROBLEM_SCHEMA, error_answers
from orderflow_recorder.api.services import Services
from orderflow_recorder.api.sign_in import SignIn
from orderflow_recorder.api.stream import stream_router

PREFIX: Final = "/api/v1"
PAGE: Final = Path(__file__).parent / "page"

_DESCRIPTION: Final = """What orderflow-recorder recorded, and what it sees now.

Prices and quantities are texts with the digits that the venue sent. Times are ISO 8601 in UTC with microseconds.
Rows come as JSON, CSV or an Arrow stream, as the Accept header asks. Errors are `application/problem+json`.
"""


def create_app(services: Services) -> FastAPI:
    """Return the application.

    Args:
        services: What it asks.
    """
    keys = Keys(services.keys, services.clock)
    app = FastAPI(
        title="orderflow-recorder",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(services),
        middleware=_middleware(services, keys),
    )
    add_handlers(app, keys.redact, SECURITY)
    app.include_router(health_router(services.reasons))
    app.include_router(_paths(services))
    app.include_router(stream_router(services.hub, _let_in))
    # Behind all others: it takes whatever path is left.
    app.mount("/", PageFiles(PAGE))
    _describe(app)
    return app


def _lifespan(services: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return what runs beside the answers."""

    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        telling = asyncio.create_task(services.hub.run(services.clock.sleep))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait([telling])

    return run


def _let_in() -> None:
    """Do nothing: the guard has looked at the key."""


def _middleware(services: Services, keys: Keys) -> list[Middleware]:
    """Return what is passed on the way in, from the outside."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(services.cors_origins),
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["X-API-Key", "Authorization", "Content-Type"],
        expose_headers=["Link", "Retry-After"],
    )
    guard = Middleware(
        Guard,
        keys=keys,
        rates=Rates(services.rate_per_minute),
        origins=services.cors_origins,
        sign_in=SignIn(keys),
    )
    return [Middleware(SecurityHeaders), *([cors] if services.cors_origins else []), guard]


def _paths(services: Services) -> APIRouter:
    # For the document alone: the guard has looked at the key before anything gets here.
    documented = [
        Security(APIKeyHeader(name="X-API-Key", scheme_name="key", auto_error=False)),
        Security(HTTPBearer(scheme_name="bearer", auto_error=False)),
    ]
    router = APIRouter(prefix=PREFIX, dependencies=documented)
    router.include_router(ticks_router(services.store))
    router.include_router(book_router(services.database, services.store, services.clock))
    router.include_router(trades_router(services.database))
    router.include_router(candles_router(services.database, services.clock))
    router.include_router(ledger_router(services.database))
    router.include_router(status_router(services.status))
    if services.subscriptions is not None:
        router.include_router(subscriptions_router(services.subscriptions), responses=error_answers())
    return router


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document what answers refer to."""
    document = app.openapi

    def openapi() -> Mapping[str, Any]:
        found = document()
        found.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        return found

    app.openapi = openapi  # type: ignore[assignment, method-assign]  # FastAPI's own way to extend the document
