"""What a car maker's door turns away or does not store is counted, by provider and never by car."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from driveway.auth.signatures import hmac_hex
from tests.support.functions.assets import (
    SAMPLE_SECRETS,
    SMARTCAR_CAR,
    TESLA_CAR,
    a_twin,
    called,
    place,
    sample,
    set_secret,
)
from tests.support.functions.rig import Rig, function

AT = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)


@pytest.fixture
def cars(rig: Rig) -> Rig:
    """A stage with one car at each provider, and the secrets that signed the sample events."""
    rig.clock.put(AT)
    place(
        rig,
        a_twin(AT),
        a_twin(AT, asset="car-2", axle_asset_id="axle-2", vehicle=SMARTCAR_CAR),
        a_twin(AT, asset="car-3", axle_asset_id="axle-3", vehicle=TESLA_CAR),
    )
    set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    return rig


def counted(capfd: pytest.CaptureFixture[str]) -> list[tuple[str, dict[str, float]]]:
    """The metrics written since the last call: provider and values by name, each line held to its declaration."""
    found = []
    for line in capfd.readouterr().out.splitlines():
        record = json.loads(line)
        if "_aws" not in record:
            continue
        (declared,) = record["_aws"]["CloudWatchMetrics"]
        assert [sorted(names) for names in declared["Dimensions"]] == [["provider", "service", "stage"]]
        assert (declared["Namespace"], record["service"], record["stage"]) == ("Driveway", "driveway", "test")
        found.append((record["provider"], {one["Name"]: record[one["Name"]][0] for one in declared["Metrics"]}))
    return found


def smartcar(body: dict[str, Any]) -> int:
    event, raw = sample("smartcar_plug_in"), json.dumps(body)
    event["headers"]["sc-signature"] = hmac_hex(SAMPLE_SECRETS["smartcar"][0], raw.encode())
    return called("vehicle_events", {**event, "body": raw}).status


def test_a_webhook_that_is_stored_counts_nothing(cars: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    called("vehicle_events", sample("enode_plug_in"))
    assert counted(capfd) == []


def test_a_batch_tells_unknown_cars_unused_kinds_and_unreadable_items_apart(
    cars: Rig, capfd: pytest.CaptureFixture[str]
) -> None:
    cars.clock.put(datetime(2026, 11, 22, 23, 0, 42, tzinfo=UTC))
    called("vehicle_events", sample("enode_mixed_batch"))
    assert counted(capfd) == [("enode", {"EventsOfUnknownVehicles": 1, "EventsUnused": 3, "EventsDropped": 1})]


@pytest.mark.parametrize("provider", ["enode", "smartcar"])
def test_a_repeated_event_is_counted(cars: Rig, capfd: pytest.CaptureFixture[str], provider: str) -> None:
    called("vehicle_events", sample(f"{provider}_plug_in"))
    called("vehicle_events", sample(f"{provider}_plug_in"))
    assert counted(capfd) == [(provider, {"EventsRepeated": 1})]


@pytest.mark.parametrize("name", ["enode_plug_in", "smartcar_plug_in", "tesla_relay_plug_in"])
def test_a_bad_signature_is_counted(cars: Rig, capfd: pytest.CaptureFixture[str], name: str) -> None:
    assert called("vehicle_events", {**sample(name), "headers": {}}).status == 401
    assert counted(capfd) == [(name.partition("_")[0], {"BadSignatures": 1})]


def test_a_provider_nobody_knows_makes_no_metric(cars: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    event = {**sample("enode_plug_in"), "pathParameters": {"provider": "made-up"}}
    assert called("vehicle_events", event).status == 404
    assert counted(capfd) == []


def test_events_of_tests_and_of_unused_kinds_are_counted(cars: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    body = json.loads(sample("smartcar_plug_in")["body"])
    assert smartcar({**body, "meta": {**body["meta"], "mode": "TEST"}}) == 200
    assert smartcar({**body, "eventType": "VEHICLE_RENAMED"}) == 200
    assert counted(capfd) == [("smartcar", {"EventsOfTests": 1}), ("smartcar", {"EventsUnused": 1})]


def test_a_batch_of_the_stream_is_counted_once(cars: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    function("vehicle_events").handler(sample("tesla_kinesis"), None)
    first = counted(capfd)
    function("vehicle_events").handler(sample("tesla_kinesis"), None)
    ((provider, again),) = counted(capfd)
    assert [record for record in first if "EventsRepeated" in record[1]] == []
    assert provider == "tesla"
    assert again["EventsRepeated"] >= 1
    assert again["EventsDropped"] == 1
