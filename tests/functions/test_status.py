"""What the app sees: the site, the asset, its schedule and its timeline."""

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import ReportedValue, Slot
from driveway.domain.twin import Command, Entry, Observed
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.functions.assets import (
    AXLE_ASSET,
    AXLE_SITE,
    a_twin,
    all_acknowledged,
    called,
    place,
    plugged_in,
    sample,
)
from tests.support.functions.rig import NOW, Reply, Rig


@pytest.fixture
def car(rig: Rig) -> Rig:
    """A stage with a car that has been plugged in at home for an hour, at a peak time."""
    place(rig, all_acknowledged(plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)), NOW))
    return rig


def get(rig: Rig, what: str = "", *, asset: str = "car-1", scope: str = "app", **query: str) -> Reply:
    return rig.serve("status", f"GET /assets/{{asset}}{what}", query=query, scope=scope, asset=asset)


def test_an_asset_says_what_it_does_why_and_what_comes_next(car: Rig) -> None:
    reply = get(car)
    body = reply.body
    assert (reply.status, reply.headers["etag"]) == (200, f'"{body["revision"]}"')
    assert (body["asset"], body["site"], body["axle_asset_id"]) == ("car-1", "home-1", AXLE_ASSET)
    assert (body["enrolled"], body["plugged_in"], body["at_home"], body["charging"]) == (True, True, True, False)
    assert body["session"] == {"id": "20260115T170000Z", "opened_at": "2026-01-15T17:00:00Z"}
    assert body["tariff"]["off_peak"] == [{"start": "23:30", "end": "05:30"}]
    assert body["intent"]["kwh"] == 30
    desired = body["desired"]
    assert (desired["charge"], desired["limit_kw"], desired["source"]) == (False, 0.0, "default")
    assert desired["reason"] == "DEFAULT_PEAK"
    assert "23:30" in desired["text"]
    assert body["next_edge"] == {"at": "2026-01-15T23:30:00Z", "charge": True}
    assert body["command"] is None
    assert (body["axle"]["in_sync"], body["axle"]["attempts"], body["axle"]["last_error"]) == (True, 0, None)
    assert body["readings"]["rejected"] == 0


def test_what_was_never_observed_is_null_and_not_false(rig: Rig) -> None:
    place(rig, a_twin(NOW))
    body = get(rig).body
    assert [body[name] for name in ("plugged_in", "at_home", "charging", "power_kw", "soc_pct")] == [None] * 5
    assert (body["session"], body["desired"]["charge"], body["desired"]["limit_kw"]) == (None, False, None)
    assert body["desired"]["reason"] == "PLUG_UNKNOWN"


def test_planned_commanded_and_observed_are_shown_apart(car: Rig) -> None:
    command = Command("c", "start", "CHARGE_NOW", "sent", NOW, NOW, NOW + timedelta(hours=1), sent_at=NOW, attempts=1)
    car.change("car-1", lambda twin: replace(twin, control=replace(twin.control, command=command)))
    car.serve("preferences", "PUT /assets/{asset}/charge-now", {"for_minutes": 60}, asset="car-1")
    body = get(car).body
    assert (body["desired"]["charge"], body["desired"]["source"]) == (True, "charge_now")
    assert (body["command"]["state"], body["command"]["action"], body["command"]["attempts"]) == ("sent", "start", 1)
    assert body["charging"] is False
    assert body["axle"]["next_call"]["call"] == "charge-now"


def test_axles_own_text_and_what_the_driver_must_do_are_shown(car: Rig) -> None:
    car.change(
        "car-1",
        lambda twin: replace(
            twin,
            axle=replace(twin.axle, attempts=3, last_error="503: busy", unacknowledged_since=NOW),
            presence=replace(twin.presence, needs_user="Connect the car again.", soc_pct=Observed(41.5, NOW)),
        ),
    )
    body = get(car).body
    assert (body["axle"]["attempts"], body["axle"]["last_error"]) == (3, "503: busy")
    assert (body["needs_user"], body["soc_pct"]) == ("Connect the car again.", 41.5)


