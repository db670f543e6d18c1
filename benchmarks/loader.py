r"""The loader on a prepared journal, against ``psql \\copy`` of the same rows into the same table.

Examples:
  python -m benchmarks.loader
  python -m benchmarks.loader --kinds aggTrade --rows 300000 --rounds 1
  python -m benchmarks.loader --set LOADER_BATCH_ROWS=50000
"""  # noqa: INP001  # programs, no package

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lab.copying import FORMATS, TABLES, Copied, copy_rows, save_rows
from benchmarks.lab.journal import write_journal
from benchmarks.lab.loaded import Sent, missing
from benchmarks.lab.loading import Loaded, follow
from benchmarks.lab.processes import Part, options_of, scratch
from benchmarks.lab.progress import stage
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres import schema
from tests.support.database import new_database


def main() -> int:
    """Measure and return 0 if every frame was a row."""
    options = _parser().parse_args()
    results = Results("loader", "Loader on a prepared journal, and psql \\copy of the same rows into the same table")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for kind in options.kinds.split(","):
            _kind(results, options, kind, Path(name), where)
    return results.finish()


def _kind(results: Results, options: argparse.Namespace, kind: str, folder: Path, where: str) -> None:
    rows = options.diffs if kind == "depth" else options.rows
    with stage(f"{kind}: writing a journal of {rows:,} frames"):
        journal = folder / kind / "data" / "journal" / "main"
        sent = write_journal(journal, kind, options.symbols, rows, market=Market(options.market))
    loaded: list[Loaded] = []
    copied: dict[str, list[Copied]] = {name: [] for name in FORMATS}
    for number in range(options.rounds):
        with new_database(where) as url:
            schema.upgrade(url)
            with stage(f"{kind}: loading, round {number + 1} of {options.rounds}"):
                loaded.append(load(url, folder / kind, sent, options))
            results.faults += [f"{kind}: {fault}" for fault in missing(url, sent)]
            with stage(f"{kind}: copying"):
                files = save_rows(url, kind, folder)
                for name, path in files.items():
                    copied[name].append(copy_rows(url, kind, name, path))
                    path.unlink()
    ours = statistics.median(run.rows / run.seconds for run in loaded)
    ceilings = {name: statistics.median(rows / run.seconds for run in runs) for name, runs in copied.items()}
    results.add(
        kind=kind,
        what="loader",
        rows_per_s=ours,
        client_us=_us([run.client_s / run.rows for run in loaded]),
        server_us=_us([run.server_s / run.rows for run in loaded]),
        **{f"of_copy_{name}": ours / ceiling for name, ceiling in ceilings.items()},
        rss_mb=max(run.rss_mb for run in loaded),
    )
    for name, runs in copied.items():
        results.add(
            kind=kind,
            what=f"\\copy {TABLES[kind]}, {name}",
            rows_per_s=ceilings[name],
            client_us=_us([run.client_s / rows for run in runs]),
            server_us=_us([run.server_s / rows for run in runs]),
        )


def load(url: str, folder: Path, sent: Sent, options: argparse.Namespace) -> Loaded:
    """Let a loader load the journal in ``folder`` into an empty database."""
    with Part("load", folder, {"DB_URL": url, "LOG_LEVEL": "WARNING", **options_of(options.set)}) as loader:
        return follow(url, loader, sent, patience=options.patience)


def _us(per_row: Sequence[float]) -> float:
    return statistics.median(per_row) * 1e6


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.loader", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="trade,aggTrade,depth", help="comma list of trade, aggTrade, depth")
    parser.add_argument("--market", choices=[str(market) for market in Market], default="usdm", help="whose (usdm)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="trades and aggregates (1,000,000)")
    parser.add_argument("--diffs", type=int, default=150_000, help="diffs of 44 levels (150,000)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--rounds", type=int, default=3, help="how often, in turns; medians are shown (3)")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds to wait for the last row (3600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the loader")
    return parser


if __name__ == "__main__":
    sys.exit(main())
