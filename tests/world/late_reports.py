"""A car whose reports come late and out of order. Its half-hours are those of its own meter."""

from datetime import timedelta

from tests.world.forks import in_a_copy
from tests.world.stages import HELD_UNTIL, Stage
from tests.world.state import State
from tests.world.world import new_world

NEAR_WH = 60.0
LATE = {"webhook_faults": {"late": 0.5, "late_s": 900.0}, "sample_every_s": 300}


def energy_of_late_reports() -> list[str]:
    """The half-hours that differ from the car's own meter."""
    return in_a_copy(_ended)


def _ended() -> list[str]:
    with new_world(1) as world:
        world.simulated("POST", "/config", {"enode": LATE})
        stage = Stage(world)
        home = stage.held("enode")
        stage.until(HELD_UNTIL + timedelta(hours=3))
        world.move(home.vehicle_id, "plug-out")
        stage.passes(hours=1)
        true_wh = State(world).car(home.vehicle_id).slots_wh
        slots = {slot.start: slot.value_wh or 0 for slot in State(world).slots if slot.asset == home.asset}
        found = [(start, slots.get(start, 0), wh) for start, wh in true_wh.items()]
        return [f"{start:%H:%M}: {wh} Wh, flowed {true:.0f}" for start, wh, true in found if abs(wh - true) > NEAR_WH]
