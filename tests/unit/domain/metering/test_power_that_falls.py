"""Power that was lower at the next report: whether it fell at once or all along."""

import pytest

from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import half_hours
from driveway.domain.metering.samples import Rating, Sample
from tests.unit.domain.metering.test_metering_cases import CAR, PLUG_IN, at, power, soc

BATTERY_WH = 40_000


def metered(*samples: Sample, rating: Rating = CAR) -> int:
    """The energy in watt-hours."""
    return sum(half_hour.energy_wh for half_hour in half_hours(energy_of([PLUG_IN, *samples], rating)).values())


def nearly_full(every_min: int) -> tuple[list[Sample], float]:
    """The reports of a charge from 70 % until the battery is full, and the watt-hours that flowed.

    From 90 % on the battery takes less and less.
    """
    stored_wh, flowed_wh, minute = BATTERY_WH * 0.7, 0.0, 0
    found: list[Sample] = []
    while stored_wh < BATTERY_WH * 0.999:
        watts = 7400 * (1 - 0.8 * max(0.0, stored_wh / BATTERY_WH - 0.9) / 0.1)
        if minute % every_min == 0:
            percent = round(100 * stored_wh / BATTERY_WH)
            found += [
                Sample(at(minute), "power", round(watts), tells_every_change=True),
                Sample(at(minute), "soc", round(BATTERY_WH * percent / 90), "battery"),
            ]
        stored_wh += watts * 0.9 / 60
        flowed_wh += watts / 60
        minute += 1
    full = Sample(at(minute), "soc", round(BATTERY_WH / 0.9), "battery")
    return [*found, full, power(minute, 0, tells=True)], flowed_wh


@pytest.mark.parametrize("every_min", [16, 20, 25, 30, 35, 40])
def test_a_battery_that_is_nearly_full_gets_no_more_than_it_took(every_min: int) -> None:
    samples, flowed_wh = nearly_full(every_min)
    found_wh = metered(*samples, rating=Rating(7400, BATTERY_WH, travels=True))
    assert flowed_wh * 0.99 < found_wh < flowed_wh * 1.01 + 100


@pytest.mark.parametrize(("risen_pct", "expected_wh"), [(12, 10_800), (14, 12_444), (16, 14_222), (17, 14_400)])
def test_power_fell_as_late_as_a_rise_of_more_than_a_step_beyond_an_even_fall_shows(
    risen_pct: int, expected_wh: int
) -> None:
    """7.2 kW for two hours are 14.4 kWh, or 16.2 % of 80 kWh; an even fall to 3.6 kW would be 10.8 kWh."""
    reports = [power(0, 7200, tells=True), power(120, 3600, tells=True), power(180, 0, tells=True)]
    charge = soc(0, 40), soc(120, 40 + risen_pct), soc(180, 44 + risen_pct)
    assert metered(*reports, *charge) == pytest.approx(expected_wh + 3600, abs=2)


def test_power_fell_at_once_if_there_is_no_state_of_charge() -> None:
    assert metered(power(0, 7200, tells=True), power(120, 3600, tells=True), power(180, 0, tells=True)) == 18_000


@pytest.mark.parametrize("pct", [0, 50])
def test_a_battery_that_a_cloud_reports_as_empty_or_half_full_throughout_leaves_the_power_as_it_is(pct: int) -> None:
    reports = [power(0, 7200, tells=True), power(60, 7200, tells=True), power(120, 0, tells=True)]
    assert metered(*reports, *(soc(minute, pct) for minute in (0, 60, 120))) == 14_400


def test_a_cloud_that_reports_half_full_throughout_one_session_is_not_believed_for_what_the_session_before_showed() -> (
    None
):
    first = [power(0, 7200, tells=True), power(60, 0, tells=True), soc(0, 42), soc(60, 50), soc(61, 50)]
    plugs = [Sample(at(70), "unplugged"), Sample(at(80), "plugged")]
    second = [power(90, 7200, tells=True), power(150, 0, tells=True), soc(80, 50), soc(90, 50), soc(150, 50)]
    assert metered(*first, *plugs, *second) == 14_400


@pytest.mark.parametrize("pct", [49, 51])
def test_another_state_of_charge_that_stays_outweighs_power_that_is_held(pct: int) -> None:
    reports = [power(0, 7200, tells=True), power(120, 0, tells=True)]
    assert metered(*reports, soc(0, pct), soc(120, pct)) == 0


@pytest.mark.parametrize("limit_pct", [50, 60])
def test_a_battery_that_stays_at_its_charge_limit_takes_nothing_although_the_stop_was_not_reported(
    limit_pct: int,
) -> None:
    charge = soc(0, limit_pct - 8), soc(60, limit_pct), soc(420, limit_pct)
    assert metered(power(0, 7200, tells=True), power(60, 7200, tells=True), power(420, 0, tells=True), *charge) == 7200


@pytest.mark.parametrize(
    ("proof_min", "risen_pct", "expected_wh"),
    [(120, 29, 14_400 + 25_778), (60, 29, 7200 + 28_800), (120, 30, 43_200), (120, 35, 43_200)],
    ids=["it agreed better before", "too little before", "as before, within a step each", "the rise shows more"],
)
def test_power_that_holds_until_a_stop_counts_only_if_it_shows_no_more_of_a_rise_than_it_did_before(
    proof_min: int, risen_pct: int, expected_wh: int
) -> None:
    """7.2 kW for two hours are 14.4 kWh, or 16.2 % of 80 kWh; for four more hours, 28.8 kWh or 32.4 %."""
    reports = [power(0, 7200, tells=True), power(proof_min, 7200, tells=True), power(proof_min + 240, 0, tells=True)]
    before_pct = 40 + proof_min * 16 // 120
    charge = soc(0, 40), soc(proof_min, before_pct), soc(proof_min + 240, before_pct + risen_pct)
    assert metered(*reports, *charge) == pytest.approx(expected_wh, abs=2)
