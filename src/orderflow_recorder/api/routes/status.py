"""``/status``: how the recorder is."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from orderflow_recorder.api.formats import JsonAlone, object_response
from orderflow_recorder.api.schemas import answers


def status_router(status: Callable[[], Mapping[str, Any]]) -> APIRouter:
    """Return the path that says what ``status`` says."""
    router = APIRouter(tags=["recorder"])
    schema = {"type": "object", "required": ["instance", "time", "problems", "journal"]}

    @router.get("/status", responses=answers(schema, "As `orderflow-recorder status --json` has it."))
    def read(_json: JsonAlone) -> Response:
        """Return how the recorder is: its problems, processes, journal, newest rows, tables and disk."""
        return object_response(status())

    return router
