"""Smartcar's webhooks: the signature, the challenge, and what its signals and errors say of a car."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.auth.signatures import SignatureError, hmac_hex
from driveway.domain.presence.observation import Observation
from driveway.vehicles.provider import Inbound, VehicleEvent, WebhookError, WebhookRequest
from driveway.vehicles.smartcar.webhooks import SmartcarWebhooks

EVENTS = Path(__file__).parents[3] / "events"
AMT = "example-amt"
RECEIVED_AT = datetime(2026, 11, 22, 17, 42, 16, tzinfo=UTC)
SEEN_AT = datetime(2026, 11, 22, 17, 42, tzinfo=UTC)
PARKED_AT = datetime(2026, 11, 22, 17, 41, 40, tzinfo=UTC)
RETRIEVED_AT = datetime(2026, 11, 22, 17, 42, 11, tzinfo=UTC)
DELIVERED_AT = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def sample(name: str) -> WebhookRequest:
    event = json.loads((EVENTS / f"smartcar_{name}.json").read_text())
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    return WebhookRequest(event["headers"], body, RECEIVED_AT)


def receive(body: Any, *, secret: str = AMT, secrets: tuple[str, ...] = (AMT,)) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = WebhookRequest({"sc-signature": hmac_hex(secret, raw)}, raw, RECEIVED_AT)
    return SmartcarWebhooks().receive(request, secrets)


def signal(code: str, body: Any, **more: Any) -> dict[str, Any]:
    return {"code": code, "body": body, "status": {"value": "SUCCESS"}, "meta": {"oemUpdatedAt": ms(SEEN_AT)}} | more


def state(*signals: Any, **more: Any) -> dict[str, Any]:
    meta = {"deliveredAt": ms(DELIVERED_AT), "deliveryId": "d1", "mode": "LIVE"}
    data = {"vehicle": {"id": "veh-1"}, "signals": list(signals)}
    return {"eventId": "e1", "eventType": "VEHICLE_STATE", "vehicleId": "veh-1", "data": data, "meta": meta} | more


def only_event(body: Any) -> VehicleEvent:
    (event,) = receive(body).events
    return event


def only_observation(*signals: Any) -> Observation:
    (observation,) = only_event(state(*signals)).observations
    return observation


def error_event(*errors: dict[str, Any]) -> VehicleEvent:
    return only_event(state() | {"eventType": "VEHICLE_ERROR", "data": {"errors": list(errors)}})


def test_a_plug_in_gives_each_signal_at_its_own_time() -> None:
    inbound = SmartcarWebhooks().receive(sample("plug_in"), [AMT])
    (event,) = inbound.events
    plugged, parked = event.observations
    assert (event.vehicle_id, event.user_id, event.test) == ("veh-1", "sc-user-9", False)
    assert event.dedupe_key == "5b5a0b54-0000-4000-8000-000000000001"
    assert plugged == Observation(at=SEEN_AT, source="smartcar", plugged_in=True, charging=False, not_full=True)
    assert parked.at == RETRIEVED_AT
    assert parked.whereabouts is not None
    assert parked.whereabouts.home_flag is None
    position = parked.whereabouts.position
    assert position is not None
    assert (position.latitude, position.longitude, position.at) == (52.0907, 5.1214, PARKED_AT)
    assert inbound.dropped == ()


def test_a_plug_out_is_read_from_a_base64_body() -> None:
    (event,) = SmartcarWebhooks().receive(sample("plug_out"), [AMT]).events
    assert event.observations == (Observation(at=SEEN_AT, source="smartcar", plugged_in=False),)


def test_the_published_challenge_is_answered_although_it_is_not_signed() -> None:
    inbound = SmartcarWebhooks().receive(sample("verify"), [AMT])
    assert inbound.reply == {"challenge": "e33d147e452b62be8bf2a36759a6366a253bd0528489bb61f86575fa552be0eb"}
    assert inbound.events == ()


def test_the_challenge_of_the_older_webhooks_is_answered_too() -> None:
    request = WebhookRequest(
        {}, b'{"version":"2.0","eventName":"verify","payload":{"challenge":"abc123"}}', RECEIVED_AT
    )
    reply = SmartcarWebhooks().receive(request, [AMT]).reply
    assert reply["challenge"].startswith("e33d147e")


@pytest.mark.parametrize(
    "challenge",
    ['{"eventType":"VEHICLE_STATE"}', "a" * 65, "", "abc 123", "abc123\n", "é", None, 7, ["a"], {"a": 1}],
)
def test_nothing_but_a_plain_challenge_is_signed_for_a_stranger(challenge: Any) -> None:
    body = json.dumps({"eventType": "VERIFY", "data": {"challenge": challenge}}).encode()
    with pytest.raises(WebhookError):
        SmartcarWebhooks().receive(WebhookRequest({}, body, RECEIVED_AT), [AMT])


@settings(max_examples=60)
@given(st.text() | st.from_regex(r"[A-Za-z0-9-]{1,70}", fullmatch=True))
def test_what_a_stranger_has_signed_is_never_an_event(challenge: str) -> None:
    body = json.dumps({"eventType": "VERIFY", "data": {"challenge": challenge}}).encode()
    try:
        signature = SmartcarWebhooks().receive(WebhookRequest({}, body, RECEIVED_AT), [AMT]).reply["challenge"]
    except WebhookError:
        return
    forged = WebhookRequest({"sc-signature": signature}, challenge.encode(), RECEIVED_AT)
    with pytest.raises(WebhookError):
        SmartcarWebhooks().receive(forged, [AMT])


def test_the_published_signature_opens_the_door() -> None:
    signature = "f224fcb4ab8cfe074fe0022e0b18732886268eb88589182be602c4c6cb956557"
    request = WebhookRequest({"sc-signature": signature}, b'{"eventType":"VEHICLE_STATE"}', RECEIVED_AT)
    assert SmartcarWebhooks().receive(request, [AMT]).dropped == ("VEHICLE_STATE names no vehicle",)


def test_two_secrets_are_valid_while_one_replaces_the_other() -> None:
    for secret in ("old", "new"):
        assert receive(
            state(signal("charge-ischarging", {"value": True})), secret=secret, secrets=("new", "old")
        ).events


@pytest.mark.parametrize("headers", [{}, {"sc-signature": ""}, {"sc-signature": "0" * 64}, {"sc-signature": "é"}])
def test_a_missing_or_wrong_signature_is_refused_before_the_body_is_judged(headers: dict[str, str]) -> None:
    for body in (json.dumps(state()).encode(), b"not json", b"[]"):
        with pytest.raises(SignatureError):
            SmartcarWebhooks().receive(WebhookRequest(headers, body, RECEIVED_AT), [AMT])


def test_one_changed_byte_is_refused() -> None:
    request = sample("plug_in")
    changed = WebhookRequest(request.headers, request.body.replace(b"true", b"TRUE"), RECEIVED_AT)
    with pytest.raises(SignatureError):
        SmartcarWebhooks().receive(changed, [AMT])


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_let_in_nor_signed(secrets: list[str]) -> None:
    for name in ("verify", "plug_in"):
        with pytest.raises(SignatureError):
            SmartcarWebhooks().receive(sample(name), secrets)


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_a_signed_body_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(WebhookError):
        receive(body)


@pytest.mark.parametrize(
    ("code", "body", "field", "expected"),
    [
        ("charge-ischargingcableconnected", {"value": True}, "plugged_in", True),
        ("charge-ischargingcableconnected", {"value": False}, "plugged_in", False),
        ("charge-ischarging", {"value": True}, "charging", True),
        ("charge-detailedchargingstatus", {"value": "CHARGING"}, "charging", True),
        ("charge-detailedchargingstatus", {"value": "CHARGING"}, "battery_full", False),
        ("charge-detailedchargingstatus", {"value": "NOT_CHARGING"}, "charging", False),
        ("charge-detailedchargingstatus", {"value": "NOT_CHARGING"}, "battery_full", None),
        ("charge-detailedchargingstatus", {"value": "FULLY_CHARGED"}, "charging", False),
        ("charge-detailedchargingstatus", {"value": "FULLY_CHARGED"}, "battery_full", True),
        ("charge-wattage", {"value": 7200}, "power_kw", 7.2),
        ("charge-energyadded", {"value": 12.34}, "energy_session_kwh", 12.34),
        ("tractionbattery-stateofcharge", {"value": 41}, "soc_pct", 41.0),
        ("connectivitystatus-isonline", {"value": True}, "reachable", True),
        ("connectivitystatus-isonline", {"value": False}, "reachable", False),
        ("connectivitystatus-isasleep", {"value": True}, "reachable", False),
    ],
)
def test_a_signal_says(code: str, body: Any, field: str, expected: Any) -> None:
    observation = only_observation(signal(code, body))
    assert getattr(observation, field) == expected
    assert observation.at == SEEN_AT


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("charge-chargerate", {"value": 45}),
        ("charge-detailedchargingstatus", {"value": "SOMETHING_NEW"}),
        ("charge-ischargingcableconnected", {"value": None}),
        ("charge-ischargingcableconnected", None),
        ("charge-wattage", {"value": -5}),
        ("charge-wattage", {"value": "NaN"}),
        ("charge-wattage", {"value": True}),
        ("tractionbattery-stateofcharge", {"value": 400}),
        ("connectivitystatus-isasleep", {"value": False}),
        ("location-preciselocation", {"latitude": 52.09}),
        ("location-preciselocation", {"latitude": 95, "longitude": 5}),
        ("unknown-signal", {"value": True}),
    ],
)
def test_a_signal_that_says_nothing_gives_no_observation(code: str, body: Any) -> None:
    assert only_event(state(signal(code, body))).observations == ()


@pytest.mark.parametrize("status", [{"value": "ERROR"}, {"value": "UNAVAILABLE"}, "ERROR"])
def test_a_signal_in_error_does_not_count_even_if_it_carries_an_old_body(status: Any) -> None:
    stale = signal("charge-ischargingcableconnected", {"value": False}, status=status)
    assert only_event(state(stale)).observations == ()


@pytest.mark.parametrize("status", [{"value": "SUCCESS"}, "SUCCESS", {}, None])
def test_a_signal_with_a_body_and_no_status_counts_as_in_the_vendors_own_examples(status: Any) -> None:
    body = signal("charge-ischargingcableconnected", {"value": True}, status=status)
    assert only_observation(body).plugged_in is True


def test_an_event_of_errors_only_says_nothing() -> None:
    failed = signal("location-isathome", None, status={"value": "ERROR"})
    assert only_event(state(failed)).says_nothing
    assert not only_event(state(failed, signal("charge-ischarging", {"value": True}))).says_nothing


@pytest.mark.parametrize("value", [True, False])
def test_the_makers_home_flag_counts_when_smartcar_got_it_and_keeps_when_it_was_measured(value: bool) -> None:
    times = {"oemUpdatedAt": ms(PARKED_AT), "retrievedAt": ms(RETRIEVED_AT)}
    found = only_observation(signal("location-isathome", {"value": value}, meta=times))
    assert found.at == RETRIEVED_AT
    assert found.whereabouts is not None
    assert (found.whereabouts.home_flag, found.whereabouts.measured_at) == (value, PARKED_AT)


@pytest.mark.parametrize(
    ("body", "kilometres"),
    [({"value": 23110}, 23110), ({"value": 100, "unit": "miles"}, 160.9344), ({"value": 0}, None), ({}, None)],
)
def test_the_odometer_is_read_in_kilometres_and_zero_is_no_reading(
    body: dict[str, Any], kilometres: float | None
) -> None:
    found = only_event(state(signal("odometer-traveleddistance", body))).observations
    assert [one.odometer_km for one in found] == ([] if kilometres is None else [pytest.approx(kilometres)])


@pytest.mark.parametrize("sentinel", [0, -62135596800000, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", None])
def test_a_time_that_is_none_gives_way_to_the_next_best(sentinel: Any) -> None:
    times = {"oemUpdatedAt": sentinel, "retrievedAt": ms(RETRIEVED_AT)}
    assert only_observation(signal("charge-ischarging", {"value": True}, meta=times)).at == RETRIEVED_AT
    undated = only_observation(signal("charge-ischarging", {"value": True}, meta={"oemUpdatedAt": sentinel}))
    assert undated.at == DELIVERED_AT


def test_seconds_stand_where_milliseconds_are_expected() -> None:
    """The time differs from every other in the event, so nothing else can stand in for it."""
    at = SEEN_AT - timedelta(minutes=7)
    for stamp in (at.timestamp(), at.timestamp() * 1000):
        times = {"oemUpdatedAt": int(stamp)}
        assert only_observation(signal("charge-ischarging", {"value": True}, meta=times)).at == at


def test_a_car_online_and_asleep_is_out_of_reach_in_either_order() -> None:
    online, asleep = (signal(f"connectivitystatus-is{word}", {"value": True}) for word in ("online", "asleep"))
    assert only_observation(online, asleep).reachable is False
    assert only_observation(asleep, online).reachable is False


def test_whether_it_charges_is_taken_from_the_plain_signal_before_the_detailed_one() -> None:
    plain, detailed = (
        signal("charge-ischarging", {"value": True}),
        signal("charge-detailedchargingstatus", {"value": "NOT_CHARGING"}),
    )
    assert only_observation(plain, detailed).charging is True
    assert only_observation(detailed, plain).charging is True


def test_a_position_shows_in_no_text() -> None:
    (event,) = SmartcarWebhooks().receive(sample("plug_in"), [AMT]).events
    shown = repr(event) + repr(event.observations[0].whereabouts) + event.dedupe_key
    assert "52.09" not in shown
    assert "5.12" not in shown


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ({"oemUpdatedAt": ms(PARKED_AT), "retrievedAt": ms(SEEN_AT)}, PARKED_AT),
        ({"oemUpdatedAt": PARKED_AT.isoformat()}, PARKED_AT),
        ({"oemUpdatedAt": "2026-11-22T17:41:40Z"}, PARKED_AT),
        ({"oemUpdatedAt": "2026-11-22T17:41:40"}, PARKED_AT),
        ({"oemUpdatedAt": "2026-11-22T18:41:40+01:00"}, PARKED_AT),
        ({"oemUpdatedAt": None, "retrievedAt": ms(SEEN_AT)}, SEEN_AT),
        ({"oemUpdatedAt": "soon", "fetchedAt": "2026-11-22T17:42:00.000Z"}, SEEN_AT),
        ({"oemUpdatedAt": ms(RECEIVED_AT + timedelta(days=1)), "retrievedAt": ms(SEEN_AT)}, SEEN_AT),
        ({"oemUpdatedAt": 10**30}, DELIVERED_AT),
        ({"oemUpdatedAt": True}, DELIVERED_AT),
        ({}, DELIVERED_AT),
        (None, DELIVERED_AT),
    ],
)
def test_a_signals_time_is_the_makers_else_the_retrieval_else_the_delivery(meta: Any, expected: datetime) -> None:
    assert only_observation(signal("charge-ischarging", {"value": True}, meta=meta)).at == expected


def test_without_any_time_the_arrival_counts() -> None:
    event = only_event(state(signal("charge-ischarging", {"value": True}, meta=None), meta={}))
    assert event.observations[0].at == RECEIVED_AT


def test_the_vehicle_is_found_in_the_data_if_the_event_does_not_name_it() -> None:
    assert only_event(state(vehicleId=None)).vehicle_id == "veh-1"


@pytest.mark.parametrize("mode", ["TEST", "test"])
def test_an_event_in_test_mode_is_marked(mode: str) -> None:
    assert only_event(state(meta={"mode": mode})).test is True


def test_every_delivery_of_an_event_has_the_same_key_with_or_without_an_event_id() -> None:
    for event_id in ("e1", None):
        first = state(signal("charge-ischarging", {"value": True}), eventId=event_id)
        again = first | {"meta": {"deliveryId": "d2", "deliveredAt": ms(RECEIVED_AT), "mode": "LIVE"}}
        other = state(signal("charge-ischarging", {"value": False}), eventId=event_id and "e2")
        assert only_event(first).dedupe_key == only_event(again).dedupe_key != only_event(other).dedupe_key


@pytest.mark.parametrize(
    ("error_type", "code"),
    [
        ("CONNECTED_SERVICES_ACCOUNT", "ACCOUNT_ISSUE"),
        ("CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED"),
        ("CONNECTED_SERVICES_ACCOUNT", "PERMISSION"),
        ("CONNECTED_SERVICES_ACCOUNT", "SUBSCRIPTION"),
        ("CONNECTED_SERVICES_ACCOUNT", "VIRTUAL_KEY_REQUIRED"),
        ("VEHICLE_STATE", "REMOTE_ACCESS_DISABLED"),
        ("PERMISSION", None),
    ],
)
def test_what_only_the_driver_can_mend_asks_for_the_driver_until_it_is_resolved(error_type: str, code: str) -> None:
    error = {"type": error_type, "code": code, "description": "Described.", "suggestedUserMessage": ""}
    assert error_event(error | {"state": "ERROR"}).needs_user == "Described."
    assert error_event(error | {"state": "RESOLVED"}).needs_user is None


def test_the_driver_sees_the_text_that_is_meant_for_them() -> None:
    (event,) = SmartcarWebhooks().receive(sample("vehicle_error"), [AMT]).events
    assert event.needs_user == "Please connect your car again."
    bare = error_event({"type": "PERMISSION", "code": None, "state": "ERROR"})
    assert bare.needs_user == "PERMISSION"


@pytest.mark.parametrize("code", ["ASLEEP", "UNREACHABLE"])
def test_a_car_asleep_or_unreachable_is_out_of_reach_until_that_is_resolved(code: str) -> None:
    error = {"type": "VEHICLE_STATE", "code": code}
    for error_state, reachable in (("ERROR", False), ("RESOLVED", True)):
        event = error_event(error | {"state": error_state})
        assert event.observations == (Observation(at=DELIVERED_AT, source="smartcar", reachable=reachable),)
        assert event.needs_user is None


def test_one_standing_error_outweighs_a_resolved_one() -> None:
    resolved, standing = (
        {"type": "VEHICLE_STATE", "code": code, "state": state}
        for code, state in (("ASLEEP", "RESOLVED"), ("UNREACHABLE", "ERROR"))
    )
    assert error_event(resolved, standing).observations[0].reachable is False


def test_an_incapable_car_is_no_news_of_its_state() -> None:
    event = error_event({"type": "COMPATIBILITY", "code": "VEHICLE_NOT_CAPABLE", "state": "ERROR"})
    assert (event.observations, event.needs_user) == ((), None)


@pytest.mark.parametrize(
    ("body", "reason", "unused"),
    [
        (state(eventType="VEHICLE_RENAMED"), "event type VEHICLE_RENAMED is not used", 1),
        ({"version": "2.0", "eventName": "scheduled"}, "event type scheduled is not used", 1),
        (state(vehicleId=None, data={}), "VEHICLE_STATE names no vehicle", 0),
    ],
)
def test_an_event_that_is_not_used_is_dropped_with_the_reason(body: Any, reason: str, unused: int) -> None:
    assert receive(body) == Inbound(dropped=(reason,), unused=unused)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    signals=st.lists(
        JSON | st.builds(signal, st.sampled_from(["charge-ischarging", "location-preciselocation"]), JSON, meta=JSON)
    ),
    meta=JSON,
    data=JSON,
    kind=st.sampled_from(["VEHICLE_STATE", "VEHICLE_ERROR", "VERIFY"]),
)
def test_no_signed_object_however_odd_breaks_the_reader(signals: list[Any], meta: Any, data: Any, kind: str) -> None:
    for body in (state(*signals, meta=meta, eventType=kind), state(data=data, eventType=kind)):
        try:
            inbound = receive(body)
        except WebhookError:
            continue
        for event in inbound.events:
            assert all(seen.at <= RECEIVED_AT + timedelta(minutes=5) for seen in event.observations)


PERMISSION = {"type": "PERMISSION", "code": None, "state": "ERROR", "suggestedUserMessage": "Please allow this."}


@pytest.mark.parametrize(
    ("signals", "needs_user"),
    [
        ([], "Please allow this."),
        (["closure-islocked"], None),
        (["closure-islocked", "internalcombustionengine-oilpressure"], None),
        ([{"code": "closure-islocked"}], None),
        (["closure-islocked", "charge-ischarging"], "Please allow this."),
        ([{"code": "charge-ischargingcableconnected"}], "Please allow this."),
    ],
)
def test_an_error_about_parts_counts_only_if_we_use_one_of_them(signals: list[Any], needs_user: str | None) -> None:
    assert error_event(PERMISSION | {"signals": signals}).needs_user == needs_user


@pytest.mark.parametrize("kind", ["CONNECTED_SERVICES_ACCOUNT", "PERMISSION"])
def test_an_error_of_the_account_that_is_resolved_connects_it_again(kind: str) -> None:
    assert error_event(PERMISSION | {"type": kind, "state": "RESOLVED"}).reconnected
    assert not error_event(
        PERMISSION | {"type": kind, "state": "RESOLVED", "signals": ["closure-islocked"]}
    ).reconnected
    assert not error_event(PERMISSION, PERMISSION | {"type": kind, "state": "RESOLVED"}).reconnected
