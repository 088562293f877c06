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


CHARGER = Rating(power_w=7400)


def of_charger(before_wh: int, after_wh: int, power_w: int = 7400, until: float = 120) -> list[int]:
    """The energy of a charge by two registers of a charger: of all energy, and of the session at 3.5 kW."""
    samples = [
        *(sample(0, "plugged"), sample(0, "power", power_w), sample(0, "lifetime", before_wh), sample(0, "session")),
        *(
            sample(until, "stopped"),
            sample(until, "lifetime", after_wh),
            sample(until, "session", int(until * 3500 / 60)),
        ),
    ]
    found = half_hours(energy_of(samples, CHARGER))
    return [found[start].energy_wh for start in sorted(found)][:4]


def test_a_register_of_all_energy_that_stays_at_0_while_power_flows_leaves_it_to_the_register_of_the_session() -> None:
    assert of_charger(0, 0) == [1750] * 4


def test_a_register_of_all_energy_that_rose_counts_before_the_register_of_the_session() -> None:
    assert of_charger(0, 6000) == [1500] * 4


@pytest.mark.parametrize(
    ("wh", "power_w", "until"),
    [(41_000, 7400, 120), (41_273, 7400, 120), (0, 0, 120), (0, 7400, 5)],
    ids=["it counts in steps", "it counts watt-hours", "no power", "a stop at once"],
)
def test_a_register_of_all_energy_that_may_stand_still_counts_before_the_register_of_the_session(
    wh: int, power_w: int, until: float
) -> None:
    assert set(of_charger(wh, wh, power_w, until)) == {0}
