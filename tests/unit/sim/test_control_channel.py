"""Commands by name and text."""

from typing import Any

import pytest

from orderflow_recorder.sim.control_channel import COMMANDS, run_command
from orderflow_recorder.sim.server import Simulator
from tests.unit.sim.tools import SPOT, ScriptedSource, trade


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(ScriptedSource([trade(SPOT, 1)]))


def test_help_lists_every_command(simulator: Simulator) -> None:
    status, body = run_command(simulator.control, "help", {})
    assert status == 200
    assert body.keys() == {f"/control/{name}" for name in COMMANDS}
    assert all(text[0].isupper() for text in body.values())


def test_every_public_method_is_a_command(simulator: Simulator) -> None:
    methods = {name for name in dir(simulator.control) if not name.startswith("_")}
    assert methods == {command.method.__name__ for command in COMMANDS.values()}


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("status", {}),
        ("pause", {}),
        ("resume", {}),
        ("drop", {"market": "usdm", "count": "1"}),
        ("close", {"code": "1012"}),
        ("silence", {"seconds": "2.5", "pattern": "usdm:btcusdt@depth*"}),
        ("lose", {"pattern": "*", "probability": "0.5", "seconds": "5"}),
        ("lose", {"count": "3"}),
        ("duplicate", {"count": "3"}),
        ("reorder", {}),
        ("malform", {"kind": "binary"}),
        ("stale_snapshots", {"count": "3"}),
        ("rate_limit", {"status": "418", "retry_after": "5"}),
        ("slow_rest", {"seconds": "1"}),
        ("error_rest", {"status": "503"}),
        ("refuse", {"how": "raw", "seconds": "1"}),
        ("shutdown_notice", {}),
        ("max_session", {"seconds": "60"}),
        ("truth", {"market": "spot", "symbol": "btcusdt"}),
        ("delist", {"symbol": "btcusdt"}),
        ("list", {"symbol": "btcusdt"}),
        ("start", {}),
    ],
)
async def test_parameters_are_read_from_text(simulator: Simulator, name: str, params: dict[str, str]) -> None:
    status, body = run_command(simulator.control, name, params)
    assert status == 200, body


@pytest.mark.parametrize(
    ("name", "params", "status"),
    [
        ("nonsense", {}, 404),
        ("silence", {}, 400),
        ("drop", {"count": "many"}, 400),
        ("drop", {"kount": "1"}, 400),
        ("malform", {"kind": "badly"}, 400),
        ("delist", {"symbol": "NOSUCH"}, 400),
    ],
)
def test_mistakes_are_explained(simulator: Simulator, name: str, params: dict[str, Any], status: int) -> None:
    answered, body = run_command(simulator.control, name, params)
    assert answered == status
    assert "expected" in body["error"]