def test_rejected_half_hours_are_shown_with_axles_text_and_recent_flags(car: Rig) -> None:
    first = NOW - timedelta(days=1, hours=6)
    for number in range(14):
        at = first + number * HALF_HOUR
        no = ReportedValue(100 + number, rejected_wh=100 + number, words=f"no {number}")
        slot = Slot("car-1", AXLE_ASSET, at, energy_wh=100 + number, flags=("gap",), state="rejected", reported=no)
        car.runtime.slots.put(slot)
    register = ReportedValue(1234567, rejected_wh=1234567, words="not of this asset")
    accepted = Slot(
        "car-1", AXLE_ASSET, NOW - HALF_HOUR, reported=ReportedValue(0, accepted_wh=0), reported_lifetime=register
    )
    car.runtime.slots.put(replace(accepted, state="accepted"))
    waiting = Slot(
        "car-1",
        AXLE_ASSET,
        NOW - 2 * HALF_HOUR,
        energy_wh=5,
        due_at=NOW,
        reported=ReportedValue(4, rejected_wh=4, words="no"),
    )
    car.runtime.slots.put(replace(waiting, state="corrected"))
    readings = get(car).body["readings"]
    shown = readings["rejections"]
    assert shown[0] == {
        "start": "2026-01-15T17:30:00Z",
        "label": "charger_lifetime_consumption_energy_kwh",
        "kwh": 1234.567,
        "detail": "not of this asset",
    }
    assert shown[1] == {
        "start": "2026-01-14T18:30:00Z",
        "label": "charger_consumption_energy_kwh",
        "kwh": 0.113,
        "detail": "no 13",
    }
    assert [one["detail"] for one in shown[1:]] == [f"no {number}" for number in range(13, 4, -1)]
    assert readings["flags"] == [
        {"start": "2026-01-14T18:00:00Z", "flags": ["gap"]},
        {"start": "2026-01-14T18:30:00Z", "flags": ["gap"]},
    ]


def test_a_schedule_is_gapless_and_ordered_and_names_the_source_of_each_limit(car: Rig) -> None:
    reply = get(car, "/schedule")
    body = reply.body
    assert (body["from"], body["to"]) == ("2026-01-15T18:00:00Z", "2026-01-17T06:00:00Z")
    starts, ends = [s["start"] for s in body["stretches"]], [s["end"] for s in body["stretches"]]
    assert (starts[0], ends[-1]) == (body["from"], body["to"])
    assert starts[1:] == ends[:-1]
    charging = [(s["start"], s["end"], s["source"]) for s in body["stretches"] if s["limit_kw"] > 0]
    assert charging == [
        ("2026-01-15T23:30:00Z", "2026-01-16T05:30:00Z", "default"),
        ("2026-01-16T23:30:00Z", "2026-01-17T05:30:00Z", "default"),
    ]
    assert all(s["reason"] in Reason.__members__ for s in body["stretches"])


def test_a_schedule_covers_the_asked_time_in_any_offset(car: Rig) -> None:
    body = get(car, "/schedule", **{"from": "2026-01-16T01:00:00+01:00", "to": "2026-01-16T02:00:00+01:00"}).body
    assert (body["from"], body["to"]) == ("2026-01-16T00:00:00Z", "2026-01-16T01:00:00Z")
    assert [s["limit_kw"] for s in body["stretches"]] == [7.4]
    # A plus that was not escaped in the query arrives as a space.
    plus = get(car, "/schedule", **{"from": "2026-01-16T01:00:00 01:00", "to": "2026-01-16T01:00:00Z"}).body
    assert plus["from"] == "2026-01-16T00:00:00Z"


@pytest.mark.parametrize(
    "query",
    [
        {"from": "now"},
        {"from": "2026-01-16T00:00:00"},
        {"from": "2026-01-16T00:00:00Z", "to": "2026-01-16T00:00:00Z"},
        {"from": "2026-01-16T00:00:00Z", "to": "2026-01-24T00:00:01Z"},
        {"to": "2026-01-15T17:00:00Z"},
        {"from": "9999-12-31T00:00:00Z"},
        {"from": "0001-01-01T00:00:00Z", "to": "0001-01-02T00:00:00Z"},
    ],
)
def test_a_time_that_cannot_be_shown_is_malformed(car: Rig, query: dict[str, str]) -> None:
    reply = get(car, "/schedule", **query)
    assert (reply.status, reply.problem) == (400, "malformed")


@pytest.mark.parametrize("accept", ["image/svg+xml", "text/html, image/svg+xml;q=0.9"])
def test_the_same_schedule_is_a_picture_if_the_caller_accepts_svg(car: Rig, accept: str) -> None:
    reply = car.serve("status", "GET /assets/{asset}/schedule", headers={"Accept": accept}, asset="car-1")
    assert (reply.status, reply.headers["content-type"]) == (200, "image/svg+xml")
    picture = ET.fromstring(reply.text)  # noqa: S314 - it is our own
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "car-1" in "".join(picture.itertext())


