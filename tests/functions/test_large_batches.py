"""A webhook of more than ten events is answered once its reports are queued, and stored car by car after that."""

import json
from datetime import timedelta
from typing import Any

import pytest

from driveway.domain.twin import Vehicle
from driveway.observations.report_queue import MOST_RECEIVES, MOST_RECEIVES_WITHOUT_READ
from tests.support.functions.assets import ENODE_CAR, a_twin, place, refuse, sample
from tests.support.functions.rig import Rig, function, template
from tests.support.functions.webhook_calls import AT, ENODE_ID, enode, sessions, tesla, update

OTHERS = [f"vehicle-{number}" for number in range(2, 5)]


@pytest.fixture
def fleet(cars: Rig) -> Rig:
    """The cars of the tests, and three more at Enode."""
    for number, vehicle_id in enumerate(OTHERS):
        vehicle = Vehicle("enode", vehicle_id, ENODE_CAR.home_location_id, user_id=f"user-{number}")
        place(cars, a_twin(AT, asset=f"asset-{number}", axle_asset_id=f"a-{number}", vehicle=vehicle))
    return cars


def a_batch() -> list[dict[str, Any]]:
    """Three events of each of four cars."""
    return [update(one, chargeRate=7.2, batteryLevel=soc) for soc in (40, 41, 42) for one in (ENODE_ID, *OTHERS)]


def queued(rig: Rig, setting: str = "VEHICLE_REPORTS_QUEUE_URL") -> list[str]:
    """The bodies of the messages in a queue, which is empty then."""
    url, found = rig.runtime.settings.text(setting), list[str]()
    while messages := rig.runtime.queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    return found


def take(bodies: list[str], received: int = 1) -> list[str]:
    """The function behind the queue takes messages; gives the numbers of those that failed."""
    attributes = {"ApproximateReceiveCount": str(received)}
    records = [
        {"messageId": str(number), "body": body, "eventSource": "aws:sqs", "attributes": attributes}
        for number, body in enumerate(bodies)
    ]
    answer = function("vehicle_reports").handler({"Records": records}, None)
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def plugged(rig: Rig) -> int:
    """How many of the four cars are known to be plugged in."""
    assets = ["car-1", *(f"asset-{number}" for number in range(len(OTHERS)))]
    return sum(1 for asset in assets if rig.twin(asset).presence.plugged_in is not None)


def test_a_batch_of_more_than_ten_is_queued_before_its_answer_and_stored_after_it(fleet: Rig) -> None:
    before = fleet.items()
    assert enode([*a_batch(), update("nobody-has-this")]).body == {"queued": 12, "unknown": 1, "dropped": 0}
    assert fleet.items() == before
    messages = queued(fleet)
    assert len(messages) == 4
    assert take(messages) == []
    assert plugged(fleet) == 4
    after = fleet.items()
    assert take(messages) == []
    assert fleet.items() == after


def test_ten_events_are_stored_before_their_answer(fleet: Rig) -> None:
    assert enode(a_batch()[:10]).body == {"stored": 10, "dropped": 0}
    assert queued(fleet) == []
    assert plugged(fleet) == 4


def test_a_queued_batch_leaves_what_it_leaves_when_it_is_stored_at_once(fleet: Rig) -> None:
    enode(a_batch())
    take(queued(fleet))
    stored = {asset: fleet.twin(asset).presence for asset in ("car-1", "asset-0", "asset-2")}
    for number, one in enumerate(("car-1", "asset-0", "asset-2")):
        vehicle = Vehicle("enode", f"twin-{number}", ENODE_CAR.home_location_id, user_id=f"u-{number}")
        place(fleet, a_twin(AT, asset=f"direct-{one}", axle_asset_id=f"d-{number}", vehicle=vehicle))
    events = [update(f"twin-{n}", chargeRate=7.2, batteryLevel=soc) for soc in (40, 41, 42) for n in range(3)]
    assert enode(events).body["stored"] == 9
    assert {one: fleet.twin(f"direct-{one}").presence for one in stored} == stored


def test_the_events_of_a_car_are_one_decision_and_one_write_and_another_marks_that_the_plug_in_is_recorded(
    fleet: Rig,
) -> None:
    before = fleet.twin("asset-0").version
    assert enode([update("vehicle-2", batteryLevel=40 + n) for n in range(9)]).body["stored"] == 9
    assert fleet.twin("asset-0").version == before + 2
    enode([update("vehicle-3", batteryLevel=40 + n) for n in range(30)])
    (message,) = queued(fleet)
    assert take([message]) == []
    assert fleet.twin("asset-1").version == before + 2


