"""The simulated Enode: its actions, its webhooks, and their faults."""

import hashlib
import hmac
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.vehicles.car_rig import Received, Rig, until

SECRET = "enode-webhook-secret"
BASE = "/enode/vehicles/car-1"


@pytest.fixture
def rig(shared: Rig) -> Rig:
    shared.begin_again()
    shared.listen("enode", webhook_secret=SECRET)
    connect(shared)
    return shared


def connect(rig: Rig) -> None:
    token = rig.http.post(
        rig.url + "/enode/oauth2/token",
        auth=("client-id", "client-secret"),
        data={"grant_type": "client_credentials"},
        timeout=10,
    ).json()
    assert token["expires_in"] == 3599
    rig.headers = {"Authorization": f"Bearer {token['access_token']}"}


def charging(rig: Rig, action: str) -> Any:
    return rig.ok("POST", f"{BASE}/charging", {"action": action})


def events(sent: list[Received], name: str = "user:vehicle:updated") -> list[dict[str, Any]]:
    return [event for request in sent for event in request.body if event["event"] == name]


def test_a_token_is_given_for_the_right_secret_and_ends_after_its_hour(rig: Rig) -> None:
    url = rig.url + "/enode/oauth2/token"
    wrong = rig.http.post(url, auth=("client-id", "no"), data={"grant_type": "client_credentials"}, timeout=10)
    assert wrong.status_code == 401
    assert rig.call("GET", "/enode/vehicles").status_code == 200
    rig.pass_s(3599)
    assert rig.call("GET", "/enode/vehicles").status_code == 401


def test_vehicles_come_in_pages(rig: Rig) -> None:
    rig.ok("POST", "/_sim/bulk/cars", {"count": 7, "car": {"provider": "enode"}})
    seen, after = [], "0"
    while after is not None:
        page = rig.ok("GET", f"/enode/vehicles?pageSize=3&after={after}")
        seen += [vehicle["id"] for vehicle in page["data"]]
        after = page["pagination"]["after"]
    assert seen == [f"car-{number}" for number in range(7)]
    assert [car["userId"] for car in rig.ok("GET", "/enode/users/user-3/vehicles")["data"]] == ["user-3"]


def test_an_action_is_pending_until_the_car_shows_it(rig: Rig) -> None:
    rig.car("enode", command_delay_s=20)
    rig.do("plug-in")
    action = charging(rig, "STOP")
    assert (action["state"], action["kind"], action["completedAt"]) == ("PENDING", "STOP", None)
    rig.pass_s(19)
    assert rig.ok("GET", f"/enode/vehicles/actions/{action['id']}")["state"] == "PENDING"
    rig.pass_s(1)
    assert rig.ok("GET", f"/enode/vehicles/actions/{action['id']}")["state"] == "CONFIRMED"
    assert not rig.truth()["charging"]
    reported = events(rig.sent(), "user:vendor-action:updated")
    assert [(event["vendorAction"]["id"], event["vendorAction"]["state"]) for event in reported] == [
        (action["id"], "CONFIRMED")
    ]


def test_asking_again_for_the_same_gives_the_same_action_and_for_the_other_cancels_it(rig: Rig) -> None:
    rig.car("enode", command_delay_s=20)
    rig.do("plug-in")
    first, again, other = charging(rig, "STOP"), charging(rig, "STOP"), charging(rig, "START")
    assert again["id"] == first["id"] != other["id"]
    cancelled = rig.ok("GET", f"/enode/vehicles/actions/{first['id']}")
    assert (cancelled["state"], cancelled["failureReason"]["type"]) == ("CANCELLED", "CONFLICT")
    rig.pass_s(60)
    assert rig.ok("GET", f"/enode/vehicles/actions/{other['id']}")["state"] == "CONFIRMED"
    assert rig.truth()["charging"]


def test_a_command_that_cannot_work_is_refused(rig: Rig) -> None:
    rig.car("enode")
    assert rig.call("POST", f"{BASE}/charging", {"action": "START"}).status_code == 400
    rig.do("plug-in")
    assert rig.call("POST", f"{BASE}/charging", {"action": "START"}).status_code == 400
    assert rig.call("POST", f"{BASE}/charging", {"action": "GO"}).status_code == 400
    rig.change(soc_pct=100)
    assert rig.call("POST", f"{BASE}/charging", {"action": "START"}).status_code == 400
    rig.change(governed=True)
    refusal = rig.call("POST", f"{BASE}/charging", {"action": "STOP"})
    assert refusal.status_code == 422
    assert refusal.headers["content-type"] == "application/problem+json"
    assert rig.call("POST", "/enode/vehicles/nobody/charging", {"action": "STOP"}).status_code == 404


