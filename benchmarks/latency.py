"""How old a row is when a reader can first see it: from the flood's send, which is the row's event time.

A reader on a connection of its own asks every few milliseconds how far the ledger has one symbol; whatever is new since
the last look became visible no later than this one.

Examples:
  python -m benchmarks.latency
  python -m benchmarks.latency --rates 5000 --seconds 10 --quick LOADER_BATCH_AGE_MS=25 --quick JOURNAL_FLUSH_MS=10
"""  # noqa: INP001  # programs, no package

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.lab.processes import options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import RECORDER, recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server
from benchmarks.lab.visible import Reader, Watched

QUICK: Final = ("LOADER_BATCH_AGE_MS=25", "JOURNAL_FLUSH_MS=10")
WATCHED: Final = Watched("spot", "BTCUSDT", "trade")


def main() -> int:
    """Measure and return 0 if every frame is a row."""
    options = _parser().parse_args()
    results = Results("latency", "Latency from the venue's send to a visible row, ms; spot trades")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for label, settings in (("default", ()), ("quick", options.quick or QUICK)):
            for rate in options.rates.split(","):
                _measure(results, options, rate, (label, settings), Path(name), where)
    return results.finish()


def _measure(  # what, how, where to
    results: Results,
    options: argparse.Namespace,
    rate: str,
    labelled: tuple[str, Sequence[str]],
    folder: Path,
    where: str,
) -> None:
    label, changed = labelled
    settings = {**streams_of("spot", "trade", options.symbols), **options_of([*changed, *options.set])}
    arguments = ("--spot", str(options.symbols), "--rate", f"trade={rate}", "--seconds", str(options.seconds))
    with recording(where, folder, arguments, settings) as run:
        with (
            stage(f"{rate} trades a second, {label}", options.seconds),
            Reader(run.url, WATCHED, every_s=options.look / 1000) as reader,
        ):
            run.start(options.symbols)
            ended = run.end(options.seconds, patience=options.patience)
        seen = reader.latencies(settle_s=options.settle)
    results.add(
        settings=f"{label}: {' '.join(changed)}" if changed else label,
        offered_per_s=int(rate),
        sent_per_s=ended.sent.frames / ended.sending_s,
        **seen.figures(),
        recorder_cores=ended.cores(*RECORDER),
        postgres_cores=ended.cores("postgres"),
    )
    results.faults += [f"{label} at {rate}: {fault}" for fault in ended.faults]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", default="1000,5000,20000", help="comma list of trades a second (1000,5000,20000)")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long each (30)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--look", type=float, default=3.0, help="ms between the reader's looks (3)")
    parser.add_argument("--settle", type=float, default=2.0, help="seconds at the beginning that do not count (2)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the last row (600)")
    parser.add_argument(
        "--quick", action="append", metavar="NAME=VALUE", help=f"settings of the second part ({' '.join(QUICK)})"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of both parts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
