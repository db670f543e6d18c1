"""One connection to the server, for one purpose: the first fault ends it, and its user begins again with a new one.

So whatever was in flight is never guessed at: forwarder and reader each find their place anew.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import AuthorizationError, NoRespondersError
from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, StorageType, StreamConfig, StreamState
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from orderflow_recorder.domain.errors import JournalError, JournalUnavailableError
from orderflow_recorder.journal.jetstream.address import Address, parse_url, stream_name, subject_of
from orderflow_recorder.journal.jetstream.blocks import Stamp, read_stamp

_CONNECT_S: Final = 3
_PING_S: Final = 10
_PENDING_BYTES: Final = 4 << 20
_CLOSE_S: Final = 0.5
_NO_JETSTREAM: Final = frozenset({None, 10039, 10076})
"""Nobody answers, not enabled for the account, not enabled."""
_FORBIDDEN: Final = ("authorization", "permissions violation", "authentication")


class Link:
    """An open connection, and the stream of one instance.

    Attributes:
        client: The connection.
        stream: Name of the stream.
        subject: Where its messages are published.
        server: Address of the server, without a password.
    """

    def __init__(self, client: Client, instance: str, server: str) -> None:
        """Take an open connection; `open_link` makes one."""
        self.client = client
        self.manager = client.jsm()
        self.stream = stream_name(instance)
        self.subject = subject_of(instance)
        self.server = server
        self.lost = asyncio.Event()

    async def require_jetstream(self) -> None:
        """Raise where the server has no JetStream."""
        await self.manager.account_info()

    async def create_stream(self) -> None:
        """Create the stream where there is none; one that an operator made is left as it is."""
        try:
            await self.manager.stream_info(self.stream)
        except NotFoundError:
            await self.manager.add_stream(
                StreamConfig(
                    name=self.stream,
                    description="Journal of an orderflow-recorder; what each message carries is in its header",
                    subjects=[self.subject],
                    storage=StorageType.FILE,
                    # A stream with a limit refuses what is new, and the spool keeps it; the old may be unread.
                    discard=DiscardPolicy.NEW,
                )
            )

    async def state(self) -> StreamState:
        """Return how many messages there are, and from where to where."""
        try:
            return (await self.manager.stream_info(self.stream)).state
        except NotFoundError:
            message = (
                f"{self.server}: stream {self.stream} is not there yet: "
                "a collector with this INSTANCE_ID and JOURNAL_URL creates it"
            )
            raise JournalUnavailableError(message) from None

    async def stamp(self, sequence: int) -> Stamp:
        """Return the stamp of message ``sequence``, or of the next one where that was deleted."""
        return (await self.message(sequence))[0]

    async def message(self, sequence: int) -> tuple[Stamp, bytes]:
        """Return stamp and data of message ``sequence``, or of the next one where that was deleted."""
        found = await self.manager.get_msg(self.stream, seq=sequence, subject=self.subject, next=True)
        return read_stamp(found.headers), found.data or b""

    async def first_where(self, low: int, high: int, holds: Callable[[Stamp], bool]) -> int:
        """Return the first message from ``low`` on, and before ``high``, that ``holds``; ``high`` where none does.

        Args:
            low: A sequence number.
            high: A greater one; it is not looked at.
            holds: False up to some message and true from there on.
        """
        while low < high:
            middle = (low + high) // 2
            if holds(await self.stamp(middle)):
                high = middle
            else:
                low = middle + 1
        return low


@asynccontextmanager
async def open_link(url: str, instance: str, purpose: str) -> AsyncIterator[Link]:
    """Connect; what fails inside is told as `JournalError`, or `JournalUnavailableError` where it may pass.

    Args:
        url: ``JOURNAL_URL``.
        instance: Whose stream.
        purpose: Shown by the server's tools.
    """
    address = parse_url(url)
    client = Client()
    link: Link | None = None
    complaints: list[str] = []

    async def gone() -> None:
        if link is not None:
            link.lost.set()

    async def complain(error: Exception) -> None:
        complaints.append(str(error))

    try:
        async with asyncio.timeout(2 * _CONNECT_S):
            await _connect(client, address, f"orderflow-recorder {instance} {purpose}", gone, complain)
        link = Link(client, instance, address.server)
        yield link
    except (NatsError, OSError, TimeoutError) as error:
        raise _explained(error, address.server, complaints, connected=link is not None) from error
    finally:
        with suppress(NatsError, OSError, TimeoutError):
            await asyncio.wait_for(client.close(), _CLOSE_S)


async def _connect(
    client: Client,
    address: Address,
    name: str,
    gone: Callable[[], Coroutine[Any, Any, None]],
    complain: Callable[[Exception], Coroutine[Any, Any, None]],
) -> None:
    await client.connect(
        address.server,
        name=name,
        user=address.user,
        password=address.password,
        token=address.token,
        allow_reconnect=False,
        # The client tries a server that refuses again by itself, twice at least, and for minutes by default.
        max_reconnect_attempts=1,
        reconnect_time_wait=0.01,  # type: ignore[arg-type]  # it is slept, and any number will do
        connect_timeout=_CONNECT_S,
        ping_interval=_PING_S,
        max_outstanding_pings=2,
        pending_size=_PENDING_BYTES,
        disconnected_cb=gone,
        closed_cb=gone,
        error_cb=complain,
    )


async def work_until_lost(link: Link, work: Coroutine[Any, Any, None]) -> None:
    """Do ``work``, unless the connection goes first.

    Raises:
        JournalUnavailableError: It did.
    """
    working = asyncio.create_task(work)
    losing = asyncio.create_task(link.lost.wait())
    try:
        await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            message = f"{link.server}: the connection was lost"
            raise JournalUnavailableError(message)
        await working
    finally:
        for task in (working, losing):
            task.cancel()
        await asyncio.gather(working, losing, return_exceptions=True)


def is_cancelled() -> bool:
    """Say whether this task is to end: a wait with a time limit may have hidden that (until Python 3.12)."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def check_server(url: str, instance: str) -> None:
    """Raise `JournalError` where the server cannot be used, `JournalUnavailableError` where it cannot be reached."""
    async with open_link(url, instance, "check") as link:
        await link.require_jetstream()


def _explained(error: Exception, server: str, complaints: list[str], *, connected: bool) -> JournalError:
    said = [str(error), *complaints]
    if isinstance(error, AuthorizationError) or any(word in text.lower() for text in said for word in _FORBIDDEN):
        return JournalError(
            f"{server}: expected a user who may use the journal's stream, got a refusal ({said[-1]}): "
            "check user, password and host in JOURNAL_URL, and the user's permissions"
        )
    if isinstance(error, NoRespondersError) or (
        isinstance(error, ServiceUnavailableError) and error.err_code in _NO_JETSTREAM
    ):
        return JournalError(
            f"{server}: expected a server with JetStream, got one without: start nats-server with -js, "
            "or give its configuration a jetstream block"
        )
    if isinstance(error, APIError):
        return JournalUnavailableError(f"{server}: the server refused: {error.description} ({error.err_code})")
    reason = (complaints[-1] if complaints and not connected else str(error)).removeprefix("nats: ")
    reason = reason or type(error).__name__
    if connected:
        return JournalUnavailableError(f"{server}: the server did not answer: {reason}")
    return JournalUnavailableError(
        f"journal server {server} cannot be reached: {reason}: check host and port in JOURNAL_URL, and that it runs"
    )
