r"""``orderflow-recorder replay`` of a journal into an empty database, against ``psql \\copy`` of the same rows.

Examples:
  python -m benchmarks.replay
  python -m benchmarks.replay --kinds depth --diffs 20000
"""  # noqa: INP001  # programs, no package

import argparse
import sys
import time
from pathlib import Path

from benchmarks.lab.copying import copy_rows, save_rows
from benchmarks.lab.journal import write_journal
from benchmarks.lab.loaded import missing
from benchmarks.lab.loading import follow
from benchmarks.lab.processes import options_of, scratch
from benchmarks.lab.progress import stage
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres import schema
from tests.support.database import new_database
from tests.support.processes import Program


def main() -> int:
    """Measure and return 0 if every frame was a row."""
    options = _parser().parse_args()
    results = Results("replay", "Replay of a journal, and psql \\copy of the same rows")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for kind in options.kinds.split(","):
            _kind(results, options, kind, Path(name), where)
    return results.finish()


def _kind(results: Results, options: argparse.Namespace, kind: str, folder: Path, where: str) -> None:
    rows = options.diffs if kind == "depth" else options.rows
    with stage(f"{kind}: writing a journal of {rows:,} frames"):
        journal = folder / kind / "main"
        sent = write_journal(journal, kind, options.symbols, rows, market=Market(options.market))
    size = sum(path.stat().st_size for path in journal.iterdir())
    with new_database(where) as url:
        schema.upgrade(url)
        settings = {"DB_URL": url, "LOG_LEVEL": "WARNING", **options_of(options.set)}
        began = time.monotonic()
        with (
            stage(f"{kind}: replaying"),
            Program(["replay", str(journal)], folder / f"{kind}.log", settings) as program,
        ):
            run = follow(url, program, sent, patience=options.patience)
            code = program.process.wait(options.patience)
        whole_s = time.monotonic() - began
        results.faults += [f"{kind}: {fault}" for fault in missing(url, sent)]
        if code:
            results.faults.append(f"{kind}: replay ended with exit code {code}: {program.output()[-500:]}")
        with stage(f"{kind}: copying"):
            path = save_rows(url, kind, folder)["text"]
            copied = copy_rows(url, kind, "text", path)
    per_s = run.rows / run.seconds
    results.add(
        kind=kind,
        rows=rows,
        rows_per_s=per_s,
        journal_mb_per_s=size / rows * per_s / 1e6,
        of_copy_text=per_s / (rows / copied.seconds),
        client_us=run.client_s / run.rows * 1e6,
        server_us=run.server_s / run.rows * 1e6,
        whole_command_s=whole_s,
        rss_mb=run.rss_mb,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="aggTrade,depth", help="comma list of trade, aggTrade, depth")
    parser.add_argument("--market", choices=[str(market) for market in Market], default="usdm", help="whose (usdm)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="trades and aggregates (1,000,000)")
    parser.add_argument("--diffs", type=int, default=150_000, help="diffs of 44 levels (150,000)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds to wait for the last row (3600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the loader")
    return parser


if __name__ == "__main__":
    sys.exit(main())
