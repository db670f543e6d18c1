"""The examples of `docs/live.md`: the Python runs, and the events have the names that are sent."""

import re
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderflow_recorder.api import stream
from orderflow_recorder.live import Hub, TickStore
from orderflow_recorder.live.events import CandleEvent, TopEvent, TradeEvent
from orderflow_recorder.live.reader import Missed
from orderflow_recorder.postgres.ledger_reads import GapRow
from tests.support.records import book_snapshot, depth_diff, trade
from tests.support.stream_server import serving

DOCUMENT = Path("docs/live.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
EVENTS = re.findall(r"(?m)^\{\"type\".*?\}$", DOCUMENT, re.DOTALL)


def test_every_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, Any] = {
        "Decimal": Decimal,
        "records": [trade(1), book_snapshot(1), depth_diff(1, 2)],
        "more_records": [trade(2, price="61740.00000000")],
    }
    *examples, _ = EXAMPLES
    for example in examples:
        exec(compile(example, "docs/live.md", "exec"), found)  # noqa: S102  # our own document
    assert found["spread"] == Decimal("0.01")
    assert found["prices"] == ["61740.00000000"]
    assert "61737.63000000 Level(" in capsys.readouterr().out


def test_the_client_reads() -> None:
    store = TickStore()
    ended = threading.Event()
    with serving(Hub(store)) as server:
        example = EXAMPLES[-1].replace("ws://127.0.0.1:8000/api/v1/stream", server.url)
        found: dict[str, Any] = {"key": "any"}

        def feed() -> None:
            for number in range(1, 100_000):
                store.take([trade(number)])
                if ended.wait(0.01):
                    return

        feeding = threading.Thread(target=feed)
        feeding.start()
        try:
            exec(compile(example, "docs/live.md", "exec"), found)  # noqa: S102  # our own document
        finally:
            ended.set()
            feeding.join()
    ids = [event["trade_id"] for event in found["trades"]]
    assert len(ids) >= 10
    assert ids == list(range(ids[0], ids[0] + len(ids)))


@pytest.mark.parametrize(
    ("kind", "struct"),
    [("trade", TradeEvent), ("top", TopEvent), ("candle", CandleEvent), ("gap", GapRow), ("missed", Missed)],
)
def test_events_have_the_names_that_are_sent(kind: str, struct: type[msgspec.Struct]) -> None:
    (event,) = [found for found in map(msgspec.json.decode, EVENTS) if found["type"] == kind]
    assert event.keys() == {"type", *struct.__struct_fields__}


def test_the_limits_are_those_of_the_code() -> None:
    assert f"{stream.MOST_READERS} readers" in DOCUMENT
    assert f"{stream.MOST_TOPICS:,} subscriptions" in DOCUMENT
    assert f"{stream.MOST_MESSAGE_BYTES // 1024} KiB a message" in DOCUMENT
