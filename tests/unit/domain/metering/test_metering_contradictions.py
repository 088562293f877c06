"""Registers that contradict themselves: those that alternate, and those that may have restarted unseen."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import HalfHour, half_hours
from driveway.domain.metering.handed_on import HandedOn
from driveway.domain.metering.samples import Rating, Sample, SampleKind
from driveway.domain.presence.observation import RegisterKind
from driveway.values import replace

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
CAR = Rating(7400, 80_000, travels=True)
CHARGER = Rating(7400)
Readings = Sequence[tuple[float, int]]


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


def register(readings: Readings, kind: SampleKind = "session", declared: RegisterKind | None = None) -> list[Sample]:
    point = "charger" if kind == "lifetime" else "unknown"
    return [Sample(at(minute), kind, value, point, register=declared) for minute, value in readings]


def fact(minute: float, kind: SampleKind) -> Sample:
    return Sample(at(minute), kind, tells_every_change=True)


def metered(*samples: Sample, rating: Rating = CAR) -> dict[int, HalfHour]:
    """The half-hours by the minute after 18:00 at which they start."""
    found = half_hours(energy_of([Sample(at(0), "plugged"), *samples], rating))
    return {round(start / 60_000 - EVENING.timestamp() / 60): half_hour for start, half_hour in found.items()}


def total(found: dict[int, HalfHour]) -> int:
    return sum(half_hour.energy_wh for half_hour in found.values())


def unknown(found: dict[int, HalfHour]) -> list[int]:
    """The half-hours without energy that are not known to be zero."""
    return [minute for minute, half_hour in sorted(found.items()) if half_hour.unknown_ms and not half_hour.energy_wh]


def zeros(found: dict[int, HalfHour]) -> list[int]:
    return [minute for minute, half_hour in sorted(found.items()) if not half_hour.unknown_ms | half_hour.energy_wh]


class TestRegistersThatAlternate:
    def test_readings_of_the_other_value_do_not_shorten_the_time_in_which_energy_flowed(self) -> None:
        readings = [(0, 0), (90, 0), (120, 9000), (121, 0), (150, 9600), (151, 0), (180, 9600)]
        found = metered(*register(readings))
        assert total(found) == 9600
        assert all(found[minute].energy_wh for minute in (0, 30, 60, 90))

    def test_a_lifetime_register_whose_first_reading_is_the_other_value_counts_from_its_own_first(self) -> None:
        readings = [(0, 0), (30, 5_000_000), (31, 0), (60, 5_003_000), (61, 0), (90, 5_006_000)]
        assert total(metered(*register(readings, "lifetime"), rating=CHARGER)) == 6000

    def test_the_other_value_of_the_night_before_does_not_hide_the_next_night(self) -> None:
        night = [(30, 1000), (60, 4000), (61, 1000), (90, 7000), (91, 1000), (120, 7000), (121, 1000)]
        day = 24 * 60
        next_night = [(minute + day, value + 6000 if value > 1000 else value) for minute, value in night[1:]]
        found = metered(*register([*night, (day + 30, 7000), *next_night], "lifetime"), rating=CHARGER)
        assert total(found) == 12_000

    def test_one_return_is_enough_if_the_registers_own_value_is_the_more_frequent(self) -> None:
        readings = [(0, 0), (60, 0), (90, 9000), (91, 0), (120, 9000), (150, 9000), (180, 9000)]
        assert total(metered(*register(readings))) == 9000

    def test_if_both_values_are_as_frequent_nothing_is_counted_and_nothing_is_known(self) -> None:
        readings = [(0, 0), (60, 0), (90, 9000), (91, 0), (120, 9000), (121, 0)]
        found = metered(*register(readings))
        assert (total(found), zeros(found)) == (0, [])
        assert any("ambiguous_register" in half_hour.flags for half_hour in found.values())

    def test_a_register_that_restarts_at_each_charge_does_not_alternate(self) -> None:
        readings = [(0, 0), (60, 3000), (90, 0), (150, 3500), (180, 0), (240, 4000)]
        power = [Sample(at(minute), "power", 3500) for minute in (95, 150, 185, 240)]
        assert total(metered(*register(readings), *power)) == 10_500
        assert total(metered(*register(readings, declared="per_charge"))) == 10_500

    def test_a_spike_is_no_second_value(self) -> None:
        readings = [(0, 0), (30, 3000), (31, 60_000), (60, 6000), (61, 60_000), (90, 9000)]
        assert total(metered(*register(readings))) == 9000


def test_a_drain_lowers_the_count_from_which_the_register_rises_again() -> None:
    day = 24 * 60
    readings = [(0, 0), (690, 36_600), (690 + day, 36_050), (690 + 2 * day, 35_500), (750 + 2 * day, 36_500)]
    assert total(metered(*register(readings))) == 36_600 + 1000


class TestZeros:
    def test_time_with_deeper_falls_is_unknown_if_the_register_then_shows_the_old_count(self) -> None:
        readings = [(0, 0), (60, 6900), (120, 6900), (150, 1400), (180, 1400), (240, 6850)]
        found = metered(*register(readings))
        assert total(found) == 6900
        assert (zeros(found)[:2], unknown(found)) == ([60, 90], [120, 150, 180, 210, 240])

    def test_time_of_an_ambiguous_register_without_energy_is_unknown(self) -> None:
        readings = [(0, 0), (60, 3000), (120, 3000), (121, 0), (180, 3000)]
        found = metered(*register(readings))
        assert total(found) == 3000
        assert (90 in zeros(found), unknown(found)) == (True, [120, 150, 180])

    def test_a_register_that_sinks_while_the_car_charges_proves_no_zero(self) -> None:
        readings = register([(0, 0), (60, 2000), (120, 2000), (180, 1950)])
        idle = [fact(0, "charging"), fact(60, "stopped")]
        assert zeros(metered(*readings, *idle)) == [60, 90, 120, 150, 180]
        charging = [*idle, fact(120, "charging"), fact(180, "stopped")]
        assert unknown(metered(*readings, *charging)) == [120, 150]

    @pytest.mark.parametrize("declared", [None, "zero_while_idle"])
    @pytest.mark.parametrize("readings", [[(0, 0), (30, 0), (120, 0)], [(30, 0), (120, 0)], [(120, 0)]])
    def test_a_register_that_shows_0_as_the_car_charges_and_after_it_proves_no_zero(
        self, readings: Readings, declared: RegisterKind | None
    ) -> None:
        polled = [Sample(at(0), "stopped"), Sample(at(30), "charging"), Sample(at(120), "stopped")]
        plug_out = [Sample(at(240), "unplugged"), *register([(240, 0), (241, 0)], declared=declared)]
        plug_out.append(Sample(at(241), "stopped"))
        seen = metered(*register(readings, declared=declared), *polled, *plug_out)
        assert (total(seen), not {30, 60, 90} & set(zeros(seen))) == (0, True)
        gained = [Sample(at(0), "soc", 20_000, "battery"), Sample(at(30), "soc", 20_000, "battery")]
        gained += [Sample(at(minute), "soc", 30_000, "battery") for minute in (120, 240)]
        seen = metered(*register(readings, declared=declared), *polled, *gained, *plug_out)
        assert total(seen) == 10_000

    @pytest.mark.parametrize(
        ("readings", "energy_wh", "left_open"),
        [([(0, 8000), (60, 12_000), (120, 0)], 4000, [60, 90]), ([(0, 8000), (120, 0)], 0, [0, 30, 60, 90])],
        ids=["it had counted", "it still showed the count from before the plug-in"],
    )
    def test_a_register_above_0_at_the_plug_in_that_shows_0_after_a_charge_proves_no_zero(
        self, readings: Readings, energy_wh: int, left_open: list[int]
    ) -> None:
        polled = [Sample(at(0), "charging"), Sample(at(60), "charging"), Sample(at(120), "stopped")]
        found = metered(*register([*readings, (150, 0)]), *polled, Sample(at(150), "stopped"))
        assert (total(found), unknown(found)[: len(left_open)]) == (energy_wh, left_open)

    def test_a_register_that_is_0_throughout_without_a_charge_is_a_zero(self) -> None:
        stops = [Sample(at(minute), "stopped") for minute in (0, 120, 240)]
        found = metered(*register([(0, 0), (120, 0), (241, 0)]), *stops, Sample(at(240), "unplugged"))
        assert zeros(found)[:8] == [0, 30, 60, 90, 120, 150, 180, 210]

    def test_what_a_register_misses_at_the_plug_in_is_counted_from_there(self) -> None:
        found = metered(*register([(1, 0), (30, 3000)]), Sample(at(0), "charging"), Sample(at(30), "stopped"))
        assert (total(found), found[0].unknown_ms) == (3000, 0)

    def test_a_register_that_sinks_or_stays_by_itself_is_a_zero_although_a_restart_fits_too(self) -> None:
        """The limit of what can be known: a charge of 1,950 Wh would look the same to a register of unknown kind."""
        found = metered(*register([(0, 0), (60, 2000), (120, 2000), (180, 1950)]))
        assert (total(found), zeros(found)) == (2000, [60, 90, 120, 150])


@pytest.mark.parametrize("register_kind", ["per_charge"])
def test_a_charge_that_begins_at_the_plug_in_restarts_the_register_there(register_kind: RegisterKind) -> None:
    day = 24 * 60
    readings = [(0, 0), (60, 1700), (90, 1700), (day, 1700), (day + 15, 1800), (day + 24, 2900), (day + 60, 2900)]
    facts = [fact(0, "charging"), fact(60, "stopped"), Sample(at(90), "unplugged"), Sample(at(day), "plugged")]
    facts += [fact(day, "charging"), fact(day + 24, "stopped")]
    assert total(metered(*register(readings, declared=register_kind), *facts)) == 1700 + 2900


class TestARiseThatIsSeenOnce:
    """A register of unknown kind is 0, above 0 once, and 0 again: a charge of a register that shows 0 after it?"""

    READINGS = ((0, 0), (60, 0), (120, 1800), (180, 0), (240, 0))

    def test_of_a_source_that_is_polled_hourly_the_time_is_unknown(self) -> None:
        stops = [Sample(at(minute), "stopped") for minute in (0, 60, 240)]
        found = metered(*register(self.READINGS), *stops)
        assert total(found) == 0
        assert unknown(found)[:-1] == [60, 90, 120, 150]

    def test_also_if_it_rose_by_more_than_a_charge_since_the_last_poll(self) -> None:
        stops = [Sample(at(minute), "stopped") for minute in (0, 60, 240)]
        found = metered(*register([(0, 0), (60, 0), (120, 11_400), (180, 0), (240, 0)]), *stops)
        assert unknown(found)[:-1] == [60, 90, 120, 150]

    def test_of_a_source_that_reports_every_change_it_is_an_error_of_the_register(self) -> None:
        found = metered(*register(self.READINGS), fact(0, "stopped"))
        assert zeros(found)[:8] == [0, 30, 60, 90, 120, 150, 180, 210]


class TestANewMeterThatOvertakesTheOldOne:
    """A meter is replaced by one that begins at 0, and later counts more than the old one ever did."""

    OLD = ((0, 10_000), (60, 13_000))
    NEW = ((90, 0), (120, 0), (180, 5000), (240, 10_000), (300, 14_000), (360, 18_000))

    def test_all_that_both_counted_is_energy(self) -> None:
        found = metered(*register([*self.OLD, *self.NEW], "lifetime"), rating=CHARGER)
        assert total(found) == 3000 + 18_000

    def test_a_few_low_readings_before_the_register_jumps_back_are_outliers(self) -> None:
        low = [(90, 0), (120, 500), (180, 1000), (240, 1500), (300, 14_000), (360, 18_000)]
        assert total(metered(*register([*self.OLD, *low], "lifetime"), rating=CHARGER)) == 8000


def test_one_low_reading_that_the_register_could_rise_from_is_an_outlier() -> None:
    readings = [(0, 10_000), (60, 13_000), (120, 12_000), (180, 14_000), (240, 15_000)]
    assert total(metered(*register(readings, "lifetime"), rating=CHARGER)) == 5000


def test_a_charger_has_one_meter_also_if_two_sources_report_it() -> None:
    night = [(0, 0), (30, 3000), (60, 6000), (90, 6000), (100, 0), (130, 3000), (160, 6000)]
    seen = [replace(sample, measuring_point="unknown") for sample in register(night, "lifetime")]
    looks = [Sample(at(minute), "lifetime", value, "charger") for minute, value in ((0, 0), (140, 4000))]
    assert total(metered(*seen, *looks, rating=CHARGER)) == 12_000


def test_the_reading_of_a_chargers_meter_that_was_stored_at_two_points_is_handed_on_once() -> None:
    day = EVENING.replace(hour=12)
    held = [Sample(day - timedelta(minutes=30), "lifetime", 1000, "charger")]
    held.append(Sample(day - timedelta(minutes=16), "lifetime", 1500, "unknown"))
    new = [Sample(day + timedelta(minutes=14), "lifetime", 2000, "charger")]
    energy = energy_of(new, CHARGER, HandedOn(tuple(held)), from_ms=round(day.timestamp() * 1000) - 1_800_000)
    assert [step.energy_wh for step in energy.histories.steps["lifetime", "charger"]] == [500]
    (handed_on,) = energy.histories.handed_on.values()
    assert [sample.value for sample in handed_on.samples if sample.kind == "lifetime"] == [2000]


def test_two_sources_of_a_chargers_energy_since_the_last_report_are_not_added() -> None:
    deltas = [Sample(at(10 * n), "delta", 500, point) for n in range(1, 7) for point in ("charger", "unknown")]
    assert total(metered(*deltas, rating=CHARGER)) == 3000
