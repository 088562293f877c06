"""The console's routes: what the page is served with, its lists and searches, and the two acts of the staff."""

import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.twin import Twin
from driveway.values import replace
from tests.support.functions.assets import ENODE_CAR, SMARTCAR_CAR, a_twin, place, plugged_in
from tests.support.functions.rig import NOW, ROOT, Reply, Rig

PAGE = ROOT / "functions" / "console" / "page"
STAFF_ROUTES = {
    "GET /caller": {},
    "GET /nights/{night}": {"night": "last"},
    "GET /nights/{night}/sessions": {"night": "last"},
    "POST /assets/{asset}/look": {"asset": "car-1"},
    "POST /assets/{asset}/retell": {"asset": "car-1"},
}


def serve(rig: Rig, route: str, body: Any = None, scope: str = "support", **rest: Any) -> Reply:
    return rig.serve("console", route, body, scope=scope, **rest)


def listed(rig: Rig, **query: str) -> dict[str, Any]:
    reply = serve(rig, "GET /assets", query=query)
    assert reply.status == 200, reply.text
    body: dict[str, Any] = reply.body
    return body


def names(rig: Rig, **query: str) -> list[str]:
    return [row["asset"] for row in listed(rig, **query)["assets"]]


def without_account(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, needs_user="The account is not connected."))


def connected(twin: Twin) -> Twin:
    return replace(twin, presence=replace(twin.presence, needs_user=None))


@pytest.fixture
def fleet(rig: Rig) -> Rig:
    """Three cars at home; none needs attention."""
    known = NOW - timedelta(days=30)
    place(
        rig,
        *(
            plugged_in(
                a_twin(known, asset=f"car-{number}", axle_asset_id=f"axle-{number}", vehicle=vehicle),
                NOW - timedelta(hours=1),
            )
            for number, vehicle in ((1, ENODE_CAR), (2, SMARTCAR_CAR), (3, None))
        ),
    )
    rig.change("car-3", lambda twin: replace(twin, link=replace(twin.link, enrolled=False)))
    return rig


def test_the_page_runs_no_script_but_its_own_and_loads_nothing_from_elsewhere(rig: Rig) -> None:
    page = serve(rig, "GET /console", scope="")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    for path in PAGE.iterdir():
        text = path.read_text()
        assert "innerHTML" not in text, path.name
        assert not [one for one in ("Storage", "cookie") if one in text], f"{path.name}: the token stays in the tab"
        assert not [one for one in ("http://", "https://") if one in text.replace("http://www.w3.org/2000/svg", "")]


def test_a_file_that_the_browser_has_is_not_sent_again(rig: Rig) -> None:
    first = serve(rig, "GET /console/{file}", scope="", file="app.js")
    again = serve(rig, "GET /console/{file}", scope="", file="app.js", headers={"if-none-match": first.headers["etag"]})
    assert (first.status, again.status, again.text) == (200, 304, "")
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("name", ["app.py", "../app.py", "", "nothing.js"])
def test_only_the_files_of_the_page_are_served(rig: Rig, name: str) -> None:
    assert serve(rig, "GET /console/{file}", scope="", file=name).status == 404


@pytest.mark.parametrize("route", STAFF_ROUTES)
@pytest.mark.parametrize(("scope", "status"), [("", 401), ("app", 403), ("axle", 403)])
def test_the_console_is_for_support_and_operators(fleet: Rig, route: str, scope: str, status: int) -> None:
    assert serve(fleet, route, scope=scope, **STAFF_ROUTES[route]).status == status


@pytest.mark.parametrize("scope", ["support", "operator"])
@pytest.mark.parametrize("route", STAFF_ROUTES)
def test_support_and_operators_may_use_it(fleet: Rig, route: str, scope: str) -> None:
    assert serve(fleet, route, scope=scope, **STAFF_ROUTES[route]).status in {200, 202}


@pytest.mark.parametrize(
    ("function", "route", "parameters"),
    [
        ("status", "GET /sites/{site}/export", {"site": "home-1"}),
        ("status", "GET /sites/{site}/rewards", {"site": "home-1"}),
        ("onboarding", "DELETE /sites/{site}", {"site": "home-1"}),
        ("preferences", "PUT /assets/{asset}/intent", {"asset": "car-1"}),
        ("operator", "PUT /control", {}),
    ],
)
def test_support_may_neither_export_nor_change(fleet: Rig, function: str, route: str, parameters: Any) -> None:
    assert fleet.serve(function, route, {}, scope="support", **parameters).status == 403


def test_the_caller_is_named(rig: Rig) -> None:
    assert serve(rig, "GET /caller").body == {"name": "anna", "scope": "support"}


