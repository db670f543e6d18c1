"""A real NATS server with JetStream, on a free port and with a store of its own."""

import shutil
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.support.processes import free_port, wait_until

PROGRAM = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin") or shutil.which(
    "nats-server"
)


def require_nats_server() -> str:
    """Return the program, or skip the test."""
    if PROGRAM is None:
        pytest.skip("no nats-server here: apt install nats-server")
    return PROGRAM


class NatsServer:
    """One server; it may be killed and started again on the same port and store."""

    def __init__(self, folder: Path, configuration: str = "jetstream { store_dir: STORE }", user: str = "") -> None:
        """Start it and wait until it listens.

        Args:
            folder: For its store, configuration and log.
            configuration: Of the server; ``STORE`` stands for the store's folder.
            user: ``user:password`` that the URL should have.
        """
        self.port = free_port()
        self._program = require_nats_server()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._configuration = folder / "nats.conf"
        self._configuration.write_text(configuration.replace("STORE", f'"{folder / "store"}"'), encoding="utf-8")
        self.url = f"nats://{user + '@' if user else ''}127.0.0.1:{self.port}"
        self.start()

    @property
    def pid(self) -> int:
        """Return its process id; 0 while it does not run."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start it, with what its store has."""
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._configuration), "-a", "127.0.0.1", "-p", str(self.port)],
                stdout=log,
                stderr=log,
            )
        wait_until(self._listens, within_s=20, what="the NATS server listens")

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.kill()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
