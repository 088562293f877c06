"""Axle's schedules: what is understood, in which order, and what comes before the plug-in."""

import base64
import gzip
import json
import random
import uuid
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.charging_profiles import ChargingProfile, parse_charging_profile
from driveway.domain.schedules.installation import installed
from driveway.values import replace
from tests.support.functions.assets import (
    AXLE_ASSET,
    a_twin,
    called,
    in_base64,
    place,
    plugged_in,
    sample,
)
from tests.support.functions.rig import NOW, Rig
from tests.support.functions.schedule_calls import accepted, deliver, envelope, held, limits, post, profile, state


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"connectorId": 1, "csChargingProfiles": body}])
def test_axles_documented_schedule_is_accepted_bare_and_as_a_set_charging_profile_request(car: Rig, wrap: Any) -> None:
    assert accepted(post(car, wrap(profile())))
    (one,) = held(car)
    assert one.profile == parse_charging_profile(profile())
    assert (one.session_id, one.received_at) == ("20260115T170000Z", NOW)
    assert [entry.event for entry in car.twin("car-1").news] == ["ScheduleReceived"]
    stretches = car.serve("status", "GET /assets/{asset}/schedule", asset="car-1").body["stretches"]
    charging = [(s["start"], s["end"], s["limit_kw"]) for s in stretches if s["source"] == "axle" and s["limit_kw"]]
    assert charging == [("2026-01-15T23:30:00Z", "2026-01-16T05:30:00Z", 7.4)]


@pytest.mark.parametrize(
    "payload",
    [
        {"charging_profile": profile()},
        {"chargingProfile": profile()},
        {"profile": profile()},
        {"schedule": profile()},
        {"csChargingProfiles": profile(), "connectorId": 1},
        {"charging_profile": {"connectorId": 1, "csChargingProfiles": profile()}},
        profile(),
    ],
)
@pytest.mark.parametrize("name", ["asset_id", "axle_asset_id"])
def test_an_envelope_may_hold_the_schedule_in_any_of_its_forms(car: Rig, payload: dict[str, Any], name: str) -> None:
    assert accepted(deliver(car, envelope(payload={name: AXLE_ASSET, **payload})))
    (one,) = held(car)
    assert one.profile == parse_charging_profile(profile())
    assert one.created_at == NOW


def test_floats_nulls_extra_keys_and_a_missing_duration_are_read_for_what_they_mean(car: Rig) -> None:
    body = profile(duration=None, minChargingRate=None)
    body |= {"stackLevel": 1100.0, "comment": "from the planner", "transactionId": None}
    schedule = body["chargingSchedule"]
    schedule["chargingSchedulePeriod"] = [{"limit": 3680, "startPeriod": 0.0, "numberPhases": None, "extra": [1]}]
    body = {"later": None, **dict(reversed(body.items()))}
    assert accepted(post(car, body))
    (one,) = held(car)
    assert (one.profile.stack_level, one.profile.duration_s) == (1100, None)
    assert one.profile.periods[0].limit == 3680


@pytest.mark.parametrize("encoding", ["gzip", "GZIP"])
def test_a_gzip_body_is_read(car: Rig, encoding: str) -> None:
    event = sample("schedules_bare_profile")
    event["headers"]["content-encoding"] = encoding
    event["body"] = base64.b64encode(gzip.compress(json.dumps(profile()).encode())).decode()
    event["isBase64Encoded"] = True
    assert accepted(called("schedules", event))
    assert limits(car) == [0.0, 99999.0, 0.0]