def test_an_unnecessary_command_may_be_answered_with_a_cancelled_action(rig: Rig) -> None:
    rig.configure("enode", unnecessary="cancelled_action")
    rig.car("enode")
    rig.do("plug-in")
    action = charging(rig, "START")
    assert (action["state"], action["failureReason"]["type"]) == ("CANCELLED", "UNNECESSARY")


def test_a_sleeping_car_does_not_respond_until_the_time_is_out(rig: Rig) -> None:
    rig.car("enode", asleep=True)
    rig.do("plug-in")
    action = charging(rig, "STOP")
    rig.pass_s(1799)
    assert rig.ok("GET", f"/enode/vehicles/actions/{action['id']}")["state"] == "PENDING"
    rig.pass_s(1)
    failed = rig.ok("GET", f"/enode/vehicles/actions/{action['id']}")
    assert (failed["state"], failed["failureReason"]["type"]) == ("FAILED", "NO_RESPONSE")
    assert rig.truth()["charging"]


def test_a_car_that_wakes_within_the_time_obeys_after_all(rig: Rig) -> None:
    rig.car("enode", asleep=True)
    rig.do("plug-in")
    action = charging(rig, "STOP")
    rig.pass_s(100)
    rig.do("wake")
    rig.pass_s(60)
    assert rig.ok("GET", f"/enode/vehicles/actions/{action['id']}")["state"] == "CONFIRMED"


@pytest.mark.parametrize(
    ("fault", "state", "is_charging"),
    [
        ("never_confirmed", "PENDING", False),
        ("confirmed_without_effect", "CONFIRMED", True),
        ("fails", "FAILED", True),
    ],
)
def test_an_action_can_be_made_to_go_wrong(rig: Rig, fault: str, state: str, is_charging: bool) -> None:
    rig.car("enode", action_fault=fault)
    rig.do("plug-in")
    action = charging(rig, "STOP")
    rig.pass_s(120)
    assert rig.ok("GET", f"/enode/vehicles/actions/{action['id']}")["state"] == state
    assert rig.truth()["charging"] == is_charging


def test_an_action_can_be_cancelled_once(rig: Rig) -> None:
    rig.car("enode", command_delay_s=60)
    rig.do("plug-in")
    path = f"/enode/vehicles/actions/{charging(rig, 'STOP')['id']}/cancel"
    assert rig.ok("POST", path)["failureReason"]["type"] == "REQUESTED_CANCELLATION"
    assert rig.call("POST", path).status_code == 409
    assert rig.call("POST", "/enode/vehicles/actions/none/cancel").status_code == 404
    rig.pass_s(60)
    assert rig.truth()["charging"]


def test_webhooks_are_signed_over_the_raw_body(rig: Rig) -> None:
    rig.car("enode")
    rig.do("plug-in")
    for request in rig.sent():
        digest = hmac.new(SECRET.encode(), request.raw, hashlib.sha1).hexdigest()
        assert request.headers["x-enode-signature"] == f"sha1={digest}"
        assert request.headers["x-enode-delivery"]
        assert 1 <= len(request.body) <= 100
    assert rig.receiver.requests


def test_every_change_is_reported_at_its_exact_instant(rig: Rig) -> None:
    rig.configure("enode", sample_every_s=0)
    rig.car("enode", home_location_id="home-7")
    plugged_at = rig.clock.now() + timedelta(seconds=90)
    rig.do("plug-in", at=plugged_at.isoformat())
    rig.pass_s(600)
    charging(rig, "STOP")
    stopped_at = rig.clock.now()
    rig.pass_s(600)
    rig.do("drive-away")
    reported = [event["vehicle"] for event in events(rig.sent())]
    states = [(car["chargeState"]["powerDeliveryState"], car["chargeState"]["chargeRate"]) for car in reported]
    assert states == [("PLUGGED_IN:CHARGING", 6.66), ("PLUGGED_IN:STOPPED", None), ("UNPLUGGED", None)]
    instants = [datetime.fromisoformat(car["chargeState"]["lastUpdated"]) for car in reported]
    assert instants[:2] == [plugged_at, stopped_at]
    assert [car["location"]["id"] for car in reported] == ["home-7", "home-7", None]


