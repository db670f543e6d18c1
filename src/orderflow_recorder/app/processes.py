"""What every child process does around its work: logs, signals, the parent's pipe, exit codes."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable

import msgspec
from loguru import logger

from orderflow_recorder.app import logs
from orderflow_recorder.app.health import ProcessHealth, write_health
from orderflow_recorder.app.pacing import run_paced
from orderflow_recorder.app.settings import Settings, crash_request
from orderflow_recorder.app.shards import FORWARDER, Part, collectors, health_path, with_journal
from orderflow_recorder.app.supervisor import EXIT_FAILED, EXIT_REFUSED, EXIT_USAGE
from orderflow_recorder.core.shards import Shard, Work, journal_of, sink_of
from orderflow_recorder.domain.errors import DiskFullError, JournalError, SettingsError, SinkRefusedError
from orderflow_recorder.ports import crashpoint

SUPERVISOR = "supervisor"


def collector_main(settings: Settings, parent_fd: int, number: int = 1) -> int:
    """Run a collector until it is told to stop, and return its exit code.

    Args:
        settings: As handed down by the supervisor.
        parent_fd: End of a pipe that ends with the parent.
        number: Which of the recorder's collectors.
    """
    from orderflow_recorder.app.collect import run_collector  # noqa: PLC0415  # a child loads its own work alone

    part = collectors(settings)[number - 1]

    async def collect() -> bool:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        watch_parent(parent_fd, lambda: loop.call_soon_threadsafe(stop.set))
        return await run_collector(part.settings, stop, publisher(part.settings, part.process))

    def work() -> int:
        if run_paced(collect()):
            return 0
        logger.error(
            "stopped while the disk was full: what came since then is not recorded; free some space or move DATA_DIR"
        )
        return EXIT_FAILED

    return _run(settings, "collector", number, work)


def forwarder_main(settings: Settings, parent_fd: int) -> int:
    """Run the forwarder until it is told to stop, and return its exit code.

    Args:
        settings: As handed down by the supervisor.
        parent_fd: End of a pipe that ends with the parent.
    """
    from orderflow_recorder.app.forward import run_forwarder  # noqa: PLC0415  # as above

    async def forward() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        watch_parent(parent_fd, lambda: loop.call_soon_threadsafe(stop.set))
        await run_forwarder(settings, stop, publisher(settings, FORWARDER))

    def work() -> int:
        asyncio.run(forward())
        return 0

    return _run(settings, FORWARDER, 1, work)


def loader_main(settings: Settings, parent_fd: int, journal: int = 1, number: int = 1) -> int:
    """Run a Postgres loader until it is told to stop, and return its exit code.

    Args:
        settings: As handed down by the supervisor, with the URL of the database.
        parent_fd: End of a pipe that ends with the parent.
        journal: Which of the recorder's journals; one that no collector writes is loaded to its end.
        number: Which of that journal's loaders.
    """
    # Before numpy is loaded: it starts threads, and one that does not block the signal would end the whole process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    from orderflow_recorder.app.load import run_loader  # noqa: PLC0415  # as above

    part = Part(with_journal(settings, journal), journal, Shard(number, settings.loader_shards, Work.LOAD))
    stop = threading.Event()

    def load() -> int:
        _tune_for_loading()
        watch_sigterm(stop.set)
        watch_parent(parent_fd, stop.set)
        publish = publisher(part.settings, part.process)
        run_loader(part.settings, stop, publish, part.shard, to_the_end=journal > settings.collector_shards)
        return 0

    return _run(settings, sink_of("loader", part.shard), journal, load)


def _tune_for_loading() -> None:
    """Spare a loader what it has no use for; figures in ``docs/performance.md``."""
    # Diffs are thousands of lists without a cycle among them, which the collector of cycles looks at again and again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    # The thread that writes waits for the server a dozen times a batch, and after each for its turn to go on.
    sys.setswitchinterval(0.0005)


def publisher(settings: Settings, process: str) -> Callable[[ProcessHealth], None]:
    """Return what writes the health of ``process``, and since when its error is there.

    A disk that is full is no reason to stop.
    """
    path = health_path(settings, process)
    error, error_at = "", 0

    def publish(health: ProcessHealth) -> None:
        nonlocal error, error_at
        if health.last_error and health.last_error != error:
            error_at = health.updated_at
        error = health.last_error
        try:
            write_health(path, msgspec.structs.replace(health, last_error_at=error_at))
        except OSError as error:
            logger.debug("health not written to {}: {}", path, error)

    return publish


def watch_parent(parent_fd: int, gone: Callable[[], object]) -> threading.Thread:
    """Call ``gone`` from a thread of its own when the pipe ``parent_fd`` ends, and close it.

    Returns:
        The thread, which never keeps the process alive.
    """

    def watch() -> None:
        while os.read(parent_fd, 1):
            pass
        os.close(parent_fd)
        logger.warning("the supervisor is gone: stopping")
        gone()

    thread = threading.Thread(target=watch, name="parent", daemon=True)
    thread.start()
    return thread


def watch_sigterm(told: Callable[[], object]) -> None:
    """Call ``told`` from a thread of its own on SIGTERM, which all threads must block.

    A signal handler would run between any two steps of the main thread, also while that holds the lock
    of the very event that the handler wants to set.
    """

    def watch() -> None:
        signal.sigwait({signal.SIGTERM})
        told()

    threading.Thread(target=watch, name="sigterm", daemon=True).start()


def _run(settings: Settings, process: str, journal: int, work: Callable[[], int]) -> int:
    logs.configure(
        process=journal_of(process, journal),
        level=settings.log_level,
        log_format=settings.log_format,
        directory=settings.log_dir,
        instance=settings.instance_id,
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _arm_crash_point()
        return work()
    except SettingsError as error:
        logger.error("{}", error)
        return EXIT_USAGE
    except DiskFullError as error:
        logger.error("{}", error)
        return EXIT_FAILED
    except (SinkRefusedError, JournalError) as error:
        logger.error("{}", error)
        return EXIT_REFUSED
    except Exception:  # noqa: BLE001  # the last line of a child must be a log line; the supervisor starts it again
        logger.exception("unexpected error")
        return EXIT_FAILED


def _arm_crash_point() -> None:
    """Arrange for the death that a test has asked for; it is died once, the next start is an ordinary one."""
    request = crash_request()
    if request is not None:
        logger.warning("armed by {}: stops dead at {}", request.file, request.point)
        crashpoint.arm(request.point, request.hits, request.file.unlink)
