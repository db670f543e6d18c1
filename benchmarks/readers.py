"""Readers of the WebSocket stream beside a recorder: how old events are when they have them, and what that costs whom.

A flood of trades and diffs is recorded in turns without a server, and with the real one and its readers, some of which
take nothing. The recorder must record the same, and each reader that takes must get each trade once.

Examples:
  python -m benchmarks.readers
  python -m benchmarks.readers --seconds 10 --rounds 1 --readers 20 --stalled 2
"""  # noqa: INP001  # programs, no package

import argparse
import json
import signal
import statistics
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from benchmarks.flood.words import symbol_names
from benchmarks.lab.processes import options_of, scratch
from benchmarks.lab.progress import stage
from benchmarks.lab.recording import RECORDER, Ended, Recording, recording
from benchmarks.lab.results import Results
from benchmarks.lab.server import describe, server
from benchmarks.lab.usage import Usage, one
from tests.support.processes import Program, free_port, wait_until

DELIVERY_P99_MS: Final = 250.0
_UP_S: Final = 60.0


def main() -> int:
    """Measure and return 0 if nothing was lost, and the others' p99 is within the goal."""
    options = _parser().parse_args()
    results = Results("readers", "Readers of the stream beside a recorder; ages since the recorder's socket read")
    with scratch() as name, server(Path(name)) as where:
        results.server = describe(where)
        for number in range(options.rounds):
            for readers in (0, options.readers):
                with stage(f"{readers} readers, round {number + 1} of {options.rounds}", options.seconds):
                    _measure(results, options, readers, Path(name), where)
    _compare(results)
    return results.finish()


def _measure(results: Results, options: argparse.Namespace, readers: int, folder: Path, where: str) -> None:
    arguments = (
        *("--futures", str(options.symbols), "--seconds", str(options.seconds), "--no-limits"),
        *("--rate", f"aggTrade={options.trades}", "--rate", f"depth={options.diffs}", "--levels", "realistic"),
    )
    settings = {
        "SYMBOLS_SPOT": "",
        "SYMBOLS_FUTURES": ",".join(symbol_names(options.symbols)),
        "FUTURES_STREAMS_EXTRA": "",
        **options_of(options.set),
    }
    with recording(where, folder, arguments, settings) as run:
        if not readers:
            run.start(2 * options.symbols)
            _add(results, 0, run.end(options.seconds, patience=options.patience), {})
            return
        with (
            _served(run, folder) as (url, process),
            Program(
                [url, "--readers", str(readers), "--stalled", str(options.stalled)],
                folder / "listen.log",
                command=[sys.executable, "-m", "benchmarks.listen"],
            ) as listening,
            Usage({"serve": one(process.process.pid), "readers": one(listening.process.pid)}) as usage,
        ):
            wait_until(lambda: "ready" in listening.output(), within_s=_UP_S, what="all readers are subscribed")
            run.start(2 * options.symbols)
            usage.mark()
            ended = run.end(options.seconds, patience=options.patience)
            used = usage.read()
            listening.process.send_signal(signal.SIGTERM)
            listening.process.wait(_UP_S)
            got = json.loads(listening.output().splitlines()[-1])
            frames = ended.sent.frames
            figures = {
                "serve_us": used["serve"] / frames * 1e6,
                "readers_us": used["readers"] / frames * 1e6,
                "serve_mb": usage.peak_mb("serve"),
                "serve_growth_mb": usage.growth_mb("serve"),
            }
            _add(results, readers + options.stalled, ended, figures | _ages(got))
            _check(results, ended, got)


@contextmanager
def _served(run: Recording, folder: Path) -> Iterator[tuple[str, Program]]:
    """Serve what a recorder records; give the stream's address."""
    port = free_port()
    environment = {"DATA_DIR": str(run.recorder.data), "DB_URL": run.url, "API_KEY": "", "LOG_LEVEL": "WARNING"}
    arguments = ("serve", "--host", "127.0.0.1", "--port", str(port))
    with Program(arguments, folder / f"serve-{port}.log", environment) as process:

        def is_ready() -> bool:
            if process.process.poll() is not None:
                raise AssertionError(process.output())
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/live", timeout=10) as answer:
                    return bool(answer.status == HTTPStatus.OK)
            except OSError:
                return False

        wait_until(is_ready, within_s=_UP_S, what="the server answers")
        yield f"ws://127.0.0.1:{port}/api/v1/stream", process


def _ages(got: Mapping[str, Any]) -> dict[str, float]:
    """Return how old events were, and how much came."""
    return {
        f"{kind}_{point}_ms": found[point]
        for kind, found in got["ages_ms"].items()
        for point in ("p50", "p99", "max")
        if found["events"]
    } | {"mb_all": got["bytes"] / 1e6, "closed": got["closed"]}


def _add(results: Results, readers: int, ended: Ended, figures: Mapping[str, float]) -> None:
    results.add(
        readers=readers,
        sent_per_s=ended.sent.frames / ended.sending_s,
        rows_per_s=ended.rows_per_s,
        lag_s=ended.lag_s,
        **{f"{group}_us": ended.us(group) for group in ("collector", "loader", "postgres")},
        recorder_cores=ended.cores(*RECORDER),
        **figures,
    )
    results.faults += [f"{readers} readers: {fault}" for fault in ended.faults]


def _check(results: Results, ended: Ended, got: Mapping[str, Any]) -> None:
    """Note whatever the readers did not get, or got late."""
    trades = sum(frames for name, (_, frames) in ended.sent.streams.items() if name.endswith("@aggTrade"))
    wrong = [count for count in got["trades"] if count != trades]
    if wrong:
        results.faults.append(
            f"{len(wrong)} of {len(got['trades'])} readers got {min(wrong)} of {trades} trades or more"
        )
    if got["missed"]:
        results.faults.append(f"readers that take everything were told of {got['missed']} stretches that they missed")
    p99 = max(found["p99"] for found in got["ages_ms"].values() if found["events"])
    if p99 > DELIVERY_P99_MS:
        results.faults.append(f"expected a p99 of at most {DELIVERY_P99_MS:.0f} ms, measured {p99:.0f} ms")


def _compare(results: Results) -> None:
    """Add what the readers cost the recorder: medians with them by medians without."""

    def median(name: str, *, read: bool) -> float:
        return statistics.median(float(row[name]) for row in results.rows if bool(row["readers"]) is read)

    names = ("rows_per_s", "collector_us", "loader_us")
    results.tables.append(
        (
            "With readers, of without",
            [{name: median(name, read=True) / median(name, read=False) for name in names}],
        )
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.readers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--readers", type=int, default=90, help="that take everything (90)")
    parser.add_argument("--stalled", type=int, default=10, help="that subscribe and take nothing (10)")
    parser.add_argument("--symbols", type=int, default=20, help="how many (20)")
    parser.add_argument("--trades", type=float, default=4000.0, help="trades a second (4000)")
    parser.add_argument("--diffs", type=float, default=1000.0, help="diffs a second (1000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to send (60)")
    parser.add_argument("--rounds", type=int, default=3, help="how often, in turns without and with readers (3)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for the last row (600)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the recorder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
