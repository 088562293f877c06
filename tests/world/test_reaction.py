"""While nothing fails, a change reaches Axle and the car within seconds, and not at the next minute."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from simulators.axle.world import Asset
from tests.world.crash_points import prepared
from tests.world.situations import SITUATIONS
from tests.world.state import State

WITHIN = timedelta(seconds=30)


@pytest.mark.parametrize(
    ("situation", "reached"),
    [
        ("Axle gets a plug-in", lambda at_axle: bool(at_axle.plugged_in)),
        ("Axle gets a tariff", lambda at_axle: at_axle.tariff.off_peak_times == "01:00-06:00"),
        ("charge-now", lambda at_axle: at_axle.charge_now_until is not None),
    ],
)
def test_axle_gets_a_change_within_seconds(situation: str, reached: Callable[[Asset], bool]) -> None:
    with prepared(SITUATIONS[situation]) as (stage, home):
        before = State(stage.world).axle_asset(home.asset)
        assert before is not None
        assert not reached(before)
        SITUATIONS[situation].act(stage, home)
        stage.until(stage.world.clock.now() + WITHIN)
        at_axle = State(stage.world).axle_asset(home.asset)
        assert at_axle is not None
        assert reached(at_axle)


def test_a_car_gets_a_command_within_seconds() -> None:
    with prepared(SITUATIONS["charge-now"]) as (stage, home):
        SITUATIONS["charge-now"].act(stage, home)
        stage.until(stage.world.clock.now() + WITHIN)
        assert State(stage.world).car(home.vehicle_id).charging
