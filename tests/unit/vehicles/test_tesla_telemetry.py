"""Fleet Telemetry records: both forms, both doors, and what each field says of a car."""

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
from driveway.vehicles.provider import Inbound, WebhookError, WebhookRequest
from driveway.vehicles.tesla.telemetry import events
from driveway.vehicles.tesla.webhooks import TeslaWebhooks, kinesis_records

EVENTS = Path(__file__).parents[3] / "events"
SECRET = "example-relay-secret"
VIN = "5YJ30000000000001"
CREATED_AT = datetime(2026, 11, 22, 17, 42, 5, tzinfo=UTC)
SENT_AT = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / f"tesla_{name}.json").read_text())
    return loaded


def sample(name: str, received_at: datetime = SENT_AT) -> WebhookRequest:
    event = load(name)
    return WebhookRequest(event["headers"], event["body"].encode(), received_at)


def relayed(body: Any, secret: str = SECRET) -> WebhookRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp_s = int(SENT_AT.timestamp())
    signature = hmac_hex(secret, f"{timestamp_s}.".encode() + raw)
    return WebhookRequest({"x-driveway-signature": f"t={timestamp_s},v1={signature}"}, raw, SENT_AT)


def decoded(**fields: Any) -> dict[str, Any]:
    return {"Vin": VIN, "CreatedAt": "2026-11-22T17:42:05Z", "IsResend": False} | fields


def proto(wrapper: str = "stringValue", **fields: Any) -> dict[str, Any]:
    data = [{"key": key, "value": {wrapper: value}} for key, value in fields.items()]
    return {"data": data, "createdAt": "2026-11-22T17:42:05Z", "vin": VIN, "isResend": False}


def read(record: Any) -> Inbound:
    return events([record], SENT_AT)


def only_observation(record: Any) -> Observation:
    ((observation,),) = (event.observations for event in read(record).events)
    return observation


PLUGGED_AT_HOME = {
    "data": [
        {"key": "DetailedChargeState", "value": {"detailedChargeStateValue": "DetailedChargeStateStopped"}},
        {"key": "LocatedAtHome", "value": {"booleanValue": True}},
    ],
    "createdAt": "2026-11-22T17:42:05Z",
    "vin": VIN,
    "isResend": False,
}


def test_a_plug_in_is_the_same_event_in_both_forms() -> None:
    (as_decoded,) = TeslaWebhooks().receive(sample("relay_plug_in"), [SECRET]).events
    (as_proto,) = read(PLUGGED_AT_HOME).events
    assert as_decoded == as_proto
    (observation,) = as_decoded.observations
    assert as_decoded.vehicle_id == VIN
    assert observation.whereabouts is not None
    assert observation.whereabouts.home_flag is True
    assert (observation.at, observation.source) == (CREATED_AT, "tesla")
    assert (observation.plugged_in, observation.charging) == (True, False)


def test_a_batch_keeps_its_good_records_and_says_what_it_dropped() -> None:
    inbound = TeslaWebhooks().receive(sample("relay_batch"), [SECRET])
    plugged, charging = (event.observations[0] for event in inbound.events)
    assert plugged.plugged_in is True
    assert (charging.power_kw, charging.soc_pct, charging.plugged_in) == (7.2, 41.5, None)
    assert inbound.dropped == ("record 2: no readable time of creation",)


def test_the_stream_gives_the_same_records_and_a_bad_one_does_not_block_it() -> None:
    inbound = kinesis_records(load("tesla_kinesis".removeprefix("tesla_")), SENT_AT)
    first, second, connected = inbound.events
    (relayed_event,) = TeslaWebhooks().receive(sample("relay_plug_in"), [SECRET]).events
    assert first == relayed_event
    assert second.observations[0].plugged_in is True
    assert connected.observations[0].reachable is True
    assert inbound.dropped == ("record 2: not a JSON object",)


@pytest.mark.parametrize(
    "event", [{}, {"Records": None}, {"Records": [None, {}, {"kinesis": {"data": 7}}, {"kinesis": {"data": "%"}}]}]
)
def test_a_stream_event_without_records_gives_no_events(event: dict[str, Any]) -> None:
    inbound = kinesis_records(event, SENT_AT)
    assert inbound.events == ()
    assert len(inbound.dropped) == len(event.get("Records") or [])


@pytest.mark.parametrize(
    ("state", "plugged_in", "charging", "battery_full"),
    [
        ("Disconnected", False, False, None),
        ("NoPower", True, False, None),
        ("Starting", True, None, None),
        ("Charging", True, True, False),
        ("Complete", True, False, True),
        ("Stopped", True, False, None),
        ("Calibrating", True, None, None),
    ],
)
@pytest.mark.parametrize("prefix", ["DetailedChargeState", ""])
def test_a_charge_state_says(
    prefix: str, state: str, plugged_in: bool, charging: bool | None, battery_full: bool | None
) -> None:
    for record in (
        decoded(DetailedChargeState=prefix + state),
        proto("detailedChargeStateValue", DetailedChargeState=prefix + state),
        proto("stringValue", DetailedChargeState=prefix + state),
    ):
        seen = only_observation(record)
        assert (seen.plugged_in, seen.charging, seen.battery_full) == (plugged_in, charging, battery_full)


