"""A register that shows 0 and no cable while the car is stopped, and one that restarted because it was unplugged."""

import pytest

from driveway.domain.metering.half_hour_energy import HalfHour
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.state_of_charge import soc_step_wh
from driveway.domain.presence.observation import RegisterKind
from tests.unit.domain.metering.test_metering_contradictions import (
    CAR,
    Readings,
    at,
    fact,
    metered,
    register,
    total,
    zeros,
)

PLUG_OUT = (Sample(at(90), "unplugged"), Sample(at(105), "plugged"))


def seen(
    readings: Readings, soc: Readings, *others: Sample, declared: RegisterKind | None = None
) -> dict[int, HalfHour]:
    battery = [Sample(at(minute), "soc", value, "battery") for minute, value in soc]
    return metered(*register(readings, declared=declared), *battery, *PLUG_OUT, *others)


def test_a_register_that_goes_on_after_a_false_plug_out_counts_only_its_rise() -> None:
    readings = [(0, 0), (89, 9000), (90, 0), (105, 0), (240, 9100), (300, 12_500)]
    found = seen(readings, [(89, 30_000), (105, 30_000), (240, 30_000), (300, 33_400)])
    assert (total(found), found[210].energy_wh < 100) == (12_500, True)


@pytest.mark.parametrize("charged_wh", [9000, 9100, 9500])
def test_a_register_that_reaches_its_last_count_in_a_new_session_counts_whole(charged_wh: int) -> None:
    readings = [(0, 0), (89, 9000), (90, 0), (105, 0), (240, charged_wh)]
    idle = [Sample(at(minute), "power", 0) for minute in (105, 240)]
    found = seen(readings, [(89, 30_000), (105, 27_000), (240, 27_000 + charged_wh)], *idle)
    assert total(found) == 9000 + charged_wh


def test_what_was_counted_behind_a_0_flowed_while_the_state_of_charge_rose() -> None:
    """The car charged from 18:00 to 19:00, and its register went on from there at 22:00."""
    readings = [(0, 10), (60, 0), (240, 7400), (300, 14_000)]
    soc = [(0, 30_000), (60, 37_000), (240, 37_000), (300, 43_600)]
    facts = [fact(0, "charging"), fact(60, "stopped"), fact(240, "charging"), fact(300, "stopped")]
    found = metered(*register(readings), *(Sample(at(one), "soc", wh, "battery") for one, wh in soc), *facts)
    assert (total(found), sum(found[minute].energy_wh for minute in range(60, 240, 30))) == (13_990, 0)


def test_a_battery_that_gains_less_than_its_charger_gives_leaves_the_0_before_the_charge() -> None:
    soc = [Sample(at(one), "soc", wh, "battery") for one, wh in [(0, 30_000), (60, 30_000), (240, 36_000)]]
    found = metered(*register([(0, 0), (60, 0), (240, 9000)]), *soc)
    assert (total(found), zeros(found)) == (9000, [0, 30])


def test_a_later_plug_in_at_0_does_not_prove_that_it_restarted_at_the_false_one() -> None:
    readings = [(0, 0), (89, 9000), (90, 0), (105, 0), (240, 9100), (300, 12_500), (305, 0)]
    soc = [(89, 30_000), (105, 30_000), (240, 30_000), (300, 33_400)]
    again = [Sample(at(301), "unplugged"), Sample(at(304), "plugged")]
    assert total(seen(readings, soc, *again)) == 12_500


@pytest.mark.parametrize("readings", [[(0, 0), (89, 2000), (90, 0), (105, 0), (240, 2100), (300, 8000)]])
@pytest.mark.parametrize("pct", [0, 50])
def test_a_state_of_charge_that_is_made_up_leaves_a_restart_a_restart(readings: Readings, pct: int) -> None:
    soc = [(minute, pct * soc_step_wh(CAR)) for minute in (89, 105, 240, 300)]
    assert total(seen(readings, soc)) == 2000 + 8000


def test_nothing_is_hidden_by_a_0_before_which_the_car_took_nothing() -> None:
    """A car that heats itself takes energy that its battery does not show."""
    soc = [Sample(at(minute), "soc", 30_000, "battery") for minute in (0, 60, 240)]
    found = metered(*register([(0, 0), (60, 0), (240, 6000)]), *soc)
    assert (total(found), zeros(found)) == (6000, [0, 30])


@pytest.mark.parametrize(
    "soc", [[], [(89, 30_000), (240, 30_000)]], ids=["none", "the same before the drive and after the charge"]
)
def test_without_a_state_of_charge_since_the_plug_in_the_register_restarted(soc: Readings) -> None:
    assert total(seen([(0, 0), (89, 9000), (90, 0), (105, 0), (240, 9100)], soc)) == 9000 + 9100


@pytest.mark.parametrize(
    ("readings", "declared"),
    [
        ([(0, 0), (89, 500), (90, 0), (105, 0), (240, 550)], None),
        ([(0, 0), (89, 9000), (90, 0), (105, 0), (240, 5000)], None),
        ([(0, 0), (89, 9000), (90, 0), (105, 0), (240, 9100)], "per_charge"),
    ],
    ids=["less than a per cent", "a lower count", "declared to restart"],
)
def test_a_state_of_charge_that_stays_does_not_make_a_restart_a_pause(
    readings: Readings, declared: RegisterKind | None
) -> None:
    found = seen(readings, [(89, 30_000), (105, 30_000), (240, 30_000)], declared=declared)
    assert total(found) == readings[1][1] + readings[-1][1]


def test_a_drive_between_two_plug_ins_hides_what_the_state_of_charge_gained() -> None:
    again = [Sample(at(110), "unplugged"), Sample(at(120), "plugged")]
    soc = [(105, 30_000), (120, 21_000), (240, 30_000)]
    assert total(seen([(0, 0), (89, 9000), (105, 0), (240, 9100)], soc, *again)) == 9000 + 9100


def test_a_register_that_goes_on_below_its_last_count_restarted() -> None:
    """Only heating uses energy after 20:00, so the state of charge stays."""
    soc = [Sample(at(minute), "soc", 35_000, "battery") for minute in (60, 120, 240)]
    assert total(metered(*register([(0, 0), (60, 5000), (120, 0), (240, 2500)]), *soc)) == 7500
