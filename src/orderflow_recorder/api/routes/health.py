"""``/health``: whether this process lives, and whether it can answer; for whoever starts it, without a key."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from orderflow_recorder.api.formats import Format
from orderflow_recorder.api.schemas import TEXT, TRUTH, answers, object_of


def health_router(reasons: Callable[[], Sequence[str]]) -> APIRouter:
    """Return the paths.

    Args:
        reasons: Why this process is not ready; nothing if it is.
    """
    router = APIRouter(prefix="/health", tags=["health"])
    alive = object_of({"alive": TRUTH})
    ready = object_of({"ready": TRUTH, "reasons": {"type": "array", "items": TEXT}})
    waiting: dict[int | str, Any] = {
        HTTPStatus.SERVICE_UNAVAILABLE.value: {
            "description": "Not ready, and why.",
            "content": {Format.JSON.value: {"schema": ready}},
        }
    }

    @router.get("/live", responses=answers(alive, "It lives.", errors=False))
    async def live() -> Response:
        """Return that this process answers."""
        return JSONResponse({"alive": True})

    @router.get("/ready", responses=answers(ready, "It can answer questions.", errors=False) | waiting)
    def is_ready() -> Response:
        """Return whether the database answers and the present is followed, with a reason for every no."""
        found = list(reasons())
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        return JSONResponse({"ready": not found, "reasons": found}, status)

    return router