def test_the_older_shape_has_the_location_id_at_the_top(rig: Rig) -> None:
    rig.configure("enode", version="2023-08-01")
    rig.car("enode", home_location_id="home-7")
    car = rig.ok("GET", BASE)
    assert car["locationId"] == "home-7"
    assert "id" not in car["location"]


def test_the_meter_can_be_rebuilt_from_the_rates_to_within_one_per_cent(rig: Rig) -> None:
    rig.car("enode", soc_pct=70)
    rig.do("plug-in")
    for minutes in (40, 130, 45, 300):
        rig.pass_s(minutes * 60)
        rig.do("driver-stop" if rig.truth()["charging"] else "driver-start")
    rig.pass_s(12 * 3600)
    samples = [
        (datetime.fromisoformat(state["lastUpdated"]), state["chargeRate"])
        for state in (event["vehicle"]["chargeState"] for event in events(rig.sent()))
    ]
    samples.sort(key=lambda sample: sample[0])
    energy_kwh = 0.0
    for (start, rate), (end, following) in itertools.pairwise(samples):
        if rate is not None:
            mean_kw = rate if following is None else (rate + following) / 2
            energy_kwh += mean_kw * ((end - start) / timedelta(hours=1))
    assert rig.truth()["complete"]
    # The rate is what reaches the battery.
    assert energy_kwh / 0.9 == pytest.approx(rig.truth()["meter_wh"] / 1000, rel=0.01)


def test_a_false_report_of_the_cable_is_sent_and_corrected(rig: Rig) -> None:
    rig.configure("enode", sample_every_s=0)
    rig.car("enode", lie_unplugged_after_stop_s=300)
    rig.do("plug-in")
    charging(rig, "STOP")
    rig.pass_s(299)
    assert rig.truth()["plugged"]
    assert rig.call("POST", f"{BASE}/charging", {"action": "START"}).status_code == 400
    rig.pass_s(1)
    reported = [event["vehicle"]["chargeState"]["isPluggedIn"] for event in events(rig.sent())]
    assert reported == [True, False, True]


def test_a_false_claim_is_sent_once_and_changes_nothing(rig: Rig) -> None:
    rig.car("enode")
    rig.do("plug-in")
    rig.ok("POST", "/_sim/cars/car-1/report", {"plugged": False, "charging": False})
    reported = [event["vehicle"]["chargeState"]["isPluggedIn"] for event in events(rig.sent())]
    assert reported == [True, False]
    assert rig.truth()["plugged"]


@pytest.mark.parametrize(("away_s", "reported"), [(419, [True]), (421, [False, True])])
def test_a_lost_contact_is_reported_once_when_it_is_noticed(rig: Rig, away_s: float, reported: list[bool]) -> None:
    rig.car("enode")
    rig.change(reachable=False)
    rig.do("plug-in")
    rig.pass_s(away_s)
    rig.change(reachable=True)
    found = events(rig.sent())
    assert [event["vehicle"]["isReachable"] for event in found] == reported
    assert [event["vehicle"]["chargeState"]["isPluggedIn"] for event in found] == reported
    assert found[0]["createdAt"] > found[0]["vehicle"]["lastSeen"] or reported == [True]


def test_an_unreachable_car_sends_nothing_and_reports_when_it_is_back(rig: Rig) -> None:
    rig.car("enode")
    rig.change(reachable=False)
    rig.do("plug-in")
    assert rig.sent() == []
    stale = rig.ok("GET", BASE)
    assert (stale["isReachable"], stale["chargeState"]["isPluggedIn"]) == (False, False)
    rig.change(reachable=True)
    assert [event["vehicle"]["chargeState"]["isPluggedIn"] for event in events(rig.sent())] == [True]


def test_a_delivery_that_was_not_accepted_is_sent_again(rig: Rig) -> None:
    rig.receiver.statuses[:] = [500, 503]
    rig.configure("enode", resend_real_s=[1, 1])
    rig.car("enode")
    rig.do("plug-in")
    for attempts in (1, 2, 3):
        until(lambda: len(rig.simulator.outbox.deliveries) >= attempts and rig.simulator.outbox.pending() == 0)  # noqa: B023 - called before the next turn
        rig.pass_s(1)
    bodies = {request.raw for request in rig.sent()}
    assert len(bodies) == 1
    assert [one.status for one in rig.simulator.outbox.deliveries] == [500, 503, 200]


