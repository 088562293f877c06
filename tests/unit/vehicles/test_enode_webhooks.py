"""Enode's webhooks: what is believed, what is dropped, and what counts as a car's report."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.auth.signatures import SignatureError, hmac_hex
from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import OutcomeKind
from driveway.vehicles.enode.vehicle import POWER_DELIVERY_STATES
from driveway.vehicles.enode.webhooks import EnodeWebhooks
from driveway.vehicles.provider import Inbound, WebhookError, WebhookRequest

EVENTS = Path(__file__).parents[3] / "events"
SECRET = "a-secret-of-at-least-128-bits"
RECEIVED_AT = datetime(2026, 11, 22, 17, 42, 11, tzinfo=UTC)
CREATED_AT = datetime(2026, 11, 22, 17, 42, 10, tzinfo=UTC)
CHARGE_AT = datetime(2026, 11, 22, 17, 42, 5, tzinfo=UTC)
LOCATED_AT = datetime(2026, 11, 22, 17, 40, 31, tzinfo=UTC)
SEEN_AT = CHARGE_AT
ODOMETER_AT = datetime(2026, 11, 22, 17, 40, tzinfo=UTC)
CAR = "0f5f1c0e-58a5-4a3b-9b0e-1d2c3b4a5f60"
HOME_LOCATION = "3d0c5b1e-7b3c-4a51-8d3f-2f6f6f4d9a10"


def receive(body, *, secrets=(SECRET,), signed_with=SECRET, received_at=RECEIVED_AT) -> Inbound:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"x-enode-signature": f"sha1={hmac_hex(signed_with, raw, 'sha1')}"}
    return EnodeWebhooks().receive(WebhookRequest(headers, raw, received_at), list(secrets))


def charge_state(**changes):
    return {
        "batteryLevel": None,
        "isPluggedIn": None,
        "isCharging": None,
        "isFullyCharged": None,
        "chargeRate": None,
        "lastUpdated": "2026-11-22T17:42:05Z",
        "powerDeliveryState": None,
        **changes,
    }


def updated(*, event="user:vehicle:updated", created_at="2026-11-22T17:42:10Z", **vehicle):
    return {
        "event": event,
        "createdAt": created_at,
        "version": "2024-10-01",
        "user": {"id": "app-user-77"},
        "vehicle": {"id": CAR, **vehicle},
        "updatedFields": ["chargeState"],
    }


def observed(event) -> tuple[Observation, ...]:
    (found,) = receive([event]).events
    return found.observations


def action(state, reason=None, **changes):
    return {
        "event": "user:vendor-action:updated",
        "createdAt": "2026-11-22T17:42:10Z",
        "user": {"id": "app-user-77"},
        "vendorAction": {
            "id": "action-1",
            "userId": "app-user-77",
            "state": state,
            "targetId": CAR,
            "targetType": "vehicle",
            "kind": "START",
            "failureReason": reason and {"type": reason, "detail": "in Enode's words"},
            **changes,
        },
    }


def sample(name):
    event = json.loads((EVENTS / f"enode_{name}.json").read_text())
    return event["headers"], event["body"].encode()


def test_the_vendors_example_of_a_signature_is_accepted():
    raw = b'{"payload":"example"}'
    headers = {"x-enode-signature": "sha1=e417e6fc2e7f8a78c93a35a7b344d36ce179fc8d"}
    with pytest.raises(WebhookError, match="not an array"):
        EnodeWebhooks().receive(WebhookRequest(headers, raw, RECEIVED_AT), ["example-secret"])


@pytest.mark.parametrize("signed_with", ["old", "new"])
def test_two_secrets_are_valid_while_rotating(signed_with):
    assert receive([updated(isReachable=True)], secrets=("new", "old"), signed_with=signed_with).events


@pytest.mark.parametrize("secrets", [(), ("",), ("another",)])
def test_a_body_that_no_secret_fits_is_refused(secrets):
    with pytest.raises(SignatureError):
        receive([], secrets=secrets)


@pytest.mark.parametrize(
    "headers", [{}, {"x-enode-signature": ""}, {"x-enode-signature": hmac_hex(SECRET, b"[]", "sha1")}]
)
def test_a_request_without_a_whole_signature_is_refused(headers):
    with pytest.raises(SignatureError):
        EnodeWebhooks().receive(WebhookRequest(headers, b"[]", RECEIVED_AT), [SECRET])


def test_the_signature_is_checked_over_the_bytes_and_not_over_what_they_mean():
    raw = b'[ {"event":"system:heartbeat"} ]'
    headers = {"x-enode-signature": f"sha1={hmac_hex(SECRET, json.dumps(json.loads(raw)).encode(), 'sha1')}"}
    with pytest.raises(SignatureError):
        EnodeWebhooks().receive(WebhookRequest(headers, raw, RECEIVED_AT), [SECRET])


@pytest.mark.parametrize("raw", [b"", b"{", b"{}", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_a_signed_body_that_is_no_array_is_unreadable(raw):
    with pytest.raises(WebhookError):
        receive(raw)


def test_a_plug_in_at_home_is_read_with_each_signals_own_time():
    headers, raw = sample("plug_in")
    (event,) = EnodeWebhooks().receive(WebhookRequest(headers, raw, RECEIVED_AT), ["enode-webhook-secret-1"]).events
    assert (event.vehicle_id, event.user_id, event.needs_user, event.deleted) == (CAR, "app-user-77", None, False)
    assert event.observations == (
        Observation(at=ODOMETER_AT, source="enode", odometer_km=23110.0),
        Observation(
            at=CHARGE_AT,
            source="enode",
            plugged_in=True,
            charging=False,
            power_kw=0.0,
            charge_limit_pct=90.0,
            soc_pct=41.0,
            battery_full=False,
            measuring_point="battery",
        ),
        Observation(
            at=SEEN_AT,
            source="enode",
            whereabouts=Whereabouts(
                location_id=HOME_LOCATION,
                location_id_known=True,
                position=Position(52.0907, 5.1214, LOCATED_AT),
                measured_at=LOCATED_AT,
            ),
        ),
        Observation(at=CREATED_AT, source="enode", reachable=True),
    )


def test_the_older_shape_has_the_location_id_beside_the_vendor():
    headers, raw = sample("plug_in_2023_08_01")
    (event,) = EnodeWebhooks().receive(WebhookRequest(headers, raw, RECEIVED_AT), ["enode-webhook-secret-1"]).events
    (where,) = [found.whereabouts for found in event.observations if found.whereabouts]
    assert where.location_id == HOME_LOCATION
    assert where.location_id_known


def test_a_plug_out_is_read():
    headers, raw = sample("plug_out")
    (event,) = (
        EnodeWebhooks()
        .receive(WebhookRequest(headers, raw, datetime(2026, 11, 23, 7, 15, tzinfo=UTC)), ["enode-webhook-secret-1"])
        .events
    )
    (charging,) = [found for found in event.observations if found.plugged_in is not None]
    assert (charging.plugged_in, charging.charging, charging.power_kw) == (False, False, 0.0)


def test_a_mixed_batch_keeps_the_good_events_and_says_what_it_dropped():
    headers, raw = sample("mixed_batch")
    inbound = EnodeWebhooks().receive(
        WebhookRequest(headers, raw, datetime(2026, 11, 22, 23, 1, tzinfo=UTC)), ["enode-webhook-secret-1"]
    )
    invalidated, confirmed, deleted = inbound.events
    assert (invalidated.vehicle_id, invalidated.user_id) == ("", "app-user-77")
    assert "BMW" in invalidated.needs_user
    assert confirmed.command_ref == "7a1d3a52-6a4f-4c0e-9d57-0f3f7a8f1b11"
    assert confirmed.command_outcome.kind is OutcomeKind.CONFIRMED
    assert deleted.deleted
    assert (len(inbound.dropped), inbound.unused) == (4, 3)
    assert "system:heartbeat" in inbound.dropped[0]
    assert "enode:webhook:test" in inbound.dropped[1]


def test_an_unplugged_car_at_none_of_the_users_locations_is_known_not_to_be_at_one():
    location = {"id": None, "latitude": 51.0, "longitude": 4.0, "lastUpdated": "2026-11-22T17:40:31Z"}
    (found,) = observed(updated(location=location))
    assert found.whereabouts.location_id is None
    assert found.whereabouts.location_id_known


def test_a_car_that_cannot_tell_its_location_says_nothing_of_being_home():
    location = {"id": None, "latitude": None, "longitude": None, "lastUpdated": None}
    assert receive([updated(location=location)]).events == ()


def test_a_position_without_its_own_time_is_not_used():
    location = {"id": HOME_LOCATION, "latitude": 51.0, "longitude": 4.0, "lastUpdated": None}
    (found,) = observed(updated(location=location, lastSeen="2026-11-22T17:41:00Z"))
    assert found.whereabouts.position is None
    assert found.whereabouts.location_id == HOME_LOCATION
    assert found.at == datetime(2026, 11, 22, 17, 41, tzinfo=UTC)


def test_a_position_is_in_no_representation_of_what_was_received():
    headers, raw = sample("plug_in")
    inbound = EnodeWebhooks().receive(WebhookRequest(headers, raw, RECEIVED_AT), ["enode-webhook-secret-1"])
    assert "52.09" not in repr(inbound)
    assert "5.12" not in repr(inbound)


def test_a_charging_car_gives_its_rate_in_kw():
    (found,) = observed(updated(chargeState=charge_state(isPluggedIn=True, isCharging=True, chargeRate=7.2)))
    assert found.power_kw == 7.2


def test_a_rate_is_not_believed_of_a_car_that_does_not_charge():
    (found,) = observed(updated(chargeState=charge_state(isCharging=False, chargeRate=7.2)))
    assert found.power_kw == 0.0


def test_a_rate_is_given_without_a_state_for_the_presence_rules_to_judge():
    (found,) = observed(updated(chargeState=charge_state(isPluggedIn=True, chargeRate=7.2)))
    assert (found.charging, found.power_kw) == (None, 7.2)


@pytest.mark.parametrize(("state", "expected"), POWER_DELIVERY_STATES.items())
def test_the_power_delivery_state_fills_what_the_flags_leave_open(state, expected):
    (found,) = observed(updated(chargeState=charge_state(powerDeliveryState=state)))
    assert (found.plugged_in, found.charging) == expected


@pytest.mark.parametrize("state", ["UNKNOWN", "PLUGGED_IN:SOMETHING_NEW", None, 7, []])
def test_a_power_delivery_state_that_is_not_known_says_nothing(state):
    assert receive([updated(chargeState=charge_state(powerDeliveryState=state))]).events == ()


def test_the_flags_lead_over_the_power_delivery_state():
    state = charge_state(isPluggedIn=True, isCharging=False, powerDeliveryState="UNPLUGGED")
    (found,) = observed(updated(chargeState=state))
    assert (found.plugged_in, found.charging) == (True, False)


def test_a_complete_charge_is_a_full_battery_unless_enode_says_otherwise():
    (complete,) = observed(updated(chargeState=charge_state(powerDeliveryState="PLUGGED_IN:COMPLETE")))
    (stopped,) = observed(
        updated(chargeState=charge_state(powerDeliveryState="PLUGGED_IN:COMPLETE", isFullyCharged=False))
    )
    assert (complete.battery_full, stopped.battery_full) == (True, False)


def test_a_car_out_of_reach_says_so_at_the_time_of_the_event():
    seen = observed(updated(isReachable=False, chargeState=charge_state(isPluggedIn=True)))
    assert Observation(at=CREATED_AT, source="enode", reachable=False) in seen


def test_a_charge_state_without_a_time_has_the_time_the_car_was_last_seen():
    state = charge_state(isPluggedIn=True, lastUpdated=None)
    (found,) = observed(updated(chargeState=state, lastSeen="2026-11-22T16:00:00Z"))
    assert found.at == datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    (found,) = observed(updated(chargeState=state))
    assert found.at == CREATED_AT


def test_a_time_in_the_future_is_not_believed():
    state = charge_state(isPluggedIn=True, lastUpdated="2036-11-22T17:42:05Z")
    (found,) = observed(updated(chargeState=state, created_at="2036-11-22T17:42:05Z"))
    assert found.at == RECEIVED_AT


def test_a_discovered_car_is_named_although_nothing_of_its_state_is_known_yet():
    event = updated(event="user:vehicle:discovered", chargeState=None, location=None, isReachable=None)
    inbound = receive([event])
    (found,) = inbound.events
    assert (found.discovered_at is not None, found.user_id, found.says_nothing) == (True, "app-user-77", True)
    assert inbound.dropped == ()


@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        ("PENDING", None, OutcomeKind.ACCEPTED),
        ("CONFIRMED", None, OutcomeKind.CONFIRMED),
        ("FAILED", "NO_RESPONSE", OutcomeKind.RETRYABLE),
        ("FAILED", "FAILED_PRECONDITION", OutcomeKind.FAILED),
        ("FAILED", "NOT_FOUND", OutcomeKind.NEEDS_USER),
        ("FAILED", "SOMETHING_NEW", OutcomeKind.FAILED),
        ("FAILED", None, OutcomeKind.FAILED),
        ("CANCELLED", "UNNECESSARY", OutcomeKind.ALREADY_IN_STATE),
        ("CANCELLED", None, OutcomeKind.RETRYABLE),
        ("SOMETHING_NEW", None, OutcomeKind.ACCEPTED),
    ],
)
def test_an_action_that_moved_on_tells_what_became_of_the_command(state, reason, kind):
    (event,) = receive([action(state, reason)]).events
    assert (event.vehicle_id, event.command_ref) == (CAR, "action-1")
    assert event.command_outcome.kind is kind
    assert event.command_outcome.provider_ref == "action-1"
    assert (reason is None) or "in Enode's words" in event.command_outcome.detail


@pytest.mark.parametrize("reason", ["CONFLICT", "REQUESTED_CANCELLATION"])
def test_a_command_that_gave_way_to_a_newer_one_is_dropped(reason):
    inbound = receive([action("CANCELLED", reason)])
    assert inbound.events == ()
    assert "gave way" in inbound.dropped[0]


@pytest.mark.parametrize(
    "event",
    [
        7,
        None,
        [],
        {},
        {"event": None},
        {"event": "user:charger:updated", "charger": {"id": "c"}},
        {"event": "user:schedule:execution-updated"},
        {"event": "user:vehicle:updated"},
        {"event": "user:vehicle:updated", "vehicle": {"id": 7}},
        {"event": "user:vehicle:deleted", "vehicle": None},
        {"event": "user:credentials:invalidated", "vendor": "BMW"},
        action("CONFIRMED", targetType="charger"),
        action("CONFIRMED", targetId=None),
    ],
)
def test_an_event_that_is_of_no_use_is_dropped_and_the_rest_kept(event):
    inbound = receive([updated(isReachable=True), event, updated(isReachable=False)])
    assert len(inbound.events) == 2
    assert [reason[:2] for reason in inbound.dropped] == ["1:"]


def test_a_whole_batch_of_a_hundred_is_read():
    batch = [updated(isReachable=True, lastSeen=f"2026-11-22T16:00:{second:02}Z") for second in range(50)] * 2
    assert len(receive(batch).events) == 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["chargeState", "location", "locationId", "isReachable", "lastSeen", "userId"]),
        json_values
        | st.dictionaries(
            st.sampled_from(["id", "isPluggedIn", "isCharging", "chargeRate", "lastUpdated", "latitude", "longitude"]),
            json_values,
            max_size=4,
        ),
    )
)
def test_whatever_a_vehicle_holds_nothing_false_comes_of_it_and_nothing_breaks(vehicle):
    inbound = receive([updated(**vehicle)])
    assert len(inbound.events) + len(inbound.dropped) == 1
    for event in inbound.events:
        for found in event.observations:
            assert found.at <= RECEIVED_AT.replace(minute=47)
            assert found.power_kw is None or found.power_kw >= 0
            assert found.at_home is None


@given(st.randoms(), st.lists(st.integers(0, 59), min_size=1, max_size=6, unique=True))
def test_an_event_has_the_same_key_however_it_is_delivered_and_different_events_have_different_keys(random, seconds):
    events = [updated(isReachable=True, lastSeen=f"2026-11-22T16:00:{second:02}Z") for second in seconds]
    keys = [event.dedupe_key for event in receive(events).events]
    assert len(set(keys)) == len(seconds)
    regrouped = [dict(random.sample(list(event.items()), len(event))) for event in events]
    random.shuffle(regrouped)
    assert {receive([event]).events[0].dedupe_key for event in regrouped} == set(keys)


def test_an_account_that_is_invalid_names_its_make_and_a_car_names_its_own():
    lost = {"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "TESLA"}
    (event,) = receive(json.dumps([lost]).encode()).events
    assert (event.vehicle_id, event.vendor) == ("", "TESLA")
    headers, raw = sample("plug_in")
    (seen,) = EnodeWebhooks().receive(WebhookRequest(headers, raw, RECEIVED_AT), ["enode-webhook-secret-1"]).events
    assert seen.vendor == "BMW"
