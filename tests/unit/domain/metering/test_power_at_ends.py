"""Which explanation of a register the power favours, when the power was shown at the ends of a pause only."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.recording import Metered, Window, record
from driveway.domain.metering.samples import Rating, Sample

PLUGGED_AT = datetime(2026, 1, 15, 10, 0, tzinfo=UTC)
CAR = Metered("car-1", "axle-1", Rating(7400, 64_000, travels=True))


def at(minutes: float) -> datetime:
    return PLUGGED_AT + timedelta(minutes=minutes)


def night(pause_min: int) -> list[Sample]:
    """An hour of charging, a pause in which the register shows 0, and half an hour of charging; polled."""
    samples = [
        Sample(at(0), "plugged", 0),
        Sample(at(0), "stopped", 0),
        Sample(at(0), "session", 0),
        Sample(at(0), "soc", 30_000),
    ]
    for minute in range(0, 60, 10):
        samples += [Sample(at(minute + 1), "power", 7400), Sample(at(minute + 1), "session", 7400 * minute // 60)]
    samples += [Sample(at(61), kind, value) for kind, value in (("stopped", 0), ("session", 0), ("soc", 37_400))]
    back = 61 + pause_min
    for minute in range(0, 40, 10):
        samples += [
            Sample(at(back + minute), "power", 7400),
            Sample(at(back + minute), "session", 7400 + 7400 * minute // 60),
            Sample(at(back + minute), "soc", 37_400 + 7400 * minute // 60),
        ]
    return samples


@pytest.mark.parametrize("pause_min", [90, 180, 300])
def test_power_that_begins_at_the_end_of_a_pause_does_not_fill_the_pause(pause_min: int) -> None:
    slots = record(Window(), night(pause_min), CAR, now=at(24 * 60))
    assert slots is not None
    total_wh = sum(slot.value_wh or 0 for slot in slots)
    assert total_wh == pytest.approx(7400 * 1.5, abs=60)
