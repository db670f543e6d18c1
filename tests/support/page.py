"""The web page in a real browser, and the real programs behind it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import httpx
from playwright.sync_api import Browser, Page

from tests.support.processes import Program, RecorderProgram, SimulatorProgram, free_port, wait_until

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHIN_S: Final = 40
PANELS: Final = ("symbols", "chart", "book", "tape", "coverage")
SYMBOL: Final = "#/spot/BTCUSDT/1s"

_FOCUSED: Final = """() => {
  const one = document.activeElement;
  return one.getAttribute("aria-label") || one.id || one.name || one.className || one.tagName;
}"""
# A browser writes down whatever does not answer, whoever handles it, and advice about forms for passwords.
_AWAY: Final = ("net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "WebSocket connection to", "verbose:")


class Server(Program):
    """``orderflow-recorder serve`` on a port of its own, that stays the same when it is started again."""

    def __init__(self, folder: Path, environment: dict[str, str], *, port: int | None = None, key: str = "") -> None:
        """Start it and wait until it answers."""
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}/"
        settings = {"DATA_DIR": str(folder / "data"), "API_KEY": key, **environment}
        super().__init__(["serve", "--port", str(self.port)], folder / f"serve-{self.port}.log", settings)
        wait_until(self._answers, within_s=WITHIN_S, what="the server answers")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.output())
        try:
            return httpx.get(f"{self.url}health/live").is_success
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:  # noqa: ANN401  # JSON
        """Return what the API answers."""
        return httpx.get(f"{self.url}api/v1/{path}").raise_for_status().json()


class Stage:
    """A simulated venue, a recorder, and the server of the page."""

    def __init__(self, folder: Path, database_url: str, programs: ExitStack) -> None:
        """Start them and wait until the live store has every symbol."""
        self._programs = programs
        self.folder = folder
        self.simulator = programs.enter_context(SimulatorProgram(folder / "simulator.log"))
        self.environment = {**self.simulator.environment(), "DB_URL": database_url}
        self.recorder = programs.enter_context(RecorderProgram(folder, self.environment))
        wait_until(self._has_rows, within_s=WITHIN_S, what="rows are in the database")
        self.server = self.serve()
        wait_until(lambda: len(self.server.get("ticks")["rows"]) == 4, within_s=WITHIN_S, what="all symbols are live")

    def serve(self, *, port: int | None = None, key: str = "") -> Server:
        """Start a server."""
        return self._programs.enter_context(Server(self.folder, self.environment, port=port, key=key))

    def lose(self, stream: str, count: int) -> None:
        """Have the venue lose frames of BTCUSDT."""
        self.simulator.control(f"lose?pattern=spot:btcusdt@{stream}&count={count}")

    def gaps(self) -> list[dict[str, Any]]:
        """Return the ledger of spot BTCUSDT, newest first."""
        return list(self.server.get("gaps?market=spot&symbol=BTCUSDT")["rows"])

    def _has_rows(self) -> bool:
        return bool(self.recorder.health("loader-postgres").get("figures", {}).get("rows", 0) > 20)


@contextmanager
def stage(folder: Path, database_url: str) -> Iterator[Stage]:
    """Yield running programs."""
    with ExitStack() as programs:
        yield Stage(folder, database_url, programs)


class Opened:
    """A page that is open, and what it said and asked for meanwhile."""

    def __init__(self, browser: Browser, url: str, *, hold: Sequence[str] = (), **context: Any) -> None:  # noqa: ANN401
        """Open it.

        Args:
            browser: A real one.
            url: Where.
            hold: Parts of console lines that this test provokes.
            context: Of the browser: viewport, colour scheme and so on.
        """
        self.url = url
        self.said: list[str] = []
        self.asked: list[str] = []
        self._hold = (*_AWAY, *hold)
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 1100}, **context})
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(WITHIN_S * 1000)
        self.page.on("console", lambda message: self._note(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url.replace("ws://", "http://")))

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        """Close it; whatever else the test was about, the page was quiet and stayed at home."""
        self.context.close()
        if kind is None:
            assert self.said == [], self.said
            home = self.url.partition("#")[0]
            assert [url for url in self.asked if not url.startswith(home)] == []

    def goto(self, fragment: str = SYMBOL) -> Self:
        """Open the page."""
        self.page.goto(self.url + fragment)
        return self

    def ready(self, *panels: str) -> Self:
        """Wait until panels have their content."""
        for panel in panels:
            self.page.wait_for_selector(f"#{panel}-panel[data-state=ready]")
        return self

    def text(self, selector: str) -> str:
        """Return what is written somewhere."""
        return self.page.inner_text(selector)

    def focused(self) -> str:
        """Return the name of what has the focus, as a screen reader says it, or its id."""
        found: str = self.page.evaluate(_FOCUSED)
        return found

    def _note(self, line: str) -> None:
        if not any(part in line for part in self._hold):
            self.said.append(line)
