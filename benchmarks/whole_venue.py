"""Both markets with every symbol: ten diffs a second each, trades that burst to ten times their rate.

Examples:
  python -m benchmarks.whole_venue
  python -m benchmarks.whole_venue --seconds 30 --spot 40 --futures 53 --burst 10:5:10
"""  # noqa: INP001  # programs, no package

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks.lab.processes import options_of, scratch
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import RECORDER, recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server
from benchmarks.lab.visible import Reader, Watched

STREAMS_PER_SYMBOL: Final = 2
WATCHED: Final = (
    Watched("usdm", "BTCUSDT", "depth@100ms"),
    Watched("usdm", "BTCUSDT", "aggTrade"),
    Watched("spot", "BTCUSDT", "trade"),
)
_SUBSCRIBED_S: Final = 120.0


def main() -> int:
    """Measure and return 0 if every frame is a row."""
    options = _parser().parse_args()
    results = Results("whole_venue", f"{options.futures} futures and {options.spot} spot symbols")
    symbols = options.spot + options.futures
    arguments = (
        *("--spot", str(options.spot), "--futures", str(options.futures), "--seconds", str(options.seconds)),
        *("--rate", f"depth={symbols * options.diffs}", "--levels", "realistic", "--skew", "1"),
        *("--rate", f"aggTrade={options.trades}", "--rate", f"trade={options.trades}", "--burst", options.burst),
    )
    settings = {"SYMBOLS_SPOT": "*", "SYMBOLS_FUTURES": "*", **options_of(options.set)}
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        with recording(where, Path(name), arguments, settings) as run:
            readers = [Reader(run.url, watched, every_s=0.02) for watched in WATCHED]
            with stage("the whole venue", options.seconds), readers[0], readers[1], readers[2]:
                run.start(symbols * STREAMS_PER_SYMBOL, within_s=_SUBSCRIBED_S)
                ended = run.end(options.seconds, patience=options.patience)
            usage, health = run.usage, run.health("collector")
            for watched, reader in zip(WATCHED, readers, strict=True):
                seen = reader.latencies(settle_s=options.settle).figures()
                results.add(what=f"{watched.market} {watched.symbol} {watched.stream}", **seen)
    figures = {
        "rows": ended.sent.frames,
        "rows_per_s": ended.rows_per_s,
        "recorder_cores": ended.cores(*RECORDER),
        **{f"{group}_cores": ended.cores(group) for group in (*RECORDER, "postgres", "flood")},
        "rss_mb": usage.peak_mb(*RECORDER),
        "rss_growth_mb": usage.growth_mb(*RECORDER),
        **{name: sum(report.get(name, 0) for report in health) for name in ("books_synced", "books_wanted")},
        "refused": ended.flood["refused"],
    }
    results.tables.append((f"{options.seconds:.0f} s", [figures]))
    results.more["memory_mb"] = {"columns": ["s", *RECORDER], "samples": usage.memory(*RECORDER)}
    results.faults += ended.faults
    return results.finish()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.whole_venue",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--futures", type=int, default=530, help="symbols (530)")
    parser.add_argument("--spot", type=int, default=400, help="symbols (400)")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (600)")
    parser.add_argument("--diffs", type=float, default=10.0, help="diffs a second and symbol (10)")
    parser.add_argument(
        "--trades", type=float, default=500.0, help="trades a second and market outside of bursts (500)"
    )
    parser.add_argument("--burst", default="10:5:55", help="FACTOR:SECONDS:EVERY, of trades (10:5:55)")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds at the beginning without latencies (2)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the last row (600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recorder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
