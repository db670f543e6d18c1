r"""From a flood over loopback to committed rows, with everything on this machine.

First it is offered as much as the sockets take, for a short while: the sustained figure of that is all rows by the time
from the first frame sent to the last row committed. Then 95 % of that is offered for --seconds; where the recorder does
not keep up (--lag), it is 5 % less and again. The ceiling is psql's \copy of the same rows into the same table, with
nothing beside it.

Examples:
  python -m benchmarks.end_to_end
  python -m benchmarks.end_to_end --kinds aggTrade --rate 200000 --seconds 60
  python -m benchmarks.end_to_end --kinds depth --rate max --seconds 10 --set LOADER_BATCH_ROWS=20000
"""  # noqa: INP001  # programs, no package

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks.lab.copying import copy_rows, save_rows
from benchmarks.lab.processes import options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import RECORDER, Ended, recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server

COPIED: Final = {"trade": 500_000, "aggTrade": 500_000, "depth": 100_000}
"""So many rows of each kind say how fast psql copies them."""
_LESS: Final = 0.95
_ATTEMPTS: Final = 4


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
            measure(results, options, kind, rate, options.seconds, folder, where)
        return
    rate = measure(results, options, kind, "max", options.probe, folder, where).rows_per_s
    for _ in range(_ATTEMPTS):
        rate *= _LESS
        if measure(results, options, kind, f"{rate:.0f}", options.seconds, folder, where).lag_s <= options.lag:
            break


def measure(  # what and how, where to
    results: Results, options: argparse.Namespace, kind: str, rate: str, seconds: float, folder: Path, where: str
) -> Ended:
    """Let a recorder record a flood of ``rate`` frames a second (or ``max``), and add what it was to the results."""
    count = "--spot" if options.market == "spot" else "--futures"
    arguments = (count, str(options.symbols), "--rate", f"{kind}={rate}", "--seconds", str(seconds))
    settings = {**streams_of(options.market, kind, options.symbols), **options_of(options.set)}
    with recording(where, folder, (*arguments, "--levels", options.levels), settings) as run:
        with stage(f"{kind} at {rate} a second", seconds):
            run.start(options.symbols)
            ended = run.end(seconds, patience=options.patience)
        usage = run.usage
        with stage(f"{kind}: psql \\copy of the first rows"):
            copied = _copy(run.url, kind, folder, rows=min(ended.sent.frames, COPIED[kind]))
    results.add(
        kind=kind,
        offered=rate,
        seconds=ended.sending_s,
        rows=ended.sent.frames,
        sent_per_s=ended.sent.frames / ended.sending_s,
        rows_per_s=ended.rows_per_s,
        of_copy_text=ended.rows_per_s / copied,
        lag_s=ended.lag_s,
        **{f"{group}_us": ended.us(group) for group in ("collector", "loader", "postgres", "flood")},
        cores=ended.cores(*RECORDER, "postgres", "flood"),
        rss_mb=usage.peak_mb(*RECORDER),
        rss_growth_mb=usage.growth_mb(*RECORDER),
    )
    memory = {"kind": kind, "offered": rate, "columns": ["s", *RECORDER], "samples": usage.memory(*RECORDER)}
    results.more.setdefault("memory_mb", []).append(memory)
    results.faults += [f"{kind} at {rate}: {fault}" for fault in ended.faults]
    return ended


def _copy(url: str, kind: str, folder: Path, *, rows: int) -> float:
    r"""Return rows a second of ``\\copy`` of the first rows into the same table, which is emptied for that."""
    files = save_rows(url, kind, folder, limit=rows)
    per_s = rows / copy_rows(url, kind, "text", files["text"]).seconds
    for path in files.values():
        path.unlink()
    return per_s


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
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds to wait for the last row (3600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recorder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
