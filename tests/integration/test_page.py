"""The web page in a real browser, before a real recorder of a simulated venue."""

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, WebSocketRoute

from tests.support.page import CHROMIUM, PANELS, WITHIN_S, Opened, Stage
from tests.support.processes import wait_until

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume", "delta")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt install chromium"),
    pytest.mark.timeout(300),
]


@pytest.fixture
def opened(chromium: Browser, page_scene: Stage) -> Iterator[Opened]:
    """Give the page on a desk."""
    with Opened(chromium, page_scene.server.url) as page:
        yield page.goto().ready(*PANELS)


def shown_candle(opened: Opened) -> dict[str, str]:
    """Return the candle that is shown, without what is written for people only."""
    texts = opened.page.locator("#chart-values dd").all_inner_texts()
    plain = [text.replace(",", "").replace("\u2212", "-").removeprefix("+") for text in texts]
    return dict(zip(VALUES, plain, strict=False))


def plain_candle(candle: dict[str, str]) -> dict[str, str]:
    """Return the same of the API; zeros at the end say nothing, but for prices' decimals."""
    return {
        name: f"{Decimal(candle[name]):.2f}" if name in PRICES else candle[name].rstrip("0").rstrip(".")
        for name in VALUES
    }


def test_data_appears_and_moves(opened: Opened) -> None:
    page = opened.page
    page.wait_for_selector("#link[data-link=live]")
    page.wait_for_selector("#health[data-health=good]")
    rows = page.locator("#symbols-rows [role=row]")
    assert sorted(rows.locator(".ticker").all_inner_texts()) == ["BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]
    assert page.title() == "BTCUSDT Spot · orderflow recorder"
    for name in ("Frames", "Rows", "Streams", "Books"):
        assert page.locator("#facts div", has_text=name).locator("dd").inner_text() != "\u2013"
    prices = page.locator("#book-asks th, #book-bids th").all_inner_texts()
    written = [float(price.replace(",", "")) for price in prices]
    assert len(written) == 20
    assert written == sorted(written, reverse=True)
    tape = opened.text("#tape-rows tr:first-child")
    page.wait_for_function("(before) => document.querySelector('#tape-rows tr').innerText !== before", arg=tape)
    volume = opened.text("#chart-values")
    page.wait_for_function("(before) => document.querySelector('#chart-values').innerText !== before", arg=volume)


@pytest.mark.parametrize("interval", ["5s", "1m", "1h"])
def test_a_growing_candle_is_that_of_the_api_to_the_last_digit(
    opened: Opened, page_scene: Stage, interval: str
) -> None:
    opened.page.click(f"#intervals label:has-text('{interval}')")
    assert opened.page.url.endswith(f"#/spot/BTCUSDT/{interval}")
    opened.ready("chart")
    tape = opened.text("#tape-rows tr:first-child")
    opened.page.wait_for_function("(before) => document.querySelector('#tape-rows tr').innerText !== before", arg=tape)
    path = f"candles?market=spot&symbol=BTCUSDT&resolution={interval}&start={page_scene.gaps()[-1]['opened_at'][:10]}"
    page_scene.simulator.control("pause")
    try:
        wait_until(
            lambda: shown_candle(opened) == plain_candle(page_scene.server.get(path)["rows"][-1]),
            within_s=WITHIN_S,
            what="the newest candle is the same on the page and in the tables",
        )
    finally:
        page_scene.simulator.control("resume")


def test_figures_stand_still_on_demand(opened: Opened, page_scene: Stage) -> None:
    page = opened.page
    page.click("#pause")
    tape = opened.text("#tape-rows")
    newest = page_scene.server.get("ticks/spot/BTCUSDT")["trade"]["trade_id"]
    wait_until(
        lambda: page_scene.server.get("ticks/spot/BTCUSDT")["trade"]["trade_id"] > newest + 3,
        within_s=WITHIN_S,
        what="more trades came",
    )
    assert opened.text("#tape-rows") == tape
    page.click("#pause")
    page.wait_for_function("(before) => document.querySelector('#tape-rows').innerText !== before", arg=tape)


def test_sums_are_exact(opened: Opened) -> None:
    found = opened.page.evaluate(
        """async () => {
          const { add, subtract, compare } = await import("./js/decimal.js");
          const { decimal, signed } = await import("./js/format.js");
          return [
            add("0.1", "0.2"), add("9007199254740993.00000001", "0.00000009"), add("-1.5", "1.50"),
            subtract("64321.17000000", "64321.16"), subtract("0.1", "0.3"), compare("0.10", "0.1"), compare("2", "10"),
            decimal("112345.10000000", 2), decimal("0.00001234", 2), decimal("-1234567.5"), decimal(null),
            signed("0.50"),
          ];
        }"""
    )
    assert found == [
        *("0.3", "9007199254740993.00000010", "0.00", "0.01000000", "-0.2", 0, -1),
        *("112,345.10", "0.00001234", "\u22121,234,567.5", "\u2013", "+0.5"),
    ]


def test_a_fault_shows_as_a_hole_and_can_be_clicked(opened: Opened, page_scene: Stage) -> None:
    page = opened.page
    before = {gap["gap_id"] for gap in page_scene.gaps()}
    page_scene.lose("depth@100ms", 3)
    gap = wait_until(
        lambda: next((one for one in page_scene.gaps() if one["gap_id"] not in before), None),
        within_s=WITHIN_S,
        what="the loss is in the ledger",
    )
    # The page hears of it by itself.
    page.wait_for_selector(f"#ledger-rows [data-gap='{gap['gap_id']}']")
    page.locator("#coverage-rows .strip", has_text="depth@100ms").locator(".hole").last.click()
    card = page.locator(
        "#gap-detail[open] article", has_text=f"{gap['first_missing_id']} \u2013 {gap['last_missing_id']}"
    )
    card.wait_for()
    text = card.inner_text()
    for part in ("Spot BTCUSDT · depth@100ms", "venue skipped", "unrecoverable", gap["reason"], "main"):
        assert part in text
    assert gap["from_time"][:26].replace("T", " ") in text
    page.keyboard.press("Escape")
    page.wait_for_selector("#gap-detail", state="hidden")
    assert "depth@100ms" in opened.focused()


def test_what_was_healed_says_by_what(opened: Opened) -> None:
    opened.page.select_option("#ledger-status", "healed")
    opened.page.wait_for_function(
        "() => [...document.querySelectorAll('#ledger-rows .badge')].every((one) => one.innerText === 'healed')"
    )
    opened.page.locator("#ledger-rows button").first.click()
    assert "by the venue's REST" in opened.text("#gap-detail-body")


def test_the_ledger_is_filtered_by_status_cause_and_symbol(opened: Opened) -> None:
    page = opened.page
    opened.ready("ledger")
    page.select_option("#ledger-cause", "disk_full")
    page.wait_for_selector("#ledger-panel[data-state=empty]")
    assert "No gap fits this filter." in opened.text("#ledger-panel")
    page.click("#ledger-clear")
    opened.ready("ledger")
    page.fill("#ledger-symbol", "eth")
    page.wait_for_selector("#ledger-panel[data-state=empty]")
    page.fill("#ledger-symbol", "BTCUSDT")
    page.select_option("#ledger-cause", "venue_skipped")
    opened.ready("ledger")
    assert all("BTCUSDT" in row for row in page.locator("#ledger-rows tr").all_inner_texts())


def test_it_comes_back_after_the_server_was_away(chromium: Browser, page_scene: Stage) -> None:
    server = page_scene.serve()
    with Opened(chromium, server.url) as opened:
        page = opened.goto().ready(*PANELS).page
        server.stop()
        page.wait_for_selector("#link[data-link=waiting]")
        assert opened.text("#link-text").startswith("Disconnected · again in")
        page.wait_for_selector("body[data-stale]")
        page.wait_for_selector("#health[data-health=unknown]")
        again = page_scene.serve(port=server.port)
        page.wait_for_selector("#link[data-link=live]")
        page.wait_for_selector("#notices li")
        assert "Connected again after" in opened.text("#notices")
        opened.ready(*PANELS)
        page.wait_for_selector("#tape-rows tr.skipped ~ tr:not(.skipped)")
        newest = opened.text("#tape-rows tr:first-child")
        page.wait_for_function("(before) => document.querySelector('#tape-rows tr').innerText !== before", arg=newest)
        page.wait_for_selector("#health[data-health=good]")
    again.stop()


def test_what_was_missed_is_told(chromium: Browser, page_scene: Stage) -> None:
    missed = {
        "type": "missed",
        "channel": "trades",
        "market": "spot",
        "symbol": "BTCUSDT",
        "count": 1234,
        "first_id": 5,
        "last_id": 1238,
    }

    def pass_on(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        route.on_message(server.send)
        server.on_message(route.send)
        told.append(route)

    told: list[WebSocketRoute] = []
    with Opened(chromium, page_scene.server.url) as opened:
        opened.page.route_web_socket("**/api/v1/stream", pass_on)
        page = opened.goto().ready(*PANELS).page
        told[0].send(json.dumps([missed]))
        page.wait_for_selector("#notices li")
        assert "1,234 trades of Spot BTCUSDT were not shown, ids 5 to 1238" in opened.text("#notices")
        page.wait_for_selector("#tape-rows tr.skipped")
        page.click("#notices button")
        page.wait_for_selector("#notices li", state="detached")


def test_with_a_key_one_signs_in(chromium: Browser, page_scene: Stage) -> None:
    server = page_scene.serve(key="a-key-for-the-test-of-the-page")
    with Opened(chromium, server.url, hold=["401"]) as opened:
        page = opened.goto("").page
        page.fill("input[name=key]", "a-key-for-the-test-of-the-page")
        page.click("button")
        opened.ready(*PANELS)
        page.wait_for_selector("#link[data-link=live]")
        opened.context.clear_cookies()
        page.wait_for_selector("#signed-out:not([hidden])")
        page.wait_for_selector("#link[data-link=stopped]")
        assert "Sign in" in opened.text("#signed-out")
    server.stop()


def test_a_whole_venue_stays_smooth(chromium: Browser, page_scene: Stage) -> None:
    row = page_scene.server.get("ticks")["rows"][0]
    rows = [row | {"symbol": f"COIN{number:03}USDT", "trades_per_s": number / 10} for number in range(930)]
    with Opened(chromium, page_scene.server.url) as opened:
        opened.page.route("**/api/v1/ticks", lambda route: route.fulfill(json={"rows": rows, "next": None}))
        page = opened.goto("#/spot/BTCUSDT/1m").page
        page.wait_for_selector("#symbols-rows .row:has-text('COIN929USDT')")
        count = "() => document.querySelectorAll('#symbols-rows .row').length"
        assert page.evaluate(count) < 60
        page.evaluate("() => { document.querySelector('#symbols-scroll').scrollTop = 1e6; }")
        page.wait_for_selector("#symbols-rows .row:has-text('COIN000USDT')")
        assert page.evaluate(count) < 60
        page.fill("#symbols-filter", "n41")
        page.wait_for_function("() => document.querySelector('#symbols-count').innerText.startsWith('10 of')")


def test_a_symbol_that_nobody_records_says_so(chromium: Browser, page_scene: Stage) -> None:
    with Opened(chromium, page_scene.server.url) as opened:
        page = opened.goto("#/spot/NOSUCHUSDT/1m").page
        page.wait_for_selector("#chart-panel[data-state=empty]")
        page.wait_for_selector("#coverage-panel[data-state=empty]")
        assert "Nothing of this symbol is recorded" in opened.text("#chart-panel")
        page.wait_for_selector("#book-panel[data-state=empty]")
        page.wait_for_selector("#tape-panel[data-state=empty]")
