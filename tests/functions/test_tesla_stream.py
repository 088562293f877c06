"""Tesla's telemetry stream: a batch from Kinesis is stored, and repeated where storing fails."""

import pytest

from tests.support.functions.assets import refuse, sample
from tests.support.functions.rig import Rig, function


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
