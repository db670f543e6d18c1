"""Child processes: started, started again with back-off, stopped in order and in time.

A child is told that its parent is gone, however it went, by the end of a pipe that it inherits: it gets
``--parent-fd N`` as its last arguments and stops when that descriptor ends. Children live in their own
session, so that Ctrl-C reaches the parent alone, which then stops them in the right order.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.errors import OrderflowError

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_REFUSED: Final = 3
"""A child's way to say that a person must act before it can work."""

_LONGEST_LINE: Final = 2**20
_STABLE_S: Final = 60.0
"""A child that lived so long begins again with the shortest back-off."""

_ATTENDED_S: Final = 60.0
"""So long after the start a person is there to read a refusal, which ends the recorder. Later it does not:
the journal must go on although, say, a password was changed."""


class ChildRefusedError(OrderflowError):
    """A child ended with an error that only a person can mend, and has logged it."""


class ChildFailedError(OrderflowError):
    """A child that was asked to end said that it failed, and has logged why."""


class ChildSpec(msgspec.Struct, frozen=True):
    """A program to keep running.

    Attributes:
        name: For logs.
        command: Program and arguments; ``--parent-fd N`` is added.
        environment: All of its environment variables.
        drain_s: Seconds it is given to end by itself after SIGTERM.
        stage: Children of one stage, side by side in the list, are stopped at once; empty: this one alone.
        finite: It ends by itself when its work is done, with exit code 0, and is not started again.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    drain_s: float
    stage: str = ""
    finite: bool = False


class Supervisor:
    """Keeps children running until told to stop, then stops them one stage after the other.

    Args:
        children: In the order in which they are stopped.
        take_line: Takes each line a child writes to standard error; none lets children inherit it.
        backoff_s: Wait before the first restart; it doubles with each.
        backoff_max_s: Longest wait.
        attended_s: A child that refuses to work within so many seconds of the start ends the run.
    """

    def __init__(
        self,
        children: Sequence[ChildSpec],
        *,
        take_line: Callable[[str], None] | None = None,
        backoff_s: float = 0.5,
        backoff_max_s: float = 30.0,
        attended_s: float = _ATTENDED_S,
    ) -> None:
        """Start nothing yet."""
        self._hurry = asyncio.Event()
        attended_until = time.monotonic() + attended_s
        self._keepers = [
            _Keeper(
                child,
                take_line=take_line,
                hurry=self._hurry,
                backoff=Backoff(backoff_s, backoff_max_s, random.random),
                attended_until=attended_until,
            )
            for child in children
        ]

    def pids(self) -> dict[str, int]:
        """Return the process id of each child that runs, by name."""
        return {keeper.name: keeper.process.pid for keeper in self._keepers if keeper.process is not None}

    def hurry(self) -> None:
        """Stop waiting for children to drain: kill what is left."""
        self._hurry.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Run the children until ``stop`` is set; none runs any more when this returns or raises.

        Raises:
            ChildRefusedError: A child ended with exit code 2 or 3 soon after the start.
            ChildFailedError: A child that was asked to end did so with exit code 1.
        """
        child_end, parent_end = os.pipe()
        try:
            tasks = [asyncio.create_task(keeper.run(child_end)) for keeper in self._keepers]
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            ends = zip(self._keepers, tasks, strict=True)
            for _, together in groupby(ends, key=lambda one: one[0].stage):
                stage = list(together)
                for keeper, _ in stage:
                    keeper.end.set()
                await asyncio.wait([task for _, task in stage])
            await asyncio.gather(*tasks)
        finally:
            os.close(child_end)
            os.close(parent_end)


class _Keeper:
    """Keeps one child running until `end` is set, then ends it."""

    def __init__(
        self,
        spec: ChildSpec,
        *,
        take_line: Callable[[str], None] | None,
        hurry: asyncio.Event,
        backoff: Backoff,
        attended_until: float,
    ) -> None:
        self.name = spec.name
        self.stage = spec.stage or spec.name
        self.end = asyncio.Event()
        self.process: asyncio.subprocess.Process | None = None
        self._spec = spec
        self._take_line = take_line
        self._hurry = hurry
        self._backoff = backoff
        self._attended_until = attended_until

    async def run(self, pipe: int) -> None:
        while not self.end.is_set():
            began = time.monotonic()
            code = await self._live(pipe)
            if code == 0 and self._spec.finite:
                await self.end.wait()
            if self.end.is_set():
                if code == EXIT_FAILED:
                    msg = f"{self.name} ended with exit code {code}: see its last line above"
                    raise ChildFailedError(msg)
                if code:
                    logger.warning("{} ended with {} before it was done", self.name, _describe(code))
                return
            if code in {EXIT_USAGE, EXIT_REFUSED} and time.monotonic() < self._attended_until:
                msg = f"{self.name} gave up with exit code {code}: see its last line above"
                raise ChildRefusedError(msg)
            if time.monotonic() - began > _STABLE_S:
                self._backoff.reset()
            pause_s = self._backoff.next()
            logger.error("{} ended with {}; starting it again in {:.1f} s", self.name, _describe(code), pause_s)
            await _wait(self.end, seconds=pause_s)

    async def _live(self, pipe: int) -> int:
        """Run the child once, from its start to its end, and return its exit code."""
        process = await asyncio.create_subprocess_exec(
            *self._spec.command,
            "--parent-fd",
            str(pipe),
            env=dict(self._spec.environment),
            pass_fds=(pipe,),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=None if self._take_line is None else asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        self.process = process
        logger.info("{} started (pid {})", self.name, process.pid)
        lines = asyncio.create_task(self._pass_lines(process.stderr))
        exited = asyncio.create_task(process.wait())
        ending = asyncio.create_task(self.end.wait())
        await asyncio.wait([exited, ending], return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not exited.done():
            await self._drain(process, exited)
        code = await exited
        await lines
        self.process = None
        return code

    async def _drain(self, process: asyncio.subprocess.Process, exited: asyncio.Task[int]) -> None:
        """Ask the child to end; kill it when its time is over or there is no time."""
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait([exited, hurry], timeout=self._spec.drain_s, return_when=asyncio.FIRST_COMPLETED)
        if not exited.done():
            logger.warning("{} (pid {}) did not end in time and is killed", self.name, process.pid)
            with suppress(ProcessLookupError):
                process.kill()
        hurry.cancel()

    async def _pass_lines(self, stream: asyncio.StreamReader | None) -> None:
        if stream is None or self._take_line is None:
            return
        while line := await stream.readline():
            self._take_line(line.decode(errors="replace").rstrip("\n"))


def _describe(code: int) -> str:
    """Return what an exit code says: ``exit code 1`` or ``signal SIGKILL``."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


async def _wait(event: asyncio.Event, *, seconds: float) -> None:
    """Wait for ``event``, but not longer than ``seconds``."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
