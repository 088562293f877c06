"""A picture of the console for the README: ``DEMO_SCREENSHOT=docs/console.png make demo`` makes it of the night."""

import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

SIZE = (1100, 900)
PATIENCE_MS = 60_000


def take(stack: dict[str, Any], asset: str, path: Path) -> None:
    """Sign in to the console of a running stack and save the page of an asset's latest session. It needs a Chromium.

    Raises:
        RuntimeError: there is no Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise RuntimeError("There is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, locale="en-GB")
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{stack['console_url']}#/assets/{asset}")
        page.get_by_label("Token").fill(stack["support_token"])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Last nights").get_by_role("link").first.click()
        page.get_by_label("Picture").get_by_role("img").first.wait_for()
        page.wait_for_load_state("networkidle")
        page.screenshot(path=path)
        browser.close()
