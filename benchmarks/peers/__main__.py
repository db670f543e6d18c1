"""Cryptofeed and this recorder on the same flood and the same server, in turns.

Cryptofeed is offered what it may just keep up with and twice that, this recorder as much as the sockets take; the best
run of each counts. A row is a row of its tables: an aggregate trade, or the changes of one depth diff.

Examples:
  make bench-peers
  python -m benchmarks.peers --seconds 5 --rounds 1 --kinds aggTrade
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Final

from psycopg.conninfo import conninfo_to_dict

from benchmarks.flood.words import symbol_names
from benchmarks.lab.loaded import Sent
from benchmarks.lab.processes import FloodProgram, options_of, scratch, streams_of
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import RECORDER, recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, postmaster, server
from benchmarks.lab.usage import Usage, children_of, one
from benchmarks.peers.tables import count_rows, make_tables, wait_for_rows
from tests.support.database import new_database
from tests.support.processes import Program, wait_until

CLIENT: Final = Path(__file__).with_name("cryptofeed_client.py")
PYTHON: Final = Path(".bench-peers/bin/python")
_SUBSCRIBED_S: Final = 60.0


def main() -> int:
    """Measure and return 0 if this recorder has every frame; what cryptofeed lacks is a figure."""
    options = _parser().parse_args()
    if not PYTHON.exists():
        sys.stderr.write(f"expected cryptofeed's environment at {PYTHON.parent.parent}: run make bench-peers\n")
        return 2
    results = Results("peers", "Cryptofeed and this recorder on the same flood and the same server")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for kind in options.kinds.split(","):
            _kind(results, options, kind, Path(name), where)
    return results.finish()


def _kind(results: Results, options: argparse.Namespace, kind: str, folder: Path, where: str) -> None:
    runs: dict[str, list[dict[str, Any]]] = {"cryptofeed": [], "orderflow-recorder": []}
    for number in range(options.rounds):
        for rate in (options.diffs if kind == "depth" else options.trades).split(","):
            with stage(f"{kind}: cryptofeed at {rate} a second, round {number + 1}", options.seconds):
                runs["cryptofeed"].append(_cryptofeed(options, kind, rate, folder, where))
        with stage(f"{kind}: this recorder, round {number + 1}", options.seconds):
            runs["orderflow-recorder"].append(_ours(results, options, kind, folder, where))
    best = {who: max(found, key=lambda run: float(run["rows_per_s"])) for who, found in runs.items()}
    theirs = best["cryptofeed"]
    for who, found in runs.items():
        for run in found:
            if run is best[who]:
                run["times_cryptofeed"] = run["rows_per_s"] / theirs["rows_per_s"]
                run["of_its_client_cpu"] = run["client_us"] / theirs["client_us"]
            results.add(kind=kind, who=who, **run)


def _flood(options: argparse.Namespace, kind: str, rate: str) -> tuple[str, ...]:
    return ("--futures", str(options.symbols), "--rate", f"{kind}={rate}", "--seconds", str(options.seconds))


def _ours(results: Results, options: argparse.Namespace, kind: str, folder: Path, where: str) -> dict[str, Any]:
    settings = {**streams_of("usdm", kind, options.symbols), **options_of(options.set)}
    with recording(where, folder, _flood(options, kind, "max"), settings) as run:
        run.start(options.symbols)
        ended = run.end(options.seconds, patience=options.patience)
        usage = run.usage
    results.faults += [f"{kind}: {fault}" for fault in ended.faults]
    return {
        "offered": "max",
        "frames": ended.sent.frames,
        "rows": ended.sent.frames,
        "rows_per_s": ended.rows_per_s,
        "client_us": sum(ended.us(group) for group in RECORDER),
        "server_us": ended.us("postgres"),
        "rss_mb": usage.peak_mb(*RECORDER),
    }


def _cryptofeed(options: argparse.Namespace, kind: str, rate: str, folder: Path, where: str) -> dict[str, Any]:
    place = folder / f"cryptofeed-{time.monotonic_ns()}"
    place.mkdir()
    with new_database(where) as url, FloodProgram(place, *_flood(options, kind, rate)) as flood:
        make_tables(url)
        with (
            Program(
                _arguments(options, kind, flood.port, url), place / "log", command=[str(PYTHON), str(CLIENT)]
            ) as client,
            Usage({"client": one(client.process.pid), "postgres": children_of(postmaster(url))}) as usage,
        ):
            wait_until(
                lambda: _subscribed(flood, client) >= options.symbols, within_s=_SUBSCRIBED_S, what="it is there"
            )
            usage.mark()
            flood.start(options.symbols)
            figures = flood.wait_finished(within_s=options.seconds + 600)
            sent = Sent.of(figures)
            last_at = wait_for_rows(url, kind, sent, lambda: sum(usage.read().values()), within_s=options.patience)
            cpu = usage.read()
        rows = count_rows(url, kind)
    counted = max(rows, 1)
    return {
        "offered": rate,
        "frames": sent.frames,
        "rows": rows,
        "rows_per_s": rows / (last_at - figures["first_at"]),
        "client_us": cpu["client"] / counted * 1e6,
        "server_us": cpu["postgres"] / counted * 1e6,
        "rss_mb": usage.peak_mb("client"),
    }


def _arguments(options: argparse.Namespace, kind: str, port: int, url: str) -> list[str]:
    where = conninfo_to_dict(url)
    symbols = [f"{name.removesuffix('USDT')}-USDT-PERP" for name in symbol_names(options.symbols)]
    arguments = ["--port", str(port), "--kind", kind, "--symbols", ",".join(symbols)]
    arguments += ["--host", str(where.get("host") or "127.0.0.1"), "--db-port", str(where.get("port") or 5432)]
    arguments += ["--user", str(where["user"]), "--db", str(where["dbname"])]
    return [*arguments, *(["--password", str(where["password"])] if where.get("password") else [])]


def _subscribed(flood: FloodProgram, client: Program) -> int:
    if client.process.poll() is not None:
        raise AssertionError(client.output())
    return int(flood.status()["subscribed"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", default="aggTrade,depth", help="comma list of aggTrade, depth")
    parser.add_argument("--trades", default="20000,40000", help="what cryptofeed is offered (20000,40000)")
    parser.add_argument("--diffs", default="3000,6000", help="the same for diffs of 44 levels (3000,6000)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long to send, each time (15)")
    parser.add_argument("--rounds", type=int, default=2, help="how often, in turns (2)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the last row (600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of this recorder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
