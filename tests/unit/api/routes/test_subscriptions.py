"""The paths of subscriptions: what they ask of the recorder, and how they answer."""

from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from fastapi import FastAPI

from orderflow_recorder.api.routes.subscriptions import subscriptions_router
from orderflow_recorder.core.subscriptions import Outcome, Subscription, SubscriptionState
from orderflow_recorder.domain.errors import SubscriptionRefusedError, SubscriptionsDamagedError
from orderflow_recorder.domain.market import Market

ACTIVE = Subscription(Market.SPOT, "SOLUSDT", "trade", SubscriptionState.ACTIVE)
ROW = {"market": "spot", "symbol": "SOLUSDT", "stream": "trade", "state": "active", "reason": ""}
PATH = "/subscriptions"


class Recorder:
    """A recorder that answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        """Have one stream."""
        self.asked: list[tuple[object, ...]] = []
        self.outcome = Outcome([ACTIVE], settled=True)
        self.error: Exception | None = None

    def read(self) -> Sequence[Subscription]:
        """Return its streams."""
        self._raise()
        return self.outcome.subscriptions

    async def add(self, market: Market, symbol: str, names: Sequence[str] | None = None) -> Outcome:
        """Add."""
        self.asked.append(("add", market, symbol, names))
        self._raise()
        return self.outcome

    async def remove(self, market: Market, symbol: str, name: str | None = None) -> Outcome:
        """Remove."""
        self.asked.append(("remove", market, symbol, name))
        self._raise()
        return self.outcome

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def recorder() -> Recorder:
    """Return a recorder."""
    return Recorder()


@pytest.fixture
async def client(recorder: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of its paths."""
    app = FastAPI()
    app.include_router(subscriptions_router(recorder))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://recorder") as found:
        yield found


async def test_the_list_has_every_stream(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH)
    assert answer.status_code == 200
    assert answer.json() == {"rows": [ROW], "next": None, "note": ""}


async def test_streams_are_added_and_removed(client: httpx.AsyncClient, recorder: Recorder) -> None:
    body = {"market": "spot", "symbol": "solusdt", "streams": ["trade", "depth@100ms"]}
    assert (await client.post(PATH, json=body)).json()["rows"] == [ROW]
    assert (await client.post(PATH, json={"market": "usdm", "symbol": "币安人生USDT"})).status_code == 200
    assert (
        await client.delete(PATH, params={"market": "spot", "symbol": "SOLUSDT", "stream": "depth@100ms"})
    ).is_success
    assert (await client.delete(PATH, params={"market": "spot", "symbol": "SOLUSDT"})).json()["rows"] == [ROW]
    assert recorder.asked == [
        ("add", Market.SPOT, "solusdt", ["trade", "depth@100ms"]),
        ("add", Market.USDM, "币安人生USDT", None),
        ("remove", Market.SPOT, "SOLUSDT", "depth@100ms"),
        ("remove", Market.SPOT, "SOLUSDT", None),
    ]


async def test_what_is_not_known_yet_is_accepted(client: httpx.AsyncClient, recorder: Recorder) -> None:
    recorder.outcome = Outcome([ACTIVE], settled=False, note="the collector does not run")
    answer = await client.post(PATH, json={"market": "spot", "symbol": "SOLUSDT"})
    assert (answer.status_code, answer.json()["note"]) == (202, "the collector does not run")
    assert (await client.delete(PATH, params={"market": "spot", "symbol": "SOLUSDT"})).status_code == 202


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (SubscriptionRefusedError("nope"), 422, "Unprocessable"),
        (SubscriptionsDamagedError("nope"), 503, "Service Unavailable"),
        (OSError(28, "nope"), 503, "Service Unavailable"),
    ],
)
async def test_errors_are_problems_with_the_reason(
    client: httpx.AsyncClient, recorder: Recorder, error: Exception, status: int, title: str
) -> None:
    recorder.error = error
    answers = [
        await client.post(PATH, json={"market": "spot", "symbol": "SOLUSDT"}),
        await client.delete(PATH, params={"market": "spot", "symbol": "SOLUSDT"}),
    ]
    if isinstance(error, SubscriptionsDamagedError):
        answers.append(await client.get(PATH))
    for answer in answers:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["title"].startswith(title)
        assert answer.json()["status"] == status
        assert "nope" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"market": "coinm", "symbol": "SOLUSDT"},
        {"market": "spot", "symbol": "SOL'; drop table trades"},
        {"market": "spot", "symbol": "S" * 41},
        {"market": "spot", "symbol": "SOLUSDT", "streams": []},
        {"market": "spot", "symbol": "SOLUSDT", "streams": ["trade"] * 21},
        {"market": "spot", "symbol": "SOLUSDT", "streams": ["tr/ade"]},
        {"market": "spot", "symbol": "SOLUSDT", "stream": "trade"},
        {"market": "spot"},
        [],
    ],
)
async def test_what_no_recorder_can_do_never_reaches_it(
    client: httpx.AsyncClient, recorder: Recorder, body: object
) -> None:
    assert (await client.post(PATH, json=body)).status_code == 422
    assert recorder.asked == []


async def test_a_method_that_is_not_there_is_told_which_are(client: httpx.AsyncClient) -> None:
    answer = await client.put(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST, DELETE")


async def test_every_answer_is_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"][PATH]
    assert {method: set(one["responses"]) for method, one in paths.items()} == {
        "get": {"200", "503"},
        "post": {"200", "202", "400", "422", "503"},
        "delete": {"200", "202", "422", "503"},
    }
