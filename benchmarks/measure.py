"""What several programs here measure with."""  # noqa: INP001  # programs, no package

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg


def server_ms(connection: psycopg.Connection[Any]) -> float:
    """Return how long the connection's server process has run so far; 0 if it is on another machine."""
    place = Path(f"/proc/{connection.info.backend_pid}")
    try:
        if "postgres" in (place / "cmdline").read_text():
            return int((place / "schedstat").read_text().split()[0]) / 1_000_000
    except OSError:
        pass
    return 0.0


def distribution(unit: str, taken: Sequence[float]) -> dict[str, float]:
    """Return median, 95th percentile and maximum, each with ``unit`` in its name."""
    twentieths = statistics.quantiles(taken, n=20, method="inclusive")
    return {f"p50_{unit}": twentieths[9], f"p95_{unit}": twentieths[18], f"max_{unit}": max(taken)}
