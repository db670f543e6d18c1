"""Work that is done before anything else happens, where an executor would begin it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

ResultT = TypeVar("ResultT")


def at_once(work: Callable[[], ResultT]) -> Future[ResultT]:
    """Do ``work`` now, and return its outcome as an executor does."""
    future: Future[ResultT] = Future()
    try:
        future.set_result(work())
    except Exception as error:  # noqa: BLE001  # an executor keeps all of them for who asks
        future.set_exception(error)
    return future
