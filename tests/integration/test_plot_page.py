"""The page of ``plot`` in a real browser."""

from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from orderflow_recorder.app.plot import PlotRequest, draw
from orderflow_recorder.domain.market import Market
from tests.support.database import with_database
from tests.support.page import CHROMIUM

PANELS: Final = ["price", "book", "sum", "volume", "coverage"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt install chromium")

# What was drawn of each panel: where it is on the page, and how many items each sort of mark has.
DRAWN = """async () => {
  const view = (await drawn).view;
  const [left, top] = view.origin();
  const canvas = document.querySelector("#chart canvas").getBoundingClientRect();
  const found = [];
  const count = (mark, counts) => {
    for (const item of mark.items) {
      if (mark.marktype !== "group") {
        const key = mark.marktype;
        counts[key] = (counts[key] || 0) + 1;
      }
      for (const inner of item.items || []) if (["mark", "scope"].includes(inner.role)) count(inner, counts);
    }
    return counts;
  };
  for (const mark of view.scenegraph().root.items[0].items) {
    if (!/^concat_\\d_group$/.test(mark.name || "")) continue;
    const group = mark.items[0];
    const box = {x: canvas.x + left + group.x, y: canvas.y + top + group.y, width: group.width, height: group.height};
    found.push({...box, marks: count(mark, {})});
  }
  return found;
}"""
# How many pixels of a part of the page are the red of holes, and how many colours there are.
PIXELS = """({x, y, width, height}) => {
  const canvas = document.querySelector("#chart canvas");
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const part = [x - box.x, y - box.y, width, height].map((one) => Math.round(one * scale));
  const data = canvas.getContext("2d").getImageData(...part).data;
  const colours = new Set();
  let red = 0;
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
    colours.add((r << 16) | (g << 8) | b);
    if (r > 170 && g < 130 && b < 150 && r - g > 70 && Math.abs(g - b) < 60) red += 1;
  }
  return {red, colours: colours.size};
}"""
DOMAIN = "async () => (await drawn).view.scale('x').domain().map(Number)"
AT = "async (time) => (await drawn).view.scale('x')(time)"


class Opened:
    """A page that is open, and what it said and asked for meanwhile."""

    def __init__(self, page: Page, path: Path) -> None:
        """Open it and wait until it is drawn."""
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self._note(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#chart canvas")
        self.panels: list[dict[str, Any]] = page.evaluate(DRAWN)

    def _note(self, line: str) -> None:
        # Chromium's advice on how to look at pixels is for this test, not for the page.
        if "willReadFrequently" not in line:
            self.said.append(line)

    def pixels(self, panel: str) -> dict[str, int]:
        """Return what a panel looks like."""
        box = self.panels[PANELS.index(panel)]
        found: dict[str, int] = self.page.evaluate(PIXELS, {key: box[key] for key in ("x", "y", "width", "height")})
        return found

    def hover(self, panel: str, across: float, down: float = 0.5) -> str:
        """Return what a tooltip says at a place of a panel, both from 0 to 1."""
        box = self.panels[PANELS.index(panel)]
        self.page.mouse.move(box["x"] + across * box["width"] - 1, box["y"] + down * box["height"])
        self.page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        tooltip = self.page.wait_for_selector("#vg-tooltip-element.visible", timeout=5_000)
        return tooltip.inner_text() if tooltip else ""


@pytest.fixture(scope="module")
def path(postgres_url: str, holed_database: psycopg.Connection[Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of a capture with holes."""
    to = tmp_path_factory.mktemp("plot") / "page.html"
    url = with_database(postgres_url, holed_database.info.dbname)
    request = PlotRequest(market=Market.SPOT, symbol="BTCUSDT")
    draw(url, request, to, lambda _label, _done, _work: None)
    return to


@pytest.fixture(scope="module")
def opened(chromium: Browser, path: Path) -> Opened:
    """Give the page in light surroundings."""
    return Opened(chromium.new_page(viewport={"width": 1400, "height": 1400}, color_scheme="light"), path)


def test_it_says_nothing_and_loads_nothing(opened: Opened, path: Path) -> None:
    assert opened.said == []
    assert opened.asked == [path.as_uri()]


def test_every_panel_is_drawn_and_marks_the_holes(opened: Opened) -> None:
    assert len(opened.panels) == len(PANELS)
    marks = dict(zip(PANELS, (panel["marks"] for panel in opened.panels), strict=True))
    assert marks["price"]["symbol"] > 300
    assert marks["book"]["rect"] > 300
    assert marks["sum"]["line"] > 0
    assert marks["volume"]["rect"] > 40
    assert marks["coverage"]["text"] == 3
    for panel in PANELS:
        pixels = opened.pixels(panel)
        assert pixels["colours"] > 10, panel
        assert pixels["red"] > 50, panel


def test_tooltips_say_what_is_there_and_what_is_missing(opened: Opened) -> None:
    width = opened.panels[0]["width"]
    ends = opened.page.evaluate("() => rows.holes.map((hole) => [hole.stream, hole.time, hole.until])")
    places = {stream: [opened.page.evaluate(AT, end) for end in span] for stream, *span in ends if stream != "trade"}
    start, end = places["depth@100ms"]
    missing = opened.hover("coverage", (start + end) / 2 / width, 0.25)
    assert "missing" in missing
    assert "unrecoverable" in missing
    assert "ids" in missing
    assert "unknown" in opened.hover("book", (end + width) / 2 / width)
    step = opened.page.evaluate(AT, opened.page.evaluate("() => rows.path[50].time"))
    assert "CVD, BTC" in opened.hover("sum", step / width)
    bar = opened.page.evaluate(AT, opened.page.evaluate("() => (rows.bars[5].time + rows.bars[5].until) / 2"))
    assert "bought, BTC" in opened.hover("volume", bar / width)


def test_all_panels_zoom_together_and_a_double_click_shows_all_again(opened: Opened) -> None:
    page = opened.page
    whole = page.evaluate(DOMAIN)
    for panel in opened.panels:
        page.mouse.move(panel["x"] + 0.4 * panel["width"], panel["y"] + panel["height"] / 2)
        before = page.evaluate(DOMAIN)
        page.mouse.wheel(0, -200)
        page.wait_for_function(f"({DOMAIN})().then(([start, end]) => end - start < {before[1] - before[0]})")
    page.mouse.dblclick(panel["x"] + 0.4 * panel["width"], panel["y"] + panel["height"] / 2)
    page.wait_for_function(f"({DOMAIN})().then(([start, end]) => start === {whole[0]} && end === {whole[1]})")
    assert opened.said == []


def test_it_is_dark_in_dark_surroundings_and_light_on_demand(chromium: Browser, path: Path) -> None:
    dark = Opened(chromium.new_page(color_scheme="dark"), path)
    background = "() => getComputedStyle(document.body).backgroundColor"
    assert dark.page.evaluate(background) == "rgb(18, 22, 28)"
    dark.page.click("#theme")
    dark.page.wait_for_function(f"({background})() === 'rgb(255, 255, 255)'")
    dark.page.wait_for_function("drawn.then(({view}) => view.background() === '#ffffff')")
    assert dark.said == []