@pytest.mark.parametrize(
    "state", ["DetailedChargeStateUnknown", "Unknown", "", "DetailedChargeStateNew", "Idle", 4, {}]
)
def test_an_unknown_charge_state_says_nothing(state: Any) -> None:
    assert read(decoded(DetailedChargeState=state)) == Inbound(dropped=("record 0: no field that is used",), unused=1)


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("ACChargingPower", 7.2, "power_kw", 7.2),
        ("ACChargingPower", "7.2", "power_kw", 7.2),
        ("ACChargingEnergyIn", 3.5, "energy_session_kwh", 3.5),
        ("Soc", "41", "soc_pct", 41.0),
        ("BatteryLevel", 41, "soc_pct", 41.0),
        ("VehicleSpeed", 30.5, "moving", True),
        ("VehicleSpeed", "0", "moving", False),
        ("Gear", "ShiftStateD", "moving", True),
        ("Gear", "R", "moving", True),
        ("Gear", "ShiftStateP", "moving", False),
    ],
)
def test_a_field_says_the_same_typed_or_as_text_in_either_form(
    name: str, value: Any, field: str, expected: Any
) -> None:
    for record in (
        decoded(**{name: value}),
        proto("stringValue", **{name: value}),
        proto("doubleValue", **{name: value}),
    ):
        assert getattr(only_observation(record), field) == expected


def test_energy_and_power_are_measured_at_the_cars_ac_input() -> None:
    assert only_observation(decoded(ACChargingPower=7.2)).measuring_point == "vehicle_ac_input"
    assert only_observation(decoded(Soc=41)).measuring_point == "unknown"


@pytest.mark.parametrize("sign", [{"DCChargingPower": 50.0}, {"FastChargerPresent": True}])
def test_during_dc_charging_the_ac_fields_are_not_used(sign: dict[str, Any]) -> None:
    seen = only_observation(decoded(ACChargingPower=1.0, ACChargingEnergyIn=2.0, Soc=41, **sign))
    assert (seen.power_kw, seen.energy_session_kwh, seen.soc_pct) == (None, None, 41.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"ACChargingPower": -0.1},
        {"ACChargingPower": "<invalid>"},
        {"ACChargingPower": {"invalid": True}},
        {"ACChargingEnergyIn": "NaN"},
        {"ACChargingPower": True},
        {"Soc": 101},
        {"LocatedAtHome": "perhaps"},
        {"Location": "near"},
        {"Location": {"latitude": 91, "longitude": 5}},
        {"Location": {"latitude": 52.09}},
        {"Gear": "ShiftStateUnknown"},
        {"ChargeAmps": 16},
        {},
    ],
)
def test_an_invalid_or_unused_value_says_nothing(fields: dict[str, Any]) -> None:
    assert read(decoded(**fields)) == Inbound(dropped=("record 0: no field that is used",), unused=1)


def test_an_invalid_value_leaves_the_others_standing() -> None:
    record = PLUGGED_AT_HOME | {
        "data": [*PLUGGED_AT_HOME["data"], {"key": "Soc", "value": {"invalid": True}}, None, {"key": 7}]  # type: ignore[misc]  # a list in this literal
    }
    seen = only_observation(record)
    assert (seen.plugged_in, seen.soc_pct) == (True, None)


def test_home_is_given_by_the_cars_flag_as_truth_or_as_text() -> None:
    for value, expected in ((True, True), (False, False), ("true", True), ("False", False)):
        for record in (decoded(LocatedAtHome=value), proto("booleanValue", LocatedAtHome=value)):
            whereabouts = only_observation(record).whereabouts
            assert whereabouts is not None
            assert whereabouts.home_flag is expected


def test_a_position_is_of_the_time_of_its_record() -> None:
    place = {"latitude": 52.0907, "longitude": 5.1214}
    for record in (decoded(Location=place), decoded(Location={"locationValue": place})):
        whereabouts = only_observation(record).whereabouts
        assert whereabouts is not None
        position = whereabouts.position
        assert position is not None
        assert (position.latitude, position.longitude, position.at) == (52.0907, 5.1214, CREATED_AT)


def test_the_odometer_is_in_miles_and_zero_is_no_reading() -> None:
    for record in (decoded(Odometer=100.0), proto("doubleValue", Odometer=100.0)):
        assert only_observation(record).odometer_km == pytest.approx(160.9344)
    assert only_observation(decoded(Odometer=0, Soc=41)).odometer_km is None


@pytest.mark.parametrize("fields", [{"FastChargerPresent": True}, {"DCChargingPower": 50.0}])
def test_a_fast_charger_is_reported_and_its_power_is_not_read_as_the_homes(fields: dict[str, Any]) -> None:
    found = only_observation(decoded(ACChargingPower=7.0, **fields))
    assert (found.fast_charging, found.power_kw) == (True, None)
    assert only_observation(decoded(FastChargerPresent=False, Soc=41)).fast_charging is None