def test_a_message_names_no_car_and_no_driver(fleet: Rig) -> None:
    vins = [f"5YJ39000000000{number:03d}" for number in range(3)]
    for number, vin in enumerate(vins):
        place(fleet, a_twin(AT, asset=f"t-{number}", axle_asset_id=f"t-{number}", vehicle=Vehicle("tesla", vin)))
    shown = {"DetailedChargeState": "DetailedChargeStateCharging", "VehicleName": "Kitt"}
    times = [(AT - timedelta(seconds=ago)).isoformat() for ago in range(4)]
    records = [{"vin": vin, "createdAt": at, **shown} for vin in vins for at in times]
    assert tesla(records, AT).body["queued"] == 12
    event = update() | {"user": {"id": "app-user-77", "name": "Ada"}}
    event["vehicle"]["information"] = {"displayName": "Adas car", "vin": "WBA00000000000001"}
    assert enode([event, *a_batch()]).body["queued"] == 13
    text = "".join(queued(fleet))
    assert text
    assert [name for name in (*vins, "Kitt", "Ada", "WBA0", "app-user-77", ENODE_ID, *OTHERS) if name in text] == []


def test_an_account_that_is_lost_concerns_each_of_its_cars_in_a_large_batch_too(fleet: Rig) -> None:
    place(fleet, a_twin(AT, asset="car-9", axle_asset_id="a9", vehicle=Vehicle("enode", "v9", user_id="app-user-77")))
    lost = {"event": "user:credentials:invalidated", "user": {"id": "app-user-77"}, "vendor": "BMW"}
    assert enode([*a_batch(), lost]).body["queued"] == 13
    assert take(queued(fleet)) == []
    assert all(fleet.twin(asset).presence.needs_user for asset in ("car-1", "car-9"))


def test_a_batch_that_is_not_queued_is_our_fault_and_is_queued_when_it_is_repeated(
    fleet: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fleet.runtime.queues.send_message_batch
    refused = {"Successful": [], "Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}]}
    monkeypatch.setattr(fleet.runtime.queues, "send_message_batch", lambda **_: refused)
    assert enode(a_batch()).status == 500
    monkeypatch.setattr(fleet.runtime.queues, "send_message_batch", real)
    assert enode(a_batch()).body["queued"] == 12


def test_only_the_car_that_could_not_be_stored_is_delivered_again(fleet: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    enode(a_batch())
    messages = queued(fleet)
    refuse(fleet, monkeypatch, "update_item")
    failed = take(messages)
    assert failed == ["0"]
    assert take([messages[int(number)] for number in failed], received=2) == []
    assert plugged(fleet) == 4


def test_what_cannot_be_stored_is_given_up_with_a_letter_of_ids_and_the_car_is_read(fleet: Rig) -> None:
    enode(a_batch())
    message = next(body for body in queued(fleet) if json.loads(body)["asset"] == "car-1")
    assert take([message], received=MOST_RECEIVES + 1) == []
    (letter,) = queued(fleet, "VEHICLE_REPORTS_DEAD_LETTERS_URL")
    assert json.loads(letter) == {"asset": "car-1", "provider": "enode"}
    assert sessions(fleet) == [False, False, False]
    fleet.look("control", "car-1")
    request = fleet.twin("car-1").control.request
    assert request is not None
    assert request.kind == "look"


def test_a_dead_letter_that_is_put_back_has_the_car_read_once_more(fleet: Rig) -> None:
    assert take([json.dumps({"asset": "car-1", "provider": "enode"})]) == []
    assert fleet.twin("car-1").presence.look_wanted_at == fleet.clock.now()


def test_a_message_is_kept_while_its_state_read_cannot_be_requested_but_not_without_end(
    fleet: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    enode(a_batch())
    (message, *_) = queued(fleet)
    refuse(fleet, monkeypatch, "get_item", times=2)
    assert take([message], received=MOST_RECEIVES + 1) == ["0"]
    assert queued(fleet, "VEHICLE_REPORTS_DEAD_LETTERS_URL") == []
    assert take([message], received=MOST_RECEIVES_WITHOUT_READ + 1) == []
    assert len(queued(fleet, "VEHICLE_REPORTS_DEAD_LETTERS_URL")) == 1


def test_the_sample_message_is_stored(fleet: Rig) -> None:
    assert function("vehicle_reports").handler(sample("vehicle_reports"), None) == {"batchItemFailures": []}
    assert sessions(fleet) == [True, False, False]


def test_reports_of_an_erased_asset_are_dropped(fleet: Rig) -> None:
    enode(a_batch())
    messages = queued(fleet)
    key = {"pk": {"S": "ASSET#car-1"}, "sk": {"S": "TWIN"}}
    fleet.runtime.dynamodb.delete_item(TableName=fleet.runtime.table.name, Key=key)
    assert take(messages) == []
    assert take(messages, received=MOST_RECEIVES + 1) == []
    assert all(json.loads(body)["asset"] != "car-1" for body in queued(fleet, "VEHICLE_REPORTS_DEAD_LETTERS_URL"))


def test_the_queue_of_reports_is_encrypted_keeps_four_hours_and_never_moves_a_body() -> None:
    queue = template()["Resources"]["VehicleReportsQueue"]["Properties"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] <= 4 * 3600
    assert "RedrivePolicy" not in queue
    assert MOST_RECEIVES * queue["VisibilityTimeout"] <= 15 * 60
    assert MOST_RECEIVES_WITHOUT_READ * queue["VisibilityTimeout"] < queue["MessageRetentionPeriod"]
