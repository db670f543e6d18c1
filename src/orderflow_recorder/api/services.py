"""What the API is given: it looks for nothing itself."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import msgspec

from orderflow_recorder.api.routes.subscriptions import Subscriptions
from orderflow_recorder.live import Hub, TickStore
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.research import Database

Databases: TypeAlias = Callable[[], AbstractContextManager[Database]]
"""Lends a database for a question or several; raises `SinkError` where there is none."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What the API is made of.

    Attributes:
        keys: Those that are good; none only where this machine alone can ask.
        rate_per_minute: Requests of one key, or without keys of one address.
        cors_origins: Web pages of other hosts that may ask.
        database: Lends a database.
        store: The latest of every symbol.
        hub: Tells those who follow it.
        subscriptions: What is recorded, and how to change that; none where it cannot be.
        status: Says how the recorder is, as plain data.
        reasons: Says why this process is not ready; nothing if it is. Tells nobody's secrets.
        clock: For what is now.
    """

    keys: Sequence[str]
    rate_per_minute: int
    cors_origins: Sequence[str]
    database: Databases
    store: TickStore
    hub: Hub
    subscriptions: Subscriptions | None
    status: Callable[[], Mapping[str, Any]]
    reasons: Callable[[], Sequence[str]]
    clock: Clock
