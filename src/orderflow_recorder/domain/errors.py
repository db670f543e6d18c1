"""The tree of errors.

::

    OrderflowError
    ├── SettingsError              exit code 2
    │   └── UnknownStreamError
    ├── TransitionError            a state machine was given an input its table does not list
    ├── FrameError                 bytes that are not what the venue documents; kept raw, counted
    ├── JournalError
    │   ├── JournalLockedError     another process writes this journal
    │   ├── JournalUnavailableError  try again later: the journal's server is away
    │   └── DiskFullError
    ├── SubscriptionError          what was asked of a running recorder
    │   ├── SubscriptionRefusedError      it cannot be done; the text says why
    │   └── SubscriptionsDamagedError     a person must act: the file of what was asked cannot be read
    ├── VenueError                 the venue could not be asked, or refused
    │   ├── VenueUnreachableError  network, timeout, 5xx: try again later
    │   ├── RateLimitedError       429 or 418, with the seconds to wait
    │   └── VenueRefusedError      4xx: asking again will not help
    └── SinkError
        ├── SinkUnavailableError   try again later: connection lost, server starting
        └── SinkRefusedError       a person must act: wrong password, old schema, no permission
            └── SchemaMismatchError
"""

from orderflow_recorder.domain.market import Market


class OrderflowError(Exception):
    """Base of every error this project raises on purpose."""


class SettingsError(OrderflowError):
    """A setting is wrong or contradicts another; the text is one line for the user."""


class UnknownStreamError(SettingsError):
    """A stream name that the market does not publish."""

    def __init__(self, market: Market, name: str) -> None:
        """Keep what was asked for."""
        self.market = market
        self.name = name
        extra = ", markPrice[@1s], forceOrder" if market is Market.USDM else ""
        speeds = "@100ms|@250ms|@500ms" if market is Market.USDM else "@100ms|@1000ms"
        super().__init__(
            f"unknown {market} stream {name!r}: expected trade, aggTrade, depth[{speeds}], "
            f"depth5|10|20[{speeds}], bookTicker{extra}"
        )


class TransitionError(OrderflowError):
    """A state machine received an input that its transition table does not list."""

    def __init__(self, machine: str, state: object, signal: object) -> None:
        """Keep the machine's name, its state and the signal."""
        self.machine = machine
        self.state = state
        self.signal = signal
        super().__init__(f"{machine}: no transition from {state} on {signal}")


class FrameError(OrderflowError):
    """A frame or REST body that is not what the venue documents."""

    def __init__(self, reason: str, *, stream: str | None = None) -> None:
        """Keep what was expected and received, and the stream if it is known."""
        self.reason = reason
        self.stream = stream
        super().__init__(reason)


class SubscriptionError(OrderflowError):
    """Something about what is asked of a running recorder."""


class SubscriptionRefusedError(SubscriptionError):
    """What was asked for cannot be done; the text says why."""


class SubscriptionsDamagedError(SubscriptionError):
    """The file that keeps what was asked for cannot be read; the text says what to do."""


class JournalError(OrderflowError):
    """The journal cannot be written or read."""


class JournalLockedError(JournalError):
    """Another process writes this journal."""


class JournalUnavailableError(JournalError):
    """The journal's server is away, or takes nothing more now: try again later."""


class DiskFullError(JournalError):
    """The journal's disk has no room left."""

    def __init__(self, path: str, free_bytes: int, needed_bytes: int) -> None:
        """Keep the path and the bytes."""
        self.path = path
        self.free_bytes = free_bytes
        self.needed_bytes = needed_bytes
        super().__init__(
            f"disk full: {path} has {free_bytes:,} bytes free, the journal needs {needed_bytes:,}; "
            "free some space or move DATA_DIR; recording resumes by itself"
        )


class VenueError(OrderflowError):
    """The venue could not be asked, or refused."""


class VenueUnreachableError(VenueError):
    """No usable answer: network error, timeout, 5xx, or a body that is not JSON."""


class RateLimitedError(VenueError):
    """The venue answered 429 or 418."""

    def __init__(self, status: int, retry_after_s: float) -> None:
        """Keep the status and the seconds to stay away."""
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(f"venue answered {status}: stay away for {retry_after_s:.0f} s")


class VenueRefusedError(VenueError):
    """The venue answered 4xx with an error of its own."""

    def __init__(self, status: int, code: int | None, message: str) -> None:
        """Keep HTTP status, the venue's code and its text."""
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"venue answered {status} (code {code}): {message}")


class SinkError(OrderflowError):
    """A sink could not write."""


class SinkUnavailableError(SinkError):
    """Try again later."""


class SinkRefusedError(SinkError):
    """A person must act; the text says what to do."""


class SchemaMismatchError(SinkRefusedError):
    """The database's schema is not the one this version writes."""
