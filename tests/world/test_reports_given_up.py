"""Reports of a large batch that are never stored: the consumer fails or dies each time, and the car is read instead."""

import json

import pytest

from driveway.observations import report_queue
from tests.support.faults import Death
from tests.world.situations import SITUATIONS
from tests.world.stages import Stage
from tests.world.state import State
from tests.world.world import new_world


@pytest.mark.parametrize("fault", [RuntimeError("never"), Death("each time")])
def test_a_car_whose_reports_are_never_stored_is_read_after_a_quarter_of_an_hour(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise fault

    with new_world(1) as world:
        stage = Stage(world)
        home = stage.onboarded()  # it does not charge, so it reports nothing by itself later
        monkeypatch.setattr(report_queue, "take_cars", fails)
        SITUATIONS["a large batch"].act(stage, home)
        stage.passes(minutes=10)
        assert State(world).twins[home.asset].presence.session is None
        stage.passes(minutes=20)
        assert State(world).twins[home.asset].presence.session is not None
        letters = world.cloud.dead_letters()
        assert list(letters) == ["VehicleReportsDeadLetters"]
        bodies = [json.loads(one.body) for one in letters["VehicleReportsDeadLetters"]]
        assert bodies == [{"asset": home.asset, "provider": "enode"}]
        assert world.cloud.queues()["VehicleReportsQueue"].messages == []
        assert world.violations == []
