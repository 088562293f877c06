"""PUT /sites/{site}: onboarding, updating, and refusals."""

import copy
import json
from typing import Any

import pytest
import requests

from driveway.domain.twin import AxleState
from simulators.common import Fault
from tests.support.functions.rig import ROOT, Rig, function
from tests.support.functions.sites import EMAIL, MPAN, VEHICLE, car, post, put, site_body, status


def test_a_new_site_answers_201_with_ids_defaults_and_status(rig: Rig) -> None:
    reply = put(rig, site_body(car(tariff=None, intent=None)))
    assert reply.status == 201
    body = reply.body
    assert (body["site"], body["state"], body["enrolment"]) == ("home-1", "active", "enrolled")
    (asset,) = body["assets"]
    assert asset["axle_asset_id"] == rig.twin("car-1").link.axle_asset_id
    assert asset["intent"]["ready_by"] == "07:00"
    assert asset["tariff"]["off_peak"] == [{"start": "00:00", "end": "06:00"}]
    assert len(asset["warnings"]) == 2


@pytest.mark.parametrize(
    ("plugged_in", "expected"),
    [(False, ["tariff_update", "intent_update", "plug_out"]), (True, ["tariff_update", "intent_update", "plug_in"])],
)
def test_tariff_intent_and_plug_state_are_reported_in_that_order(
    rig: Rig, plugged_in: bool, expected: list[str]
) -> None:
    put(rig, site_body(car(plugged_in=plugged_in)))
    rig.pump()
    assert rig.events_at_axle("car-1") == expected
    assert status(rig).body["assets"][0]["in_sync"]


def test_repeating_a_call_changes_nothing_and_answers_the_same(rig: Rig) -> None:
    first = put(rig, site_body(car(tariff=None)))
    rig.pump()
    before, reported = rig.items(), rig.events_at_axle("car-1")
    second = put(rig, site_body(car(tariff=None)))
    rig.pump()
    assert (first.status, second.status) == (201, 200)
    created, repeated = first.body, second.body
    assert (created["assets"][0].pop("created"), repeated["assets"][0].pop("created")) == (True, False)
    assert created == repeated
    assert [item for item in rig.items() if item["sk"] != "SITE"] == [item for item in before if item["sk"] != "SITE"]
    assert rig.events_at_axle("car-1") == reported


def test_an_update_names_the_fields_that_it_changed(rig: Rig) -> None:
    put(rig, site_body())
    reply = put(rig, site_body(car(battery_kwh=77, intent={"kwh": 20, "ready_by": "08:00"})))
    assert reply.status == 200
    assert reply.body["assets"][0]["changed"] == ["battery_kwh", "intent"]
    assert rig.twin("car-1").link.battery_kwh == 77


