r"""A venue that sends as much as a machine can take.

It prints its address, waits for ``GET /control/start``, sends, prints what it sent, and goes on answering until it is
told to end. ``GET /control/status`` answers how far it is.

Examples:
  python -m benchmarks.flood --futures 20 --rate aggTrade=200000 --seconds 60
  python -m benchmarks.flood --futures 20 --rate depth=max --levels 44
  python -m benchmarks.flood --futures 530 --spot 400 --rate depth=9300 --rate aggTrade=2000 --rate trade=2000 \
      --levels realistic --burst 10:5:55 --skew 1
"""

import argparse
import asyncio
import gc
import signal
import sys
from contextlib import suppress

import msgspec

from benchmarks.flood.market import FloodMarket
from benchmarks.flood.plan import KINDS, MAX, Burst, Plan
from benchmarks.flood.server import FloodServer
from orderflow_recorder.domain.market import Market


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.flood", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (0)")
    parser.add_argument("--spot", type=int, default=0, help="spot symbols (0)")
    parser.add_argument("--futures", type=int, default=0, help="futures symbols (0)")
    parser.add_argument(
        "--rate",
        action="append",
        default=[],
        type=_rate,
        metavar="KIND=N",
        help="frames a second over all streams of a kind (trade, aggTrade, depth), or max; a kind not named is silent",
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to send (60)")
    parser.add_argument("--levels", default="44", help="levels of a diff, or: realistic (44)")
    parser.add_argument("--burst", type=_burst, help="FACTOR:SECONDS:EVERY, of trades, e.g. 10:5:55")
    parser.add_argument("--pool", type=int, default=4096, help="different frames of a kind and socket (4096)")
    parser.add_argument("--skew", type=float, default=0.0, help="0: all symbols trade alike; 1: as 1/rank (0)")
    parser.add_argument("--no-limits", action="store_true", help="count no request weights")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same frames (1)")
    options = parser.parse_args()
    plan = Plan(
        symbols={Market.SPOT: options.spot, Market.USDM: options.futures},
        rates=dict(options.rate),
        seconds=options.seconds,
        levels=None if options.levels == "realistic" else int(options.levels),
        burst=options.burst,
        pool=options.pool,
        skew=options.skew,
        limits=not options.no_limits,
        seed=options.seed,
    )
    asyncio.run(_run(plan, options.port))
    return 0


async def _run(plan: Plan, port: int) -> None:
    server = FloodServer(FloodMarket(plan), port=port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(server.serve())
    _say({"event": "listening", "port": server.port})
    gc.freeze()
    stopping = asyncio.create_task(stop.wait())
    finished = asyncio.create_task(server.report.finished.wait())
    await asyncio.wait([stopping, finished, serving], return_when=asyncio.FIRST_COMPLETED)
    if finished.done():
        _say({"event": "finished", **server.report.figures()})
        await asyncio.wait([stopping, serving], return_when=asyncio.FIRST_COMPLETED)
    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


def _say(figures: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")
    sys.stdout.flush()


def _rate(text: str) -> tuple[str, float]:
    kind, _, number = text.partition("=")
    if kind not in KINDS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(KINDS)}, got {kind!r}")
    return kind, MAX if number == "max" else float(number)


def _burst(text: str) -> Burst:
    factor, seconds, every = (float(part) for part in text.split(":"))
    return Burst(factor, seconds, every)


if __name__ == "__main__":
    sys.exit(main())