def test_a_car_is_listed_while_it_needs_attention_with_reason_and_age(fleet: Rig) -> None:
    assert names(fleet, attention="any") == []
    fleet.change("car-2", without_account)
    fleet.clock.move(hours=3)
    fleet.change("car-1", without_account)
    fleet.change("car-2", lambda twin: replace(twin, link=replace(twin.link, power_kw=11)))
    body = listed(fleet, attention="any")
    assert body["next"] is None
    assert [(row["asset"], row["attention"]["since"]) for row in body["assets"]] == [
        ("car-2", "2026-01-15T18:00:00Z"),
        ("car-1", "2026-01-15T21:00:00Z"),
    ]
    assert {row["attention"]["reason"] for row in body["assets"]} == {"PROVIDER_NEEDS_USER"}
    assert names(fleet, attention="AXLE_REFUSED") == []
    fleet.change("car-2", connected)
    assert names(fleet, attention="PROVIDER_NEEDS_USER") == ["car-1"]


def test_a_car_that_needs_nobody_stands_in_no_list(fleet: Rig) -> None:
    fleet.change("car-1", without_account)
    fleet.change("car-1", connected)
    assert not [item for item in fleet.items() if {"list_shard", "list_place", "shown"} & item.keys()]


def test_a_long_list_pages_without_gaps(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("driveway.status.asset_list.ON_A_PAGE", 3)
    cars = [
        without_account(a_twin(NOW, asset=f"car-{number}", axle_asset_id=f"axle-{number}", vehicle=None))
        for number in range(10)
    ]
    place(rig, *cars)
    for wanted in ("any", "PROVIDER_NEEDS_USER"):
        seen: list[str] = []
        query = {"attention": wanted}
        while True:
            body = listed(rig, **query)
            assert len(body["assets"]) <= 3
            seen += [row["asset"] for row in body["assets"]]
            if body["next"] is None:
                break
            query["after"] = body["next"]
        assert seen == [f"car-{number}" for number in range(10)], "each once, in order"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("car-1", ["car-1"]),
        (" car-1 ", ["car-1"]),
        ("home-1", ["car-1", "car-2", "car-3"]),
        (ENODE_CAR.vehicle_id, ["car-1"]),
        (SMARTCAR_CAR.vehicle_id, ["car-2"]),
        ("axle-2", ["car-2"]),
        ("car", []),
        ("", []),
        ("x" * 600, []),
    ],
)
def test_a_car_is_found_by_any_of_its_ids(fleet: Rig, name: str, found: list[str]) -> None:
    assert sorted(names(fleet, find=name)) == found


@pytest.mark.parametrize(
    "query", [{}, {"attention": "SOME"}, {"attention": "any", "find": "x"}, {"attention": "any", "after": "x" * 201}]
)
def test_a_list_that_cannot_be_is_refused(rig: Rig, query: dict[str, str]) -> None:
    assert serve(rig, "GET /assets", query=query).problem == "malformed"


@pytest.mark.parametrize("night", ["yesterday", "2026-13-01", "2026-01-15T00:00", "<script>"])
def test_a_night_that_cannot_be_is_refused(rig: Rig, night: str) -> None:
    assert serve(rig, "GET /nights/{night}", night=night).problem == "malformed"
    assert serve(rig, "GET /nights/{night}/sessions", night=night).problem == "malformed"


def test_the_last_night_is_that_of_the_evening_before(rig: Rig) -> None:
    body = serve(rig, "GET /nights/{night}", night="last").body
    assert (body["night"], body["sessions"], body["judged_at"]) == ("2026-01-14", 0, None)


def test_to_look_asks_the_cars_maker_and_is_logged_with_the_name(
    fleet: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(fleet, "POST /assets/{asset}/look", asset="car-1").status == 202
    assert fleet.bus.events == [("ChargingCommand", {"asset": "car-1", "provider": "enode", "action": "look"})]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "staff" in line]
    assert [(line["act"], line["by"], line["asset"]) for line in lines] == [("look", "anna", "car-1")]


def test_a_car_that_is_not_linked_cannot_be_asked(fleet: Rig) -> None:
    assert serve(fleet, "POST /assets/{asset}/look", asset="car-3").problem == "no-car-linked"
    assert serve(fleet, "POST /assets/{asset}/look", asset="car-9").problem == "not-found"
    assert fleet.bus.events == []


@pytest.mark.parametrize("body", [{"day": 3}, {"day": "today"}, {"all": True}, {"day": "2026-01-15", "asset": "car-2"}])
def test_readings_are_reported_again_of_a_day_or_of_all(fleet: Rig, body: dict[str, Any]) -> None:
    assert serve(fleet, "POST /assets/{asset}/retell", body, asset="car-1").problem == "invalid-body"
    for good in (None, {}, {"day": None}, {"day": "2026-01-15"}):
        reply = serve(fleet, "POST /assets/{asset}/retell", good, asset="car-1")
        assert (reply.status, reply.body["due"]) == (202, 0)
