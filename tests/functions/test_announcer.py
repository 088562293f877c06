"""The announcer: what a write of a twin makes known, however often its stream record comes."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from driveway.domain.control.command_dispatch import put_off
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import Command, Entry, HeldPlugOut, Meter, SessionEnergy, Twin
from driveway.domain.twin.reasons import Reason
from driveway.store.items import PACKED, encode_item
from driveway.values import replace
from tests.support.functions.assets import (
    Queues,
    a_twin,
    all_acknowledged,
    place,
    plugged_in,
    queues_of,
    recorded,
    refuse,
    sample,
)
from tests.support.functions.rig import NOW, Rig, aws, function

TWIN_KEY = encode_item({"pk": "ASSET#car-1", "sk": "TWIN"})


@pytest.fixture
def car(rig: Rig) -> Rig:
    """A stage with a car in sync: nothing is left to do."""
    place(rig, recorded(all_acknowledged(plugged_in(a_twin(NOW - timedelta(days=30)), NOW - timedelta(hours=1)), NOW)))
    rig.look("control", "car-1")
    return rig


@pytest.fixture
def queues(car: Rig) -> Queues:
    return queues_of(car)


def image(rig: Rig) -> dict[str, Any]:
    """The twin as a record of the stream has it: Lambda gets binary values in base 64."""
    found = rig.runtime.dynamodb.get_item(TableName="driveway-test", Key=TWIN_KEY, ConsistentRead=True)
    packed = base64.b64encode(bytes(found["Item"][PACKED]["B"])).decode()
    return {**found["Item"], PACKED: {"B": packed}}


def record(before: dict[str, Any] | None, after: dict[str, Any] | None, number: str = "1") -> dict[str, Any]:
    images = {"OldImage": before, "NewImage": after}
    name = "INSERT" if before is None else "REMOVE" if after is None else "MODIFY"
    held = {side: item for side, item in images.items() if item is not None}
    return {"eventName": name, "dynamodb": {"Keys": TWIN_KEY, "SequenceNumber": number, **held}}


def written(rig: Rig, rule: Any, number: str = "1") -> dict[str, Any]:
    """The stream record of a change of the twin."""
    before = image(rig)
    rig.change("car-1", rule)
    return record(before, image(rig), number)


def publish(*records: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = function("announcer").handler({"Records": list(records)}, None)
    return answer


def log(rig: Rig) -> list[dict[str, Any]]:
    return [item for item in rig.items() if item["sk"].startswith("LOG#")]


def news(*events: str, at: datetime = NOW) -> Any:
    entries = [Entry(at, event, Reason.PLUGGED_AND_HOME, "It happened.", {"n": n}) for n, event in enumerate(events)]
    return lambda twin: twin.tell(*entries)


def test_a_new_twin_is_announced_with_the_wake_ups_it_needs(rig: Rig) -> None:
    place(rig, plugged_in(a_twin(NOW), NOW))
    assert publish(record(None, image(rig))) == {"batchItemFailures": []}
    assert rig.bus.events == []
    assert rig.looks == [("axle", "car-1"), ("control", "car-1")]


def test_entries_go_into_the_timeline_and_to_the_app(car: Rig) -> None:
    events = ["PluggedIn", "PluggedOut", "ScheduleReceived", "ChargingStarted", "ChargingStopped", "ReadyByAtRisk"]
    events += ["NeedsAttention", "SessionCompleted"]
    publish(written(car, news(*events, "IntentSet")))
    assert [kind for kind, _ in car.bus.events] == events
    sent = dict(car.bus.events[1][1])
    assert re.fullmatch("evt_[0-9a-f]{32}", sent.pop("id"))
    assert sent == {
        "event": "PluggedOut",
        "asset": "car-1",
        "site": "home-1",
        "at": NOW.isoformat(),
        "reason": "PLUGGED_AND_HOME",
        "text": "It happened.",
        "detail": {"n": 1},
    }
    assert [entry["event"] for entry in log(car)] == [*events, "IntentSet"]
    assert all(entry["expires_at"] > (NOW + timedelta(days=390)).timestamp() for entry in log(car))


def test_the_same_record_again_leaves_one_timeline_entry(car: Rig) -> None:
    change = written(car, news("PluggedIn", "PluggedIn"))
    publish(change)
    before = car.items()
    publish(change, change)
    assert len(log(car)) == 2
    assert car.items() == before


def test_entries_of_two_writes_at_one_instant_are_both_kept_in_order(car: Rig) -> None:
    publish(written(car, news("First")), written(car, news("Second"), "2"))
    assert [entry["event"] for entry in log(car)] == ["First", "Second"]


def test_a_record_that_repeats_the_version_announces_nothing_twice(car: Rig) -> None:
    car.change("car-1", news("PluggedIn"))
    publish(record(image(car), image(car)))
    assert log(car) == []
    assert car.bus.events == []


def test_a_change_that_needs_no_reconciler_is_no_event(car: Rig) -> None:
    publish(written(car, lambda twin: replace(twin, meter=Meter((SessionEnergy("s", NOW, 5),)))))
    assert car.bus.events == []


def test_a_planned_command_goes_to_its_provider_once(car: Rig) -> None:
    command = Command("c1", "start", "CHARGE_NOW", "planned", NOW, NOW, NOW + timedelta(minutes=15), limit_kw=3.6)

    def plan(twin: Twin) -> Twin:
        return replace(twin, control=replace(twin.control, command=command))

    planned = written(car, plan)
    publish(planned)
    sent = [detail for kind, detail in car.bus.events if kind == "ChargingCommand"]
    assert sent == [
        {
            "asset": "car-1",
            "provider": "enode",
            "command_id": "c1",
            "action": "start",
            "limit_kw": 3.6,
            "reason": "CHARGE_NOW",
            "not_before": NOW.isoformat(),
            "expires_at": (NOW + timedelta(minutes=15)).isoformat(),
            "attempts": 0,
            "start_by": ANY,
        }
    ]
    assert NOW < datetime.fromisoformat(sent[0]["start_by"]) < NOW + timedelta(days=1)
    car.bus.events.clear()
    publish(written(car, news("PluggedIn")))
    assert [kind for kind, _ in car.bus.events if kind == "ChargingCommand"] == []


def test_a_command_whose_message_waits_for_its_turn_is_announced_again_only_once_it_is_lost(car: Rig) -> None:
    command = Command("c1", "stop", "RELEASED", "planned", NOW, NOW, NOW + timedelta(minutes=15), confirm_by=NOW)
    rules, turn = ControlRules(), NOW + timedelta(minutes=10)
    publish(written(car, lambda twin: replace(twin, control=replace(twin.control, schedule_command=command))))
    car.bus.events.clear()

    def wait(twin: Twin) -> Twin | None:
        return put_off(twin, "c1", until=turn, now=NOW, rules=rules, queued=True)

    publish(written(car, wait))
    assert [kind for kind, _ in car.bus.events if kind == "ChargingCommand"] == []

    def repeat(twin: Twin) -> Twin:
        waiting = twin.control.schedule_command
        assert waiting is not None
        assert waiting.confirm_by == turn + rules.lost_after
        again = replace(waiting, confirm_by=waiting.confirm_by + rules.lost_after)
        return replace(twin, control=replace(twin.control, schedule_command=again))

    publish(written(car, repeat))
    assert [kind for kind, _ in car.bus.events if kind == "ChargingCommand"] == ["ChargingCommand"]


def test_a_planned_command_that_was_not_sent_is_announced_again_under_its_id(car: Rig) -> None:
    command = Command("c1", "stop", "DEFAULT_PEAK", "planned", NOW, NOW, NOW + timedelta(minutes=15), confirm_by=NOW)
    for confirm_by in (NOW, NOW + timedelta(minutes=5)):
        repeated = replace(command, confirm_by=confirm_by)

        def plan(twin: Twin, repeated: Command = repeated) -> Twin:
            return replace(twin, control=replace(twin.control, command=repeated))

        publish(written(car, plan))
    sent = [detail["command_id"] for kind, detail in car.bus.events if kind == "ChargingCommand"]
    assert sent == ["c1", "c1"]


@pytest.mark.parametrize(("ahead_s", "looks"), [(1, 1), (40.6, 40), (129, 129), (139, 139), (141, None), (600, None)])
def test_a_wake_up_within_two_minutes_is_queued_with_its_delay(
    car: Rig, queues: Queues, ahead_s: float, looks: int | None
) -> None:
    at = NOW + timedelta(seconds=ahead_s)

    def hold(twin: Twin) -> Twin:
        return replace(twin, presence=replace(twin.presence, held_plug_out=HeldPlugOut(NOW, at)))

    publish(written(car, hold))
    assert queues.looks == ([("control", "car-1", looks)] if looks is not None else [])


def test_what_is_due_now_is_queued_at_once_and_for_several_writes_of_an_asset_once(car: Rig, queues: Queues) -> None:
    def wants(kwh: float) -> Any:
        return lambda twin: replace(twin, intent=replace(twin.intent, kwh=kwh))

    publish(written(car, wants(12)), written(car, wants(13), "2"))
    assert car.bus.events == []
    assert [look for look in queues.looks if look[0] == "axle"] == [("axle", "car-1", 0)]


def test_a_batch_stops_at_the_first_record_that_failed(car: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two, three = (written(car, news(f"E{n}"), str(n)) for n in (1, 2, 3))
    publish(one)
    refuse(car, monkeypatch, "batch_write_item", times=2)
    assert publish(two, three) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert [entry["event"] for entry in log(car)] == ["E1"]
    assert publish(two, three) == {"batchItemFailures": []}
    assert [entry["event"] for entry in log(car)] == ["E1", "E2", "E3"]


def test_a_record_that_cannot_be_read_is_set_aside_at_once_and_alone(car: Rig, queues: Queues) -> None:
    one, three = written(car, news("E1"), "1"), written(car, news("E3"), "3")
    poisoned = record(None, encode_item({"pk": "ASSET#car-1", "sk": "TWIN", "link": {}}), "2")
    assert publish(one, poisoned, three) == {"batchItemFailures": []}
    assert [entry["event"] for entry in log(car)] == ["E1", "E3"]
    ((_, body),) = queues.others
    assert json.loads(body) == {"function": "announcer", "error": "ValidationError", "record": poisoned}


def test_a_record_that_cannot_be_decided_is_set_aside_too(
    car: Rig, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = written(car, news("E1"), "1")
    monkeypatch.setattr("driveway.outbox.publish.outbox_of", lambda *_, **__: {}["a fault of ours"])
    assert publish(change) == {"batchItemFailures": []}
    assert [json.loads(body)["error"] for _, body in queues.others] == ["KeyError"]


def test_a_record_that_cannot_be_set_aside_is_repeated(car: Rig, queues: Queues) -> None:
    poisoned = record(None, encode_item({"pk": "ASSET#car-1", "sk": "TWIN", "link": {}}), "7")
    queues.refusing = True
    assert publish(poisoned) == {"batchItemFailures": [{"itemIdentifier": "7"}]}


def test_a_record_too_large_for_a_message_is_set_aside_with_its_keys(car: Rig, queues: Queues) -> None:
    image = {"pk": "ASSET#car-1", "sk": "TWIN", "link": {}, "text": "x" * 300_000}
    publish(record(None, encode_item(image), "7"))
    ((_, body),) = queues.others
    assert json.loads(body)["record"] == {"eventName": "INSERT", "dynamodb": {"Keys": TWIN_KEY, "SequenceNumber": "7"}}


def test_a_hundred_records_cost_few_calls(car: Rig, queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [written(car, news("PluggedIn", f"Other{n}"), str(n)) for n in range(100)]
    writes = []
    real = car.runtime.dynamodb.batch_write_item
    monkeypatch.setattr(
        car.runtime.dynamodb, "batch_write_item", lambda **request: writes.append(request) or real(**request)
    )
    assert publish(*records) == {"batchItemFailures": []}
    assert len(writes) == 8
    assert len(log(car)) == 200
    assert len(car.bus.events) == 100


def test_what_a_batch_left_unwritten_is_written_again(car: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real, partial = car.runtime.dynamodb.batch_write_item, [{"UnprocessedItems": {"driveway-test": [{}]}}] * 2
    monkeypatch.setattr(
        car.runtime.dynamodb, "batch_write_item", lambda **request: partial.pop() if partial else real(**request)
    )
    change = written(car, news("PluggedIn"), "4")
    assert publish(change) == {"batchItemFailures": [{"itemIdentifier": "4"}]}
    assert publish(change) == {"batchItemFailures": []}
    assert [entry["event"] for entry in log(car)] == ["PluggedIn"]


def test_events_and_wake_ups_that_were_refused_are_repeated(car: Rig, queues: Queues) -> None:
    at = NOW + timedelta(seconds=40)
    in_doubt = HeldPlugOut(NOW, at)
    held = written(
        car,
        lambda twin: news("PluggedIn")(replace(twin, presence=replace(twin.presence, held_plug_out=in_doubt))),
        "9",
    )
    queues.refusing = True
    assert publish(held) == {"batchItemFailures": [{"itemIdentifier": "9"}]}
    queues.refusing = False
    car.runtime.__dict__["bus"] = RefusingBus()
    assert publish(held) == {"batchItemFailures": [{"itemIdentifier": "9"}]}
    car.runtime.__dict__["bus"] = car.bus
    assert publish(held) == {"batchItemFailures": []}
    assert queues.looks == [("control", "car-1", 40)]


class RefusingBus:
    """A bus that takes nothing."""

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"FailedEntryCount": len(Entries), "Entries": []}


def test_removing_a_twin_erases_what_was_written_of_it_meanwhile(car: Rig) -> None:
    change = written(car, news("PluggedIn"))
    removed = record(image(car), None, "2")
    car.runtime.records.delete("ASSET#car-1", "TWIN")
    publish(change, removed)
    assert [item for item in car.items() if item["pk"] == "ASSET#car-1"] == []
    publish(change, removed)
    assert [item for item in car.items() if item["pk"] == "ASSET#car-1"] == []


def test_a_late_removal_does_not_touch_an_asset_that_was_onboarded_again(car: Rig) -> None:
    change = written(car, news("PluggedIn"))
    publish(change)
    publish(record(image(car), None))
    assert len(log(car)) == 1
    assert car.twin("car-1").link.asset == "car-1"


def test_eventbridge_accepts_the_events_and_its_rules_distinguish_them(car: Rig) -> None:
    events, sqs = aws("events"), aws("sqs")
    events.create_event_bus(Name="driveway-test")
    queue = sqs.create_queue(QueueName="received")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["driveway.asset"], "detail-type": ["PluggedIn"]}
    events.put_rule(Name="plugs", EventBusName="driveway-test", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="plugs", EventBusName="driveway-test", Targets=[{"Id": "queue", "Arn": arn}])
    car.runtime.__dict__["bus"] = events
    assert publish(written(car, news("PluggedIn", "PluggedOut"))) == {"batchItemFailures": []}
    (message,) = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"], event["detail"]["asset"]) == (
        "driveway.asset",
        "PluggedIn",
        "car-1",
    )


def test_more_events_than_one_call_takes_are_all_published(car: Rig) -> None:
    publish(written(car, news(*["ChargingStarted"] * 23)))
    assert len(car.bus.events) == 23
    assert len(log(car)) == 23


def test_the_sample_record_announces_a_plug_in_and_wakes_both_reconcilers(rig: Rig) -> None:
    rig.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    assert function("announcer").handler(sample("announcer"), None) == {"batchItemFailures": []}
    ((plug, _),) = rig.bus.events
    assert (plug, rig.looks) == ("PluggedIn", [("axle", "car-1"), ("control", "car-1")])
    assert [entry["event"] for entry in log(rig)] == ["PluggedIn"]