def test_webhooks_are_dropped_doubled_and_delayed_on_demand(rig: Rig) -> None:
    rig.configure("enode", sample_every_s=0, webhook_faults={"drop": 1})
    rig.car("enode")
    rig.do("plug-in")
    assert rig.sent() == []
    assert [one.error for one in rig.simulator.outbox.deliveries] == ["dropped"]
    rig.configure("enode", webhook_faults={"drop": 0, "duplicate": 1})
    rig.do("plug-out")
    assert len(events(rig.sent())) == 2
    rig.change(webhook_faults={"late": 1, "late_s": 100})
    rig.do("plug-in")
    assert len(events(rig.sent())) == 2
    rig.pass_s(100)
    assert len(events(rig.sent())) == 3


def test_webhooks_swap_places_on_demand(rig: Rig) -> None:
    rig.configure("enode", sample_every_s=0, webhook_faults={"reorder": 1})
    rig.car("enode")
    rig.do("plug-in")
    rig.pass_s(10)
    rig.do("plug-out")
    reported = [event["vehicle"]["chargeState"]["isPluggedIn"] for event in events(rig.sent())]
    assert reported == [False, True]


def test_the_end_of_accounts_and_cars_is_reported(rig: Rig) -> None:
    rig.car("enode", user_id="user-9")
    rig.ok("POST", "/_sim/enode/invalidate/user-9")
    rig.ok("POST", "/_sim/enode/heartbeat")
    rig.ok("DELETE", "/_sim/cars/car-1")
    names = {event["event"] for request in rig.sent() for event in request.body}
    assert names == {"user:credentials:invalidated", "system:heartbeat", "user:vehicle:deleted"}
    assert rig.call("GET", BASE).status_code == 404


def test_heartbeats_keep_their_interval(rig: Rig) -> None:
    rig.configure("enode", heartbeat_every_s=60)
    rig.pass_s(185)
    assert len(events(rig.sent(), "system:heartbeat")) == 3


def test_requests_are_refused_or_slowed_by_the_faults_in_force(rig: Rig) -> None:
    rig.car("enode")
    rig.ok("POST", "/_sim/faults", {"path": "/enode/vehicles/car-1", "status": 429, "retry_after": 7, "count": 1})
    limited = rig.call("GET", BASE)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert rig.call("GET", BASE).status_code == 200
    assert [one["status"] for one in rig.ok("GET", "/_sim/requests?path=car-1")["requests"]][-2:] == [429, 200]


def test_a_thousand_cars_start_and_stop_at_the_same_instant(rig: Rig) -> None:
    rig.configure("enode", sample_every_s=0)
    rig.ok("POST", "/_sim/bulk/cars", {"count": 1000, "car": {"provider": "enode"}})
    at = rig.clock.now() + timedelta(minutes=5)
    rig.ok("POST", "/_sim/bulk/plug-in", {"at": at.isoformat()})
    rig.ok("POST", "/_sim/bulk/driver-stop", {"at": (at + timedelta(hours=1)).isoformat()})
    rig.pass_s(7200)
    cars = list(rig.simulator.world.cars.values())
    assert {car.transitions[0].at for car in cars} == {at}
    assert {round(car.meter_wh, 3) for car in cars} == {7400.0}
    sent = rig.sent()
    assert all(len(request.body) <= 100 for request in sent)
    reported = {event["vehicle"]["id"] for event in events(sent) if event["vehicle"]["chargeState"]["isCharging"]}
    assert len(reported) == 1000


def test_an_unknown_setting_is_refused(rig: Rig) -> None:
    rig.car("enode")
    assert rig.call("POST", "/_sim/cars", {"provider": "enode", "vehicle_id": "car-1"}).status_code == 409
    assert rig.call("POST", "/_sim/cars/car-1/set", {"colour": "red"}).status_code == 422
    assert rig.call("POST", "/_sim/cars/car-1/set", {"vehicle_id": "car-2"}).status_code == 422
    assert rig.call("POST", "/_sim/config", {"enode": {"webhook": "x"}}).status_code == 422
    assert rig.call("POST", "/_sim/cars/car-9/plug-in").status_code == 404
    assert rig.call("POST", "/_sim/cars/car-1/fly").status_code == 422
