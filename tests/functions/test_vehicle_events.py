"""What car makers, the app and Tesla's stream observe: signed, stored once, never more than is needed."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.auth.signatures import hmac_hex
from driveway.domain.twin import Command, Control, Home, Vehicle
from tests.support.functions.assets import (
    ENODE_CAR,
    EVENTS,
    SAMPLE_SECRETS,
    SMARTCAR_CAR,
    TESLA_CAR,
    a_twin,
    called,
    in_base64,
    place,
    plugged_in,
    refuse,
    sample,
    set_secret,
)
from tests.support.functions.rig import Reply, Rig, function

AT = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)
HOME = Home(52.0907, 5.1214)
ENODE, SMARTCAR, TESLA = SAMPLE_SECRETS["enode"][0], SAMPLE_SECRETS["smartcar"][0], SAMPLE_SECRETS["tesla"][0]
SIGNED_BY = tuple(f"{provider}_" for provider in SAMPLE_SECRETS)
WEBHOOKS = sorted({file.stem for file in EVENTS.glob("*.json") if file.stem.startswith(SIGNED_BY)} - {"tesla_kinesis"})
ENODE_ID = ENODE_CAR.vehicle_id


@pytest.fixture
def cars(rig: Rig) -> Rig:
    """A stage with one car at each provider, and the secrets that signed the sample events."""
    rig.clock.put(AT)
    onboarded = AT - timedelta(days=30)
    place(
        rig,
        a_twin(onboarded, home=HOME),
        a_twin(onboarded, asset="car-2", axle_asset_id="axle-2", vehicle=SMARTCAR_CAR, home=HOME),
        a_twin(onboarded, asset="car-3", axle_asset_id="axle-3", vehicle=TESLA_CAR),
    )
    set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    return rig


def enode(body: Any, secret: str = ENODE) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    return webhook("enode", raw, {"X-Enode-Signature": "sha1=" + hmac_hex(secret, raw.encode(), "sha1")})


def smartcar(body: Any, secret: str = SMARTCAR) -> Reply:
    raw = body if isinstance(body, str) else json.dumps(body)
    return webhook("smartcar", raw, {"SC-Signature": hmac_hex(secret, raw.encode())})


def tesla(body: Any, at: datetime, secret: str = TESLA) -> Reply:
    raw, signed_s = body if isinstance(body, str) else json.dumps(body), int(at.timestamp())
    signature = hmac_hex(secret, f"{signed_s}.{raw}".encode())
    return webhook("tesla", raw, {"X-Driveway-Signature": f"t={signed_s},v1={signature}"})


def webhook(provider: str, raw: str, headers: dict[str, str]) -> Reply:
    event = {
        "version": "2.0",
        "routeKey": "POST /webhooks/{provider}",
        "rawPath": f"/webhooks/{provider}",
        "headers": headers,
        "pathParameters": {"provider": provider},
        "requestContext": {"requestId": "request-1"},
        "body": raw,
        "isBase64Encoded": False,
    }
    return called("vehicle_events", event)


def update(vehicle_id: str = ENODE_ID, at: datetime = AT, **charge: Any) -> dict[str, Any]:
    """An Enode event of a car that is at home."""
    stamp = at.isoformat()
    return {
        "event": "user:vehicle:updated",
        "createdAt": stamp,
        "user": {"id": "app-user-77"},
        "vehicle": {
            "id": vehicle_id,
            "vendor": "BMW",
            "lastSeen": stamp,
            "chargeState": {"isPluggedIn": True, "isCharging": False, "lastUpdated": stamp, **charge},
            "location": {"id": "3d0c5b1e-7b3c-4a51-8d3f-2f6f6f4d9a10", "lastUpdated": stamp},
        },
    }


def observe(rig: Rig, *observations: dict[str, Any], asset: str = "car-1", scope: str = "app") -> Reply:
    body = {"observations": list(observations)}
    return rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, scope=scope, asset=asset)


def sessions(rig: Rig) -> list[bool]:
    return [rig.twin(asset).presence.session is not None for asset in ("car-1", "car-2", "car-3")]


# The sample events


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize("form", [dict, in_base64])
def test_every_sample_webhook_is_taken_in_either_encoding(cars: Rig, name: str, form: Callable[[Any], Any]) -> None:
    event = sample(name)
    cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
    reply = called("vehicle_events", event if event.get("isBase64Encoded") else form(event))
    assert reply.status == 200
    assert all(isinstance(count, int) for count in reply.body.values()) or "challenge" in reply.body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("enode_plug_in", [True, False, False]),
        ("enode_plug_in_2023_08_01", [True, False, False]),
        ("smartcar_plug_in", [False, True, False]),
        ("tesla_relay_plug_in", [False, False, True]),
        ("tesla_relay_batch", [False, False, True]),
        ("smartcar_verify", [False, False, False]),
        ("enode_plug_out", [False, False, False]),
    ],
)
def test_a_plug_in_at_home_opens_the_session_of_that_car(cars: Rig, name: str, expected: list[bool]) -> None:
    event = sample(name)
    cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
    assert called("vehicle_events", event).status == 200
    assert sessions(cars) == expected


def test_a_night_of_enodes_samples_is_one_session_that_ends_once_the_plug_out_is_believed(cars: Rig) -> None:
    for name in ("enode_plug_in", "enode_charging", "enode_plug_out"):
        event = sample(name)
        cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
        assert called("vehicle_events", event).body["stored"] == 1
    held = cars.twin("car-1").presence
    assert held.session is not None
    assert held.held_plug_out is not None
    cars.clock.put(held.held_plug_out.until)
    cars.look("control", "car-1")
    after = cars.twin("car-1").presence
    assert after.session is None
    assert after.last_session is not None
    assert after.last_session.closed_at == datetime(2026, 11, 23, 7, 14, 2, tzinfo=UTC)


def test_a_bad_item_of_a_batch_is_dropped_and_the_others_are_taken(cars: Rig) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="a4", vehicle=Vehicle("enode", "v4", user_id="other")))
    good, bad = update(), {"event": "user:vehicle:updated", "vehicle": None}
    reply = enode([7, bad, good, {"event": "system:heartbeat"}, update("v4"), update("nobody-has-this")])
    assert reply.body == {"dropped": 3, "stored": 2, "unknown": 1}
    assert cars.twin("car-1").presence.session is not None
    assert cars.twin("car-4").presence.plugged_in is not None


def test_enodes_mixed_batch_stores_what_is_about_our_cars_and_counts_the_rest(cars: Rig) -> None:
    cars.clock.put(datetime(2026, 11, 22, 23, 0, 42, tzinfo=UTC))
    reply = called("vehicle_events", sample("enode_mixed_batch"))
    assert reply.body == {"dropped": 4, "stored": 2, "unknown": 1}
    assert cars.twin("car-1").presence.needs_user == "The BMW account has to be connected again."


def test_events_of_cars_nobody_has_are_counted_and_not_stored(cars: Rig) -> None:
    before = cars.items()
    assert enode([update("nobody-has-this"), update("x" * 3000), update("\ud800")]).body["unknown"] == 3
    assert cars.items() == before


# Credentials and accounts


def test_invalidated_credentials_concern_every_car_of_the_account_and_are_reported_once(cars: Rig) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="a4", vehicle=Vehicle("enode", "v4", user_id="app-user-77")))
    place(cars, a_twin(AT, asset="car-5", axle_asset_id="a5", vehicle=Vehicle("enode", "v5", user_id="app-user-78")))
    event = {"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "BMW"}
    assert enode([event]).body["stored"] == 1
    for asset in ("car-1", "car-4"):
        twin = cars.twin(asset)
        assert twin.presence.needs_user == "The BMW account has to be connected again."
        (entry,) = twin.news
        assert (entry.event, entry.reason) == ("NeedsAttention", "PROVIDER_NEEDS_USER")
    assert cars.twin("car-5").presence.needs_user is None
    before = [cars.twin(asset) for asset in ("car-1", "car-4")]
    enode([{**event, "createdAt": AT.isoformat()}])
    assert [cars.twin(asset) for asset in ("car-1", "car-4")] == before


def test_the_account_of_one_make_leaves_the_cars_of_another_make_alone(cars: Rig) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="a4", vehicle=Vehicle("enode", "v4", user_id="app-user-77")))
    other = update("v4")
    other["vehicle"]["vendor"] = "TESLA"
    enode([update(), other])
    enode([{"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "TESLA"}])
    assert cars.twin("car-4").presence.needs_user == "The TESLA account has to be connected again."
    assert cars.twin("car-1").presence.needs_user is None


def test_a_car_that_reports_again_needs_no_user_any_more(cars: Rig) -> None:
    enode([{"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "BMW"}])
    enode([update()])
    assert cars.twin("car-1").presence.needs_user is None


def test_smartcars_account_errors_need_the_driver_in_smartcars_words(cars: Rig) -> None:
    assert called("vehicle_events", sample("smartcar_vehicle_error")).body["stored"] == 1
    assert cars.twin("car-2").presence.needs_user == "Please connect your car again."


def test_a_car_that_was_deleted_at_its_maker_needs_the_driver(cars: Rig) -> None:
    enode([{"event": "user:vehicle:deleted", "vehicle": {"id": ENODE_ID}}])
    assert cars.twin("car-1").presence.needs_user is not None
    assert [entry.event for entry in cars.twin("car-1").news] == ["NeedsAttention"]


# The door


@pytest.mark.parametrize("name", [name for name in WEBHOOKS if name != "smartcar_verify"])
def test_an_unsigned_or_wrongly_signed_webhook_stores_nothing(cars: Rig, name: str) -> None:
    event, before = sample(name), cars.items()
    signed = next(header for header in event["headers"] if header.endswith("signature"))
    good = event["headers"][signed]
    wrong = [None, "", good[:-1], good[:-1] + ("0" if good[-1] != "0" else "1"), "sha1=", "é"]
    for signature in wrong:
        headers = {**event["headers"], signed: signature} if signature is not None else {}
        reply = called("vehicle_events", {**event, "headers": headers})
        assert (reply.status, reply.problem) == (401, "bad-signature")
        assert reply.body["detail"] == "The signature does not fit."
    assert cars.items() == before


@pytest.mark.parametrize("secrets", [{}, {"enode": []}, {"enode": [""]}])
def test_without_a_secret_nothing_is_let_in(cars: Rig, secrets: dict[str, Any]) -> None:
    set_secret(cars, "WEBHOOK_SECRETS", secrets)
    assert enode([update()], secret="").status == 401
    assert smartcar({}, secret="").status == 401
    assert tesla([], AT, secret="").status == 401


def test_two_secrets_are_valid_while_one_replaces_the_other(cars: Rig) -> None:
    set_secret(
        cars, "WEBHOOK_SECRETS", {"enode": ["new", ENODE], "smartcar": ["new", SMARTCAR], "tesla": ["new", TESLA]}
    )
    for secret in ("new", None):
        assert enode([], secret or ENODE).status == 200
        assert smartcar({"eventType": "X"}, secret or SMARTCAR).status == 200
        assert tesla([], AT, secret or TESLA).status == 200


def test_teslas_relay_has_a_replay_window(cars: Rig) -> None:
    for age_s, status in ((-301, 401), (-300, 200), (300, 200), (301, 401)):
        assert tesla([], AT - timedelta(seconds=age_s)).status == status


@pytest.mark.parametrize("body", ["", "{", '{"a": 1}', "7", "[" * 5000])
def test_a_signed_body_that_cannot_be_read_is_malformed(cars: Rig, body: str) -> None:
    before = cars.items()
    reply = enode(body)
    assert (reply.status, reply.problem) == (400, "malformed")
    assert cars.items() == before


def test_a_body_over_the_limit_is_refused_before_it_is_read(cars: Rig) -> None:
    assert enode([{"event": "x" * 262_144}]).status == 413


def test_a_provider_we_do_not_know_is_not_found(cars: Rig) -> None:
    assert [webhook(name, "[]", {}).status for name in ("jedlix", "app", "ocpp", "..")] == [404] * 4


def test_smartcars_challenge_is_answered_and_nothing_else_is_ever_signed(cars: Rig) -> None:
    before = cars.items()
    reply = called("vehicle_events", sample("smartcar_verify"))
    assert (reply.status, reply.body) == (200, {"challenge": hmac_hex(SMARTCAR, b"abc123")})
    event = json.dumps({"eventType": "VEHICLE_STATE", "vehicleId": "veh-1"})
    for challenge in (event, "", None, {"a": 1}, "a b", "x" * 65):
        oracle = webhook("smartcar", json.dumps({"eventType": "VERIFY", "data": {"challenge": challenge}}), {})
        assert oracle.status == 400
        assert hmac_hex(SMARTCAR, event.encode()) not in oracle.text
    assert cars.items() == before


def test_a_test_event_of_smartcars_moves_nothing(cars: Rig) -> None:
    event = json.loads(sample("smartcar_plug_in")["body"])
    event["meta"]["mode"] = "TEST"
    before = cars.items()
    assert smartcar(event).body["test"] == 1
    assert cars.items() == before
    cars.look("control", "car-2")
    assert cars.twin("car-2").control.command is None


# Once, and durably


@pytest.mark.parametrize("name", ["enode_plug_in", "smartcar_plug_in", "tesla_relay_plug_in"])
def test_a_repeated_event_writes_nothing(cars: Rig, name: str) -> None:
    assert called("vehicle_events", sample(name)).body["stored"] == 1
    before = cars.items()
    cars.clock.move(seconds=40)
    assert called("vehicle_events", sample(name)).body == {"dropped": 0, "repeated": 1}
    assert cars.items() == before


def test_an_event_is_known_again_when_a_retry_groups_it_otherwise(cars: Rig) -> None:
    first = update()
    enode([first])
    shuffled = dict(reversed(first.items()))
    assert enode([update("nobody-has-this"), shuffled]).body["repeated"] == 1


def test_an_event_with_nothing_new_writes_no_twin(cars: Rig) -> None:
    enode([update()])
    before = cars.twin("car-1")
    cars.clock.move(seconds=20)
    assert enode([update(at=cars.clock.now())]).body["stored"] == 1
    assert cars.twin("car-1") == before


@pytest.mark.parametrize("operation", ["update_item", "put_item", "get_item"])
@pytest.mark.parametrize("name", ["enode_plug_in", "smartcar_plug_in", "tesla_relay_plug_in"])
def test_what_cannot_be_stored_is_our_fault_and_its_repetition_is_stored_once(
    cars: Rig, monkeypatch: pytest.MonkeyPatch, name: str, operation: str
) -> None:
    event = sample(name)
    cars.clock.put(datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC))
    refuse(cars, monkeypatch, operation)
    reply = called("vehicle_events", event)
    assert (reply.status, reply.problem) == (500, "internal")
    assert called("vehicle_events", event).body["stored"] == 1
    assert sum(sessions(cars)) == 1
    before = cars.items()
    assert called("vehicle_events", event).body["repeated"] == 1
    assert cars.items() == before


def test_the_outcome_of_a_command_reaches_the_command(cars: Rig) -> None:
    cars.clock.put(datetime(2026, 11, 22, 23, 0, 42, tzinfo=UTC))
    now = cars.clock.now()
    command = Command(
        id="c1",
        action="start",
        reason="AXLE_SCHEDULE",
        state="sent",
        planned_at=now,
        not_before=now,
        expires_at=now + timedelta(hours=1),
        sent_at=now,
        provider_ref="a1",
    )
    cars.change(
        "car-1",
        lambda twin: replace(plugged_in(twin, now - timedelta(hours=5)), control=Control(command=command)),
    )
    action = {"id": "a1", "targetId": ENODE_ID, "targetType": "vehicle", "kind": "START"}
    failed = {**action, "state": "FAILED", "failureReason": {"type": "NOT_AT_HOME", "detail": "The car said no."}}
    assert enode([{"event": "user:vendor-action:updated", "vendorAction": failed}]).body["stored"] == 1
    after = cars.twin("car-1").control.command
    assert after is not None
    assert after.outcome is not None
    assert after != command


# The app's own observations


def test_the_app_opens_a_session_with_what_its_own_telematics_see(cars: Rig) -> None:
    reply = observe(cars, {"at": AT.isoformat(), "plugged_in": True, "at_home": True, "charging": False, "soc_pct": 41})
    assert (reply.status, reply.body["accepted"], reply.body["changed"]) == (202, 1, True)
    presence = cars.twin("car-1").presence
    assert presence.session is not None
    assert presence.session.id == reply.body["session"]
    assert reply.body["revision"] == cars.twin("car-1").revision


def test_home_reported_apart_from_the_plug_in_one_call_is_a_session_without_a_complaint(cars: Rig) -> None:
    plug, home = {"at": AT.isoformat(), "plugged_in": True}, {"at": AT.isoformat(), "at_home": True}
    observe(cars, plug, home)
    assert [entry.event for entry in cars.twin("car-1").news] == ["PluggedIn"]


def test_a_plug_without_home_is_no_session_and_says_why(cars: Rig) -> None:
    reply = observe(cars, {"at": AT.isoformat(), "plugged_in": True})
    assert reply.body["session"] is None
    assert [(entry.event, entry.reason) for entry in cars.twin("car-1").news] == [("NoSession", "HOME_UNKNOWN")]


def test_the_sample_observation_is_accepted_and_repeated_without_a_write(cars: Rig) -> None:
    assert called("vehicle_events", sample("observations")).body["changed"] is True
    before = cars.items()
    cars.clock.move(seconds=5)
    assert called("vehicle_events", sample("observations")).body["changed"] is False
    assert cars.items() == before


@pytest.mark.parametrize(
    ("observation", "pointer"),
    [
        ({"at": "2026-11-22T17:42:05", "plugged_in": True}, "/observations/0/at"),
        ({"at": "2026-11-22T17:50:05Z", "plugged_in": True}, "/observations/0/at"),
        ({"plugged_in": True}, "/observations/0/at"),
        ({"at": "2026-11-22T17:42:05Z"}, "/observations/0"),
        ({"at": "2026-11-22T17:42:05Z", "plugged_in": "yes"}, "/observations/0/plugged_in"),
        ({"at": "2026-11-22T17:42:05Z", "power_kw": -1}, "/observations/0/power_kw"),
        ({"at": "2026-11-22T17:42:05Z", "soc_pct": 101}, "/observations/0/soc_pct"),
        ({"at": "2026-11-22T17:42:05Z", "latitude": 52.1}, "/observations/0/latitude"),
    ],
)
def test_an_observation_that_cannot_be_accepted_is_refused_as_a_whole_with_a_pointer(
    cars: Rig, observation: dict[str, Any], pointer: str
) -> None:
    before = cars.items()
    reply = observe(cars, observation, {"at": AT.isoformat(), "plugged_in": True, "at_home": True})
    assert (reply.status, [error["pointer"] for error in reply.body["errors"]]) == (422, [pointer])
    assert cars.items() == before


def test_only_the_app_may_observe_and_only_its_own_assets(cars: Rig) -> None:
    told = {"at": AT.isoformat(), "plugged_in": True}
    assert [observe(cars, told, scope=scope).status for scope in ("", "axle")] == [401, 403]
    assert observe(cars, told, asset="car-9").status == 404


def test_energy_is_metered_once_however_often_it_is_reported(cars: Rig) -> None:
    at = AT - timedelta(minutes=40)
    first = {"at": at.isoformat(), "plugged_in": True, "at_home": True, "energy_lifetime_kwh": 100.0}
    second = {"at": AT.isoformat(), "charging": True, "energy_lifetime_kwh": 103.5}
    for _ in range(3):
        observe(cars, first, second)
    slots = cars.runtime.slots.read("car-1", AT - timedelta(days=1))
    assert [session.energy_wh for session in cars.twin("car-1").meter.sessions] == [3500]
    assert len(list(slots)) >= 1


# Tesla's stream


def test_a_batch_of_teslas_stream_is_taken_and_a_poisoned_record_does_not_block_it(cars: Rig) -> None:
    assert function("vehicle_events").handler(sample("tesla_kinesis"), None) == {"batchItemFailures": []}
    presence = cars.twin("car-3").presence
    assert presence.session is not None
    assert presence.reachable is not None


def test_the_stream_repeats_from_the_first_record_that_could_not_be_stored(
    cars: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sample("tesla_kinesis")
    refuse(cars, monkeypatch, "update_item")
    answer = function("vehicle_events").handler(event, None)
    first = event["Records"][0]["kinesis"]["sequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert function("vehicle_events").handler(event, None) == {"batchItemFailures": []}
    before = cars.items()
    assert function("vehicle_events").handler(event, None) == {"batchItemFailures": []}
    assert cars.items() == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = ("event", "createdAt", "user", "vehicle", "id", "lastSeen", "chargeState", "isPluggedIn", "lastUpdated")


@given(
    paths=st.lists(
        st.tuples(
            st.sampled_from([(), ("vehicle",), ("vehicle", "chargeState"), ("vehicle", "location")]),
            st.sampled_from(MEMBERS) | st.text(max_size=3),
            JSON,
        ),
        max_size=4,
    )
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_signed_event_is_our_fault(cars: Rig, paths: list[tuple[tuple[str, ...], str, Any]]) -> None:
    event = update(chargeRate=7.2, batteryLevel=41)
    for path, name, value in paths:
        inner: Any = event
        for step in path:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[name] = value
    assert enode([event]).status == 200
    assert cars.serve("status", "GET /assets/{asset}", asset="car-1").status == 200


def test_a_binary_body_is_verified_on_its_raw_bytes(cars: Rig) -> None:
    raw = b'[{"event": "system:heartbeat", "note": "\xff"}]'
    event = sample("enode_plug_in")
    event["headers"]["x-enode-signature"] = "sha1=" + hmac_hex(ENODE, raw, "sha1")
    event |= {"body": base64.b64encode(raw).decode(), "isBase64Encoded": True}
    assert called("vehicle_events", event).status == 400
    event["headers"]["x-enode-signature"] = "sha1=" + hmac_hex("other", raw, "sha1")
    assert called("vehicle_events", event).status == 401
