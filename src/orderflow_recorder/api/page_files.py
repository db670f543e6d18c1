"""The files of the web page."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_NOT_OURS: Final = ("api/", "health/")


class PageFiles(StaticFiles):
    """Files of one folder; browsers ask each time whether they have changed."""

    def __init__(self, directory: Path) -> None:
        """Serve ``directory``."""
        super().__init__(directory=directory, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file.

        Raises:
            HTTPException: There is none.
        """
        if "\0" in path:
            raise HTTPException(HTTPStatus.NOT_FOUND, "expected a path of the page, received one with a NUL")
        if scope["method"] == "HEAD" and path.startswith(_NOT_OURS):
            # What a path of the API does not answer comes here, as we take whatever is left.
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer
