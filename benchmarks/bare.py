"""The ceiling of a collector: websockets' own receive loop, which does nothing with the frames.

It prints how many frames came once the socket is closed.

Examples:
  python -m benchmarks.bare 'ws://127.0.0.1:8765/market/stream?streams=btcusdt@aggTrade'
"""  # noqa: INP001  # programs, no package

import argparse
import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def receive(url: str) -> int:
    """Receive until the socket is closed and return how many frames came."""
    frames = 0
    async with connect(url, compression=None, max_size=None) as socket:
        try:
            while True:
                await socket.recv(decode=False)
                frames += 1
        except ConnectionClosed:
            return frames


def main() -> int:
    """Print the figure as one line of JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="of a combined stream")
    options = parser.parse_args()
    sys.stdout.write(json.dumps({"frames": asyncio.run(receive(options.url))}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
