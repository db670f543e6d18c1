"""What a journal on a JetStream server costs, against local files. See README.md."""  # noqa: INP001  # programs, no package

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psutil

from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.jetstream.forwarder import ForwarderFigures
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.journal import JournalReader
from tests.support.jetstream import ForwarderThread, end_of, make_forwarder, open_reader
from tests.support.journal import open_writer
from tests.support.nats_server import NatsServer

SPOOL_BYTES: Final = 150_000_000
SEGMENT_BYTES: Final = 64 << 20
LATENCY_FRAMES: Final = 200
LEVELS: Final = ",".join('["61737.63000000","1.10000000"]' for _ in range(22))
FRAMES: Final = {
    "aggTrade": b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1672515782136,"s":"BTCUSDT","a":12345,'
    b'"p":"61737.63000000","q":"1.10000000","f":100,"l":105,"T":1672515782136,"m":true,"M":true}}',
    "diff of 44 levels": b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1672515782136,"s":"BTCUSDT",'
    b'"U":157,"u":160,"b":[%b],"a":[%b]}}' % (LEVELS.encode(), LEVELS.encode()),
}
"""A frame of each kind that there is most of."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forward", nargs=2, metavar=("SPOOL", "URL"), help="publish a spool; for this program alone")
    asked = parser.parse_args()
    if asked.forward:
        forward(Path(asked.forward[0]), asked.forward[1])
        return
    for kind, frame in FRAMES.items():
        with tempfile.TemporaryDirectory() as folder, NatsServer(Path(folder) / "nats") as server:
            for name, figures in measure(Path(folder) / "spool", server, frame):
                print(f"{kind:18} {name:34} {figures}", flush=True)  # noqa: T201  # it is what the program is for
    with tempfile.TemporaryDirectory() as folder, NatsServer(Path(folder) / "nats") as server:
        for name, figures in measure_latency(Path(folder) / "spool", server):
            print(f"{'one frame':18} {name:34} {figures}", flush=True)  # noqa: T201  # as above


def measure(spool: Path, server: NatsServer, frame: bytes) -> Iterator[tuple[str, str]]:
    """Yield what writing, forwarding and reading back cost.

    Args:
        spool: Where to write.
        server: Where to publish.
        frame: Written again and again.
    """
    frames = SPOOL_BYTES // len(frame)
    with closing(open_writer(spool, segment_bytes=SEGMENT_BYTES)) as writer:
        began, used = time.monotonic(), time.process_time()
        for number in range(frames):
            writer.append_frame(number, Market.SPOT, 0, frame)
            if number % 1000 == 0:
                writer.flush()
    spent = time.process_time() - used
    total = sum(path.stat().st_size for path in spool.glob("*.jsonl"))
    yield "write local files", rates(total, frames, time.monotonic() - began, spent)
    before = cpu_of(server.pid)
    done = subprocess.run(  # this program
        [sys.executable, "-m", "benchmarks.jetstream", "--forward", str(spool), server.url],
        check=True,
        capture_output=True,
        text=True,
    )
    elapsed, spent = json.loads(done.stdout)
    yield "forward to the server", rates(total, frames, elapsed, spent)
    yield "  the server meanwhile", rates(total, frames, elapsed, cpu_of(server.pid) - before)
    for name, open_one in (
        ("read back local files", lambda: FileJournalReader(spool)),
        ("read back from the server", lambda: open_reader(server.url, "main")),
    ):
        before = cpu_of(server.pid)
        began, used = time.monotonic(), time.process_time()
        got = read_to(open_one, total)
        yield name, rates(got, frames, time.monotonic() - began, time.process_time() - used)
    yield "  the server meanwhile", rates(total, frames, time.monotonic() - began, cpu_of(server.pid) - before)


def read_to(open_one: Callable[[], JournalReader], total: int) -> int:
    """Read blocks of whole lines until about ``total`` bytes were read; return how many."""
    got = 0
    with closing(open_one()) as reader:
        while got < total - 1000 and (block := reader.read_block(1 << 20)) is not None:
            got += len(block.text)
    return got


def measure_latency(spool: Path, server: NatsServer) -> Iterator[tuple[str, str]]:
    """Yield how long after the flush a frame can be read."""
    with (
        closing(open_writer(spool)) as writer,
        ForwarderThread(spool, server.url, "main"),
        closing(open_reader(server.url, "main")) as remote,
        closing(FileJournalReader(spool)) as local,
    ):
        times: dict[str, list[float]] = {"local files": [], "the server": []}
        for number in range(LATENCY_FRAMES):
            times["local files"].append(first_seen(writer, local, 2 * number))
            times["the server"].append(first_seen(writer, remote, 2 * number + 1))
            for reader in (local, remote):
                while reader.read(1 << 20):
                    pass
        for name, found in times.items():
            found.sort()
            yield f"flush to read, {name}", f"p50 {found[len(found) // 2]:6.1f} ms   max {found[-1]:6.1f} ms"


def first_seen(writer: FileJournalWriter, reader: JournalReader, number: int) -> float:
    """Write a frame and return the milliseconds until ``reader`` has it."""
    time.sleep(0.04 * random.random())  # noqa: S311  # out of step with whoever polls; no secret
    writer.append_frame(number, Market.SPOT, 0, FRAMES["aggTrade"])
    writer.flush()
    began = time.monotonic()
    while not any(entry.receive_time == number for entry in reader.read(1 << 20)):
        time.sleep(0.0005)
    return (time.monotonic() - began) * 1000


def forward(spool: Path, url: str) -> None:
    """Publish all of a spool and print seconds passed and seconds of CPU, without those of starting up."""
    stop = asyncio.Event()
    end = end_of(spool)
    began, used = time.monotonic(), time.process_time()

    def observe(figures: ForwarderFigures) -> None:
        if figures.position >= end:
            stop.set()

    asyncio.run(make_forwarder(spool, url, "main", observe).run(stop))
    json.dump([time.monotonic() - began, time.process_time() - used], sys.stdout)


def rates(total: int, frames: int, elapsed: float, spent: float) -> str:
    """Return speed and cost in words."""
    return f"{total / elapsed / 1e6:8.0f} MB/s {spent / frames * 1e6:8.2f} µs CPU a frame"


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
