"""Take the pictures of docs/page.md: python tools/page_pictures.py URL [docs] [#/spot/BTCUSDT/1m]."""

import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

# Each is as wide as its device; as high as what must be seen.
SIZES: Final = {"desktop": (1440, 1090), "phone": (390, 1240)}
READY: Final = ("symbols", "chart", "book", "tape", "coverage", "ledger")
SETTLE_MS: Final = 4_000


def take(browser: Browser, url: str, device: str, theme: str, folder: Path) -> Path:
    """Take one picture; return where it is."""
    width, height = SIZES[device]
    is_phone = device == "phone"
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        is_mobile=is_phone,
        has_touch=is_phone,
    )
    page = context.new_page()
    page.goto(url)
    for panel in READY:
        page.wait_for_selector(f"#{panel}-panel[data-state=ready]")
    page.wait_for_timeout(SETTLE_MS)
    path = folder / f"page-{device}-{theme}.png"
    page.screenshot(path=path)
    context.close()
    return path


def main() -> None:
    """Take all of them."""
    url, folder, fragment = [*sys.argv[1:], *("docs", "#/spot/BTCUSDT/1m")[len(sys.argv) - 2 :]]
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        for device in SIZES:
            for theme in ("light", "dark"):
                path = take(browser, url + fragment, device, theme, Path(folder))
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
        browser.close()


if __name__ == "__main__":
    main()
