"""An event loop in a thread of its own, for those who live in another."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as WaitedInVain
from typing import Any, Final, TypeVar

ResultT = TypeVar("ResultT")

_CLOSE_S: Final = 1.5


class LoopThread:
    """Runs one piece of work until it is closed, and answers questions about it."""

    def __init__(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start the thread and ``work`` in it."""
        self._loop = asyncio.new_event_loop()
        self._work = self._loop.create_task(work)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self, question: Coroutine[Any, Any, ResultT], *, within_s: float) -> ResultT | None:
        """Return what ``question`` returns; none if that takes longer than ``within_s`` seconds."""
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result(within_s)
        except WaitedInVain:
            future.cancel()
            return None

    def tell(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` in the loop's thread, soon."""
        self._loop.call_soon_threadsafe(callback)

    def close(self) -> None:
        """Cancel the work, give it a moment to clean up, and end the thread. Idempotent."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            # First the work alone: its cleaning up needs the tasks of its connection.
            self._work.cancel()
            self._loop.run_until_complete(asyncio.wait([self._work], timeout=_CLOSE_S))
            others = asyncio.all_tasks(self._loop)
            for task in others:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*others, return_exceptions=True))
        finally:
            self._loop.close()
