"""The collector alone, its journal on disk, against a bare receive loop on the same frames, in turns.

Examples:
  python -m benchmarks.collector
  python -m benchmarks.collector --kinds aggTrade --seconds 5 --rounds 1
"""  # noqa: INP001  # programs, no package

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec
import psutil

from benchmarks.flood.words import symbol_names
from benchmarks.lab.processes import FloodProgram, Part, cpu_s, options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.results import Results
from tests.support.processes import Program, wait_until

_ROUTES: Final = {
    "aggTrade": ("/market", "aggTrade"),
    "trade": ("/public", "trade"),
    "depth": ("/public", "depth@100ms"),
}
_SETTLE_S: Final = 0.5
"""What is still in the buffers of the sockets is read by then."""


class Received(msgspec.Struct, frozen=True):
    """What a receiver did: frames, frames a second, CPU seconds, most memory; and what it says that it got."""

    frames: int
    per_s: float
    cpu_s: float
    rss_mb: float
    counted: int


def main() -> int:
    """Measure and return 0 if every frame was journaled."""
    options = _parser().parse_args()
    results = Results("collector", "Collector (journal on disk) and a bare websockets receive loop on the same flood")
    with scratch() as name:
        for kind in options.kinds.split(","):
            _kind(results, options, kind, Path(name))
    return results.finish()


def _kind(results: Results, options: argparse.Namespace, kind: str, folder: Path) -> None:
    runs: dict[str, list[Received]] = {"collector": [], "bare loop": []}
    for number in range(options.rounds):
        for what, found in runs.items():
            place = folder / f"{kind}-{what.replace(' ', '-')}-{number}"
            place.mkdir()
            with stage(f"{kind}: {what}, round {number + 1} of {options.rounds}", options.seconds):
                measure = _collector if what == "collector" else _bare
                run = measure(kind, place, options)
            found.append(run)
            if run.counted != run.frames:
                results.faults.append(f"{kind}: sent {run.frames} frames, the {what} counted {run.counted}")
    ceiling = statistics.median(run.per_s for run in runs["bare loop"])
    for what, found in runs.items():
        per_s = statistics.median(run.per_s for run in found)
        results.add(
            kind=kind,
            what=what,
            frames_per_s=per_s,
            cpu_us=statistics.median(run.cpu_s / run.frames for run in found) * 1e6,
            of_bare_loop=per_s / ceiling if what == "collector" else None,
            rss_mb=max(run.rss_mb for run in found),
        )


def _collector(kind: str, folder: Path, options: argparse.Namespace) -> Received:
    with _flood(kind, folder, options) as flood:
        settings = {**flood.environment(), **streams_of("usdm", kind, options.symbols), **options_of(options.set)}
        with Part("collect", folder, settings) as collector:

            def counted() -> int:
                time.sleep(1.5)  # it reports once a second
                health = collector.health("collector")
                return int(health.get("frames", 0)) - int(health.get("bad_frames", 0))

            return _receive(flood, collector.usage(), options, counted)


def _bare(kind: str, folder: Path, options: argparse.Namespace) -> Received:
    route, name = _ROUTES[kind]
    streams = "/".join(f"{symbol.lower()}@{name}" for symbol in symbol_names(options.symbols))
    with _flood(kind, folder, options) as flood:
        url = f"ws://127.0.0.1:{flood.port}{route}/stream?streams={streams}"
        command = [sys.executable, "-m", "benchmarks.bare", url]
        with Program([], folder / "bare.log", command=command) as bare:

            def counted() -> int:
                flood.stop()
                bare.process.wait(10)
                return int(json.loads(bare.output().splitlines()[-1])["frames"])

            return _receive(flood, psutil.Process(bare.process.pid), options, counted)


def _flood(kind: str, folder: Path, options: argparse.Namespace) -> AbstractContextManager[FloodProgram]:
    return FloodProgram(
        folder,
        *("--futures", str(options.symbols), "--rate", f"{kind}=max", "--seconds", str(options.seconds)),
        *("--levels", str(options.levels), "--no-limits"),
    )


def _receive(
    flood: FloodProgram, process: psutil.Process, options: argparse.Namespace, counted: Callable[[], int]
) -> Received:
    wait_until(lambda: flood.status()["subscribed"] >= options.symbols, within_s=60, what="all is subscribed")
    time.sleep(_SETTLE_S)
    before = cpu_s(process)
    flood.start(options.symbols)
    figures = flood.wait_finished(within_s=options.seconds + 60)
    time.sleep(_SETTLE_S)
    used, memory = cpu_s(process) - before, process.memory_info().rss / 1e6
    frames = sum(figures["sent"].values())
    return Received(frames, frames / (figures["last_at"] - figures["first_at"]), used, memory, counted())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.collector", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="aggTrade,depth", help="comma list of aggTrade, trade, depth")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--levels", default="44", help="levels of a diff, or: realistic (44)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each receives (10)")
    parser.add_argument("--rounds", type=int, default=3, help="how often, in turns; medians are shown (3)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the collector")
    return parser


if __name__ == "__main__":
    sys.exit(main())