def test_a_position_shows_in_no_text_and_in_no_key() -> None:
    places = [{"latitude": 52.0907, "longitude": 5.1214}, {"latitude": 1.5, "longitude": 2.5}]
    here, there = (read(decoded(Location=place, Soc=41)).events[0] for place in places)
    assert "52.09" not in repr(here)
    assert here.dedupe_key == there.dedupe_key


@pytest.mark.parametrize(("status", "reachable"), [("CONNECTED", True), ("DISCONNECTED", False), ("connected", True)])
def test_a_connectivity_record_says_whether_the_car_can_be_reached(status: str, reachable: bool) -> None:
    snake = {"vin": VIN, "connection_id": "c-1", "status": status, "created_at": "2026-11-22T17:42:05Z"}
    camel = {"Vin": VIN, "ConnectionId": "c-1", "Status": status, "CreatedAt": "2026-11-22T17:42:05Z"}
    for record in (snake, camel):
        assert only_observation(record) == Observation(at=CREATED_AT, source="tesla", reachable=reachable)


def test_a_resent_record_has_the_same_key_without_the_vin_and_another_value_or_time_a_different_one() -> None:
    first = read(decoded(Soc=41)).events[0].dedupe_key
    assert VIN not in first
    assert read(decoded(Soc=41) | {"IsResend": True}).events[0].dedupe_key == first
    assert read(decoded(Soc=42)).events[0].dedupe_key != first
    assert read(decoded(Soc=41) | {"CreatedAt": "2026-11-22T17:42:06Z"}).events[0].dedupe_key != first


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (decoded(Soc=41) | {"Vin": ""}, "no VIN"),
        (decoded(Soc=41) | {"CreatedAt": "then"}, "no readable time of creation"),
        (decoded(Soc=41) | {"CreatedAt": "2026-11-23T17:42:05Z"}, "created in the future"),
        ("text", "not a JSON object"),
        ({"alerts": [], "vin": VIN, "created_at": "2026-11-22T17:42:05Z"}, "no field that is used"),
    ],
)
def test_a_record_that_cannot_be_used_is_dropped_with_the_reason(record: Any, reason: str) -> None:
    inbound = events([record, decoded(Soc=41)], SENT_AT)
    assert inbound.dropped == (f"record 0: {reason}",)
    assert inbound.unused == (reason == "no field that is used")
    assert len(inbound.events) == 1


def test_times_with_nanoseconds_and_offsets_are_read() -> None:
    for text in ("2026-11-22T17:42:05.000000000Z", "2026-11-22T18:42:05+01:00"):
        assert only_observation(decoded(Soc=41) | {"CreatedAt": text}).at == CREATED_AT


def test_two_relay_secrets_are_good_while_one_replaces_the_other() -> None:
    for secret in ("old", "new"):
        assert TeslaWebhooks().receive(relayed(decoded(Soc=41), secret), ["new", "old"]).events


@pytest.mark.parametrize("off", [timedelta(seconds=-300), timedelta(seconds=300)])
def test_a_relayed_request_is_good_for_300_seconds(off: timedelta) -> None:
    assert TeslaWebhooks().receive(sample("relay_plug_in", SENT_AT + off), [SECRET]).events
    beyond = SENT_AT + off + timedelta(seconds=1 if off > timedelta(0) else -1)
    with pytest.raises(SignatureError):
        TeslaWebhooks().receive(sample("relay_plug_in", beyond), [SECRET])


def test_an_unsigned_or_wrongly_signed_relay_is_refused_before_its_body_is_read() -> None:
    unsigned = WebhookRequest({}, b"not json", SENT_AT)
    for request, secrets in ((unsigned, [SECRET]), (relayed(b"not json"), ["other"]), (relayed(b"{}"), [])):
        with pytest.raises(SignatureError):
            TeslaWebhooks().receive(request, secrets)


@pytest.mark.parametrize("body", [b"", b"not json", b"7", b'"text"', b"\xff", b"[" * 100_000])
def test_a_signed_body_that_holds_no_records_is_unreadable(body: bytes) -> None:
    with pytest.raises(WebhookError):
        TeslaWebhooks().receive(relayed(body), [SECRET])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["DetailedChargeState", "Location", "LocatedAtHome", "ACChargingPower", "Soc", "Gear", "status"]
)


@settings(max_examples=150)
@given(st.lists(JSON | st.builds(lambda fields: decoded(**fields), st.dictionaries(NAMES, JSON)), max_size=4), JSON)
def test_every_record_of_a_batch_is_either_an_event_or_dropped(records: list[Any], data: Any) -> None:
    batch = [*records, proto() | {"data": data}]
    inbound = events(batch, SENT_AT)
    assert len(inbound.events) + len(inbound.dropped) == len(batch)
    stream = [{"kinesis": {"data": base64.b64encode(json.dumps(record).encode()).decode()}} for record in batch]
    assert kinesis_records({"Records": stream}, SENT_AT).dropped == inbound.dropped
