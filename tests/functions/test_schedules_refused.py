"""Axle's schedules that are refused: wrong asset, wrong sender, wrong content, and faults of ours."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.runtime.clock import Clock
from driveway.values import replace
from tests.support.functions.assets import (
    AXLE_SECRET,
    axle_signature,
    refuse,
    set_secret,
)
from tests.support.functions.rig import NOW, Rig, RigClock
from tests.support.functions.schedule_calls import accepted, deliver, envelope, held, limits, post, profile, state


@pytest.mark.parametrize("asset", ["7d3f5a3e-0000-4b7e-9a0c-0a5b1c2d3e4f", "car-1", "", "x" * 3000, "\ud800"])
def test_a_schedule_for_an_asset_we_do_not_have_is_refused_for_good(car: Rig, asset: str) -> None:
    before = car.items()
    sent = envelope(payload={"axle_asset_id": asset, "charging_profile": profile()})
    for reply in (post(car, profile(), asset=asset), post(car, None, asset=asset, method="DELETE"), deliver(car, sent)):
        assert (reply.status, reply.problem) in {(404, "not-found"), (422, "invalid-body")}
    assert car.items() == before


@pytest.mark.parametrize("asset", [None, 3, "", {}])
def test_a_schedule_without_an_asset_is_refused(car: Rig, asset: Any) -> None:
    reply = deliver(car, envelope(payload={"asset_id": asset, "charging_profile": profile()}))
    assert reply.status == 422
    assert [error["pointer"] for error in reply.body["errors"]] == ["/payload/asset_id"]


@pytest.mark.parametrize("change", [{"enrolled": False}, {"leaving": True}])
def test_a_schedule_for_a_site_that_left_is_refused_for_good(car: Rig, change: dict[str, Any]) -> None:
    car.change("car-1", lambda twin: replace(twin, link=replace(twin.link, **change)))
    before = car.items()
    for reply in (post(car, profile()), deliver(car, envelope())):
        assert (reply.status, reply.problem) == (409, "not-enrolled")
    assert car.items() == before


def test_an_erased_asset_is_not_found_even_while_its_alias_is_still_there(car: Rig) -> None:
    car.runtime.records.delete("ASSET#car-1", "TWIN")
    assert post(car, profile()).status == 404
    assert deliver(car, envelope()).status == 404


@pytest.mark.parametrize(("scope", "status"), [("", 401), ("app", 403)])
def test_only_axle_may_call_the_bearer_routes(car: Rig, scope: str, status: int) -> None:
    before = car.items()
    for reply in (post(car, profile(), scope=scope), post(car, None, scope=scope, method="DELETE")):
        assert reply.status == status
    assert car.items() == before


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "v1=00", "t=x,v1=y", "t=99999999999999999999,v1=00", "t=1"])
def test_an_unsigned_or_wrongly_signed_envelope_is_refused_without_details(car: Rig, signature: str) -> None:
    before = car.items()
    reply = deliver(car, envelope(), signature=signature)
    assert (reply.status, reply.problem) == (401, "bad-signature")
    assert reply.body["detail"] == "The signature is missing, wrong or too old."
    assert car.items() == before


def test_a_signature_covers_the_raw_bytes(car: Rig) -> None:
    raw = json.dumps(envelope())
    signature = axle_signature(raw.encode(), NOW)
    assert deliver(car, json.dumps(json.loads(raw), separators=(",", ":")), signature=signature).status == 401
    assert accepted(deliver(car, raw, signature=signature))


@pytest.mark.parametrize(("age_s", "status"), [(-301, 401), (-299, 200), (0, 200), (299, 200), (301, 401)])
def test_a_signature_is_valid_for_five_minutes(car: Rig, age_s: int, status: int) -> None:
    raw = json.dumps(envelope())
    signed = axle_signature(raw.encode(), NOW - timedelta(seconds=age_s))
    assert deliver(car, raw, signature=signed).status == status


def test_the_replay_window_is_five_real_minutes_when_the_clock_runs_fast(car: Rig) -> None:
    fast = FastClock(NOW)
    car.runtime.__dict__["clock"] = fast
    raw = json.dumps(envelope())
    assert deliver(car, raw, signature=axle_signature(raw.encode(), NOW - timedelta(hours=20))).status == 200
    assert deliver(car, raw, signature=axle_signature(raw.encode(), NOW - timedelta(hours=26))).status == 401


class FastClock(RigClock):
    """A rig's clock whose machinery sees 300 seconds pass for every one of its own."""

    def real_time(self, seconds: float) -> timedelta:
        return Clock(scale=300).real_time(seconds)


def test_two_secrets_are_valid_while_one_replaces_the_other(car: Rig) -> None:
    set_secret(car, "AXLE_WEBHOOK_SECRET", {"secrets": ["new", AXLE_SECRET]})
    assert accepted(deliver(car, envelope(), secret="new"))
    assert accepted(deliver(car, envelope()))
    set_secret(car, "AXLE_WEBHOOK_SECRET", {"secrets": ["new"]})
    assert deliver(car, envelope()).status == 401


