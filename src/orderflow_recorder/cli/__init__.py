"""The commands people type: arguments in, exit codes and words out.

Nothing is decided here beyond what to print; `orderflow_recorder.app` does the work.
"""

from orderflow_recorder.cli.program import main

__all__ = ["main"]
