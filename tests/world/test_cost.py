"""What one session uses does not grow unnoticed: its counts are held to the figures of the last ``make bench``."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.world.cost import RHYTHMS, CostMeter, Counted, session
from tests.world.stages import Stage
from tests.world.world import new_world

FIGURES = json.loads((Path(__file__).parents[2] / "benchmarks" / "cost_figures.json").read_text(encoding="utf-8"))
GREW = 1.02
"""The order of two events within an instant may cost a read more or less."""


@pytest.mark.parametrize("rhythm", ["12"])
def test_a_session_uses_no_more_than_the_figures_say(rhythm: str) -> None:
    counts = session(RHYTHMS[rhythm]).counts()
    held = FIGURES[rhythm]["counts"]
    assert counts["reports"] == held["reports"]
    assert {name: n for name, n in counts.items() if n > held[name] * GREW} == {}


@pytest.mark.parametrize("schedules", [0, 4])
def test_a_webhook_without_news_costs_two_write_units_and_four_calls_with_and_without_long_schedules(
    schedules: int,
) -> None:
    with new_world(1) as world:
        world.simulated("POST", "/config", {"enode": {"sample_every_s": 300.0}})
        stage = Stage(world)
        home = stage.charging()
        for level in range(1, schedules + 1):
            body = {"profile": a_week_at_usual_powers(level, world.clock.now())}
            world.session.post(f"http://axle.test/_sim/assets/{home.asset}/issue", json=body).raise_for_status()
            stage.passes(seconds=30)
        stage.passes(minutes=23)
        held = world.request("GET", f"/assets/{home.asset}/schedule").json()["stretches"]
        assert (len(held) > 20) == bool(schedules)
        meter = CostMeter(world)
        stage.passes(minutes=5)
        counted = meter.stop()
    assert counted.runs == {"VehicleEventsFunction": 1}
    assert table_calls(counted) == 4
    assert dict(counted.write_units) == {"TWIN": 1, "SLOT": 1}
    assert counted.read_units["VehicleEventsFunction"] == 2


def a_week_at_usual_powers(level: int, start: datetime) -> dict[str, Any]:
    """A schedule of 2,016 periods of five minutes, at powers that change each half-hour after the first ten hours."""
    powers = (0.0, 3700.0, 7400.0, 99999.0)
    periods = [
        {"startPeriod": n * 300, "limit": 7400.0 if n < 120 else powers[n // 6 * (2 * level - 1) % 4]}
        for n in range(2016)
    ]
    return {
        "chargingProfileId": level,
        "stackLevel": level,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": start.isoformat(),
            "duration": 2016 * 300,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": periods,
        },
    }


@pytest.mark.parametrize("nights_before", [0, 1])
def test_a_webhook_with_a_plug_in_makes_at_most_six_calls_of_the_table(nights_before: int) -> None:
    with new_world(1) as world:
        stage = Stage(world)
        home = stage.onboarded()
        for _ in range(nights_before):
            world.move(home.vehicle_id, "plug-in")
            stage.passes(hours=2)
            world.move(home.vehicle_id, "plug-out")
            stage.passes(hours=1)
        meter = CostMeter(world)
        world.move(home.vehicle_id, "plug-in")
        stage.passes(seconds=0.5)
        counted = meter.stop()
    assert counted.runs["VehicleEventsFunction"] == 1
    assert counted.write_units["SLOT"] >= 1
    assert 4 <= counted.waits["VehicleEventsFunction dynamodb"] <= 6


def table_calls(counted: Counted) -> int:
    return sum(number for name, number in counted.calls.items() if name.startswith("dynamodb."))
