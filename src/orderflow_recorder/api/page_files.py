"""The files of the web page."""

from http import HTTPStatus
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope


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
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        return answer
