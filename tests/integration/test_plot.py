"""``plot``: pictures of a capture with holes, held to the capture itself."""

import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import psycopg
import pytest
from loguru import logger

from orderflow_recorder import research
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.cli import main
from orderflow_recorder.domain.market import Market
from orderflow_recorder.plots.ledger import Period
from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.read import PictureReader, recorded_extent
from tests.support.captures import EPOCH
from tests.support.database import with_database
from tests.support.recorded import DEPTH_HOLE, TRADE_HOLES, holed

INSTANT = timedelta(microseconds=1)


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


Run: TypeAlias = Callable[..., Done]


@pytest.fixture(scope="session")
def holed_url(postgres_url: str, holed_database: psycopg.Connection[Any]) -> str:
    """Give the address of the capture with holes."""
    return with_database(postgres_url, holed_database.info.dbname)


@pytest.fixture(scope="module")
def picture(holed_url: str) -> Picture:
    """Give the picture of all of it."""
    with research.connect(holed_url) as database, database.one_moment():
        extent = recorded_extent(database, Market.SPOT, "BTCUSDT")
        assert extent is not None
        period = Period(Market.SPOT, "BTCUSDT", extent[0], extent[1] + INSTANT)
        return PictureReader(database, period, lambda _label, _done, _work: None).read()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Give what runs ``plot`` in an empty folder, without settings but the database's address."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run_command(url: str, *arguments: str) -> Done:
        monkeypatch.setenv("DB_URL", url)
        monkeypatch.setattr(sys, "argv", ["orderflow-recorder", "plot", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        output = capsys.readouterr()
        return Done(code, output.out, output.err)

    yield run_command
    logger.remove()


def moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def test_trades_add_up_to_those_of_the_capture(picture: Picture) -> None:
    fills = holed().fills
    assert (picture.trade_stream, picture.flow.trades) == ("trade", len(fills))
    assert picture.flow.path["cvd"][-1] == pytest.approx(float(sum(fill.signed for fill in fills)))
    assert picture.flow.bars["bought"].sum() == pytest.approx(float(sum(f.quantity for f in fills if not f.sold)))
    assert picture.flow.bars["trades"].sum() == len(fills)
    assert (picture.flow.path["low"].min(), picture.flow.path["high"].max()) == (
        float(min(fill.price for fill in fills)),
        float(max(fill.price for fill in fills)),
    )


def test_holes_lie_between_the_times_of_their_neighbours(picture: Picture) -> None:
    fills = {fill.id: fill for fill in holed().fills}
    found = {(hole.first_id, hole.last_id): (hole.start, hole.end) for hole in picture.holes_of("trade")}
    assert found == {
        (first, last): (moment(fills[first - 1].time), moment(fills[last + 1].time)) for first, last in TRADE_HOLES
    }
    (hole,) = picture.holes_of("depth@100ms")
    before = max((one for one in holed().changes if one.final < DEPTH_HOLE[1]), key=lambda one: one.final)
    after = min((one for one in holed().changes if one.first > DEPTH_HOLE[0]), key=lambda one: one.first)
    assert (hole.first_id, hole.last_id) == (before.final + 1, after.first - 1)
    assert (hole.start, hole.end) == (moment(before.time), moment(after.time))
    assert [strip.stream for strip in picture.strips] == ["depth@100ms", "trade"]


def test_best_prices_equal_a_plain_replay_and_end_at_the_hole(picture: Picture) -> None:
    snapshot = holed().snapshot
    (hole,) = picture.holes_of("depth@100ms")
    sides = [{float(price): float(size) for price, size in snapshot[side]} for side in ("bids", "asks")]
    changes = [one for one in holed().changes if one.final > snapshot["lastUpdateId"]]
    compared = 0
    for time, bid, ask, run in picture.heat.quotes.iter_rows():
        while changes and moment(changes[0].time) <= time:
            change = changes.pop(0)
            for side, levels in zip(sides, (change.bids, change.asks), strict=True):
                side.update((float(price), float(size)) for price, size in levels)
        bids, asks = ([price for price, size in side.items() if size] for side in sides)
        assert (bid, ask, run) == (max(bids), min(asks), 1), time
        compared += 1
    assert compared > 50
    assert picture.heat.quotes["time"].max() == hole.start
    unknown = picture.heat.unknown.filter(start=hole.start)
    assert unknown["reason"].str.contains(f"{hole.first_id}").all()
    assert picture.heat.unknown["end"].max() == picture.end
    assert picture.heat.cells["end"].max() == hole.start


def test_a_page_is_written_here_and_its_path_is_printed(run: Run, holed_url: str, tmp_path: Path) -> None:
    done = run(holed_url, "spot", "btcusdt", "--minutes", "1")
    (path,) = tmp_path.iterdir()
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path.name}: spot BTCUSDT, 2024-08-08 ")
    assert path.name.startswith("spot_BTCUSDT_20240808T2355")
    assert path.suffix == ".html"
    assert path.stat().st_size < 10_000_000


def test_an_image_of_a_period(run: Run, holed_url: str, tmp_path: Path) -> None:
    period = ["--start", "2024-08-08T23:54:30", "--end", "2024-08-08T23:55:00"]
    done = run(holed_url, "spot", "BTCUSDT", *period, "--to", "here.png", "--theme", "dark")
    assert done.code == 0
    assert "23:54:30 to 2024-08-08 23:55:00 UTC" in done.stdout
    assert (tmp_path / "here.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["here.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["usdm", "BTCUSDT"], "usdm BTCUSDT: expected trades or book changes, found none"),
        (["spot", "BTCUSDT", "--start", "2024-08-08", "--minutes", "5"], "recorded from 2024-08-08 23:54:"),
        (["spot", "BTCUSDT", "--start", "2030-01-01"], "the last thing recorded happened at 2024-08-08T23:56:"),
        (
            ["spot", "BTCUSDT", "--minutes", "0.1", "--to", "nowhere/x.html"],
            "nowhere/x.html: expected a file in a folder",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_exit_code_1(
    run: Run, holed_url: str, arguments: list[str], words: str, tmp_path: Path
) -> None:
    done = run(holed_url, *arguments)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["spot"],
        ["nasdaq", "BTCUSDT"],
        ["spot", "BTCUSDT", "--to", "picture.gif"],
        ["spot", "BTCUSDT", "--start", "soon"],
        ["spot", "BTCUSDT", "--start", "2024-08-09", "--end", "2024-08-08"],
        ["spot", "BTCUSDT", "--start", "2024-08-08", "--end", "2024-08-09", "--minutes", "3"],
        ["spot", "BTCUSDT", "--minutes", "0"],
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run("", *arguments).code == 2


def test_help_gives_examples(run: Run) -> None:
    done = run("", "--help")
    assert done.code == 0
    assert "orderflow-recorder plot spot BTCUSDT" in done.stdout
