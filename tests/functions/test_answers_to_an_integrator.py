"""Small things that an integrator meets: what an answer says, in whose words, and what it names."""

import copy
import re
from datetime import timedelta
from typing import Any

import pytest
import requests

from simulators.common import Fault
from tests.support.functions.assets import a_twin, place, plugged_in
from tests.support.functions.rig import NOW, Reply, Rig
from tests.support.functions.sites import MPAN, car, put, site_body


def observe(rig: Rig, minutes_ago: float, **signals: Any) -> Reply:
    body = {"observations": [{"at": (rig.clock.now() - timedelta(minutes=minutes_ago)).isoformat(), **signals}]}
    reply = rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset="car-1")
    assert reply.status == 202, reply.text
    return reply


def shown(rig: Rig) -> dict[str, Any]:
    body: dict[str, Any] = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["axle"]
    return body


def test_a_site_without_the_drivers_consent_is_refused_with_a_pointer_and_axle_is_not_asked(rig: Rig) -> None:
    body = site_body()
    del body["site"]["gave_boundary_meter_consent_at"]
    reply = put(rig, body)
    assert reply.status == 422
    assert [error["pointer"] for error in reply.body["errors"]] == ["/site/gave_boundary_meter_consent_at"]
    assert not any(entry["path"] == "/entities/site/onboard" for entry in rig.axle.requests.list())


def test_a_consent_that_is_known_need_not_be_given_again(rig: Rig) -> None:
    assert put(rig, site_body()).status == 201
    body = site_body(car(power_kw=11.0))
    del body["site"]["gave_boundary_meter_consent_at"]
    reply = put(rig, body)
    assert (reply.status, reply.body["assets"][0]["changed"]) == (200, ["power_kw"])


@pytest.mark.parametrize(
    ("words", "detail"),
    [
        ("Meter consent is required.", "Axle answered: Meter consent is required. Correct what Axle names"),
        ("no electricity meter", "Axle answered: no electricity meter. Correct what Axle names"),
        ("Asset model axle_ev_v1 not found", "Axle answered: Asset model axle_ev_v1 not found. Correct what"),
        ("body.asset_list.0.external_id: Field required", "Axle answered: asset: Field required. Correct"),
        ("Set override_withdrawal=true", "Axle answered: Set rejoin=true. Correct"),
        ("body.site.postcode: too short", "Axle answered: postcode: too short. Correct"),
    ],
)
def test_axles_words_and_ours_are_two_sentences_without_axles_names_of_parameters(
    rig: Rig, words: str, detail: str
) -> None:
    rig.axle.faults.add(Fault(path="onboard$", status=400, body={"detail": words}))
    assert put(rig, site_body()).body["detail"].startswith(detail)


def test_a_driver_who_withdrew_is_described_without_the_names_of_axles_parameters(rig: Rig) -> None:
    requests.post(f"{rig.axle_url}/_sim/mpans/{MPAN}", json={"withdrew": ["full_asset_schedule_control"]}, timeout=5)
    detail = put(rig, site_body()).body["detail"]
    assert "override_withdrawal" not in detail
    assert detail.endswith('If the driver wants to join again, repeat the call with "rejoin": true.')


def without(name: str) -> Any:
    def change(body: dict[str, Any]) -> None:
        del body["assets"][0][name]

    return change


def asset_with(**changes: Any) -> Any:
    return lambda body: body["assets"][0].update(changes)


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [
        (without("power_kw"), "/assets/0/power_kw", "It has to be given."),
        (asset_with(power_kw="7.4"), "/assets/0/power_kw", "Give a number."),
        (asset_with(power_kw=0), "/assets/0/power_kw", "Give a number above 0"),
        (asset_with(power_kw=1000), "/assets/0/power_kw", "Give a number of at most 350"),
        (asset_with(type="bicycle"), "/assets/0/type", "Give one of 'charger' or 'electric_vehicle'."),
        (asset_with(plugged_in="yes"), "/assets/0/plugged_in", "Give true or false."),
        (asset_with(asset="not an id"), "/assets/0/asset", "The text does not have the form "),
        (asset_with(vehicle=[]), "/assets/0/vehicle", "Give an object."),
        (
            asset_with(vehicle={"provider": "enode", "vehicle_id": ""}),
            "/assets/0/vehicle/vehicle_id",
            "Give at least 1",
        ),
        (asset_with(installation_date=7), "/assets/0/installation_date", "Give a date as YYYY-MM-DD."),
        (lambda body: body.update(assets=[]), "/assets", "Give at least 1."),
        (lambda body: body.update(assets={}), "/assets", "Give an array."),
        (lambda body: body.update(typo=1), "/typo", "There is no such field."),
    ],
)
def test_every_fault_of_a_body_is_in_our_own_words(rig: Rig, change: Any, pointer: str, message: str) -> None:
    body = copy.deepcopy(site_body())
    change(body)
    (error,) = put(rig, body).body["errors"]
    assert error["pointer"] == pointer
    assert error["message"].startswith(message)
    assert not re.search("pydantic|Input should|Field required|permitted", error["message"])