def test_a_plug_state_of_an_update_is_left_to_the_car(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    session = rig.twin("car-1").presence.session
    rig.clock.move(minutes=30)
    put(rig, site_body(car(plugged_in=False)))
    assert session is not None
    assert rig.twin("car-1").presence.session == session


def test_a_vehicle_belongs_to_one_asset_and_the_refusal_names_it(rig: Rig) -> None:
    put(rig, site_body())
    reply = put(rig, site_body(car("car-2"), mpan="1100000000008"), site="home-2")
    assert (reply.status, reply.problem, reply.body["owner"]) == (409, "owned-elsewhere", "car-1")
    assert status(rig, "home-2").status == 404


def test_an_asset_belongs_to_one_site(rig: Rig) -> None:
    put(rig, site_body())
    reply = put(rig, site_body(car(vehicle=None), mpan="1100000000008"), site="home-2")
    assert (reply.status, reply.body["owner"]) == (409, "home-1")


def test_a_meter_point_belongs_to_one_site_and_axle_keeps_nothing_of_the_second(rig: Rig) -> None:
    put(rig, site_body())
    reply = put(rig, site_body(car("car-2", vehicle=None)), site="home-2")
    assert (reply.status, reply.body["owner"]) == (409, "home-1")
    assert "car-2" not in rig.axle.world.asset_by_external_id
    assert status(rig, "home-2").status == 404


def test_two_cars_may_change_places_in_one_call(rig: Rig) -> None:
    other = {**VEHICLE, "vehicle_id": "enode-vehicle-2"}
    put(rig, site_body(car(), car("car-2", vehicle=other)))
    reply = put(rig, site_body(car(vehicle=other), car("car-2")))
    assert reply.status == 200, reply.text
    owners = [rig.runtime.records.asset_for("enode", f"enode-vehicle-{n}") for n in (1, 2)]
    assert owners == ["car-2", "car-1"]


def test_every_fault_of_a_body_has_its_pointer(rig: Rig) -> None:
    body = site_body(car(intent={"kwh": -1}), car(vehicle=None, tariff={"off_peak": "nonsense"}), mpan="123")
    reply = put(rig, {**body, "timezone": "Mars/Olympus"})
    assert reply.status == 422
    pointers = {error["pointer"] for error in reply.body["errors"]}
    assert {"/timezone", "/assets", "/site/mpan", "/assets/0/intent/kwh"} <= pointers
    assert not any(entry["path"] == "/entities/site/onboard" for entry in rig.axle.requests.list())
    unknown = put(rig, {**site_body(), "typo": 1})
    assert [error["pointer"] for error in unknown.body["errors"]] == ["/typo"]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/rejoin", "yes"),
        ("/timezone", 1),
        ("/assets/0/plugged_in", 1),
        ("/assets/0/power_kw", "7.4"),
        ("/assets/0/battery_kwh", True),
        ("/assets/0/installation_date", 20254),
        ("/assets/0/installation_date", "2025-06-15T00:00:00Z"),
        ("/assets/0/vehicle/vehicle_id", 7),
        ("/site/mpan", 1200001234566),
        ("/site/gave_boundary_meter_consent_at", 1768473000),
        ("/site/gave_boundary_meter_consent_at", "1768473000"),
        ("/site/gave_boundary_meter_consent_at", "2026-01-15T10:30:00"),
        ("/site/gave_boundary_meter_consent_at", "0001-01-01T00:00:00+12:00"),
    ],
)
def test_one_type_does_not_pass_as_another(rig: Rig, pointer: str, value: Any) -> None:
    body = copy.deepcopy(site_body(car()))
    *path, last = pointer.removeprefix("/").split("/")
    place: Any = body
    for step in path:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    reply = put(rig, body)
    assert (reply.status, [error["pointer"] for error in reply.body["errors"]]) == (422, [pointer])
    assert rig.items() == []


def test_a_whole_number_is_a_number_and_a_text_an_instant_or_a_date(rig: Rig) -> None:
    whole = car(power_kw=7, battery_kwh=64, installation_date="2025-06-15")
    assert put(rig, site_body(whole)).status == 201
    assert rig.twin("car-1").link.power_kw == 7
    assert post(rig, "snooze", {"until": "2026-01-16T00:00:00+01:00"}).status == 200


def test_a_driver_who_withdrew_before_needs_rejoin(rig: Rig) -> None:
    requests.post(f"{rig.axle_url}/_sim/mpans/{MPAN}", json={"withdrew": ["full_asset_schedule_control"]}, timeout=5)
    refused = put(rig, site_body())
    assert (refused.status, refused.problem) == (409, "withdrew-before")
    assert "withdrew" in refused.body["axle_detail"]
    assert status(rig).status == 404
    assert put(rig, site_body(rejoin=True)).status == 201


@pytest.mark.parametrize(
    ("status_at_axle", "expected", "problem"),
    [
        (400, 400, "axle-invalid"),
        (404, 404, "axle-not-found"),
        (409, 409, "axle-conflict"),
        (422, 422, "axle-not-eligible"),
        (403, 502, "axle-refused"),
    ],
)
def test_a_refusal_of_axle_is_answered_with_its_text_and_leaves_nothing(
    rig: Rig, status_at_axle: int, expected: int, problem: str
) -> None:
    rig.axle.faults.add(Fault(path="onboard$", status=status_at_axle, body={"detail": "Words of Axle."}))
    reply = put(rig, site_body())
    assert (reply.status, reply.problem, reply.body["axle_detail"]) == (expected, problem, "Words of Axle.")
    assert [item for item in rig.items() if not item["pk"].startswith("TOKEN#")] == []


