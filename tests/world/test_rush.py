"""A fleet at one edge, through the real handlers (see ``rush``)."""

from datetime import timedelta

from tests.world.car_maker import lateness_s
from tests.world.rush import EDGE, Setting, rush


def test_every_car_of_a_fleet_gets_one_start_and_none_before_the_edge() -> None:
    with rush(Setting(cars={"enode": 20})) as run:
        run.run_until(EDGE + timedelta(minutes=1))
    calls = run.maker.calls["enode"]
    late = lateness_s(calls, EDGE)
    assert len(calls) == len(late) == 20
    assert 0 <= late[0] <= late[-1] <= 5
