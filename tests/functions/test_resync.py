"""Looking at the whole fleet of a provider whose webhooks were lost."""

from typing import Any

import pytest

from local.resync import outputs_of, resync
from tests.support.functions.stage import Stage


def test_every_car_of_the_provider_is_looked_at_and_a_lost_plug_in_is_found(stage: Stage) -> None:
    for number in range(1, 4):
        stage.park("enode", number=number)
    stage.park("smartcar", number=4)
    for number in range(1, 4):
        stage.cars.do("plug-out", f"5YJ3000000000000{number}")
    waited: list[float] = []
    runtime = stage.rig.runtime
    sent = resync(
        runtime.dynamodb,
        stage.rig.bus,  # type: ignore[arg-type]  # a bus that keeps what it is given
        table=runtime.table.name,
        bus="bus",
        provider="enode",
        per_second=2,
        sleep=waited.append,
    )
    assert (sent, sum(waited)) == (3, 1.5)
    stage.rig.clock.move(minutes=1)
    stage.settle()
    held = [stage.rig.twin(f"car-{number}").presence.held_plug_out is not None for number in range(1, 5)]
    assert held == [True, True, True, False]


def test_a_request_that_the_bus_refuses_is_an_error(stage: Stage) -> None:
    stage.park("enode")

    class Full:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1}

    runtime = stage.rig.runtime
    with pytest.raises(RuntimeError, match="refused 1 of 1"):
        resync(
            runtime.dynamodb,
            Full(),  # type: ignore[arg-type]  # a bus that takes nothing
            table=runtime.table.name,
            bus="bus",
            provider="enode",
            per_second=1000,
        )


def test_the_stack_is_found_by_its_outputs() -> None:
    class Formation:
        def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
            assert StackName == "driveway-test"
            return {"Stacks": [{"Outputs": [{"OutputKey": "BusName", "OutputValue": "bus-1"}]}]}

    assert outputs_of(Formation(), "driveway-test") == {"BusName": "bus-1"}
