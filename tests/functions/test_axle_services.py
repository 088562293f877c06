"""Rewards, flex events, meters by address and component tokens: what Axle offers, strict by its document."""

import json
from typing import Any

import pytest
import requests

from simulators.common import Fault
from tests.support.contract.axle_openapi import check_requests
from tests.support.functions.rig import Reply, Rig
from tests.support.functions.sites import MPAN, car, put, site_body

FLAT = "Flat 2, 12 Example Street, London, SW1A 1AA"
ADDRESSES = {MPAN: "10 Example Street, London, SW1A 1AA", "1100000000008": FLAT}


@pytest.fixture
def home(rig: Rig) -> str:
    """Axle's id of an onboarded site."""
    put(rig, site_body(car()))
    meters = [{"mpan": mpan, "address": address} for mpan, address in ADDRESSES.items()]
    requests.post(f"{rig.axle_url}/_sim/meters", json=meters, timeout=5).raise_for_status()
    rig.axle.requests.clear()
    record = rig.runtime.sites.get("home-1")
    assert record is not None
    return str(record.axle_site_id)


def rewards(rig: Rig, **query: str) -> Reply:
    return rig.serve("status", "GET /sites/{site}/rewards", site="home-1", query=query)


def ask(rig: Rig, route: str, body: Any = None, **parameters: str) -> Reply:
    return rig.serve("axle_services", route, body, **parameters)


def valid(rig: Rig) -> int:
    """The number of requests to Axle, each valid by its document."""
    return check_requests(rig.axle.requests.list())


@pytest.mark.parametrize("back_to", ["myapp://rewards/done", "https://app.example/done?x=1", "driveway-rewards-done"])
def test_a_driver_comes_back_by_a_deep_link_or_a_magic_string_and_the_page_is_as_the_app_wants_it(
    rig: Rig, home: str, back_to: str
) -> None:
    flags = {"hide_transactions": "true", "auto_redirect_to_setup": "true", "enforce_two_factor_auth": "false"}
    reply = rewards(rig, redirect_uri=back_to, **flags)
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    sent = rig.axle.requests.list(path="/url/balance")[-1]["query"]
    assert sent == {"redirect_uri": back_to, **flags}
    assert valid(rig) == 3


def test_every_call_has_a_link_of_its_own_that_works_for_an_hour_and_what_is_left_out_is_axles_to_decide(
    rig: Rig, home: str
) -> None:
    first, second = (rewards(rig).body["withdrawal"] for _ in range(2))
    assert first["url"] != second["url"]
    assert first["expires_at"] == "2026-01-15T19:00:00Z"
    assert set(rig.axle.requests.list(path="/url/balance")[-1]["query"]) == {"redirect_uri"}


@pytest.mark.parametrize(
    "query",
    [
        {"redirect_uri": ""},
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": "DATA:text/html,x"},
        {"redirect_uri": "two words"},
        {"redirect_uri": "x" * 2001},
        {"hide_transactions": "yes"},
        {"enforce_two_factor_auth": ""},
    ],
)
def test_a_destination_that_a_browser_would_run_and_a_flag_that_is_none_are_refused(
    rig: Rig, home: str, query: dict[str, str]
) -> None:
    assert rewards(rig, **query).problem == "malformed"
    assert rig.axle.requests.list() == []


def test_flex_events_have_axles_gross_revenues_under_their_own_names_also_negative_and_not_yet_final(
    rig: Rig, home: str
) -> None:
    events = [
        {
            "start_at": "2026-01-10T17:00:00Z",
            "end_at": "2026-01-10T18:00:00Z",
            "estimated_gross_revenue_gbp": 1.25,
            "final_gross_revenue_gbp": -0.4,
        },
        {"start_at": "2026-01-14T17:00:00Z", "end_at": "2026-01-14T17:30:00Z", "estimated_gross_revenue_gbp": -0.1},
    ]
    url = f"{rig.axle_url}/_sim/sites/{home}/flex-events"
    requests.post(url, json=events, timeout=5).raise_for_status()
    reply = ask(rig, "GET /sites/{site}/flex-events", site="home-1")
    assert reply.status == 200
    assert reply.body["events"] == [events[0], {**events[1], "final_gross_revenue_gbp": None}]
    assert "not what the driver earns" in reply.body["gross_revenue_means"]
    assert valid(rig) == 1
    assert ask(rig, "GET /sites/{site}/flex-events", site="nobody").problem == "not-found"
    rig.axle.faults.add(Fault(path="flex-events", status=500, count=1))
    assert ask(rig, "GET /sites/{site}/flex-events", site="home-1").status == 503


