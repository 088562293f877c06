"""A register that shows the last value of a charge only some time after its stop."""

from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import half_hours
from driveway.domain.metering.samples import Rating, Sample, SampleKind

CAR = Rating(power_w=7400, battery_wh=64_000, travels=True)


def sample(minute: float, kind: SampleKind, value: int = 0) -> Sample:
    return Sample(datetime(2026, 1, 15, 18, 0, tzinfo=UTC) + timedelta(minutes=minute), kind, value)


def values(*samples: Sample) -> list[int | None]:
    """The energy of each half-hour (Wh), None where it is unknown."""
    found = half_hours(energy_of(samples, CAR))
    return [None if found[start].unknown_ms else found[start].energy_wh for start in sorted(found)]


def charge(counted_wh: int, power_w: int, stop_minute: float) -> list[Sample]:
    """A charge of an hour, and a stop that is reported with the count that was seen last."""
    return [
        sample(0, "plugged"),
        *(sample(0, "session"), sample(0, "power", power_w)),
        *(sample(60, "session", counted_wh), sample(60, "power", power_w)),
        *(sample(stop_minute, "session", counted_wh), sample(stop_minute, "stopped")),
    ]


@pytest.mark.parametrize(
    ("counted_wh", "power_w", "last"),
    [(7399, 7400, [None, None]), (7400, 7400, [0, 0]), (7399, 0, [0, 0])],
    ids=["a fine register and power", "a register that counts in steps", "no power"],
)
def test_a_register_that_shows_the_same_after_a_charge_had_power_does_not_prove_that_nothing_flowed(
    counted_wh: int, power_w: int, last: list[int | None]
) -> None:
    assert values(*charge(counted_wh, power_w, 120))[2:4] == last


def test_the_last_value_of_a_charge_counts_where_the_session_goes_on() -> None:
    found = values(*charge(7399, 7400, 120), sample(150, "session", 9399), sample(150, "stopped"))
    assert (sum(one or 0 for one in found), all(found[:5])) == (9399, True), "from the last reading with power on"


def test_a_stop_reported_at_once_with_the_same_count_shows_that_nothing_flowed() -> None:
    again = [sample(90, "session", 7399), sample(90, "stopped")]
    assert values(*charge(7399, 7400, 64), *again)[2] == 0


def test_a_charge_without_power_says_nothing_of_a_late_register() -> None:
    reported = [
        sample(60, "session", 7399),
        sample(60, "charging"),
        sample(120, "session", 7399),
        sample(120, "stopped"),
    ]
    assert values(sample(0, "plugged"), sample(0, "session"), *reported)[2:4] == [0, 0]
