"""The two files through which a running recorder is asked to record other streams, and answers.

``DATA_DIR/subscriptions/<INSTANCE_ID>.json`` holds the wishes: everybody who asks replaces it as a whole,
one after the other (a lock file beside it), and every collector of the recorder reads it, at its start and
whenever it changes. ``DATA_DIR/run/<journal>/subscriptions.json`` is what each collector answers: which wishes
it has carried out, and what becomes of each of its streams.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.collector import MarketClient
from orderflow_recorder.core.shards import place_of
from orderflow_recorder.core.subscriptions import Subscription, Wishes
from orderflow_recorder.domain.errors import SubscriptionsDamagedError
from orderflow_recorder.domain.market import Market

LOOK_S: Final = 0.25
"""The collector looks that often for new wishes."""


class Answer(msgspec.Struct, frozen=True):
    """What a collector says.

    Attributes:
        pid: Of its process: what an earlier one said means nothing.
        revisions: Of the wishes that are carried out, by market.
        error: Why newer wishes cannot be read; empty if they can.
        subscriptions: Every stream that it records or was asked about.
    """

    pid: int
    revisions: Mapping[Market, int]
    error: str
    subscriptions: Sequence[Subscription]


def wishes_path(settings: Settings) -> Path:
    """Return where the wishes to the recorder with these settings, or to whose collector they are, are kept."""
    return settings.data_dir / "subscriptions" / f"{place_of(settings.instance_id)[0]}.json"


def answer_path(settings: Settings) -> Path:
    """Return where the collector with these settings answers."""
    return settings.run_directory / "subscriptions.json"


def read_wishes(path: Path) -> Wishes:
    """Return the wishes at ``path``; none where there is no file.

    Raises:
        SubscriptionsDamagedError: There is one that cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Wishes)
    except FileNotFoundError:
        return Wishes()
    except (OSError, msgspec.DecodeError) as error:
        message = (
            f"{path}: expected the streams that were added and removed, got something that cannot be read ({error}): "
            "mend the file, or delete it and ask for them again"
        )
        raise SubscriptionsDamagedError(message) from error


def read_answer(path: Path) -> Answer | None:
    """Return the answer at ``path``; none if there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Answer)
    except (OSError, msgspec.DecodeError):
        return None


def change_wishes(path: Path, change: Callable[[Wishes], Wishes]) -> Wishes:
    """Replace the wishes at ``path`` by what ``change`` makes of them, and return these; on disk when it returns.

    Raises:
        SubscriptionsDamagedError: They cannot be read; nothing is changed.
        OSError: They cannot be written; nothing is changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_wishes(path)
        after = change(before)
        if after != before:
            _replace(path, msgspec.json.format(msgspec.json.encode(after)))
        return after


class WishWatch:
    """Brings wishes to a collector's clients, and their answer to whoever asks.

    Args:
        settings: Of the collector.
        clients: One per market.
    """

    def __init__(self, settings: Settings, clients: Sequence[MarketClient]) -> None:
        """Read nothing yet."""
        self.error = ""
        """Why the newest wishes cannot be read; recording goes on with those before."""
        self._wishes_path = wishes_path(settings)
        self._answer_path = answer_path(settings)
        self._clients = clients
        self._seen: tuple[int, int, int] | None = None
        self._answered: object = None

    def read(self) -> None:
        """Pass on the wishes if they have changed."""
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            wishes = read_wishes(self._wishes_path)
        except SubscriptionsDamagedError as error:
            self.error = str(error)
            logger.error("{}", error)
            return
        self.error = ""
        for client in self._clients:
            client.ask(wishes)

    async def look(self) -> None:
        """Pass on what is new, and answer if the answer is another one; what the disk refuses is tried again."""
        self.read()
        state = self.error, [client.fingerprint() for client in self._clients]
        if state != self._answered:
            answer = Answer(
                pid=os.getpid(),
                revisions={client.plan.market: client.applied for client in self._clients},
                error=self.error,
                subscriptions=[one for client in self._clients for one in client.subscriptions()],
            )
            try:
                await asyncio.to_thread(_write, self._answer_path, answer)
            except OSError as error:
                logger.debug("the answer to wishes is not written: {}", error)
            else:
                self._answered = state

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._wishes_path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _write(path: Path, answer: Answer) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(msgspec.json.encode(answer))
    scratch.replace(path)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file so that a crash leaves the old one or the new one."""
    scratch = path.with_suffix(".tmp")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
