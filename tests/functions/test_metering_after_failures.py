"""Half-hours are written after the twin; whatever fails in between, they come to hold every plug-in and plug-out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.metering.slot import Slot
from driveway.domain.twin import Home
from tests.support.functions.assets import (
    SAMPLE_SECRETS,
    SMARTCAR_CAR,
    TESLA_CAR,
    a_twin,
    called,
    place,
    refuse,
    sample,
    set_secret,
)
from tests.support.functions.rig import NOW, Rig, function

HOME = Home(52.0907, 5.1214)
EXAMPLES = count()


@pytest.fixture
def cars(rig: Rig) -> Rig:
    """A stage with one car at each provider, and the secrets that signed the sample events."""
    place(
        rig,
        a_twin(NOW, home=HOME),
        a_twin(NOW, asset="car-2", axle_asset_id="axle-2", vehicle=SMARTCAR_CAR, home=HOME),
        a_twin(NOW, asset="car-3", axle_asset_id="axle-3", vehicle=TESLA_CAR),
    )
    set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
    return rig


def slots(rig: Rig, asset: str = "car-1") -> list[Slot]:
    return list(rig.runtime.slots.read(asset, NOW - timedelta(days=1)))


def facts(rig: Rig, asset: str = "car-1") -> list[tuple[str, datetime]]:
    """The plug samples in the half-hours of an asset, in order of time."""
    held = [sample for slot in slots(rig, asset) for sample in slot.samples if "plugged" in sample.kind]
    return [(sample.kind, sample.at) for sample in sorted(held, key=lambda sample: (sample.at, sample.kind))]


@contextmanager
def slot_writes_failing(rig: Rig, *, after: int = 0) -> Iterator[None]:
    """Let every write of a half-hour fail once so many have been made."""
    made = [0]

    def failing(real: Any) -> Any:
        def write(**request: Any) -> Any:
            made[0] += 1
            if made[0] > after:
                raise ClientError({"Error": {"Code": "InternalServerError", "Message": "an outage"}}, "PutItem")
            return real(**request)

        return write

    client = rig.runtime.dynamodb
    with pytest.MonkeyPatch.context() as patched:
        for operation in ("put_item", "transact_write_items"):
            patched.setattr(client, operation, failing(getattr(client, operation)))
        yield


def observe(rig: Rig, asset: str = "car-1", **signals: Any) -> int:
    body = {"observations": [{"at": rig.clock.now().isoformat(), **signals}]}
    return rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset=asset).status


@pytest.mark.parametrize(
    ("name", "asset"), [("enode_plug_in", "car-1"), ("smartcar_plug_in", "car-2"), ("tesla_relay_plug_in", "car-3")]
)
def test_a_plug_in_whose_half_hour_could_not_be_written_is_recorded_by_the_repeated_webhook(
    cars: Rig, name: str, asset: str
) -> None:
    cars.clock.put(datetime.fromtimestamp(sample(name)["requestContext"]["timeEpoch"] / 1000, UTC))
    with slot_writes_failing(cars):
        assert called("vehicle_events", sample(name)).status == 500
    session = cars.twin(asset).presence.session
    assert session is not None
    assert facts(cars, asset) == []
    before = cars.twin(asset)
    assert called("vehicle_events", sample(name)).body["stored"] == 1
    assert facts(cars, asset) == [("plugged", session.plugged_at)]
    assert cars.twin(asset).presence == before.presence


def test_a_record_of_the_stream_is_recorded_by_its_repetition(cars: Rig) -> None:
    cars.clock.put(datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC))
    event = sample("tesla_kinesis")
    with slot_writes_failing(cars):
        assert len(function("vehicle_events").handler(event, None)["batchItemFailures"]) == 1
    assert function("vehicle_events").handler(event, None) == {"batchItemFailures": []}
    assert [kind for kind, _ in facts(cars, "car-3")] == ["plugged"]


def test_what_no_one_repeats_is_recorded_with_whatever_is_seen_next(cars: Rig) -> None:
    with slot_writes_failing(cars):
        assert observe(cars, plugged_in=True, at_home=True) == 500
    cars.clock.move(hours=3)
    assert observe(cars, soc_pct=50) == 202
    assert facts(cars) == [("plugged", NOW)]
    assert [slot.plugged for slot in slots(cars)[:1]] == [True]


def test_a_plug_out_that_time_alone_decided_is_recorded_by_the_repeated_look(cars: Rig) -> None:
    observe(cars, plugged_in=True, at_home=True)
    cars.clock.move(hours=1)
    left = cars.clock.now()
    observe(cars, plugged_in=False)
    cars.clock.move(minutes=2)
    record = {"messageId": "1", "body": '{"asset": "car-1"}', "eventSource": "aws:sqs"}
    look = function("charge_control").handler
    with slot_writes_failing(cars):
        assert look({"Records": [record]}, None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert facts(cars) == [("plugged", NOW)]
    assert look({"Records": [record]}, None) == {"batchItemFailures": []}
    assert facts(cars) == [("plugged", NOW), ("unplugged", left)]


def test_an_observation_that_changes_nothing_of_a_recorded_session_writes_nothing(
    cars: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe(cars, plugged_in=True, at_home=True)
    cars.look("control", "car-1")
    cars.clock.move(seconds=30)
    before = cars.items()
    for operation in ("put_item", "update_item", "delete_item", "transact_write_items"):
        refuse(cars, monkeypatch, operation)
    assert observe(cars, plugged_in=True, at_home=True) == 202
    cars.look("control", "car-1")
    assert cars.items() == before


REPORTS: tuple[dict[str, Any], ...] = (
    {"plugged_in": True, "at_home": True},
    {"plugged_in": False},
    {"plugged_in": False, "at_home": False},
    {"charging": True, "power_kw": 7.2},
    {"charging": False, "power_kw": 0},
)


@given(
    reports=st.lists(st.tuples(st.integers(1, 50), st.sampled_from(REPORTS), st.integers(0, 2)), min_size=2, max_size=5)
)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_half_hours_whose_writes_fail_come_to_hold_what_those_of_an_undisturbed_car_hold(
    cars: Rig, reports: list[tuple[int, dict[str, Any], int]]
) -> None:
    number = next(EXAMPLES)
    calm, disturbed = f"calm-{number}", f"disturbed-{number}"
    cars.clock.put(NOW)
    place(cars, *(a_twin(NOW, asset=asset, axle_asset_id=asset, vehicle=None) for asset in (calm, disturbed)))
    for minutes, signals, good_writes in reports:
        cars.clock.move(minutes=minutes)
        assert observe(cars, calm, **signals) == 202
        with slot_writes_failing(cars, after=good_writes):
            observe(cars, disturbed, **signals)
        assert observe(cars, disturbed, **signals) == 202
    assert facts(cars, disturbed) == facts(cars, calm)
    assert [held(slot) for slot in slots(cars, disturbed)] == [held(slot) for slot in slots(cars, calm)]


def held(slot: Slot) -> tuple[Any, ...]:
    return slot.start, slot.samples, slot.energy_wh, slot.plugged, slot.plugged_at_end
