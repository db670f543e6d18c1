"""A line that can be cut: a TCP proxy between one client and a server that others use, too."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from orderflow_recorder.domain.market import Market

_BLOCK: Final = 1 << 16


class Proxy:
    """Passes everything on until it is told otherwise. Use it as a context manager.

    Args:
        port: Where the server listens, on this machine.
    """

    def __init__(self, port: int) -> None:
        """Listen on a port of its own, from a thread of its own."""
        self._upstream = port
        self._deaf = False
        self._refusing = False
        self._lines: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        self._server = self._call(self._listen)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every line and end."""
        self._call(self._end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def environment(self) -> dict[str, str]:
        """Return the settings that lead a recorder through here."""
        address = f"127.0.0.1:{self.port}"
        names = {Market.SPOT: "SPOT", Market.USDM: "FUTURES"}
        urls = {f"BINANCE_WS_{name}_BASE_URL": f"ws://{address}" for name in names.values()}
        return urls | {f"BINANCE_REST_{name}_BASE_URL": f"http://{address}" for name in names.values()}

    def deafen(self) -> None:
        """Swallow what the server says; lines stay open, new ones too, and nothing comes through."""
        self._deaf = True

    def cut(self) -> None:
        """Cut every line and take no new one."""
        self._refusing = True
        self._call(self._cut)

    def mend(self) -> None:
        """Pass on again; a line that missed something is cut, as it would make no sense any more."""
        self._deaf = self._refusing = False
        self._call(self._cut)

    def _call(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401  # whatever it returns
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result(10)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _cut(self) -> None:
        for line in self._lines:
            line.transport.abort()

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        own = asyncio.current_task()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not own), return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_server}
        self._lines |= both
        try:
            await asyncio.gather(
                self._pass_on(reader, to_server, swallow=lambda: False),
                self._pass_on(from_server, writer, swallow=lambda: self._deaf),
            )
        finally:
            self._lines -= both
            for line in both:
                line.transport.abort()

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, swallow: Callable[[], bool]
    ) -> None:
        with suppress(OSError):
            while block := await source.read(_BLOCK):
                if not swallow():
                    target.write(block)
                    await target.drain()
        target.close()
