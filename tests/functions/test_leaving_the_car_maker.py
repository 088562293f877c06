"""A vehicle that a home gives up is disconnected at its maker too: repeated until done, and shown meanwhile."""

import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.sites.record import DISCONNECT_GIVEN_UP_AFTER
from tests.support.functions.leavers import (
    NOTHING,
    PLACE,
    VEHICLES,
    asset,
    at_makers,
    check_accounts,
    follow_up,
    go_on,
    is_gone,
    leave,
    linked,
    onboard,
    queued,
    webhooks_of_all,
)
from tests.support.functions.sites import ADDRESS, EMAIL, MPAN, POSTCODE, put, site_body, status, sync
from tests.support.functions.stage import Stage

MAKERS = ("enode", "smartcar", "tesla")
PERSONAL = (MPAN, POSTCODE, ADDRESS, EMAIL, *(str(part) for place in VEHICLES.values() for part in place.values()))


def stored(stage: Stage) -> list[dict[str, Any]]:
    """What is in the table, but for the access tokens of the operator's own credentials and shared counts."""
    shared = ("TOKEN#axle", "TOKEN#enode", "TOKEN#smartcar", "BREAKER#", "BUDGET#")
    own = [item for item in stage.rig.items() if item["pk"] not in shared and not item["pk"].startswith(shared)]
    return [item for item in own if not item["pk"].startswith("TOKEN#") or item["pk"].startswith("TOKEN#tesla")]


