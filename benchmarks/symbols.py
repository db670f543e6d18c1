"""What a frame costs, at the same frame rate, by the number of symbols that it is spread over.

Examples:
  python -m benchmarks.symbols
  python -m benchmarks.symbols --kinds aggTrade --counts 1,1000 --seconds 8
"""  # noqa: INP001  # programs, no package

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks.lab.processes import options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server

GROUPS: Final = ("collector", "loader", "postgres")
_SUBSCRIBED_S: Final = 120.0


def main() -> int:
    """Measure and return 0 if every frame is a row."""
    options = _parser().parse_args()
    results = Results("symbols", "CPU of a frame by number of symbols, at the same rate")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for kind in options.kinds.split(","):
            first: dict[str, float] = {}
            for symbols in map(int, options.counts.split(",")):
                rate = options.diffs if kind == "depth" else options.trades
                _measure(results, options, (kind, rate, symbols), first, Path(name), where)
    return results.finish()


def _measure(  # what, how, where to
    results: Results,
    options: argparse.Namespace,
    what: tuple[str, float, int],
    first: dict[str, float],
    folder: Path,
    where: str,
) -> None:
    kind, rate, symbols = what
    arguments = (
        "--futures",
        str(symbols),
        "--rate",
        f"{kind}={rate}",
        "--seconds",
        str(options.seconds),
        "--no-limits",
    )
    settings = {**streams_of("usdm", kind, symbols), **options_of(options.set)}
    with recording(where, folder, arguments, settings) as run:
        with stage(f"{kind}: {symbols} symbols", options.seconds):
            run.start(symbols, within_s=_SUBSCRIBED_S)
            ended = run.end(options.seconds, patience=options.patience)
        peak = run.usage.peak_mb("collector", "loader", "supervisor")
    costs = {group: ended.us(group) for group in GROUPS}
    for group, cost in costs.items():
        first.setdefault(group, cost)
    results.add(
        kind=kind,
        symbols=symbols,
        frames_per_s=ended.sent.frames / ended.sending_s,
        lag_s=ended.lag_s,
        **{f"{group}_us": cost for group, cost in costs.items()},
        **{f"{group}_of_first": cost / first[group] for group, cost in costs.items()},
        rss_mb=peak,
    )
    results.faults += [f"{kind}, {symbols} symbols: {fault}" for fault in ended.faults]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.symbols", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="aggTrade,depth", help="comma list of aggTrade, trade, depth")
    parser.add_argument("--counts", default="1,10,100,1000", help="comma list of numbers of symbols (1,10,100,1000)")
    parser.add_argument("--trades", type=float, default=20_000.0, help="trades and aggregates a second (20000)")
    parser.add_argument("--diffs", type=float, default=4_000.0, help="diffs of 44 levels a second (4000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each (20)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the last row (600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recorder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