def test_an_unfinished_onboarding_is_seen_counted_and_healed(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    rig.axle.faults.add(Fault(path="onboard$", when="after", drop=True, count=2))
    reply = put(rig, site_body())
    assert (reply.status, int(reply.headers["Retry-After"]) > 0) == (503, True)
    seen = status(rig).body
    assert seen["state"] == "onboarding"
    assert seen["unfinished"]["begun_at"] == "2026-01-15T18:00:00Z"
    assert seen["assets"] == [{"asset": "car-1", "state": "unfinished"}]
    assert _unfinished(capsys) == 0
    rig.clock.move(minutes=6)
    assert _unfinished(capsys) == 1
    assert put(rig, site_body()).status == 201
    assert status(rig).body["unfinished"] is None
    assert _unfinished(capsys) == 0
    rig.pump()
    assert rig.events_at_axle("car-1") == ["tariff_update", "intent_update", "plug_out"]


def _unfinished(capsys: pytest.CaptureFixture[str]) -> int:
    """What the clock function counts, as the alarm sees it."""
    capsys.readouterr()
    answer = function("clock").handler({}, None)
    metric = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    assert (metric["service"], metric["stage"]) == ("driveway", "test")
    assert metric["SitesUnfinished"] == [answer["unfinished"]]
    return int(answer["unfinished"])


def test_an_update_that_axle_refuses_leaves_the_site_as_it_was(rig: Rig) -> None:
    put(rig, site_body())
    before = status(rig).body
    rig.axle.faults.add(Fault(path="onboard$", status=422, count=1))
    assert put(rig, site_body(car("car-2", vehicle=None))).status == 422
    assert status(rig).body == before


def test_another_onboarding_enrols_a_site_that_opted_out(rig: Rig) -> None:
    put(rig, site_body())
    rig.pump()
    post(rig, "unenrol")
    assert put(rig, site_body(rejoin=True)).status == 200
    assert rig.twin("car-1").link.enrolled
    assert rig.twin("car-1").axle.plug is AxleState().plug
    rig.pump()
    assert rig.events_at_axle("car-1")[3:] == ["tariff_update", "intent_update", "plug_out"]


def test_warnings_are_kept_without_personal_data(rig: Rig) -> None:
    answer = {
        "site": {"site_id": "7c9f5f2e-3b7a-4a3e-8f5e-1a2b3c4d5e6f", "warnings": [f"{EMAIL} bounced for {MPAN}"]},
        "assets": [{"external_id": "car-1", "asset_id": "0c9f5f2e-3b7a-4a3e-8f5e-1a2b3c4d5e6f", "asset_created": True}],
        "enrolment": {"site_id": "7c9f5f2e-3b7a-4a3e-8f5e-1a2b3c4d5e6f", "status": "enrolled"},
    }
    rig.axle.faults.add(Fault(path="onboard$", status=200, body=answer))
    assert put(rig, site_body()).body["warnings"] == [f"{EMAIL} bounced for {MPAN}"]
    assert status(rig).body["warnings"] == ["… bounced for …"]


def test_a_site_id_that_could_be_an_email_is_refused(rig: Rig) -> None:
    assert put(rig, site_body(), site="driver@example.com").status == 422


def test_the_sample_events_take_a_site_from_eligibility_to_erasure(rig: Rig) -> None:
    expected = {"eligibility": 200, "put_site": 201, "snooze": 200, "unenrol": 200, "enrol": 200, "delete": 204}
    for name, code in expected.items():
        event = json.loads((ROOT / "events" / f"onboarding_{name}.json").read_text())
        assert function("onboarding").handler(event, None)["statusCode"] == code, name
