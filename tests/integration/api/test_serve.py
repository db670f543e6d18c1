"""`serve` as people start it: a process beside a recorder, its end, and a log without keys."""

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderflow_recorder.api.auth import COOKIE
from tests.support.api import KEY, SECOND_KEY, Asked, ServeProgram
from tests.support.embedded import end_server
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until

pytestmark = pytest.mark.timeout(240)

SPOT = {"market": "spot", "symbol": "BTCUSDT"}


def shout(client: httpx.Client, key: str) -> None:
    """Put a key wherever one could be put."""
    for address in (f"/{key}", f"/api/v1/trades?api_key={key}&market={key}&symbol={key}", f"/api/v1/ticks/{key}/{key}"):
        for headers in ({}, {"X-API-Key": KEY}, {"X-API-Key": f"{key}x"}, {"Authorization": f"Bearer {key}"}):
            answer = client.get(address, headers=headers | {"Referer": f"http://x/{key}", "User-Agent": key})
            assert answer.status_code in {401, 404, 422, 429}
            assert key not in answer.text
    client.post("/sign-in", data={"key": key})
    client.post("/sign-in", data={"key": f"{key}x"})
    client.request(key, "/api/v1/ticks")
    client.post("/api/v1/subscriptions", headers={"X-API-Key": KEY}, json={"market": key, key: key})
    client.get("/api/v1/trades", headers={"X-API-Key": KEY, "Accept": key})
    client.get("/", headers={"Cookie": f"{COOKIE}={key}; {key}={key}"})


def shout_nonsense(port: int, key: str) -> None:
    """Send keys in requests that are none."""
    for text in (
        f"{key}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: a\r\nHost: {key}\r\n\r\n",
        f"GET /{key} HTTP/9\r\n{key}\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(text.encode())
            line.recv(65_536)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_keys_are_in_no_line_of_the_log_whatever_happens(tmp_path: Path, recorded_url: str, log_format: str) -> None:
    environment = {
        "API_KEY": f"{KEY},{SECOND_KEY}",
        "DB_URL": recorded_url,
        "DATA_DIR": str(tmp_path / "data"),
        "LOG_LEVEL": "TRACE",
        "LOG_FORMAT": log_format,
        "LOG_DIR": str(tmp_path / "logs"),
    }
    with ServeProgram(tmp_path / "log", environment) as serving:
        with serving.client() as client:
            shout(client, SECOND_KEY)
            shout_nonsense(serving.port, SECOND_KEY)
            assert SECOND_KEY not in client.get("/openapi.json", headers={"X-API-Key": KEY}).text
        assert serving.stop() == 0
    written = [serving.output(), *(path.read_text() for path in (tmp_path / "logs").iterdir())]
    assert len(written) == 2
    for text in written:
        assert f"listens on http://127.0.0.1:{serving.port}/" in text
        assert "stopped" in text
        assert KEY not in text
        assert SECOND_KEY not in text


def test_a_life_beside_a_recorder_with_the_embedded_postgres(tmp_path: Path) -> None:
    data = {"DATA_DIR": str(tmp_path / "data"), "DB_URL": "", "API_KEY": ""}
    try:
        with SimulatorProgram(tmp_path / "simulator.log") as simulator, ServeProgram(tmp_path / "log", data) as serving:
            with serving.client() as client:
                asked = Asked(client)
                assert client.get("/health/ready").json()["reasons"] == ["the database is away"]
                assert "nothing has been recorded here yet" in asked.detail(503, "/coverage")
                with RecorderProgram(tmp_path, {**simulator.environment(), **data}) as recorder:
                    wait_until(lambda: recorded(asked), within_s=90, what="trades are served")
                    found = wait_until(lambda: live(asked), within_s=60, what="a book is live")
                    assert found["trusted"]
                    status = asked.get("/status").json()
                    assert status["supervisor"]["pid"] == recorder.process.pid
                    assert status["time"].endswith("Z")
                    assert {row["state"] for row in asked.rows("/subscriptions")} == {"active"}
                    assert client.get("/health/ready").status_code == 200
                    tick = asked.get("/ticks/spot/BTCUSDT").json()
                    assert tick["trade"]["trade_id"] >= asked.rows("/trades", **SPOT, limit=1)[0]["trade_id"]
                    assert recorder.stop() == 0
                assert asked.rows("/trades", **SPOT, limit=1)  # it keeps the server for itself
                gone = "the status knows that the recorder is gone"
                wait_until(lambda: asked.get("/status").json()["supervisor"] is None, within_s=20, what=gone)
            assert serving.stop() == 0
            assert "Traceback" not in serving.output()
        assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()
    finally:
        end_server(tmp_path / "data" / "postgres")


def recorded(asked: Asked) -> bool:
    answer = asked.get("/trades", **SPOT, limit=1)
    return answer.status_code == 200 and bool(answer.json()["rows"])


def live(asked: Asked) -> Any:  # noqa: ANN401  # JSON
    answer = asked.get("/book", **SPOT)
    return json.loads(answer.text) if answer.status_code == 200 and answer.json()["bids"] else None
