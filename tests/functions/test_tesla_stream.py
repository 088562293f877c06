"""Tesla's telemetry stream: a batch from Kinesis is stored, and repeated where storing fails."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from driveway.domain.twin import Observed, Vehicle
from driveway.observations import car_reports
from driveway.store.conditional import ContentionError
from tests.support.functions.assets import TESLA_CAR, a_twin, place, refuse, sample
from tests.support.functions.rig import Rig, function
from tests.support.functions.webhook_calls import AT


def test_a_batch_of_teslas_stream_is_taken_and_a_poisoned_record_does_not_block_it(cars: Rig) -> None:
    assert function("vehicle_events").handler(sample("tesla_kinesis"), None) == {"batchItemFailures": []}
    presence = cars.twin("car-3").presence
    assert presence.session is not None
    assert presence.reachable is not None


def test_the_stream_repeats_from_the_first_record_that_could_not_be_stored(
    cars: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = sample("tesla_kinesis")
    refuse(cars, monkeypatch, "update_item")
    answer = function("vehicle_events").handler(event, None)
    first = event["Records"][0]["kinesis"]["sequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert function("vehicle_events").handler(event, None) == {"batchItemFailures": []}
    before = cars.items()
    assert function("vehicle_events").handler(event, None) == {"batchItemFailures": []}
    assert cars.items() == before


def record(number: int, vin: str, state: str, at: datetime) -> dict[str, Any]:
    """A record of the stream."""
    body = {"vin": vin, "createdAt": at.isoformat(), "DetailedChargeState": f"DetailedChargeState{state}"}
    data = base64.b64encode(json.dumps(body).encode()).decode()
    kinesis = {"sequenceNumber": str(number), "data": data}
    return {"eventSource": "aws:kinesis", "eventID": f"shardId-7:{number}", "eventSourceARN": "a", "kinesis": kinesis}


def test_the_records_of_a_car_are_one_write_and_a_car_that_fails_does_not_stop_the_others(
    cars: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(cars, a_twin(AT, asset="car-4", axle_asset_id="axle-4", vehicle=Vehicle("tesla", "VIN-4")))
    states = ("Disconnected", "Stopped", "Charging")
    mixed = [(vin, state) for state in states for vin in ("VIN-4", TESLA_CAR.vehicle_id)]
    batch = [record(n, vin, state, AT + timedelta(seconds=n)) for n, (vin, state) in enumerate(mixed)]
    cars.clock.put(AT + timedelta(minutes=1))
    real, before = car_reports.take_reports, cars.twin("car-4").version

    def fails(asset: str, *given: Any) -> None:
        if asset == "car-3":
            raise ContentionError("an outage")
        real(asset, *given)

    monkeypatch.setattr(car_reports, "take_reports", fails)
    answer = function("vehicle_events").handler({"Records": batch}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert cars.twin("car-4").version == before + 1
    assert cars.twin("car-4").presence.plugged_in == Observed(True, AT + timedelta(seconds=4))
    monkeypatch.setattr(car_reports, "take_reports", real)
    assert function("vehicle_events").handler({"Records": batch[1:]}, None) == {"batchItemFailures": []}
    assert cars.twin("car-4").version == before + 1
    assert cars.twin("car-3").presence.charging == Observed(True, AT + timedelta(seconds=5))


def test_only_the_record_at_fault_is_set_aside(cars: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    states = ("Disconnected", "Stopped", "Charging")
    batch = [record(n, TESLA_CAR.vehicle_id, state, AT + timedelta(seconds=n)) for n, state in enumerate(states)]
    cars.clock.put(AT + timedelta(minutes=1))
    real = car_reports.take_reports

    def fails(asset: str, reports: Any, *given: Any) -> None:
        if any(one.observations[0].at == AT + timedelta(seconds=1) for one in reports):
            raise ValueError("poison")
        real(asset, reports, *given)

    monkeypatch.setattr(car_reports, "take_reports", fails)
    assert function("vehicle_events").handler({"Records": batch}, None) == {"batchItemFailures": []}
    url = cars.runtime.settings.text("STREAM_FAILURES_QUEUE_URL")
    (message,) = cars.runtime.queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    place_in_stream = {"streamArn": "a", "shardId": "shardId-7", "startSequenceNumber": "1", "endSequenceNumber": "1"}
    kept = {"function": "vehicle-events", "error": "ValueError", "KinesisBatchInfo": place_in_stream}
    assert json.loads(message["Body"]) == kept, "telemetry holds positions, which are not kept"
    assert cars.twin("car-3").presence.charging == Observed(True, AT + timedelta(seconds=2))
