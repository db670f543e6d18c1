"""What is going on, on a terminal; elsewhere a line when something begins."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

_TICK_S: Final = 0.2
_console: Final = Console(stderr=True, highlight=False)


@contextmanager
def stage(text: str, seconds: float | None = None) -> Iterator[None]:
    """Show ``text``, and a bar that is full after ``seconds``, while the block runs."""
    if not _console.is_terminal:
        _console.print(text, soft_wrap=True)
        yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    ended = threading.Event()
    with Progress(*columns, console=_console, transient=True) as progress:
        task = progress.add_task(text, total=seconds)
        began = time.monotonic()

        def move() -> None:
            while not ended.wait(_TICK_S):
                progress.update(task, completed=time.monotonic() - began)

        mover = threading.Thread(target=move, name="progress", daemon=True)
        mover.start()
        try:
            yield
        finally:
            ended.set()
            mover.join()