def test_a_body_that_is_no_json_is_described_in_our_own_words(rig: Rig) -> None:
    reply = rig.serve("onboarding", "PUT /sites/{site}", '{"site": ', site="home-1")
    assert (reply.status, reply.body["detail"]) == (400, "The body is not JSON: look at line 1, column 10.")


def test_an_observation_that_is_too_old_is_named_in_the_answer(rig: Rig) -> None:
    place(rig, plugged_in(a_twin(NOW - timedelta(days=2)), NOW - timedelta(hours=1)))
    assert observe(rig, 5, charging=True, soc_pct=40).body["ignored"] == []
    late = observe(rig, 10, charging=False, soc_pct=39).body
    assert [(one["signal"], one["reason"]) for one in late["ignored"]] == [
        ("charging", "OBSERVED_TOO_LATE"),
        ("soc_pct", "OBSERVED_TOO_LATE"),
    ]
    assert late["ignored"][0]["text"] == "The report is older than a known one."
    assert rig.twin("car-1").presence.charging is not None
    assert rig.twin("car-1").presence.charging.value is True  # type: ignore[union-attr]  # checked above


def test_an_absurd_value_is_named_in_the_answer(rig: Rig) -> None:
    place(rig, plugged_in(a_twin(NOW - timedelta(days=2)), NOW - timedelta(hours=1)))
    observe(rig, 5, soc_pct=40)
    (ignored,) = observe(rig, 4, soc_pct=90).body["ignored"]
    assert (ignored["signal"], ignored["reason"]) == ("soc_pct", "OBSERVED_JUMP")


def test_an_asset_in_sync_has_no_time_since_which_axle_is_behind(rig: Rig) -> None:
    put(rig, site_body())
    rig.pump()
    rig.change("car-1", lambda twin: twin)
    assert (shown(rig)["in_sync"], shown(rig)["unacknowledged_since"]) == (True, None)
    rig.axle.faults.add(Fault(path="^/entities", status=503))
    rig.serve("preferences", "PUT /assets/{asset}/intent", {"kwh": 12, "ready_by": "06:00"}, asset="car-1")
    behind = shown(rig)
    assert not behind["in_sync"]
    assert behind["unacknowledged_since"] is not None
    rig.serve("preferences", "PUT /assets/{asset}/intent", {"kwh": 30, "ready_by": "07:00"}, asset="car-1")
    assert (shown(rig)["in_sync"], shown(rig)["unacknowledged_since"]) == (True, None)


def test_the_timeline_says_what_was_set_and_by_whom(rig: Rig) -> None:
    put(rig, site_body())
    put(rig, site_body(car(battery_kwh=77)))
    rig.serve("onboarding", "POST /sites/{site}/snooze", {"until": "2026-01-16T09:00:00Z"}, site="home-1")
    rig.publish()
    rows = rig.serve("status", "GET /assets/{asset}/timeline", asset="car-1").body["entries"]
    found = {row["event"]: row for row in rows}
    assert found["SiteUpdated"]["detail"] == {"by": "app", "changed": ["battery_kwh"]}
    assert found["Snoozed"]["detail"] == {"by": "app", "until": "2026-01-16T09:00:00+00:00"}
    assert found["Snoozed"]["text"] == "Smart charging is snoozed until 16 Jan 09:00. The car charges as it likes."
