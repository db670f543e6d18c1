"""The API on a socket of this machine, as `serve` runs it, and what it is made of."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from orderflow_recorder import research
from orderflow_recorder.api.app import create_app
from orderflow_recorder.api.databases import DatabasePool
from orderflow_recorder.api.services import Services
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.serve import listen, make_server
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.live import Hub, TickStore
from tests.support.processes import Program, free_port, wait_until

KEY: Final = "a-key-that-nobody-guesses"
SECOND_KEY: Final = "another-key-that-nobody-guesses"
ARROW: Final = "application/vnd.apache.arrow.stream"


def no_database() -> research.Database:
    """Be away, as a database is."""
    msg = "postgresql://me:***@nowhere/db: connection refused"
    raise SinkUnavailableError(msg)


def pool_of(url: str, *, patience_s: float = 20) -> DatabasePool:
    """Return a pool as `serve` has it."""
    return DatabasePool(lambda: research.connect(url, patience_s=patience_s), SystemClock(), size=4, patience_s=5)


def services(**given: Any) -> Services:  # noqa: ANN401  # any of the services
    """Return services of which nothing is real but what is given."""
    store = given.pop("store", None) or TickStore()
    clock = given.pop("clock", None) or SystemClock()
    defaults: Mapping[str, Any] = {
        "keys": (KEY, SECOND_KEY),
        "rate_per_minute": 1_000_000,
        "cors_origins": (),
        "database": DatabasePool(no_database, clock, size=1, patience_s=1),
        "store": store,
        "hub": Hub(store),
        "subscriptions": None,
        "status": lambda: {"instance": "main", "time": "", "problems": [], "journal": {}},
        "reasons": list[str],
        "clock": clock,
    }
    return Services(**{**defaults, **given})


class ApiServer:
    """The application on a port of its own."""

    def __init__(self, made_of: Services) -> None:
        """Prepare it."""
        self.services = made_of
        self._socket = listen("127.0.0.1", 0)
        self._server = make_server(create_app(made_of))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://{self.address}"

    def client(self, **headers: str) -> httpx.Client:
        """Return a client without a key."""
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        """Start it."""
        self._thread.start()
        wait_until(lambda: self._server.started, within_s=20, what="the API listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


class Asked:
    """Questions with a key."""

    def __init__(self, client: httpx.Client) -> None:
        """Ask through ``client``."""
        self.client = client

    def get(self, path: str, accept: str = "", /, **parameters: str | int) -> httpx.Response:
        """Return the answer to a question under ``/api/v1``."""
        headers = {"Accept": accept} if accept else {}
        return self.client.get(f"/api/v1{path}", params=parameters, headers=headers)

    def rows(self, path: str, /, **parameters: str | int) -> list[dict[str, Any]]:
        """Return the rows of a page."""
        answer = self.get(path, "", **parameters)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["rows"])

    def pages(self, path: str, /, **parameters: str | int) -> list[dict[str, Any]]:
        """Return the rows of all pages, by their cursors."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self.get(path, "", **parameters).json()
            found += answer["rows"]
            if answer["next"] is None:
                return found
            parameters["after"] = answer["next"]

    def detail(self, code: int, path: str, /, **parameters: str | int) -> str:
        """Return what a refusal says; it is a problem of that status."""
        answer = self.get(path, "", **parameters)
        assert answer.status_code == code, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body.keys() == {"title", "status", "detail"}
        assert body["status"] == code
        return str(body["detail"])


def columns(rows: Sequence[Mapping[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Return these columns of rows."""
    return [tuple(row[name] for name in names) for row in rows]


class ServeProgram(Program):
    """``orderflow-recorder serve`` on a port of its own."""

    def __init__(self, log: Path, environment: dict[str, str], *arguments: str) -> None:
        """Start it and wait until it answers."""
        self.port = free_port()
        super().__init__(["serve", "--port", str(self.port), *arguments], log, environment)
        wait_until(self._answers, within_s=90, what="serve answers")

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, **headers: str) -> httpx.Client:
        """Return a client without a key."""
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.output())
        try:
            return httpx.get(f"{self.url}/health/live", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False