def test_an_erased_home_leaves_nothing_in_tables_queues_and_logs_and_nothing_at_the_four_makers(
    stage: Stage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG", logger="driveway")
    assert onboard(stage, *(asset(stage, provider) for provider in VEHICLES)).status == 201
    go_on(stage, minutes=5)
    assert all(all(there.values()) for there in at_makers(stage).values()), "every maker has something of the home"
    leave(stage)
    go_on(stage, minutes=5)
    assert is_gone(stage)
    assert at_makers(stage) == NOTHING
    check_accounts(stage)
    before = stored(stage)
    assert [item["sk"] for item in before] == ["RECEIPT"]
    assert [reply.status for reply in webhooks_of_all(stage)] == [200, 200, 200]
    stage.rig.publish()
    assert stored(stage) == before
    assert queued(stage.rig) == []
    out = capfd.readouterr()
    logged = caplog.text + out.out + out.err + json.dumps([str(record.__dict__) for record in caplog.records])
    assert "webhook" in logged
    where = (str(PLACE["latitude"]), str(PLACE["longitude"]))
    assert [part for part in (*PERSONAL, *where) if part.lower() in logged.lower()] == []


@pytest.mark.parametrize("provider", MAKERS)
def test_a_maker_that_is_down_is_asked_until_it_acknowledges_and_the_answer_says_so(
    stage: Stage, provider: str
) -> None:
    onboard(stage, asset(stage, provider))
    stage.break_service(rf"{provider}/.*(users|subscriptions|fleet_telemetry_config)", status=503)
    leave(stage)
    follow_up(stage)
    reply = leave(stage)
    assert (reply.status, reply.body["state"]) == (202, "leaving")
    assert f"{provider.capitalize()} has not acknowledged yet" in " ".join(reply.body["to_come"])
    assert stage.rig.axle.world.sites == {}, "Axle does not wait for the maker"
    twins = [item for item in stage.rig.items() if item["pk"].startswith(("ASSET#", "ALIAS#"))]
    assert twins == [], "neither does what we hold of the car"
    go_on(stage, minutes=30)
    assert "has not acknowledged yet" in status(stage.rig).body["unfinished"]["text"]
    assert put(stage.rig, site_body()).problem == "site-leaving"
    assert [answer.status for answer in webhooks_of_all(stage)] == [200, 200, 200]
    stage.break_nothing()
    go_on(stage, minutes=61)
    assert is_gone(stage)
    assert at_makers(stage)[provider] == NOTHING[provider]
    assert [item["sk"] for item in stored(stage)] == ["RECEIPT"]


@pytest.mark.parametrize(
    ("provider", "path", "fault"),
    [
        ("enode", "/enode/users/.*/vehicles$", {"status": 500}),
        ("enode", "/vendors/", {"drop": True, "when": "after"}),
        ("enode", "/enode/users/[^/]*$", {"status": 429}),
        ("smartcar", "/smartcar/subscriptions$", {"status": 500}),
        ("smartcar", "/smartcar/subscriptions/", {"drop": True, "when": "after"}),
        ("smartcar", "/smartcar/connections$", {"status": 429}),
        ("smartcar", "/smartcar/connections/", {"drop": True, "when": "after"}),
        ("tesla", "/fleet_telemetry_config$", {"drop": True, "when": "after"}),
        ("tesla", "/oauth2/v3/revoke$", {"status": 500}),
    ],
)
def test_one_failure_at_any_call_to_a_maker_is_made_good(
    stage: Stage, provider: str, path: str, fault: dict[str, Any]
) -> None:
    onboard(stage, asset(stage, provider))
    stage.cars.ok("POST", "/_sim/faults", {"path": path, "count": 1, **fault})
    leave(stage)
    go_on(stage, minutes=5)
    assert stage.hits() >= 1
    assert is_gone(stage)
    assert at_makers(stage)[provider] == NOTHING[provider]


def test_a_car_that_another_home_took_meanwhile_stays_connected(stage: Stage) -> None:
    first = asset(stage, "enode")
    onboard(stage, first)
    stage.break_service("enode", status=503)
    leave(stage)
    assert onboard(stage, first, site="home-2").status == 201
    stage.break_nothing()
    go_on(stage, minutes=5)
    assert is_gone(stage)
    assert at_makers(stage)["enode"] == {"users": ["enode-user-1"], "vehicles": ["enode-vehicle-1"]}
    leave(stage, "home-2")
    go_on(stage, minutes=5)
    assert at_makers(stage)["enode"] == NOTHING["enode"]


@pytest.mark.parametrize(
    ("other_vendor", "left"), [("BMW", ["enode-vehicle-1", "enode-vehicle-2"]), ("KIA", ["enode-vehicle-2"])]
)
def test_the_last_car_of_a_vendor_ends_its_connection_and_the_last_of_a_user_deletes_the_user_at_enode(
    stage: Stage, other_vendor: str, left: list[str]
) -> None:
    second = asset(stage, "enode", "enode-2", vehicle_id="enode-vehicle-2", vendor=other_vendor)
    onboard(stage, asset(stage, "enode"), second)
    onboard(stage, second, remove_assets=["enode-1"])
    go_on(stage, minutes=5)
    assert at_makers(stage)["enode"] == {"users": ["enode-user-1"], "vehicles": left}
    leave(stage)
    go_on(stage, minutes=5)
    assert at_makers(stage)["enode"] == NOTHING["enode"]


def test_a_vehicle_of_enode_that_was_onboarded_without_its_user_is_found(stage: Stage) -> None:
    vehicle = {name: value for name, value in linked(stage, "enode").items() if name != "user_id"}
    onboard(stage, {**asset(stage, "enode", vehicle_id="enode-vehicle-9"), "vehicle": vehicle})
    leave(stage)
    go_on(stage, minutes=5)
    assert at_makers(stage)["enode"]["vehicles"] == []


def test_an_owners_token_ends_with_the_last_of_two_teslas(stage: Stage) -> None:
    second = asset(stage, "tesla", "tesla-2", vehicle_id="5YJ30000000000002")
    onboard(stage, asset(stage, "tesla"), second)
    onboard(stage, second, remove_assets=["tesla-1"])
    go_on(stage, minutes=5)
    assert at_makers(stage)["tesla"] == {"telemetry": ["5YJ30000000000002"], "owners": ["tesla-owner-1"]}
    leave(stage)
    go_on(stage, minutes=5)
    assert at_makers(stage)["tesla"] == NOTHING["tesla"]


def test_two_teslas_of_one_owner_that_leave_together_both_end_with_the_owners_token(stage: Stage) -> None:
    onboard(stage, asset(stage, "tesla"), asset(stage, "tesla", "tesla-2", vehicle_id="5YJ30000000000002"))
    stage.break_service("tesla/.*fleet_telemetry_config", status=503)
    leave(stage)
    go_on(stage, minutes=5)
    assert not is_gone(stage)
    stage.break_nothing()
    go_on(stage, minutes=20)
    assert at_makers(stage)["tesla"] == NOTHING["tesla"]
    assert [item["sk"] for item in stored(stage)] == ["RECEIPT"]


def test_an_owner_who_ended_the_access_at_tesla_does_not_keep_the_home_from_leaving(stage: Stage) -> None:
    onboard(stage, asset(stage, "tesla"))
    stage.cars.ok("POST", "/_sim/tesla/revoke/tesla-owner-1")
    leave(stage)
    go_on(stage, minutes=5)
    assert is_gone(stage)
    assert [item["sk"] for item in stored(stage)] == ["RECEIPT"]


def test_a_car_that_changes_its_provider_is_disconnected_at_the_old_one_only(stage: Stage) -> None:
    onboard(stage, asset(stage, "enode", "car-1"))
    reply = onboard(stage, asset(stage, "smartcar", "car-1"))
    assert reply.status in {200, 202}
    go_on(stage, minutes=5)
    made = at_makers(stage)
    assert made["enode"] == NOTHING["enode"]
    assert made["smartcar"] == {"connections": ["smartcar-vehicle-1"], "subscriptions": ["smartcar-vehicle-1"]}
    assert status(stage.rig).body["unfinished"] is None


def test_a_maker_that_does_not_acknowledge_for_thirty_days_is_given_up_and_the_operator_learns_of_it(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    onboard(stage, asset(stage, "enode"))
    stage.break_service("enode", status=403)
    leave(stage)
    stage.rig.clock.move(seconds=(DISCONNECT_GIVEN_UP_AFTER - timedelta(hours=2)).total_seconds())
    sync(stage.rig)
    assert not is_gone(stage)
    stage.rig.clock.move(hours=3)
    sync(stage.rig)
    assert is_gone(stage)
    out = capsys.readouterr().out
    assert "ConnectionsGivenUp" in out
    assert "a connection was given up" in out
    follow_up(stage)


def test_where_the_operator_does_not_call_a_maker_nothing_is_asked(stage: Stage) -> None:
    onboard(stage, asset(stage, "enode"))
    stage.rig.runtime.settings.environ["ENODE_BASE_URL"] = ""  # type: ignore[index]  # a dict in the tests
    assert leave(stage).status == 204
