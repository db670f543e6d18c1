r"""The ceiling of a loader: ``psql \copy`` of the same rows into the same table."""

import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import psutil

from benchmarks.lab.processes import cpu_s
from benchmarks.lab.server import postmaster, psql
from benchmarks.lab.usage import Usage, children_of
from orderflow_recorder.postgres.connection import connect

TABLES: Final = {"trade": "trades", "aggTrade": "agg_trades", "depth": "depth_diffs"}
FORMATS: Final = {"text": "", "binary": " with (format binary)"}


class Copied(msgspec.Struct, frozen=True):
    r"""What a `\\copy` took: seconds, and CPU seconds of psql and of the server."""

    seconds: float
    client_s: float
    server_s: float


class Psql:
    """A running ``psql``, so that what it has used can be read before it ends."""

    def __init__(self, url: str) -> None:
        """Connect."""
        self.process = subprocess.Popen(
            [psql(), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.run("")

    def __enter__(self) -> Self:
        """Return it, connected."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.process.communicate()

    def run(self, command: str) -> None:
        """Run a command to its end.

        Raises:
            RuntimeError: It failed; psql has said why.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("expected pipes to psql, got none")
        self.process.stdin.write(f"{command}\n\\echo done\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line == "done\n":
                return
        raise RuntimeError(f"psql did not run: {command}")


def save_rows(url: str, kind: str, folder: Path, *, limit: int | None = None) -> dict[str, Path]:
    """Write the rows of a table to files, one for each format of COPY, in the order in which they were loaded.

    Args:
        url: The database.
        kind: Of the rows.
        folder: Gets the files.
        limit: The first so many rows; none writes all.
    """
    files = {name: folder / f"{kind}.{name}" for name in FORMATS}
    rows = TABLES[kind] if limit is None else f"(select * from {TABLES[kind]} limit {limit})"  # noqa: S608  # ours
    with Psql(url) as client:
        for name, path in files.items():
            client.run(f"\\copy {rows} to '{path}'{FORMATS[name]}")
    return files


def empty(url: str, kind: str) -> None:
    """Empty a table, and leave the server nothing to catch up with."""
    with connect(url) as connection:
        connection.autocommit = True
        connection.execute(f"TRUNCATE {TABLES[kind]}".encode())
        connection.execute("CHECKPOINT")


def copy_rows(url: str, kind: str, name: str, path: Path) -> Copied:
    """Copy a file of `save_rows` into its table, which is indexed and empty."""
    empty(url, kind)
    with Psql(url) as client, Usage({"postgres": children_of(postmaster(url))}) as usage:
        process = psutil.Process(client.process.pid)
        before = cpu_s(process)
        usage.mark()
        began = time.perf_counter()
        client.run(f"\\copy {TABLES[kind]} from '{path}'{FORMATS[name]}")
        seconds = time.perf_counter() - began
        return Copied(seconds, cpu_s(process) - before, usage.read()["postgres"])
