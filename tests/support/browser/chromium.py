"""Debian's Chromium for tests of the console: found, or installed where that is possible."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

AXE = Path(__file__).with_name("axe.min.js")
NAMES = ("chromium", "chromium-browser", "google-chrome")
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
SERIOUS = frozenset({"serious", "critical"})
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
INSTALL = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--allow-unauthenticated", "chromium"]


@cache
def chromium() -> str | None:
    """The path of a Chromium. Without one it is installed by Debian's package manager; None where that cannot be."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is not None or shutil.which("apt-get") is None or os.geteuid() != 0:
        return found
    for command in (["apt-get", "update", "-qq"], INSTALL):
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=600)
        except (OSError, subprocess.SubprocessError):
            return None
    return shutil.which("chromium")


@contextmanager
def running(path: str) -> Iterator[Browser]:
    """A headless browser without a window and without a profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def page_of(browser: Browser, size: Any = None) -> Iterator[tuple[Page, list[str]]]:
    """A new tab, and what its console shows of errors and warnings."""
    viewport: Any = size or DESK
    context = browser.new_context(viewport=viewport, locale="en-GB")
    page, trouble = context.new_page(), []
    page.set_default_timeout(PATIENCE_MS)
    page.on("console", lambda message: trouble.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    yield page, trouble
    context.close()


def signed_in(page: Page, url: str, token: str, at: str = "") -> None:
    """Open the console and sign in, at an address of the page (``#/assets/car-1``)."""
    page.goto(f"{url}/console{at}")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.locator("#reader").wait_for()


def settle(page: Page) -> None:
    """Wait until nothing loads any more."""
    page.wait_for_load_state("networkidle")
    expect(page.locator("[aria-busy]")).to_have_count(0)


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds wrong for people who need assistance, of what it counts as serious or worse."""
    # A test drives the page from outside, so what the page forbids its own scripts does not concern it.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']} ({node['html'][:120]})"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
