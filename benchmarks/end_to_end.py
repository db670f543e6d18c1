"""From a flood over loopback to committed rows, with everything on this machine.

First it is offered as much as the sockets take, for a short while: the sustained figure of that is all rows by the time
from the first frame sent to the last row committed. Then 95 % of that is offered for --seconds; where the recorder does
not keep up (--lag), it is 5 % less and again.

Examples:
  python -m benchmarks.end_to_end
  python -m benchmarks.end_to_end --kinds aggTrade --rate 200000 --seconds 60
  python -m benchmarks.end_to_end --kinds depth --rate max --seconds 10 --set LOADER_BATCH_ROWS=20000
"""  # noqa: INP001  # programs, no package

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.lab.loaded import Covered, Sent, missing
from benchmarks.lab.processes import FloodProgram, options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, postmaster, server
from benchmarks.lab.usage import Usage, children_of, one
from tests.support.database import new_database
from tests.support.processes import RecorderProgram, wait_until

RECORDER: Final = ("supervisor", "collector", "loader")
_LESS: Final = 0.95
_ATTEMPTS: Final = 4
_LONG_S: Final = 3600.0


def main() -> int:
    """Measure and return 0 if every frame is a row."""
    options = _parser().parse_args()
    results = Results("end_to_end", "End to end: flood over loopback to committed rows")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for kind in options.kinds.split(","):
            _kind(results, options, kind, Path(name), where)
    return results.finish()


def _kind(results: Results, options: argparse.Namespace, kind: str, folder: Path, where: str) -> None:
    if options.rate != "search":
        for rate in options.rate.split(","):
            run = measure(options, kind, rate, options.seconds, folder, where)
            _add(results, run)
        return
    run = measure(options, kind, "max", options.probe, folder, where)
    _add(results, run)
    rate = run["rows_per_s"]
    for _ in range(_ATTEMPTS):
        rate *= _LESS
        run = measure(options, kind, f"{rate:.0f}", options.seconds, folder, where)
        _add(results, run)
        if run["lag_s"] <= options.lag:
            break


def measure(
    options: argparse.Namespace, kind: str, rate: str, seconds: float, folder: Path, where: str
) -> dict[str, Any]:
    """Let a recorder record a flood, and return its figures.

    Args:
        options: Market, symbols, settings, patience.
        kind: ``aggTrade``, ``trade`` or ``depth``.
        rate: Frames a second, or ``max``.
        seconds: How long to send.
        folder: For logs and data.
        where: The server.
    """
    count = f"--{'spot' if options.market == 'spot' else 'futures'}"
    arguments = (count, str(options.symbols), "--rate", f"{kind}={rate}", "--seconds", str(seconds))
    place = folder / f"{kind}-{time.monotonic_ns()}"
    place.mkdir()
    with (
        new_database(where) as url,
        FloodProgram(place, *arguments, "--levels", str(options.levels)) as flood,
        RecorderProgram(
            place,
            {
                **flood.environment(),
                **streams_of(options.market, kind, options.symbols),
                **options_of(options.set),
                "DB_URL": url,
            },
        ) as recorder,
    ):
        wait_until(lambda: _is_up(recorder), within_s=60, what=f"the recorder is up: {recorder.output()[-2000:]}")
        covered = Covered(url)
        with stage(f"{kind} at {rate}/s", seconds), Usage(_groups(flood, recorder, url)) as usage:
            wait_until(lambda: flood.status()["subscribed"] >= options.symbols, within_s=60, what="all is subscribed")
            usage.mark()
            flood.start(options.symbols)
            figures = flood.wait_finished(within_s=seconds + 60)
            sent = Sent.of(figures)
            ended = covered.wait(sent.advance, within_s=options.patience)
            cpu = usage.read()
            time.sleep(1.5)  # the last reports of the processes
        covered.close()
        recorder.stop()
        faults = ["the recorder did not keep all in time"] if ended is None else missing(url, sent)
        took = (ended or time.time()) - figures["first_at"]
        return _figures(kind, rate, figures, sent, took, cpu, usage, faults)


def _figures(  # what one run has shown
    kind: str,
    rate: str,
    flood: Mapping[str, Any],
    sent: Sent,
    took: float,
    cpu: Mapping[str, float],
    usage: Usage,
    faults: list[str],
) -> dict[str, Any]:
    rows = sent.frames
    sending = flood["last_at"] - flood["first_at"]
    return {
        "kind": kind,
        "offered": rate,
        "seconds": sending,
        "rows": rows,
        "sent_per_s": rows / sending,
        "rows_per_s": rows / took,
        "lag_s": took - sending,
        "collector_us": cpu["collector"] / rows * 1e6,
        "loader_us": cpu["loader"] / rows * 1e6,
        "postgres_us": cpu["postgres"] / rows * 1e6,
        "flood_us": flood["cpu_s"] / rows * 1e6,
        "cores": sum(cpu.values()) / took,
        "rss_mb": usage.peak_mb(*RECORDER),
        "rss_growth_mb": usage.growth_mb(*RECORDER),
        "missing": faults,
        "memory": usage.memory(*RECORDER),
    }


def _add(results: Results, run: dict[str, Any]) -> None:
    memory = run.pop("memory")
    faults = run.pop("missing")
    results.add(**run)
    results.more.setdefault("memory_mb", []).append({"columns": ["s", *RECORDER], "samples": memory})
    results.faults += [f"{run['kind']} at {run['offered']}: {fault}" for fault in faults]


def _is_up(recorder: RecorderProgram) -> bool:
    if recorder.process.poll() is not None:
        raise AssertionError(recorder.output())
    loader = recorder.health("loader-postgres")
    return bool(loader.get("figures", {}).get("connected"))


def _groups(flood: FloodProgram, recorder: RecorderProgram, url: str) -> dict[str, Any]:
    own = psutil.Process(recorder.process.pid)

    def child(word: str) -> Any:  # noqa: ANN401  # a group of processes
        def members() -> list[psutil.Process]:
            return [process for process in own.children() if word in process.cmdline()]

        return members

    return {
        "flood": one(flood.process.pid),
        "supervisor": one(recorder.process.pid),
        "collector": child("_collect"),
        "loader": child("_load"),
        "postgres": children_of(postmaster(url)),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.end_to_end",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kinds", default="aggTrade,depth", help="comma list of aggTrade, trade, depth")
    parser.add_argument("--market", choices=("usdm", "spot"), default="usdm", help="whose frames (usdm)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--levels", default="44", help="levels of a diff, or: realistic (44)")
    parser.add_argument("--rate", default="search", help="comma list of frames a second; max; search (search)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to send (60)")
    parser.add_argument("--probe", type=float, default=15.0, help="how long to send at max before that (15)")
    parser.add_argument("--lag", type=float, default=3.0, help="seconds behind at the end that count as kept up (3)")
    parser.add_argument("--patience", type=float, default=_LONG_S, help="seconds to wait for the last row (3600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recorder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
