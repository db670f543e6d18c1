"""The ceiling of a collector: websockets' own receive loop, which does nothing with the frames.

Examples:
  python -m benchmarks.bare 'ws://127.0.0.1:8765/market/stream?streams=btcusdt@aggTrade'
"""  # noqa: INP001  # programs, no package

import argparse
import asyncio
import json
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def receive(url: str, idle_s: float) -> dict[str, float]:
    """Receive until nothing came for ``idle_s`` seconds after the first frame; return frames and what they took."""
    frames = 0
    first_at = last_at = cpu = 0.0
    async with connect(url, compression=None, max_size=None) as socket:

        async def count() -> None:
            nonlocal frames
            try:
                while True:
                    await socket.recv(decode=False)
                    frames += 1
            except ConnectionClosed:
                return

        counting = asyncio.create_task(count())
        seen = 0
        while not counting.done():
            await asyncio.sleep(idle_s / 4)
            now = time.monotonic()
            if frames != seen:
                if not seen:
                    first_at, cpu = now, time.process_time()
                    first_frames = frames
                seen, last_at = frames, now
                last_cpu = time.process_time()
            elif seen and now - last_at >= idle_s:
                break
        counting.cancel()
    return {
        "frames": frames,
        "seconds": last_at - first_at,
        "frames_per_s": (seen - first_frames) / max(last_at - first_at, 1e-9),
        "cpu_us": (last_cpu - cpu) / max(seen - first_frames, 1) * 1e6,
    }


def main() -> int:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="of a combined stream")
    parser.add_argument("--idle", type=float, default=1.0, help="end after so many seconds of silence (1)")
    options = parser.parse_args()
    sys.stdout.write(json.dumps(asyncio.run(receive(options.url, options.idle))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
