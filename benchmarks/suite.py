"""Every benchmark of speed, one after another; each leaves its figures in benchmarks/results/.

Examples:
  make bench
  make bench BENCH=--quick
  python -m benchmarks.suite --only collector,loader
"""  # noqa: INP001  # programs, no package

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.lab.results import VARIABLE, console, show

PROGRAMS: Final[Mapping[str, Sequence[str]]] = {
    "collector": ("--seconds", "3", "--rounds", "1"),
    "loader": ("--rows", "100000", "--diffs", "15000", "--rounds", "1"),
    "end_to_end": ("--rate", "max", "--seconds", "5"),
    "latency": ("--seconds", "6"),
    "replay": ("--rows", "100000", "--diffs", "15000"),
    "symbols": ("--counts", "1,1000", "--seconds", "5", "--trades", "10000", "--diffs", "1500"),
    "whole_venue": ("--seconds", "20", "--burst", "10:3:7", "--futures", "53", "--spot", "40"),
    "readers": ("--seconds", "6", "--rounds", "1", "--readers", "18", "--stalled", "2"),
    "cold_start": ("--futures", "100", "--spot", "20"),
}
"""The programs in order, and what makes each quick."""


def main() -> int:
    """Run them all, show how each ended, and return 0 if none lost anything."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help=f"comma list of {', '.join(PROGRAMS)} (all)")
    parser.add_argument(
        "--quick", action="store_true", help="only see that everything runs: the figures mean little, and are not kept"
    )
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(PROGRAMS)
    unknown = [name for name in names if name not in PROGRAMS]
    if unknown:
        parser.error(f"expected names out of {', '.join(PROGRAMS)}, got {', '.join(unknown)}")
    ended = []
    environment = {
        **os.environ,
        **({VARIABLE: str(Path(tempfile.gettempdir(), "orderflow-bench-quick"))} if options.quick else {}),
    }
    for number, name in enumerate(names, start=1):
        console.rule(f"{number} of {len(names)}: python -m benchmarks.{name}", align="left")
        began = time.monotonic()
        command = [sys.executable, "-m", f"benchmarks.{name}", *(PROGRAMS[name] if options.quick else ())]
        code = subprocess.run(command, env=environment, check=False).returncode
        took = f"{time.monotonic() - began:.0f} s"
        ended.append({"benchmark": name, "took": took, "ended": "ok" if code == 0 else f"exit code {code}"})
    show("All benchmarks", ended)
    return int(any(each["ended"] != "ok" for each in ended))


if __name__ == "__main__":
    sys.exit(main())