def test_an_address_is_searched_by_postcode_picked_and_turned_into_its_mpan_and_nothing_is_stored_or_logged(
    rig: Rig, home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [item for item in rig.items() if not item["pk"].startswith("TOKEN#")]
    found = ask(rig, "POST /meters/search", {"postcode": "sw1a 1aa"}).body["meters"]
    assert sorted(one["address"] for one in found) == sorted(ADDRESSES.values())
    narrowed = ask(rig, "POST /meters/search", {"postcode": "SW1A 1AA", "building_identifier": "Flat 2"})
    assert [one["address"] for one in narrowed.body["meters"]] == [FLAT]
    picked = next(one for one in found if one["address"].startswith("10 "))
    meter = ask(rig, "POST /meters/by-ref", {"meter_ref": picked["meter_ref"]})
    assert meter.body == {
        "mpan": MPAN,
        "half_hourly_settled": True,
        "supplier_name": "Example Energy",
        "eligible_markets": ["wholesale"],
    }
    same = ask(rig, "POST /meters/by-address", {"address": "10 Example Street, London SW1A 1AA"})
    assert same.body == meter.body
    assert valid(rig) == 4
    assert [item for item in rig.items() if not item["pk"].startswith("TOKEN#")] == before
    out = capsys.readouterr().out
    assert [part for part in (MPAN, "Example Street", "SW1A", "sw1a", picked["meter_ref"]) if part in out] == []


@pytest.mark.parametrize(
    ("route", "body", "problem"),
    [
        ("POST /meters/search", {"postcode": "nowhere"}, "invalid-body"),
        ("POST /meters/search", {"postcode": "SW1A 1AA", "town": "London"}, "invalid-body"),
        ("POST /meters/by-ref", {"meter_ref": "of nobody"}, "invalid-body"),
        ("POST /meters/by-address", {"address": "1 Unknown Road, London"}, "no-unique-meter"),
    ],
)
def test_what_the_register_cannot_find_is_explained_in_our_own_words(
    rig: Rig, home: str, route: str, body: dict[str, str], problem: str
) -> None:
    reply = ask(rig, route, body)
    assert reply.problem == problem
    assert next(iter(body.values())) not in reply.text, "what was typed is not repeated"


@pytest.mark.parametrize("status", [500, 503, 504])
def test_a_register_that_does_not_answer_is_worth_a_repetition(rig: Rig, home: str, status: int) -> None:
    rig.axle.faults.add(Fault(path="/meter/", status=status, count=1))
    assert ask(rig, "POST /meters/search", {"postcode": "SW1A 1AA"}).status == 503
    assert ask(rig, "POST /meters/search", {"postcode": "SW1A 1AA"}).status == 200


def test_a_component_token_is_of_the_site_for_a_day_and_is_stored_nowhere(
    rig: Rig, home: str, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {
        "allowed_origin": "https://app.example",
        "user_email": "driver@example.com",
        "gave_boundary_meter_consent_at": "2026-01-15T10:30:00+00:00",
    }
    reply = ask(rig, "POST /sites/{site}/component-token", body, site="home-1")
    assert (reply.status, reply.body["expires_at"]) == (201, "2026-01-16T18:00:00Z")
    assert (reply.body["token_type"], reply.headers["cache-control"]) == ("bearer", "no-store")
    assert list(rig.axle.world.component_users) == ["home-1"]
    assert valid(rig) == 1
    stored = json.dumps(rig.items(), default=str) + capsys.readouterr().out
    assert reply.body["access_token"] not in stored
    later = {"allowed_origin": "https://app.example"}
    assert ask(rig, "POST /sites/{site}/component-token", later, site="home-1").status == 201
    assert ask(rig, "POST /sites/{site}/component-token", later, site="home-9").status == 422, "consent is missing"
    assert ask(rig, "POST /sites/{site}/component-token", {"allowed_origin": "x"}, site="home-1").status == 422


@pytest.mark.parametrize("route", ["POST /meters/search", "POST /sites/{site}/component-token"])
def test_only_the_app_may_ask(rig: Rig, route: str) -> None:
    assert rig.serve("axle_services", route, {}, scope="axle", site="home-1").status == 403
