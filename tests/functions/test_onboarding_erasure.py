"""DELETE /sites/{site}: the car is released, the last readings are reported, everything is erased."""

from datetime import timedelta
from typing import Any

import pytest
import requests

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed
from driveway.domain.presence.observation import Observation
from driveway.observations.webhook_intake import take_observations
from simulators.common import Fault
from tests.support.functions.rig import Rig
from tests.support.functions.sites import VEHICLE, car, carry_out, delete, held, let_pass, post, put, site_body, status


def ours(rig: Rig) -> list[dict[str, Any]]:
    """The items of the table besides Axle's token."""
    return [item for item in rig.items() if item["pk"] != "TOKEN#axle"]


def axle_site(rig: Rig) -> str:
    record = rig.runtime.sites.get("home-1")
    assert record is not None
    return str(record.axle_site_id)


def owe(rig: Rig, pence: int) -> None:
    url = f"{rig.axle_url}/_sim/sites/{axle_site(rig)}/rewards"
    requests.post(url, json={"current_balance_pence": pence}, timeout=5).raise_for_status()


def test_a_site_is_erased_but_for_a_receipt_without_anything_personal(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True), car("car-2", vehicle={**VEHICLE, "vehicle_id": "enode-vehicle-2"})))
    rig.pump()
    reply = delete(rig)
    assert (reply.status, reply.text) == (204, "")
    rig.publish()
    (receipt,) = ours(rig)
    assert receipt == {
        "pk": "SITE#home-1",
        "sk": "RECEIPT",
        "erased_at": rig.clock.now().isoformat().replace("+00:00", "Z"),
        "expires_at": int((rig.clock.now() + timedelta(days=30)).timestamp()),
    }
    assert rig.axle.world.sites == {}
    assert delete(rig).status == 204
    assert status(rig).status == 404


def test_a_site_nobody_knows_is_erased_already(rig: Rig) -> None:
    assert delete(rig).status == 204
    assert ours(rig) == []


def test_an_outstanding_balance_is_refused_with_amount_and_link_unless_forfeited(rig: Rig) -> None:
    put(rig, site_body())
    owe(rig, 1234)
    reply = delete(rig)
    assert (reply.status, reply.problem, reply.body["amount_pence"]) == (409, "balance-outstanding", 1234)
    assert "£12.34" in reply.body["detail"]
    assert reply.body["withdrawal"]["url"].startswith("http")
    assert status(rig).body["state"] == "active"
    assert delete(rig, forfeit_balance="yes").status == 400
    assert delete(rig, forfeit_balance="true").status == 204