def test_a_timeline_is_paged_newest_first_without_a_gap_or_a_repetition(car: Rig) -> None:
    for n in range(23):
        at = NOW + timedelta(seconds=n // 3)
        car.runtime.records.log([("car-1", n, [Entry(at, f"E{n}", Reason.ONBOARDED, "It was so.", {"n": n})])])
    seen: list[str] = []
    before: dict[str, str] = {}
    for _ in range(5):
        body = get(car, "/timeline", limit="5", **before).body
        seen += [entry["event"] for entry in body["entries"]]
        if body["next"] is None:
            break
        before = {"before": body["next"]}
    assert seen == [f"E{n}" for n in reversed(range(23))]
    (first, *_) = get(car, "/timeline").body["entries"]
    assert first == {
        "at": (NOW + timedelta(seconds=7)).isoformat().replace("+00:00", "Z"),
        "event": "E22",
        "reason": "ONBOARDED",
        "text": "It was so.",
        "detail": {"n": 22},
    }


def test_a_page_that_ends_with_the_last_entry_has_no_next(car: Rig) -> None:
    for n in range(4):
        car.runtime.records.log([("car-1", n, [Entry(NOW, f"E{n}", Reason.ONBOARDED, "It was so.")])])
    first = get(car, "/timeline", limit="2").body
    second = get(car, "/timeline", limit="2", before=first["next"]).body
    assert [entry["event"] for entry in second["entries"]] == ["E1", "E0"]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"limit": "²"},
        {"limit": "-1"},
        {"before": "TWIN"},
        {"before": "LOG#" + "x" * 2000},
        {"before": "LOG#�"},
    ],
)
def test_a_page_that_cannot_be_asked_for_is_malformed(car: Rig, query: dict[str, str]) -> None:
    assert get(car, "/timeline", **query).status == 400


def test_a_site_lists_its_assets(car: Rig) -> None:
    place(car, a_twin(NOW, asset="car-2", axle_asset_id="axle-2", vehicle=None, enrolled=False))
    reply = car.serve("status", "GET /sites/{site}", site="home-1")
    assert (reply.status, reply.body["axle_site_id"], reply.body["unfinished"]) == (200, AXLE_SITE, None)
    shown = [(asset["asset"], asset["state"], asset["plugged_in"], asset["in_sync"]) for asset in reply.body["assets"]]
    assert shown[0] == ("car-1", "active", True, True)
    assert shown[1][:3] == ("car-2", "unenrolled", False)


@pytest.mark.parametrize("what", ["", "/schedule", "/timeline"])
@pytest.mark.parametrize("asset", ["car-9", "x" * 600])
def test_an_unknown_asset_is_not_found(car: Rig, what: str, asset: str) -> None:
    reply = get(car, what, asset=asset)
    assert (reply.status, reply.problem) == (404, "not-found")


@pytest.mark.parametrize("route", ["/sites/{site}", "/sites/{site}/rewards"])
def test_an_unknown_site_is_not_found(car: Rig, route: str) -> None:
    assert car.serve("status", f"GET {route}", site="home-9").status == 404


@pytest.mark.parametrize(("scope", "status"), [("", 401), ("axle", 403)])
def test_only_the_app_may_read(car: Rig, scope: str, status: int) -> None:
    assert {get(car, what, scope=scope).status for what in ("", "/schedule", "/timeline")} == {status}
    assert car.serve("status", "GET /sites/{site}", scope=scope, site="home-1").status == status


def test_reading_changes_nothing(car: Rig) -> None:
    before = car.items()
    for what in ("", "/schedule", "/timeline"):
        get(car, what)
    assert car.items() == before


@pytest.mark.parametrize("name", ["site", "asset", "readings", "schedule", "schedule_svg", "timeline"])
def test_every_sample_event_is_answered(car: Rig, name: str) -> None:
    car.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    assert called("status", sample(f"status_{name}")).status == 200


def test_a_route_that_is_not_there_is_a_problem_document(car: Rig) -> None:
    event: dict[str, Any] = {**sample("status_asset"), "routeKey": "$default", "rawPath": "/nowhere"}
    reply = called("status", event)
    assert (reply.status, reply.problem) == (404, "not-found")
    assert reply.headers["content-type"] == "application/problem+json"
