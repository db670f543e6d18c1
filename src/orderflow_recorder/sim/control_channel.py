"""The control channel: ``GET /control/<command>?name=value`` calls the method of that name."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.sim.controls import Controls

_RENAMED: Final = {"list": "list_symbol"}
_NAMES: Final = (
    "status start pause resume drop close silence lose duplicate reorder malform stale_snapshots rate_limit "
    "slow_rest error_rest refuse shutdown_notice max_session truth list delist"
)


class Command(msgspec.Struct, frozen=True):
    """One command: the method to call, its help, and the type that reads its parameters."""

    method: Callable[..., Any]
    summary: str
    usage: str
    parameters: type[msgspec.Struct]


def _command(name: str) -> Command:
    method: Callable[..., Any] = getattr(Controls, _RENAMED.get(name, name))
    fields: list[Any] = []
    usage: list[str] = []
    for parameter in list(inspect.signature(method, eval_str=True).parameters.values())[1:]:
        if parameter.default is inspect.Parameter.empty:
            fields.append((parameter.name, parameter.annotation))
            usage.append(f"{parameter.name}=…")
        else:
            fields.append((parameter.name, parameter.annotation, parameter.default))
            usage.append(f"[{parameter.name}={parameter.default}]")
    return Command(
        method=method,
        summary=(inspect.getdoc(method) or "").partition("\n")[0],
        usage=" ".join(usage),
        parameters=msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True),
    )


COMMANDS: Final = {name: _command(name) for name in _NAMES.split()}


def run_command(controls: Controls, name: str, params: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """Carry out a command.

    Args:
        controls: Of the simulator.
        name: Last part of the path.
        params: The query string.

    Returns:
        HTTP status and JSON body.
    """
    if name == "help":
        return 200, {
            f"/control/{each}": f"{command.summary} {command.usage}".strip() for each, command in COMMANDS.items()
        }
    command = COMMANDS.get(name)
    if command is None:
        return 404, {"error": f"unknown command {name!r}: expected one of {', '.join(COMMANDS)}, help"}
    try:
        values = msgspec.convert(params, command.parameters, strict=False)
        result = command.method(controls, **msgspec.structs.asdict(values))
    except (msgspec.ValidationError, SettingsError) as error:
        return 400, {"error": f"{name}: {error}; expected parameters: {command.usage or 'none'}"}
    return 200, result if result is not None else {"ok": True}