def test_a_held_car_is_released_before_anything_is_erased(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    held(rig)
    reply = delete(rig)
    assert (reply.status, reply.body["state"]) == (202, "leaving")
    assert status(rig).body["state"] == "leaving"
    assert len(rig.axle.world.sites) == 1
    rig.pump()
    assert carry_out(rig, "car-1") == "start"
    assert delete(rig).status == 204
    assert rig.axle.world.sites == {}


def test_a_car_that_cannot_be_reached_holds_up_the_erasure_for_an_hour_at_most(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    held(rig)
    assert delete(rig).status == 202
    let_pass(rig, minutes=59)
    assert status(rig).body["state"] == "leaving"
    let_pass(rig, minutes=2)
    assert status(rig).status == 404
    rig.publish()
    reasons = [detail["reason"] for kind, detail in rig.bus.events if kind == "NeedsAttention"]
    assert reasons == ["RELEASE_GIVEN_UP"], "it is reported to the driver that the car may be held"


def test_our_schedule_is_removed_from_a_charger_first(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    put(rig, site_body(car(type="charger", vehicle={"provider": "ocpp", "vehicle_id": "CP-1"})))
    rig.pump()
    schedule_command = rig.twin("car-1").control.schedule_command
    assert schedule_command is not None
    now, rules = rig.clock.now(), rig.runtime.control_rules

    def take(action_id: str) -> None:
        rig.change("car-1", lambda twin: claimed(twin, action_id, now, rules) or twin)
        rig.change(
            "car-1",
            lambda twin: answered(twin, action_id, outcome="ACCEPTED", detail="", now=now, rules=rules, spread=0),
        )

    take(schedule_command.id)
    assert delete(rig).status == 202
    rig.pump()
    removal = rig.twin("car-1").control.schedule_command
    assert removal is not None
    assert removal.action == "remove_default"
    take(removal.id)
    assert delete(rig).status == 204


def charge(rig: Rig, energy_kwh: float) -> None:
    """The car shows a session register, half an hour after the last time."""
    rig.clock.move(minutes=30)
    seen = Observation(at=rig.clock.now(), source="enode", plugged_in=True, at_home=True, energy_session_kwh=energy_kwh)
    take_observations("car-1", [seen], rig.runtime)


def test_readings_not_yet_sent_are_sent_before_the_offboarding(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    axle_asset_id = rig.twin("car-1").link.axle_asset_id
    for energy_kwh in (3.0, 6.0):
        charge(rig, energy_kwh)
    rig.clock.move(minutes=1)
    assert delete(rig).status == 204
    report = rig.axle.readings.report()
    assert report["totals"][axle_asset_id]["charger_consumption_energy_kwh"] == 6.0
    paths = [
        entry["path"] for entry in rig.axle.requests.list() if "readings" in entry["path"] or "offb" in entry["path"]
    ]
    assert paths[-1].endswith("offboard-site-and-assets")
    assert "/data/readings" in paths


def test_a_site_that_axle_does_not_know_any_more_is_erased(rig: Rig) -> None:
    put(rig, site_body())
    rig.axle.world.reset()
    assert delete(rig).status == 204
    assert [item["sk"] for item in ours(rig)] == ["RECEIPT"]


def test_an_onboarding_that_never_finished_is_undone_at_axle_too(rig: Rig) -> None:
    rig.axle.faults.add(Fault(path="onboard$", when="after", status=500, count=1))
    assert put(rig, site_body()).status == 503
    assert len(rig.axle.world.sites) == 1
    assert delete(rig).status == 202, "the lost call may still be carried out"
    assert rig.axle.world.sites == {}
    let_pass(rig, minutes=2)
    assert rig.axle.world.sites == {}
    assert [item["sk"] for item in ours(rig)] == ["RECEIPT"]


def test_items_written_during_the_erasure_are_swept_after_it(rig: Rig) -> None:
    put(rig, site_body(car(plugged_in=True)))
    rig.pump()
    delete(rig)
    key = {"pk": "ASSET#car-1", "sk": "LOG#2026-01-15T18:00:00.000Z#00000099.000"}
    rig.runtime.dynamodb.put_item(
        TableName=rig.runtime.table.name, Item={name: {"S": value} for name, value in key.items()}
    )
    rig.publish()
    assert [item["sk"] for item in ours(rig)] == ["RECEIPT"]


def test_tokens_go_with_the_last_car_of_an_account(rig: Rig) -> None:
    first = {"provider": "tesla", "vehicle_id": "VIN1", "user_id": "owner-1", "refresh_token": "rt-1"}
    second = {**first, "vehicle_id": "VIN2"}
    put(rig, site_body(car(vehicle=first)))
    put(rig, site_body(car("car-2", vehicle=second), mpan="1100000000008"), site="home-2")
    delete(rig)
    assert rig.runtime.accounts.get("TOKEN#tesla#owner-1") is not None
    delete(rig, "home-2")
    assert rig.runtime.accounts.get("TOKEN#tesla#owner-1") is None


def test_a_site_that_is_leaving_takes_no_other_call(rig: Rig) -> None:
    put(rig, site_body())
    rig.axle.faults.add(Fault(path="offboard", status=503, count=1))
    assert delete(rig).status == 202
    assert put(rig, site_body()).problem == "site-leaving"
    assert post(rig, "enrol").problem == "site-leaving"
    let_pass(rig, minutes=2)
    assert put(rig, site_body()).status == 201


def test_an_alias_that_another_asset_has_taken_meanwhile_is_left_alone(rig: Rig) -> None:
    put(rig, site_body())
    claim = next(item for item in rig.items() if item["pk"] == "ALIAS#enode#enode-vehicle-1")
    rig.runtime.dynamodb.put_item(
        TableName=rig.runtime.table.name,
        Item={name: {"S": value} for name, value in {**claim, "asset": "car-9"}.items()},
    )
    assert delete(rig).status == 204
    assert rig.runtime.records.asset_for("enode", "enode-vehicle-1") == "car-9"
