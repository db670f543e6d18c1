"""The web page for fingers, keys, screen readers, and in the dark."""

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser

from tests.support.page import CHROMIUM, PANELS, Opened, Stage

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt install chromium"),
    pytest.mark.timeout(300),
]

# What has the focus, and whether that can be seen: a radio button shows it around its label.
FOCUS: Final = """() => {
  const one = document.activeElement;
  const shown = one.name === "interval" ? one.nextElementSibling : one;
  const isSeen = one === document.body || getComputedStyle(shown).outlineStyle !== "none";
  return [one.id || one.name || one.className || one.tagName, isSeen];
}"""
PHONE: Final = {"width": 390, "height": 844}


@pytest.fixture
def opened(chromium: Browser, page_scene: Stage) -> Iterator[Opened]:
    """Give the page on a desk."""
    with Opened(chromium, page_scene.server.url) as page:
        yield page.goto().ready(*PANELS)


def test_a_phone_shows_one_column_with_targets_for_fingers(chromium: Browser, page_scene: Stage) -> None:
    with Opened(chromium, page_scene.server.url, viewport=PHONE, is_mobile=True, has_touch=True) as opened:
        page = opened.goto().ready(*PANELS, "ledger").page
        assert page.evaluate("() => document.documentElement.scrollWidth") == 390
        lefts = page.evaluate(
            "() => [...document.querySelectorAll('.panel')].map((one) => one.getBoundingClientRect().left)"
        )
        assert len(set(lefts)) == 1
        small = page.evaluate(
            """() => [
              ...document.querySelectorAll("button, select, [type=search], #intervals span, #symbols-rows .row"),
            ]
              .filter((one) => one.offsetParent && !one.closest("#symbols-head") && !one.matches(".link, .hole"))
              .filter((one) => one.getBoundingClientRect().height < 43.5)
              .map((one) => one.outerHTML)"""
        )
        assert small == []
        page.locator("#coverage-rows .hole").first.tap()
        page.wait_for_selector("#gap-detail[open]")
        box = page.locator("#gap-detail").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_the_keyboard_reaches_everything(opened: Opened) -> None:
    page = opened.page
    opened.ready("ledger")
    reached: list[str] = []
    while not reached or reached[-1] != "BODY":
        page.keyboard.press("Tab")
        name, is_seen = page.evaluate(FOCUS)
        reached.append(name)
        assert is_seen, name
        assert len(reached) < 100
    wanted = {"theme", "symbols-filter", "symbols-market", "interval", "chart-zoom-in", "chart-latest", "chart"}
    wanted |= {"hole", "ledger-status", "ledger-cause", "ledger-symbol", "row", "link"}
    assert wanted <= set(reached)


def test_keys_choose_candles_holes_and_symbols(opened: Opened) -> None:
    page = opened.page
    page.focus("#intervals input:checked")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.hash === '#/spot/BTCUSDT/5s'")
    opened.ready("chart")
    page.focus("#chart")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('#announcer').innerText.includes('close')")
    page.focus("#coverage-rows .hole")
    page.keyboard.press("Enter")
    page.wait_for_selector("#gap-detail[open]")
    page.keyboard.press("Escape")
    page.focus("#symbols-rows [tabindex='0']")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    key = page.evaluate("() => document.activeElement.dataset.key")
    page.keyboard.press("Enter")
    market, symbol = key.split()
    page.wait_for_function("(wanted) => location.hash === wanted", arg=f"#/{market}/{symbol}/5s")
    opened.ready("chart", "book", "tape", "coverage")


def test_everything_has_a_name_and_a_role(opened: Opened) -> None:
    nameless = opened.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex], [role], section, dialog")]
          .filter((one) => !one.matches("[role=row], [role=rowgroup], [role=gridcell], [role=status], [hidden] *"))
          .filter((one) => {
            const by = one.getAttribute("aria-labelledby");
            const named = by ? document.getElementById(by)?.textContent : one.getAttribute("aria-label");
            return !(named || one.textContent || one.closest("label")?.textContent || "").trim();
          })
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    page = opened.page
    assert page.get_by_role("grid", name="Symbols").get_by_role("row").count() == 5
    assert page.get_by_role("columnheader", name="Trades/s").get_attribute("aria-sort") == "descending"
    assert page.get_by_role("radio", name="1s").is_checked()
    assert page.get_by_role("status").count() == 1
    assert page.evaluate("() => document.querySelectorAll('h1').length") == 1


def test_light_and_dark_follow_the_system_and_the_switch(chromium: Browser, page_scene: Stage) -> None:
    background = "() => getComputedStyle(document.body).backgroundColor"
    with Opened(chromium, page_scene.server.url, color_scheme="dark", reduced_motion="reduce") as opened:
        page = opened.goto().ready("chart").page
        assert page.evaluate(background) == "rgb(14, 18, 23)"
        page.get_by_role("button", name="Switch to the light theme").click()
        assert page.evaluate(background) == "rgb(244, 246, 248)"
        page.reload()
        opened.ready("chart")
        assert page.evaluate(background) == "rgb(244, 246, 248)"
        page.get_by_role("button", name="Switch to the dark theme").click()
        assert page.evaluate("() => localStorage.length") == 0