def test_a_gzip_body_that_ends_too_early_is_malformed(car: Rig) -> None:
    whole = gzip.compress(json.dumps(profile()).encode())
    bomb = gzip.compress(b" " * 300_000)
    event = sample("schedules_bare_profile")
    event["headers"]["content-encoding"] = "gzip"
    for body, status in ((whole[:-9], 400), (b"{}", 400), (bomb, 413)):
        broken = {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        assert called("schedules", broken).status == status
    assert held(car) == ()


def test_a_new_schedule_replaces_the_one_at_its_level_and_leaves_other_levels(car: Rig) -> None:
    post(car, profile(level=1))
    post(car, profile())
    post(car, profile([(0, 3000.0)]))
    assert {(one.profile.stack_level, one.profile.periods[0].limit) for one in held(car)} == {(1, 0.0), (1100, 3000.0)}


def test_the_same_schedule_again_writes_nothing(car: Rig) -> None:
    post(car, profile())
    before = car.items()
    car.clock.move(minutes=3)
    assert accepted(post(car, profile()))
    assert car.items() == before


def test_clearing_leaves_the_default_schedule_and_may_be_repeated(car: Rig) -> None:
    post(car, profile())
    assert accepted(post(car, None, method="DELETE"))
    assert held(car) == ()
    before = car.items()
    assert accepted(post(car, None, method="DELETE"))
    assert car.items() == before


def test_an_event_of_axles_without_a_schedule_is_acknowledged_and_ignored(car: Rig) -> None:
    before = state(car)
    for payload in ({}, {"asset_id": AXLE_ASSET}, {"user_id": "u", "profile": {"name": "n"}}, {"schedule": "soon"}):
        assert accepted(deliver(car, envelope(event_type="user:onboarding:complete", payload=payload)))
    assert state(car) == before


def test_a_delivery_is_installed_once_by_its_id(car: Rig) -> None:
    first = envelope()
    deliver(car, first)
    deliver(car, envelope(profile([(0, 3000.0)]), created_at=NOW))
    before = car.items()
    again = {**first, "created_at": (NOW + timedelta(minutes=1)).isoformat()}
    assert accepted(deliver(car, again))
    assert accepted(deliver(car, {**again, "id": again["id"].upper()}))
    assert car.items() == before


def test_an_older_schedule_that_arrives_late_changes_nothing_and_is_answered_as_a_success(car: Rig) -> None:
    deliver(car, envelope(profile([(0, 3000.0)]), created_at=NOW))
    before = state(car)
    car.clock.move(minutes=1)
    assert accepted(deliver(car, envelope(created_at=NOW - timedelta(seconds=1))))
    assert state(car) == before


def test_schedules_without_a_time_are_ordered_by_their_arrival(car: Rig) -> None:
    deliver(car, envelope(created_at=NOW))
    car.clock.move(seconds=1)
    post(car, profile([(0, 3000.0)]))
    assert limits(car) == [3000.0]


def test_every_order_of_three_schedules_ends_with_the_newest(car: Rig) -> None:
    made = [envelope(profile([(0, 1000.0 * n)]), created_at=NOW + timedelta(milliseconds=n)) for n in range(3)]
    for order in permutations(made):
        car.change("car-1", lambda twin: replace(twin, profiles=()))
        for one in order:
            assert accepted(deliver(car, {**one, "id": str(uuid.uuid4())}))
        assert limits(car) == [2000.0]


def test_hundreds_of_duplicated_and_reordered_deliveries_converge_to_the_newest_of_each_level(car: Rig) -> None:
    chance = random.Random(6)
    made = [
        envelope(profile([(0, float(n))], level=chance.choice((1, 1100))), created_at=NOW - timedelta(seconds=200 - n))
        for n in range(120)
    ]
    sent = [one for one in made for _ in range(chance.choice((1, 2, 3)))]
    chance.shuffle(sent)
    assert all(accepted(deliver(car, one)) for one in sent)
    newest = {one["payload"]["charging_profile"]["stackLevel"]: one for one in made}
    assert {(one.profile.stack_level, one.profile.periods[0].limit) for one in held(car)} == {
        (level, one["payload"]["charging_profile"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
        for level, one in newest.items()
    }


@given(seed=st.integers(0, 2**32), count=st.just(2500))
@settings(max_examples=4, deadline=None)
def test_ten_thousand_deliveries_in_any_order_install_what_the_newest_says(seed: int, count: int) -> None:
    chance = random.Random(seed)
    twin = plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1))
    shapes = [parse_charging_profile(profile([(0, float(watts))])) for watts in range(40)]
    sent = [(chance.choice(shapes), NOW - timedelta(milliseconds=n)) for n in range(count // 2)]
    newest = sent[0][0]
    sent += [chance.choice(sent) for _ in range(count - len(sent))]
    chance.shuffle(sent)
    arrival = NOW
    for one, created_at in sent:
        arrival += timedelta(milliseconds=20)
        twin = installed(replace(twin, news=()), one, created_at=created_at, now=arrival, keep_unplugged=True)
    assert [one.profile for one in twin.profiles] == [newest]
    assert twin.profiles[0].created_at == NOW


def test_a_schedule_before_the_plug_in_is_kept_and_holds_for_the_session_that_opens_within_it(rig: Rig) -> None:
    place(rig, a_twin(NOW))
    assert accepted(post(rig, profile()))
    (one,) = held(rig)
    assert one.session_id is None
    rig.clock.move(hours=4, minutes=30)
    body = {"observations": [{"at": rig.clock.now().isoformat(), "plugged_in": True, "at_home": True}]}
    rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset="car-1")
    desired = rig.serve("status", "GET /assets/{asset}", asset="car-1").body["desired"]
    assert (desired["charge"], desired["source"], desired["reason"]) == (False, "axle", "AXLE_SCHEDULE")


def test_a_schedule_before_the_plug_in_is_refused_if_the_stack_is_configured_so(rig: Rig) -> None:
    place(rig, a_twin(NOW))
    environ = {**rig.runtime.settings.environ, "SCHEDULE_BEFORE_PLUG_IN": "refuse"}
    rig.runtime.settings = replace(rig.runtime.settings, environ=environ)
    before = rig.items()
    for reply in (post(rig, profile()), deliver(rig, envelope())):
        assert (reply.status, reply.problem) == (409, "not-plugged-in")
    assert rig.items() == before


@pytest.mark.parametrize("name", ["bare_profile", "set_charging_profile", "clear", "axle_webhook"])
def test_every_sample_event_is_accepted(rig: Rig, name: str) -> None:
    at = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)
    rig.clock.put(at)
    place(rig, plugged_in(a_twin(NOW), at - timedelta(hours=1)))
    event = sample(f"schedules_{name}")
    assert accepted(called("schedules", event))
    if "body" in event:
        assert limits(rig) == [0.0, 99999.0, 0.0]
        assert accepted(called("schedules", in_base64(event)))


def test_profiles_survive_the_table(car: Rig) -> None:
    recurring = {
        **profile(startSchedule="2026-01-01T00:30:00+02:00", chargingRateUnit="A"),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Weekly",
        "validFrom": "2026-01-01T00:00:00Z",
        "validTo": "2026-12-01T00:00:00.123456Z",
        "chargingProfileId": -7,
    }
    assert accepted(post(car, recurring))
    (one,) = held(car)
    expected: ChargingProfile = parse_charging_profile(recurring)
    assert one.profile == expected


def test_axles_ids_compare_without_case(car: Rig) -> None:
    assert accepted(post(car, profile(), asset=AXLE_ASSET.upper()))
    assert limits(car) == [0.0, 99999.0, 0.0]
    body = envelope(profile([(0, 3000.0)]))
    body["payload"]["asset_id"] = AXLE_ASSET.upper()
    assert accepted(deliver(car, body))
    assert limits(car) == [3000.0]
    assert accepted(post(car, None, asset=AXLE_ASSET.title(), method="DELETE"))
    assert held(car) == ()
