"""How long until every book is in step, when all begin at once and REST allows only so much a minute.

The ceiling is the venue's budget: so many snapshots weigh so much, and more than that it does not answer.

Examples:
  python -m benchmarks.cold_start
  python -m benchmarks.cold_start --spot 20 --futures 100
"""  # noqa: INP001  # programs, no package

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from benchmarks.lab.processes import FloodProgram, Part, options_of, scratch
from benchmarks.lab.progress import stage
from benchmarks.lab.results import Results

_SUBSCRIBED_S: Final = 120.0
_LOOK_S: Final = 0.2
_WEIGHTS: Final = {"spot": (250, 6000), "usdm": (20, 2400)}
"""Weight of the deepest snapshot, and weight that the venue allows a minute."""


def main() -> int:
    """Measure and return 0 if all came into step and nothing was refused."""
    options = _parser().parse_args()
    wanted = {"spot": options.spot, "usdm": options.futures}
    results = Results("cold_start", f"Cold start: {options.futures} futures and {options.spot} spot books")
    symbols = sum(wanted.values())
    arguments = (
        *("--spot", str(options.spot), "--futures", str(options.futures), "--levels", "realistic"),
        *("--rate", f"depth={symbols * options.diffs}", "--seconds", str(options.within)),
    )
    settings = {
        **{
            f"SYMBOLS_{name}": "*" if count else ""
            for name, count in zip(("SPOT", "FUTURES"), wanted.values(), strict=True)
        },
        **{f"{name}_STREAMS_TRADES": "" for name in ("SPOT", "FUTURES")},
        "LOG_LEVEL": "WARNING",
        **options_of(options.set),
    }
    with (
        scratch() as name,
        FloodProgram(Path(name), *arguments) as flood,
        Part("collect", Path(name), {**flood.environment(), **settings}) as collector,
        stage(f"{symbols} books", ceiling_s(wanted)),
    ):
        flood.start(symbols, within_s=_SUBSCRIBED_S)
        synced = _wait(collector, wanted, options.within)
        refused, health = flood.status()["refused"], collector.health("collector")
    for market, count in wanted.items():
        took = synced.get(market)
        limit = ceiling_s({market: count})
        results.add(
            market=market,
            books=count,
            synced_s=took,
            at_full_budget_s=limit,
            of_budget=limit / took if took and limit else None,
        )
        if took is None:
            found = health.get("markets", {}).get(market, {}).get("books_synced")
            results.faults.append(f"{market}: {found} of {count} books in step after {options.within:.0f} s")
    if refused:
        results.faults.append(f"{refused} requests were refused")
    return results.finish()


def ceiling_s(wanted: dict[str, int]) -> float:
    """Return the seconds in which the venue would answer so many snapshots, if all its budget went to them.

    Each minute's budget is there at its beginning, the first one's at once.
    """
    return max(60.0 * (max(count * weight - 1, 0) // limit) for weight, limit, count in _budgets(wanted))


def _budgets(wanted: dict[str, int]) -> list[tuple[int, int, int]]:
    return [(*_WEIGHTS[market], count) for market, count in wanted.items()]


def _wait(collector: Part, wanted: dict[str, int], within_s: float) -> dict[str, float]:
    """Return the seconds after which each market's books were all in step; without those that were not in time."""
    began = time.monotonic()
    synced: dict[str, float] = {}
    while len(synced) < len(wanted) and (elapsed := time.monotonic() - began) < within_s:
        markets = collector.health("collector").get("markets", {})
        for market, count in wanted.items():
            if market not in synced and (not count or markets.get(market, {}).get("books_synced", 0) >= count):
                synced[market] = elapsed
        time.sleep(_LOOK_S)
    return synced


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cold_start",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--futures", type=int, default=530, help="symbols (530)")
    parser.add_argument("--spot", type=int, default=400, help="symbols (400)")
    parser.add_argument("--diffs", type=float, default=10.0, help="diffs a second and symbol (10)")
    parser.add_argument("--within", type=float, default=2400.0, help="seconds after which it has failed (2400)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the collector")
    return parser


if __name__ == "__main__":
    sys.exit(main())
