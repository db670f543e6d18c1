"""The commands people type: arguments in, exit codes and words out.

Nothing is decided here beyond what to print; `orderflow_recorder.app` does the work.
"""


def main() -> None:
    """Run the program; see `program.main`."""
    from orderflow_recorder.cli import program  # noqa: PLC0415  # the supervisor's children do without all of it

    program.main()
