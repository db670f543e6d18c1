"""The hidden commands with which the supervisor starts its children."""

from typing import Annotated

import typer

from orderflow_recorder.app.processes import collector_main, forwarder_main, loader_main
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.core.shards import MOST_SHARDS

ParentFd = Annotated[int, typer.Option("--parent-fd", help="Descriptor that ends with the parent.")]
Number = Annotated[int, typer.Option(min=1, max=MOST_SHARDS)]


def collect(parent_fd: ParentFd, shard: Number = 1) -> None:
    """Run a collector; the supervisor calls this."""
    raise typer.Exit(collector_main(load_settings(env_file=None), parent_fd, shard))


def forward(parent_fd: ParentFd) -> None:
    """Run the forwarder; the supervisor calls this."""
    raise typer.Exit(forwarder_main(load_settings(env_file=None), parent_fd))


def load(parent_fd: ParentFd, journal: Number = 1, shard: Number = 1) -> None:
    """Run a Postgres loader; the supervisor calls this."""
    raise typer.Exit(loader_main(load_settings(env_file=None), parent_fd, journal, shard))
