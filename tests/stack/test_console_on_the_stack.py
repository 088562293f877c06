"""The console on the stack, with IAM enforced and in a real browser: sign in, find a car, its night, a state read."""

from typing import Any

from playwright.sync_api import expect

from tests.support.browser.chromium import page_of, settle, signed_in
from tests.support.stack.homes import Home, Stack


def test_support_finds_a_car_and_reads_its_state_and_the_app_may_not(running: Stack, browser: Any) -> None:
    home = Home(running, "console-enode", "enode").join()
    home.until(home.in_sync, "Axle has acknowledged everything")
    home.move("plug-in")
    home.until(home.charging, "the car charges")
    values = running.values
    assert running.api("GET", "/caller").status_code == 403, "a token of the app's"
    with page_of(browser) as (page, trouble):
        signed_in(page, values["console_url"].removesuffix("/console"), values["support_token"])
        settle(page)
        page.get_by_label("Site, asset or vehicle id").fill(home.name)
        page.get_by_role("button", name="Find").click()
        page.get_by_role("link", name=home.name).first.click()
        settle(page)
        expect(page.get_by_role("heading", level=1)).to_have_text(home.name)
        expect(page.get_by_label("Last nights").get_by_role("img").first).to_be_visible()
        page.get_by_role("button", name="Look now").click()
        expect(page.get_by_text("The car maker is asked now.")).to_be_visible()
        page.get_by_role("button", name="Report refused readings again").click()
        expect(page.get_by_text("Axle refuses none of the half-hours")).to_be_visible()
        page.evaluate("location.hash = '#/nights/last'")
        settle(page)
        assert trouble == []
