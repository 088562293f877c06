"""What became of a link for a driver: waiting, done, expired; the event that it is done; the end of what is kept."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from driveway.domain.reports.account_connection import disconnected
from driveway.domain.sites.connections import ConnectedVehicle, Connection
from driveway.store.app_events import SETTLED
from driveway.store.connections import Begun, Connections
from tests.support.functions.assets import sample
from tests.support.functions.connect_calls import ask, site_of
from tests.support.functions.rig import Reply, Rig, function, template
from tests.support.functions.sites import VEHICLE, car, delete, put, site_body
from tests.support.functions.stage import Stage
from tests.support.functions.webhook_calls import enode, update
from tests.world.aws.patterns import matches

USER = str(VEHICLE["user_id"])
NEW = {"provider": "enode", "user_id": USER}


def listed(rig: Rig, site: str = "home-1") -> list[dict[str, Any]]:
    reply = rig.serve("onboarding", "GET /sites/{site}/connections", site=site)
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    found: list[dict[str, Any]] = reply.body["connections"]
    return found


def statuses(rig: Rig) -> list[str]:
    return [one["status"] for one in listed(rig)]


def discovered(*vehicle_ids: str, user: str = USER, at: datetime | None = None) -> Reply:
    """Enode reports vehicles that are new: only their description is there."""
    created_at = "2026-01-15T18:00:00Z" if at is None else at.isoformat()
    events = [
        {"event": "user:vehicle:discovered", "createdAt": created_at, "version": "2024-10-01"}
        | {"user": {"id": user}, "vehicle": {"id": one, "userId": user, "vendor": "BMW", "chargeState": None}}
        for one in vehicle_ids
    ]
    return enode(events, "enode-secret")


def sent(rig: Rig) -> list[dict[str, Any]]:
    """The events about connected vehicles that were put on the bus, each as often as it was."""
    rig.publish()
    return [detail for kind, detail in rig.bus.events if kind == "VehicleConnected"]


def test_a_new_car_waits_for_its_driver_and_is_done_once_enode_reports_it(stage: Stage) -> None:
    made = ask(stage, **NEW).body
    assert (made["status"], made["vehicle_ids"]) == ("waiting", [])
    assert listed(stage.rig) == [made]
    assert discovered("bmw-1").status == 200
    (shown,) = listed(stage.rig)
    assert shown == made | {"status": "done", "vehicle_ids": ["bmw-1"]}
    (event,) = sent(stage.rig)
    assert (event["site"], event["asset"], event["reason"]) == ("home-1", None, "VEHICLE_CONNECTED")
    assert event["detail"] == {"provider": "enode", "vehicle_id": "bmw-1", "user_id": USER}


def test_every_car_of_the_driver_is_reported_once_however_often_the_webhook_comes(stage: Stage) -> None:
    ask(stage, **NEW)
    for _ in range(2):
        discovered("bmw-1", "bmw-2")
    assert [one["detail"]["vehicle_id"] for one in sent(stage.rig)] == ["bmw-1", "bmw-2"]
    assert listed(stage.rig)[0]["vehicle_ids"] == ["bmw-1", "bmw-2"]


def test_a_car_that_comes_again_on_a_later_page_is_reported_again(stage: Stage) -> None:
    ask(stage, **NEW)
    discovered("bmw-1")
    stage.rig.clock.move(hours=1)
    assert ask(stage, **NEW).body["status"] == "waiting"
    discovered("bmw-1")
    assert statuses(stage.rig) == ["waiting"], "the first webhook again"
    discovered("bmw-1", at=stage.rig.clock.now())
    assert statuses(stage.rig) == ["done"]
    first, second = sent(stage.rig)
    assert (first["detail"], first["id"] == second["id"]) == (second["detail"], False)


def test_a_page_of_a_home_that_is_erased_while_it_is_made_is_forgotten(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert put(stage.rig, site_body(car())).status == 201
    begin = Connections.begin

    def erased_first(self: Connections, made: Connection) -> None:
        assert delete(stage.rig).status == 204
        begin(self, made)

    monkeypatch.setattr(Connections, "begin", erased_first)
    assert ask(stage, **NEW).status == 404
    assert stage.rig.runtime.connections.of_site("home-1") == Begun((), ())
    assert stage.rig.runtime.connections.sites_of("enode", USER) == []


def test_of_two_webhooks_at_once_only_one_notes_the_car(stage: Stage) -> None:
    ask(stage, **NEW)
    store = stage.rig.runtime.connections
    (connection,) = store.of_site("home-1").connections
    vehicle = ConnectedVehicle(provider="enode", vehicle_id="bmw-1", at=stage.rig.clock.now(), user_id=USER)
    values = {"event": "VehicleConnected"}
    assert [store.found(connection, vehicle, values) for _ in range(2)] == [True, False]
    store.forget("home-1")
    assert not store.found(connection, vehicle, values), "the connection was erased meanwhile"
    assert listed(stage.rig) == []


def test_the_car_of_another_driver_or_without_a_link_is_nobodys(stage: Stage) -> None:
    ask(stage, **NEW)
    discovered("bmw-1", user="somebody-else")
    assert statuses(stage.rig) == ["waiting"]
    assert sent(stage.rig) == []


def test_the_event_is_replayed_to_an_app_that_missed_it(stage: Stage) -> None:
    stage.rig.runtime.settings.environ.update({"APP_WEBHOOK": "true"})  # type: ignore[attr-defined]
    ask(stage, **NEW)
    discovered("bmw-1")
    (event,) = sent(stage.rig)
    stage.rig.clock.move(seconds=SETTLED.total_seconds() + 1)
    (replayed,) = stage.rig.serve("status", "GET /events").body["events"]
    assert (replayed["id"], replayed["type"]) == (event["id"], "VehicleConnected")
    assert (replayed["data"]["asset"], replayed["data"]["site"]) == (None, "home-1")
    assert replayed["data"]["detail"] == event["detail"]


@pytest.mark.parametrize(
    ("provider", "vehicle"),
    [
        ("smartcar", {"provider": "smartcar", "vehicle_id": "36ab27d0", "user_id": "smartcar-user"}),
        ("tesla", {"provider": "tesla", "vehicle_id": "5YJ30000000000001", "user_id": "o", "refresh_token": "r"}),
    ],
)
def test_a_car_that_no_webhook_reports_is_done_once_the_put_names_it(
    stage: Stage, provider: str, vehicle: dict[str, Any]
) -> None:
    ask(stage, provider=provider)
    assert sent(stage.rig) == []
    body = site_body(car(vehicle=vehicle))
    for _ in range(2):
        assert put(stage.rig, body).status in {200, 201}
        (event,) = sent(stage.rig)
        assert event["detail"]["vehicle_id"] == vehicle["vehicle_id"]
        assert statuses(stage.rig) == ["done"]


def test_a_car_that_enode_reported_is_not_reported_again_when_the_put_names_it(stage: Stage) -> None:
    ask(stage, **NEW)
    discovered(str(VEHICLE["vehicle_id"]))
    put(stage.rig, site_body())
    assert len(sent(stage.rig)) == 1


def test_a_car_that_the_site_had_before_is_not_the_new_one(stage: Stage) -> None:
    put(stage.rig, site_body())
    ask(stage, **NEW)
    put(stage.rig, site_body())
    assert statuses(stage.rig) == ["waiting"]
    assert sent(stage.rig) == []


def test_a_page_that_nobody_used_expires_and_is_forgotten(stage: Stage) -> None:
    made = ask(stage, provider="smartcar").body
    assert made["expires_at"] == "2026-01-16T18:00:00Z"
    stage.rig.clock.move(hours=24)
    assert statuses(stage.rig) == ["expired"]
    (item,) = [item for item in stage.rig.items() if item["sk"].startswith("CONNECT#")]
    assert item["expires_at"] == int((stage.rig.clock.now() + timedelta(days=7)).timestamp())


def test_a_car_is_connected_again_once_its_account_works_and_the_app_gets_the_event(stage: Stage) -> None:
    stage.park("enode")
    stage.cars.change("5YJ30000000000001", account_connected=False)
    stage.rig.change("car-1", lambda twin: disconnected(twin, "The account is not connected.", stage.rig.clock.now()))
    made = ask(stage, asset="car-1").body
    assert (made["status"], made["asset"]) == ("waiting", "car-1")
    requests.get(made["url"], timeout=5, allow_redirects=False)
    assert statuses(stage.rig) == ["waiting"]
    assert enode([update("5YJ30000000000001", stage.rig.clock.now())], "enode-secret").status == 200
    stage.rig.publish()
    assert statuses(stage.rig) == ["done"]
    assert [kind for kind, _ in stage.rig.bus.events if kind == "Reconnected"] == ["Reconnected"]
    stage.rig.clock.move(hours=1)
    stage.rig.change("car-1", lambda twin: disconnected(twin, "The account is not connected.", stage.rig.clock.now()))
    assert statuses(stage.rig) == ["done"], "a later loss needs a page of its own"
    assert ask(stage, asset="car-1").body["status"] == "waiting"
    assert len(listed(stage.rig)) == 1


def test_a_call_that_is_repeated_with_its_state_gets_the_same_page_and_any_other_a_new_one(stage: Stage) -> None:
    first = ask(stage, **NEW, state="from-the-app-1")
    again = ask(stage, **NEW, state="from-the-app-1")
    assert (first.status, again.status, again.body) == (201, 200, first.body)
    others = [ask(stage, **NEW, state="from-the-app-2"), ask(stage, **NEW), ask(stage, **NEW)]
    assert [one.status for one in others] == [201] * 3
    assert len({one.body["url"] for one in [first, *others]}) == 4
    assert [one["url"] for one in listed(stage.rig)] == [others[-1].body["url"]], "one page for each driver"
    stage.rig.clock.move(hours=24)
    assert ask(stage, **NEW, state=others[-1].body["state"]).status == 201


def test_the_erasure_of_a_site_leaves_nothing_of_its_connections(stage: Stage) -> None:
    ask(stage, **NEW)
    discovered(str(VEHICLE["vehicle_id"]))
    put(stage.rig, site_body())
    stage.cars.car("enode", vehicle_id=VEHICLE["vehicle_id"])
    ask(stage, provider="smartcar")
    ask(stage, asset="car-1")
    assert len(listed(stage.rig)) == 3
    assert delete(stage.rig).status == 204
    left = [item for item in stage.rig.items() if not item["pk"].startswith(("TOKEN#", "BREAKER#"))]
    assert {item["sk"].partition("#")[0] for item in left} <= {"RECEIPT", "STATE"}
    assert USER not in json.dumps([item for item in left if item["sk"] != "STATE"])


def test_a_site_that_never_joined_is_erased_too(stage: Stage) -> None:
    ask(stage, **NEW)
    discovered("bmw-1")
    assert delete(stage.rig).status == 204
    assert [item for item in stage.rig.items() if USER in json.dumps(item)] == []
    discovered("bmw-2")
    assert listed(stage.rig) == []


def test_a_car_that_is_removed_takes_its_page_with_it(stage: Stage) -> None:
    second = car("car-2", vehicle={**VEHICLE, "vehicle_id": "bmw-2"})
    put(stage.rig, site_body(car(), second))
    for asset in ("car-1", "car-2"):
        stage.cars.car("enode", vehicle_id=stage.rig.twin(asset).link.vehicle.vehicle_id)  # type: ignore[union-attr]
        assert ask(stage, asset=asset).status == 201
    assert put(stage.rig, {**site_body(), "remove_assets": ["car-2"]}).status in {200, 202}
    assert [one["asset"] for one in listed(stage.rig)] == ["car-1"]


def test_no_page_is_made_for_a_site_that_is_being_erased(stage: Stage) -> None:
    site_of(stage, wanted="erased")
    assert ask(stage, **NEW).problem == "site-leaving"


def test_no_page_and_no_state_is_ever_logged(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    made = [ask(stage, **NEW).body, ask(stage, provider="smartcar").body]
    discovered("bmw-1")
    stage.rig.publish()
    listed(stage.rig)
    logged = capsys.readouterr()
    for one in made:
        assert one["url"] not in logged.out + logged.err
        assert one["state"] not in logged.out + logged.err


def test_the_sample_record_of_a_connected_vehicle_becomes_the_apps_event_each_time_it_comes(rig: Rig) -> None:
    for _ in range(2):
        answer = function("announcer").handler(sample("announcer_vehicle_connected"), None)
        assert answer == {"batchItemFailures": []}
    first, second = rig.bus.events
    assert first == second
    assert first[0] == "VehicleConnected"
    assert (first[1]["site"], first[1]["detail"]["user_id"]) == ("home-1", "app-user-77")


def test_the_stream_passes_a_connected_vehicle_on_and_nothing_else_of_a_connection() -> None:
    source = template()["Resources"]["AnnouncerFunction"]["Properties"]["Events"]["Stream"]["Properties"]
    patterns = [json.loads(one["Pattern"]) for one in source["FilterCriteria"]["Filters"]]

    def passes(name: str, sk: str) -> bool:
        change = {"Keys": {"pk": {"S": "SITE#home-1"}, "sk": {"S": sk}}, "NewImage": {"sk": {"S": sk}}}
        return any(matches(pattern, {"eventName": name, "dynamodb": change}) for pattern in patterns)

    made = "CONNECTED#enode#bmw-1"
    assert [passes(name, made) for name in ("INSERT", "MODIFY", "REMOVE")] == [True, True, False]
    assert not passes("INSERT", "CONNECT#enode#user-1")
