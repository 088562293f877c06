"""The minute clock, and the reconcilers behind their queues."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.domain.sites.record import Change, SiteRecord, SiteTerms
from driveway.domain.twin import HeldPlugOut, Twin
from driveway.outbox.wakeups import QueueError
from driveway.values import replace
from tests.support.functions.assets import (
    a_twin,
    all_acknowledged,
    place,
    plugged_in,
    queues_of,
    recorded,
    refuse,
    sample,
)
from tests.support.functions.rig import NOW, Rig, function


def tick() -> dict[str, int]:
    answer: dict[str, int] = function("clock").handler(sample("clock"), None)
    return answer


def due_in(seconds: float, asset: str = "car-1") -> Twin:
    """A twin that is due for charge control in so many seconds, and of which Axle has acknowledged everything."""
    twin = a_twin(NOW - timedelta(days=30), asset=asset, axle_asset_id=f"axle-{asset}", vehicle=None)
    twin = all_acknowledged(plugged_in(twin, NOW - timedelta(hours=1)), NOW)
    held = HeldPlugOut(NOW - timedelta(minutes=1), NOW + timedelta(seconds=seconds))
    return recorded(replace(twin, presence=replace(twin.presence, held_plug_out=held)))


def test_what_is_due_is_queued_at_once_and_what_is_due_within_two_minutes_with_its_delay(rig: Rig) -> None:
    queues = queues_of(rig)
    ahead = {"car-1": -60.0, "car-2": 0.0, "car-3": 31.7, "car-4": 129.0, "car-5": 140.0}
    place(rig, *[due_in(seconds, asset) for asset, seconds in ahead.items()])
    assert tick() == {"axle": 0, "control": 4, "accounts": 0, "unfinished": 0}
    assert sorted(queues.looks) == [
        ("control", "car-1", 0),
        ("control", "car-2", 0),
        ("control", "car-3", 31),
        ("control", "car-4", 129),
    ]


def test_both_reconcilers_run_for_a_new_car(rig: Rig) -> None:
    queues = queues_of(rig)
    place(rig, plugged_in(a_twin(NOW), NOW))
    assert tick() == {"axle": 1, "control": 1, "accounts": 0, "unfinished": 0}
    assert {look[0] for look in queues.looks} == {"axle", "control"}


def test_many_assets_on_all_shards_are_all_queued(rig: Rig) -> None:
    queues = queues_of(rig)
    place(rig, *[due_in(-1, f"car-{n}") for n in range(35)])
    assert tick()["control"] == 35
    assert {look[1] for look in queues.looks} == {f"car-{n}" for n in range(35)}


def test_what_is_in_a_backlog_is_not_queued_again_and_what_is_new_is_queued(rig: Rig) -> None:
    queues = queues_of(rig)
    place(rig, *[due_in(0, f"old-{n}") for n in range(5)], due_in(590, "new"))
    assert tick()["control"] == 5
    queues.looks.clear()
    rig.clock.move(minutes=10)
    queues.waiting = 5
    assert tick()["control"] == 1
    assert [look[1] for look in queues.looks] == ["new"]
    queues.waiting = 4
    assert tick()["control"] == 5


def test_a_lost_message_costs_at_most_a_minute(rig: Rig) -> None:
    queues = queues_of(rig)
    place(rig, due_in(-1))
    tick()
    queues.looks.clear()  # they are lost
    rig.clock.move(minutes=1)
    tick()
    assert ("control", "car-1", 0) in queues.looks


def test_a_queue_that_refuses_fails_the_run_so_that_it_is_noticed(rig: Rig) -> None:
    queues_of(rig).refusing = True
    place(rig, due_in(-1))
    with pytest.raises(QueueError):
        tick()


def in_doubt(site: str, minutes: int) -> SiteRecord:
    """A site whose onboarding was begun so many minutes ago and is in doubt."""
    at = NOW - timedelta(minutes=minutes)
    return SiteRecord(site, changes=(Change("car-9", {}, SiteTerms("Europe/London"), at),), begun_at=at)


def test_an_onboarding_that_was_begun_and_not_finished_is_queued_and_counted_after_five_minutes(
    rig: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    queues = queues_of(rig)
    for record in (in_doubt("home-9", minutes=6), in_doubt("home-8", minutes=4)):
        rig.runtime.sites.write(None, record, now=NOW)
    assert tick() == {"axle": 2, "control": 0, "accounts": 0, "unfinished": 1}
    assert sorted(json.loads(body)["site"] for body in queues.bodies) == ["home-8", "home-9"]
    metric = json.loads(next(line for line in capsys.readouterr().out.splitlines() if "_aws" in line))
    assert metric["SitesUnfinished"] == [1.0]
    assert (metric["service"], metric["stage"]) == ("driveway", "test")


def test_an_empty_stage_queues_nothing(rig: Rig) -> None:
    assert tick() == {"axle": 0, "control": 0, "accounts": 0, "unfinished": 0}


def records(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": str(n), "body": body, "eventSource": "aws:sqs"} for n, body in enumerate(bodies)]}


RECONCILERS = ["axle_sync", "charge_control"]


@pytest.mark.parametrize("name", [*RECONCILERS, "vehicle_commands"])
def test_a_message_about_an_erased_asset_is_dropped(rig: Rig, name: str) -> None:
    rig.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    assert function(name).handler(sample(name), None) == {"batchItemFailures": []}


@pytest.mark.parametrize("name", RECONCILERS)
def test_only_the_failed_records_are_retried(rig: Rig, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place(rig, due_in(-1))
    good = json.dumps({"asset": "car-1"})
    answer = function(name).handler(records(good, "{", good, '{"other": 1}'), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]}
    refuse(rig, monkeypatch, "get_item")
    answer = function(name).handler(records(good, good), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_an_event_about_an_asset_reports_the_asset_though_it_names_its_site_too(rig: Rig) -> None:
    place(rig, plugged_in(a_twin(NOW), NOW))
    event = {"asset": "car-1", "site": "home-1", "revision": 1, "reconcile": ["axle", "control"]}
    assert function("axle_sync").handler(records(json.dumps(event)), None) == {"batchItemFailures": []}
    assert rig.twin("car-1").axle.refusals, "this Axle does not know the car, and says so"


@pytest.mark.parametrize("name", RECONCILERS)
def test_an_empty_batch_is_no_failure(rig: Rig, name: str) -> None:
    assert function(name).handler({"Records": []}, None) == {"batchItemFailures": []}


@pytest.mark.parametrize("phase_ms", [0, 1, 300, 650, 999])
def test_a_wake_up_that_is_a_second_early_does_not_miss_its_edge(rig: Rig, phase_ms: int) -> None:
    queues, edge = queues_of(rig), NOW.replace(hour=23, minute=30)
    plans_at = edge - rig.runtime.control_rules.ahead("car-1")
    rig.clock.put(plans_at - timedelta(seconds=40) + timedelta(milliseconds=phase_ms))
    place(rig, all_acknowledged(plugged_in(a_twin(NOW - timedelta(days=30)), NOW), rig.clock.now()))
    rig.look("control", "car-1")
    assert tick()["control"] == 1
    ((_, _, delay_s),) = queues.looks
    rig.clock.move(seconds=delay_s)
    function("charge_control").handler(records(*queues.bodies), None)
    command = rig.twin("car-1").control.command
    assert command is not None
    assert (command.action, command.planned_at, command.not_before) == ("start", plans_at, edge)


@pytest.mark.parametrize("name", RECONCILERS)
def test_a_reconciler_does_not_wait_for_a_wake_up_far_ahead(rig: Rig, name: str) -> None:
    place(rig, due_in(30))
    before = rig.clock.now()
    due = (before + timedelta(seconds=30)).isoformat()
    function(name).handler(records(json.dumps({"asset": "car-1", "due": due})), None)
    assert rig.clock.now() == before


def test_a_held_plug_out_counts_by_the_due_index_alone(rig: Rig) -> None:
    place(rig, due_in(30))
    rig.look("control", "car-1")
    assert rig.twin("car-1").presence.session is not None
    rig.clock.move(seconds=30)
    for asset, due in rig.runtime.table.due("ControlDue", rig.clock.now()):
        assert due <= rig.clock.now()
        rig.look("control", asset)
    twin = rig.twin("car-1")
    assert twin.presence.session is None
    rig.publish()
    assert "PluggedOut" in {event for event, _ in rig.bus.events}
    assert twin.revision == 1
    rig.clock.move(minutes=10)
    rig.look("control", "car-1")
    assert [entry.event for entry in rig.twin("car-1").news] == ["SessionCompleted"]


def test_a_car_in_sync_causes_no_write(rig: Rig) -> None:
    place(rig, all_acknowledged(plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)), NOW))
    for _ in range(3):
        rig.look("control", "car-1")
    before = rig.items()
    rig.clock.move(seconds=30)
    rig.look("control", "car-1")
    rig.look("axle", "car-1")
    assert rig.items() == before


def test_a_charge_now_that_has_run_out_ends_by_the_due_index(rig: Rig) -> None:
    place(rig, all_acknowledged(plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)), NOW))
    rig.serve("preferences", "PUT /assets/{asset}/charge-now", {"for_minutes": 30}, asset="car-1")
    rig.clock.move(minutes=30)
    for asset, _ in list(rig.runtime.table.due("ControlDue", rig.clock.now())):
        rig.look("control", asset)
    assert rig.twin("car-1").charge_now is None


def test_no_readings_due_is_a_run_that_sends_nothing(rig: Rig) -> None:
    class Context:
        """What Lambda passes: how long the run may still take."""

        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    report = function("meter_readings").handler(sample("meter_readings"), Context())
    assert {value for value in report.values() if isinstance(value, int)} <= {0}
