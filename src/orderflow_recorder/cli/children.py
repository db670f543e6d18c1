"""The hidden commands with which the supervisor starts its children; they load no more than their work needs."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from orderflow_recorder.app import processes
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.supervisor import EXIT_USAGE
from orderflow_recorder.domain.errors import SettingsError

COLLECT: Final = "_collect"
FORWARD: Final = "_forward"
LOAD: Final = "_load"


def is_child(arguments: Sequence[str]) -> bool:
    """Say whether the program is to be one of them."""
    return arguments[:1] in ([COLLECT], [FORWARD], [LOAD])


def main(arguments: Sequence[str]) -> int:
    """Run a child, and return its exit code.

    Args:
        arguments: Its command and options, as `app.recorder.children` composes them.
    """
    parser = argparse.ArgumentParser(prog="orderflow-recorder")
    parser.add_argument("command", choices=(COLLECT, FORWARD, LOAD))
    parser.add_argument("--parent-fd", type=int, required=True, help="descriptor that ends with the parent")
    parser.add_argument("--journal", type=int, default=1, help="of a loader: which journal")
    parser.add_argument("--shard", type=int, default=1, help="of a collector or loader: which part of its kind")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings(env_file=None)
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return EXIT_USAGE
    if given.command == COLLECT:
        return processes.collector_main(settings, given.parent_fd, given.shard)
    if given.command == FORWARD:
        return processes.forwarder_main(settings, given.parent_fd)
    return processes.loader_main(settings, given.parent_fd, given.journal, given.shard)
