"""The console in a real browser, in front of the real functions: what support and operators see and may do."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from driveway.domain.twin import Twin
from driveway.values import replace
from tests.support.browser.chromium import DESK, PHONE, page_of, serious_findings, settle, signed_in
from tests.support.functions.assets import a_twin, place
from tests.support.functions.charging_home import Charging, Context, in_memory
from tests.support.functions.front import TOKENS, serving
from tests.support.functions.rig import NOW, Rig, function
from tests.support.functions.sites import put

SUPPORT, OPERATOR, APP = (next(iter(TOKENS[scope].values())) for scope in ("support", "operator", "app"))
HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
PERSONAL = ("1200001234566", "SW1A", "Example Street", "driver@", "51.50")


def without_account(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, needs_user="The account is not connected."))


@pytest.fixture
def night(rig: Rig) -> Rig:
    """A morning after: a car charged from six to eight in the evening, and another one needs attention."""
    in_memory(rig)
    home = Charging(rig)
    at_home = {**home.body, "home": {"latitude": 51.5034, "longitude": -0.1276, "radius_m": 200}}
    assert put(rig, at_home, site="home-1").status == 200
    rig.pump()
    for step in range(1, 13):
        rig.clock.put(NOW + timedelta(minutes=10 * step))
        home.register_kwh += 10 / 15
        home.report()
    home.plug_out()
    rig.pump()
    rig.clock.put(NOW + timedelta(hours=14))
    function("meter_readings").handler({}, Context())
    needy = a_twin(NOW, asset="car-2", axle_asset_id="axle-2", vehicle=None, site="home-2")
    place(rig, without_account(needy))
    return rig


@pytest.fixture
def url(night: Rig) -> Iterator[str]:
    with serving(night) as address:
        yield address


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    """A tab at desk width whose console must stay empty."""
    with page_of(browser) as (opened, trouble):
        yield opened
        assert trouble == []


def test_support_finds_a_car_sees_its_night_and_the_sentence_to_answer_with(page: Page, url: str) -> None:
    signed_in(page, url, SUPPORT)
    expect(page.locator("#reader")).to_contain_text("anna (support)")
    page.get_by_label("Site, asset or vehicle id").fill("enode-vehicle-1")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="car-1").click()
    settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("car-1")
    expect(page.get_by_label("State").first).to_contain_text("plugged in")
    nights = page.get_by_label("Last nights")
    expect(nights).to_contain_text("Night of Thursday 15 January 2026")
    expect(nights.get_by_role("img").first).to_be_visible()
    expect(page.get_by_label("Timeline").first).to_contain_text("PluggedIn")
    expect(page.get_by_role("region", name="Readings").first).to_contain_text("accepted")
    nights.get_by_role("link").first.click()
    settle(page)
    expect(page.get_by_label("Picture").get_by_role("img")).to_be_visible()
    expect(page.get_by_label("Half-hours").first).to_contain_text("2.000")


def test_the_last_night_and_the_cars_that_need_attention_are_the_first_page(page: Page, url: str) -> None:
    signed_in(page, url, OPERATOR)
    settle(page)
    shown = page.get_by_label("The night")
    expect(shown).to_contain_text("Night of Thursday 15 January 2026")
    expect(shown).to_contain_text("1 of 1")
    expect(shown).to_contain_text("8.0 kWh")
    needy = page.get_by_label("Needs attention")
    expect(needy).to_contain_text("car-2")
    expect(needy).to_contain_text("0 minutes")
    expect(needy).to_contain_text("not connected")
    shown.get_by_role("link", name=re.compile("Short unplugged early")).first.click()
    expect(page.get_by_label("Sessions").first).to_contain_text("car-1")


def test_a_link_to_a_session_opens_it_after_the_token_and_reloading_loses_only_the_token(page: Page, url: str) -> None:
    signed_in(page, url, SUPPORT, "#/assets/car-1")
    settle(page)
    page.get_by_label("Last nights").get_by_role("link").first.click()
    settle(page)
    link = page.url
    heading = page.get_by_role("heading", level=1).inner_text()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    page.get_by_label("Token").fill(SUPPORT)
    page.get_by_role("button", name="Sign in").click()
    settle(page)
    assert (page.url, page.get_by_role("heading", level=1).inner_text()) == (link, heading)


@pytest.mark.parametrize(
    ("token", "sentence"),
    [("nobody's", "This token is not valid. Check that it is whole"), (APP, "This token is valid, but not for this.")],
)
def test_a_wrong_token_and_one_of_the_apps_are_refused(browser: Any, url: str, token: str, sentence: str) -> None:
    with page_of(browser) as (page, trouble):
        page.goto(f"{url}/console#/assets/car-1")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text(sentence)
        expect(page.locator("#view")).to_be_empty()
        assert all("Failed to load resource" in one for one in trouble), "the browser's own word for a refusal"


def test_a_hostile_name_is_shown_and_does_nothing(browser: Any, night: Rig, url: str) -> None:
    hostile = a_twin(NOW, asset=HOSTILE, axle_asset_id="axle-9", vehicle=None, site="home-2")
    place(night, without_account(hostile))
    with page_of(browser) as (page, trouble):
        signed_in(page, url, SUPPORT)
        settle(page)
        page.get_by_label("Needs attention").get_by_role("link", name=HOSTILE).click()
        settle(page)
        expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
        assert page.title() == f"{HOSTILE} - Driveway console"
        assert page.locator("main img, main script").count() == 0
        page.get_by_label("Site, asset or vehicle id").fill(HOSTILE)
        page.get_by_role("button", name="Find").click()
        settle(page)
        expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
        assert trouble == []


HIDDEN = """[...document.querySelectorAll('.scrolls')]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.ariaLabel)"""
"""The tables that must be scrolled sideways."""


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_page_keeps_anybody_out(browser: Any, night: Rig, url: str, size: Any) -> None:
    place(night, without_account(a_twin(NOW, asset=HOSTILE, axle_asset_id="axle-9", vehicle=None, site="home-2")))
    with page_of(browser, size) as (page, trouble):
        page.goto(f"{url}/console")
        assert serious_findings(page) == []
        signed_in(page, url, OPERATOR)
        for place_of in ("#/", "#/assets/car-1", "#/sites/home-1", "#/find/car-1", "#/nights/2026-01-15"):
            page.evaluate("place => { location.hash = place }", place_of)
            settle(page)
            assert serious_findings(page) == [], place_of
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], f"{place_of} is {wide} pixels wide"
            assert page.evaluate(HIDDEN) == [], place_of
        page.evaluate("place => { location.hash = place }", "#/assets/car-1")
        settle(page)
        page.get_by_label("Last nights").get_by_role("link").first.click()
        settle(page)
        assert serious_findings(page) == []
        assert page.evaluate(HIDDEN) == []
        assert trouble == []


def test_all_can_be_done_with_the_keyboard(page: Page, url: str) -> None:
    page.goto(f"{url}/console")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(SUPPORT)
    page.keyboard.press("Enter")
    settle(page)
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_label("Site, asset or vehicle id")).to_be_focused()
    page.keyboard.type("car-1")
    page.keyboard.press("Enter")
    settle(page)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="car-1")).to_be_focused()
    page.keyboard.press("Enter")
    settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("car-1")


def test_the_two_acts_are_done_and_logged_with_the_name(
    page: Page, night: Rig, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed_in(page, url, SUPPORT, "#/assets/car-1")
    settle(page)
    page.get_by_role("button", name="Look now").click()
    expect(page.get_by_text("The car maker is asked now.")).to_be_visible()
    page.get_by_role("button", name="Report refused readings again").click()
    expect(page.get_by_text("Axle refuses none of the half-hours")).to_be_visible()
    assert [detail for kind, detail in night.bus.events if detail.get("action") == "look"]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "act of the staff" in line]
    assert [(line["act"], line["by"], line["asset"]) for line in lines] == [
        ("look", "anna", "car-1"),
        ("retell", "anna", "car-1"),
    ]


def test_only_an_operator_has_the_switch_and_is_asked_twice(page: Page, night: Rig, url: str) -> None:
    signed_in(page, url, SUPPORT)
    settle(page)
    expect(page.get_by_text("The switch for everything")).to_have_count(0)
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Token").fill(OPERATOR)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Release every car").click()
    page.get_by_role("button", name="Change nothing").click()
    expect(page.get_by_text("Cars are controlled")).to_be_visible()
    page.get_by_role("button", name="Release every car").click()
    page.get_by_role("dialog").get_by_role("button", name="Release every car").click()
    expect(page.get_by_text("Every car is released since")).to_be_visible()
    assert night.runtime.control_switch.read(night.clock.now()).released


def test_a_long_list_is_shown_by_pages(page: Page, night: Rig, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driveway.status.asset_list.ON_A_PAGE", 2)
    cars = [
        without_account(a_twin(NOW, asset=f"car-{number}", axle_asset_id=f"axle-{number}", vehicle=None, site="home-2"))
        for number in range(3, 7)
    ]
    place(night, *cars)
    signed_in(page, url, SUPPORT)
    needy = page.get_by_label("Needs attention")
    expect(needy.locator("tbody tr")).to_have_count(2)
    needy.get_by_role("button", name="Show more").click()
    expect(needy.locator("tbody tr")).to_have_count(4)
    needy.get_by_role("button", name="Show more").click()
    expect(needy.locator("tbody tr")).to_have_count(5)
    expect(needy.get_by_role("button", name="Show more")).to_be_hidden()


def test_a_service_that_fails_is_a_sentence_and_can_be_asked_again(
    browser: Any, night: Rig, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> Any:
        raise ConnectionError("an outage")

    with page_of(browser) as (page, _):
        signed_in(page, url, SUPPORT)
        settle(page)
        with monkeypatch.context() as patch:
            patch.setattr(type(night.runtime.lists), "sums", broken)
            page.reload()
            signed_in(page, url, SUPPORT)
            expect(page.get_by_label("The night")).to_contain_text("The service could not answer (500). Try again")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_label("The night")).to_contain_text("Night of Thursday")


def test_an_unknown_name_is_a_sentence_with_what_to_do(browser: Any, url: str) -> None:
    with page_of(browser) as (page, _):
        signed_in(page, url, SUPPORT, "#/assets/nobody")
        expect(page.get_by_role("alert").last).to_contain_text("There is no asset 'nobody' here. Check the id")
        page.evaluate("location.hash = '#/assets/car-1/sessions/none'")
        expect(page.get_by_role("alert").last).to_contain_text("There is no session 'none' here. Check the id")
        expect(page.get_by_role("heading", level=1)).to_have_text("car-1")


def test_what_is_not_known_is_not_shown_as_if_it_were(page: Page, url: str) -> None:
    signed_in(page, url, SUPPORT, "#/assets/car-2")
    settle(page)
    expect(page.get_by_label("State").first).to_contain_text("not in sync yet")
    expect(page.get_by_role("region", name="Readings").first).to_contain_text("No report showed the car plugged in")


def read_all(page: Page, url: str, take: Callable[[str], None]) -> None:
    page.on("response", lambda answer: take(answer.text()) if "/console" not in answer.url else None)
    signed_in(page, url, SUPPORT, "#/assets/car-1")
    settle(page)
    for place_of in ("#/", "#/sites/home-1", "#/find/home-1", "#/nights/2026-01-15"):
        page.evaluate("place => { location.hash = place }", place_of)
        settle(page)


def test_nothing_that_support_reads_has_position_mpan_address_or_email(page: Page, url: str) -> None:
    answers: list[str] = []
    read_all(page, url, answers.append)
    assert len(answers) > 8
    assert [word for word in PERSONAL for answer in answers if word in answer] == []
