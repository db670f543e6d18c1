"""The port from its opening to its end, and what it tells of the supervisor itself."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from orderflow_recorder.app.health import SupervisorHealth, write_health
from orderflow_recorder.app.health_port import STUCK_S, health_port
from orderflow_recorder.app.observed import STARTING
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.shards import health_path
from orderflow_recorder.domain.errors import SettingsError
from tests.support.fake_clock import FakeClock
from tests.support.health_port import Port


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def settings(tmp_path: Path, port: Port) -> Settings:
    (tmp_path / "run" / "main").mkdir(parents=True)
    return load_settings(env_file=None, data_dir=tmp_path, port=port.number)


async def test_it_answers_from_the_start_until_the_end(settings: Settings, port: Port) -> None:
    async with health_port(settings, FakeClock()):
        assert await asyncio.to_thread(port.health, "live") == {"live": True}
        assert await asyncio.to_thread(port.health, "ready") == {"ready": False, "reasons": [STARTING]}
        assert (await asyncio.to_thread(port.ask, "/metrics"))[0] == 200
    assert (await asyncio.to_thread(port.ask, "/health/live"))[0] == 0
    async with health_port(settings, FakeClock()):
        assert (await asyncio.to_thread(port.ask, "/health/live"))[0] == 200


async def test_what_an_earlier_run_said_does_not_count(settings: Settings, port: Port) -> None:
    clock = FakeClock()
    said = SupervisorHealth(pid=os.getpid(), started_at=0, updated_at=clock.now_ns(), parts=("collector",))
    write_health(health_path(settings, "supervisor"), said)
    async with health_port(settings, clock):
        assert (await asyncio.to_thread(port.health, "ready"))["reasons"] == [STARTING]
        write_health(health_path(settings, "supervisor"), said)
        assert (await asyncio.to_thread(port.health, "ready"))["reasons"] == ["the collector does not run"]


class StuckClock(FakeClock):
    """Time goes on, and nobody wakes."""

    elapsed_s = 0.0

    def monotonic(self) -> float:
        return self.elapsed_s


async def test_a_loop_that_does_not_come_round_does_not_live(settings: Settings, port: Port) -> None:
    clock = StuckClock()
    async with health_port(settings, clock):
        await clock.settle()
        clock.elapsed_s = STUCK_S
        assert (await asyncio.to_thread(port.ask, "/health/live"))[0] == 200
        clock.elapsed_s = STUCK_S + 1
        assert (await asyncio.to_thread(port.ask, "/health/live"))[0] == 503
        await clock.advance(1)  # it comes round again
        assert (await asyncio.to_thread(port.ask, "/health/live"))[0] == 200


async def test_without_a_port_nothing_listens(tmp_path: Path) -> None:
    async with health_port(load_settings(env_file=None, data_dir=tmp_path), FakeClock()) as read_ledger:
        read_ledger("postgresql://nowhere/db")


async def test_a_port_in_use_is_an_error_at_once(settings: Settings, port: Port) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port.number))
        taken.listen()
        with pytest.raises(SettingsError, match="PORT: cannot listen on"):
            async with health_port(settings, FakeClock()):
                pytest.fail("it must not open")


async def test_a_ledger_that_cannot_be_reached_holds_up_neither_page_nor_end(settings: Settings, port: Port) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        async with asyncio.timeout(10), health_port(settings, FakeClock()) as read_ledger:
            read_ledger(f"postgresql://me@127.0.0.1:{deaf.getsockname()[1]}/db?connect_timeout=3")
            for _ in range(3):
                assert (await asyncio.to_thread(port.ask, "/metrics"))[0] == 200