@pytest.mark.parametrize("secrets", [{}, {"secrets": []}, {"secrets": [""]}])
def test_without_a_secret_every_envelope_is_refused(car: Rig, secrets: dict[str, Any]) -> None:
    set_secret(car, "AXLE_WEBHOOK_SECRET", secrets)
    assert deliver(car, envelope(), secret="").status == 401


def changed(**changes: Any) -> dict[str, Any]:
    return {**profile(), **changes}


def periods(*given: dict[str, Any]) -> dict[str, Any]:
    return profile(chargingSchedulePeriod=list(given))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/chargingSchedule"),
        (periods(), "/chargingSchedule/chargingSchedulePeriod"),
        (periods({"startPeriod": 60, "limit": 0}), "/chargingSchedule/chargingSchedulePeriod/0/startPeriod"),
        (profile([(0, 1.0), (90, 2.0), (60, 3.0)]), "/chargingSchedule/chargingSchedulePeriod/2/startPeriod"),
        (profile([(0, -1.0)]), "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        (periods({"startPeriod": 0}), "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        (periods({"startPeriod": 0, "limit": "much"}), "/chargingSchedule/chargingSchedulePeriod/0/limit"),
        (profile(duration=-5), "/chargingSchedule/duration"),
        (profile(chargingRateUnit="kW"), "/chargingSchedule/chargingRateUnit"),
        (profile(startSchedule="tonight"), "/chargingSchedule/startSchedule"),
        (changed(chargingProfilePurpose="Tx"), "/chargingProfilePurpose"),
        (changed(chargingProfileKind=None), "/chargingProfileKind"),
        (changed(stackLevel=-1), "/stackLevel"),
        (changed(chargingSchedule=[]), "/chargingSchedule"),
        (profile(startSchedule="2026-01-15T08:00:00+00:00"), "/chargingSchedule/duration"),
    ],
)
def test_every_refusal_points_to_the_place_and_says_why(car: Rig, body: dict[str, Any], pointer: str) -> None:
    before = car.items()
    wrapped = {"connectorId": 1, "csChargingProfiles": body}
    sent = {"": post(car, body), "/csChargingProfiles": post(car, wrapped)}
    sent["/payload/charging_profile"] = deliver(car, envelope(body))
    for prefix, reply in sent.items():
        assert reply.status in {409, 422}
        (error,) = reply.body["errors"]
        assert error["pointer"] == prefix + pointer
        assert error["message"].endswith(".")
        assert reply.body["detail"]
    assert car.items() == before


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "7"}, "/id"),
        ({"id": None}, "/id"),
        ({"created_at": "2026-01-15T18:00:00"}, "/created_at"),
        ({"created_at": 5}, "/created_at"),
        ({"payload": []}, "/payload"),
        ({"event_type": None}, "/event_type"),
    ],
)
def test_a_body_that_is_not_an_envelope_is_refused_with_a_pointer(
    car: Rig, change: dict[str, Any], pointer: str
) -> None:
    before = car.items()
    reply = deliver(car, envelope(**change))
    assert (reply.status, [error["pointer"] for error in reply.body["errors"]]) == (422, [pointer])
    assert car.items() == before


@pytest.mark.parametrize("body", ["", "{", "[]", "7", '{"a": Infinity}', "[" * 5000])
def test_a_body_that_is_not_a_json_object_is_malformed(car: Rig, body: str) -> None:
    assert post(car, body).status == 400
    assert deliver(car, body).status == 400
    assert held(car) == ()


def test_a_refused_delivery_is_not_remembered_so_a_corrected_one_may_come_under_its_id(car: Rig) -> None:
    wrong = envelope(periods())
    assert deliver(car, wrong).status == 422
    right = copy.deepcopy(wrong)
    right["payload"]["charging_profile"] = profile()
    assert accepted(deliver(car, right))
    assert limits(car) == [0.0, 99999.0, 0.0]


@pytest.mark.parametrize("operation", ["update_item", "get_item"])
def test_a_schedule_that_cannot_be_stored_is_our_fault_and_its_repetition_is_stored(
    car: Rig, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    sent = envelope()
    refuse(car, monkeypatch, operation)
    reply = deliver(car, sent)
    assert (reply.status, reply.problem) == (500, "internal")
    assert "outage" not in reply.text
    assert held(car) == ()
    assert accepted(deliver(car, sent))
    assert limits(car) == [0.0, 99999.0, 0.0]


def test_a_delivery_that_was_stored_and_not_remembered_is_taken_again_without_harm(
    car: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = envelope()
    refuse(car, monkeypatch, "put_item")
    assert deliver(car, sent).status == 500
    before = state(car)
    assert accepted(deliver(car, sent))
    assert state(car) == before


def test_a_bare_schedule_that_cannot_be_stored_is_our_fault(car: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(car, monkeypatch, "update_item", times=2)
    assert post(car, profile()).status == 500
    assert post(car, None, method="DELETE").status == 500  # also a clear of nothing is remembered: see the order
    assert accepted(post(car, None, method="DELETE"))
    assert accepted(post(car, profile()))
