"""Meters as they were met: the series, and the energy that flowed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import half_hours
from driveway.domain.metering.samples import Rating, Sample
from driveway.domain.presence.observation import RegisterKind
from driveway.values import replace

EVENING = datetime(2026, 1, 15, 18, tzinfo=UTC)
CAR = Rating(7400, 80_000, travels=True)
SOC_KWH = 80 / 90
"""One per cent of the battery, at the charger, in kWh."""


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


PLUG_IN = Sample(at(0), "plugged")


def session(readings: Sequence[tuple[float, int]], register: RegisterKind | None = None) -> list[Sample]:
    return [Sample(at(minute), "session", value, register=register) for minute, value in readings]


def soc(minute: float, percent: int) -> Sample:
    return Sample(at(minute), "soc", round(percent * SOC_KWH * 1000), "battery")


def power(minute: float, watts: int, *, tells: bool = False) -> Sample:
    return Sample(at(minute), "power" if watts else "stopped", watts, tells_every_change=tells)


def metered(*samples: Sample) -> tuple[int, set[str]]:
    """The energy in watt-hours, and what was flagged."""
    found = half_hours(energy_of([PLUG_IN, *samples], CAR)).values()
    return sum(half_hour.energy_wh for half_hour in found), {flag for half_hour in found for flag in half_hour.flags}


DAY = 24 * 60
SINKS = [(0, 0), (690, 36_600), (690 + DAY, 36_050), (690 + 2 * DAY, 35_500), (690 + 3 * DAY, 34_950)]
BLOCKS = [(0, 0), (30, 3000), (90, 0)]


class TestRegistersThatFall:
    def test_a_register_that_sinks_while_the_car_stands_took_nothing(self) -> None:
        assert metered(*session([*SINKS, (690 + 4 * DAY, 34_400)]))[0] == 36_600
        assert metered(*session([(60, 5000), (70, 5000), (110, 4940)]))[0] == 5000

    def test_a_register_that_starts_again_with_one_reading_in_each_block_counts_both(self) -> None:
        assert metered(*session([*BLOCKS, (120, 2500)]))[0] == 5500

    @pytest.mark.parametrize(
        ("seen", "energy_wh"),
        [
            ([], 3500),
            ([power(120, 7000)], 6500),
            ([soc(90, 44), soc(120, 48)], 6500),
            ([soc(90, 44), soc(120, 44)], 3500),
            ([power(90, 0), power(120, 1000)], 3500),
        ],
        ids=["nothing else", "power", "a rise of the state of charge", "no rise of it", "a power that is too low"],
    )
    def test_if_the_register_started_again_or_goes_on_what_else_was_seen_decides(
        self, seen: list[Sample], energy_wh: int
    ) -> None:
        found, flags = metered(*session([*BLOCKS, (120, 3500)]), *seen)
        assert found == energy_wh
        assert ("ambiguous_register" in flags) == (not seen)

    def test_what_the_source_says_of_its_register_goes_before_all_else(self) -> None:
        readings = [*BLOCKS, (120, 3500)]
        assert metered(*session(readings, "per_charge"))[0] == 6500
        assert metered(*session(readings, "zero_while_idle"), power(120, 7000))[0] == 3500

    @pytest.mark.parametrize("apart_min", [1, 10, 30])
    def test_values_that_alternate_with_zero_are_one_register(self, apart_min: int) -> None:
        live = [(apart_min * n, min(6000, 120 * apart_min * n)) for n in range(60 // apart_min)]
        live.append((60, 6000))
        zeros = [(minute + 0.1, 0) for minute, _ in live]
        assert metered(*session([*live, *zeros]), power(30, 6000), power(90, 0))[0] == 6000

    def test_a_lifetime_register_that_alternates_with_its_value_at_the_start_is_one_register(self) -> None:
        live = [(10 * n, 100_000 + 1000 * n) for n in range(7)]
        readings = [*live, *((minute + 0.1, 100_000) for minute, _ in live[1:-1])]
        samples = [Sample(at(minute), "lifetime", value, "charger") for minute, value in readings]
        assert metered(*samples)[0] == 6000


class TestChargesWithoutAReport:
    """A register rose within a session, and by the reports of charging nothing flowed."""

    @staticmethod
    def stopped(*minutes: float) -> list[Sample]:
        return [power(minute, 0, tells=True) for minute in minutes]

    @pytest.mark.parametrize("declared", ["per_plug_in", "per_charge", "zero_while_idle"])
    def test_a_declared_register_outranks_them(self, declared: RegisterKind) -> None:
        readings = session([(0, 0), (690, 36_600), (720, 36_600)], declared)
        assert metered(*readings, *self.stopped(0, 690, 720)) == (36_600, set())

    def test_no_half_hour_gets_more_than_the_asset_can_draw(self) -> None:
        readings = session([(0, 0), (720, 36_600)], "per_plug_in")
        found = half_hours(energy_of([PLUG_IN, *readings, power(0, 7200, tells=True), *self.stopped(60, 720)], CAR))
        amounts = [half_hour.energy_wh for half_hour in found.values()]
        assert sum(amounts) == 36_600
        assert amounts[:2] == [3600, 3600]
        assert max(amounts[2:]) <= 7400 / 2 * 1.1

    def test_so_does_a_lifetime_register_at_home(self) -> None:
        readings = [Sample(at(0), "lifetime", 100_000, "charger"), Sample(at(690), "lifetime", 136_600, "charger")]
        assert metered(*readings, *self.stopped(0, 690)) == (36_600, {"gap"})

    def test_so_does_a_register_that_resets_on_reading(self) -> None:
        assert metered(Sample(at(690), "delta", 36_600), *self.stopped(0, 690)) == (36_600, set())

    def test_a_charge_between_two_polls_counts_whatever_the_register(self) -> None:
        assert metered(*session([(0, 0), (690, 36_600)]), power(0, 0), power(690, 0)) == (36_600, set())

    def test_what_an_undeclared_register_counted_is_refused_and_the_time_unknown(self) -> None:
        samples = [PLUG_IN, *session([(0, 0), (690, 36_600)]), *self.stopped(0, 690)]
        found = half_hours(energy_of(samples, CAR))
        assert sum(half_hour.energy_wh for half_hour in found.values()) == 0
        assert {half_hour.unknown_ms for start, half_hour in found.items() if start < max(found)} == {1_800_000}
        assert "refused_delta" in found[max(found)].flags

    def test_a_slow_rise_is_no_known_zero(self) -> None:
        readings = session([(15 * n, 100 * n) for n in range(9)])
        stops = self.stopped(*(15 * n for n in range(9)))
        found = half_hours(energy_of([PLUG_IN, *readings, *stops], CAR))
        assert {half_hour.unknown_ms for start, half_hour in found.items() if start < max(found)} == {1_800_000}
        assert metered(*session([(15 * n, 100 * n) for n in range(9)], "per_plug_in"), *stops) == (800, set())

    def test_a_register_that_flaps_took_nothing(self) -> None:
        readings = session([(0, 0), (60, 5000), *((70 + 10 * n, 5000 - 20 * (n % 2)) for n in range(9))], "per_plug_in")
        found = metered(*readings, power(0, 5000, tells=True), *self.stopped(60, *(70 + 10 * n for n in range(9))))
        assert found == (5000, set())

    def test_a_spike_is_no_charge(self) -> None:
        readings = session([(0, 0), (60, 0), (120, 5000), (150, 0), (180, 0)], "per_plug_in")
        assert metered(*readings, *self.stopped(0, 60, 120, 150, 180)) == (0, {"outlier"})

    def test_a_register_that_then_sinks_is_no_spike(self) -> None:
        readings = session([(0, 0), (300, 10_000), (400, 9950), (600, 9900)], "per_plug_in")
        charging = [Sample(at(401), "charging", tells_every_change=True), *self.stopped(600)]
        assert metered(*readings, *self.stopped(0, 300, 400), *charging)[0] == 10_000


class TestPowerThatIsReportedSeldom:
    def test_power_every_half_hour_is_measured_if_the_state_of_charge_agrees(self) -> None:
        samples = [power(30 * n, 7000) for n in range(12)] + [soc(30 * n, 40 + 4 * n) for n in range(12)]
        found, flags = metered(*samples)
        assert (found, flags) == (38_500, set())

    def test_a_weak_cable_that_reports_per_per_cent_is_measured(self) -> None:
        samples = [sample for n in range(15) for sample in (power(18 * n, 2300), soc(18 * n, 40 + n * 69 // 89))]
        assert metered(*samples)[0] == pytest.approx(2300 * 14 * 18 / 60, abs=1)

    def test_power_that_is_reported_on_change_only_holds_until_the_change(self) -> None:
        assert metered(power(0, 0, tells=True), power(390, 7200, tells=True), power(690, 0, tells=True)) == (
            36_000,
            set(),
        )

    def test_what_a_source_that_polls_did_not_see_is_unknown_and_not_zero(self) -> None:
        found = half_hours(energy_of([PLUG_IN, power(0, 7200), power(300, 0)], CAR))
        assert {half_hour.unknown_ms for half_hour in found.values()} == {1_800_000}
        assert all(half_hour.flags == ("gap",) for half_hour in list(found.values())[:-1])


class TestSessionEnds:
    OUT = Sample(at(120), "unplugged")

    def test_the_last_value_may_come_seconds_after_the_plug_out(self) -> None:
        readings = session([(0, 0), (60, 7000)])
        late = replace(session([(120, 9900)])[0], at=at(120) + timedelta(seconds=4))
        assert metered(*readings, self.OUT, late)[0] == 9900
        assert metered(*readings, *session([(120, 7000)]), power(120, 0), self.OUT, late)[0] == 9900
        close = session([(0, 0), (70, 7000)])
        assert metered(*close, *session([(119.9, 9900)]), self.OUT, late)[0] == 9900

    def test_a_value_that_is_late_is_counted_from_before_the_charge_that_it_misses(self) -> None:
        """The register still shows 0 as the charge ends. Its last value comes minutes later."""
        first = [power(0, 7400), *session([(0, 0), (180, 0), (182, 22_000)]), power(180, 0), soc(0, 20), soc(180, 45)]
        second = [power(360, 7400), *session([(360, 22_000), (480, 22_000), (482, 36_000)]), power(480, 0)]
        out = Sample(at(480), "unplugged")
        assert metered(*first, *second, soc(360, 45), soc(480, 61), out)[0] == 36_000

    def test_a_cars_lifetime_register_around_a_session_counts_if_there_was_no_time_to_charge_elsewhere(self) -> None:
        def around(before: float, after: float) -> int:
            ends = [Sample(at(before), "lifetime", 50_000, "vehicle_ac_input")]
            ends.append(Sample(at(after), "lifetime", 56_180, "vehicle_ac_input"))
            return metered(self.OUT, *ends)[0]

        assert around(-1, 121) == 6180
        ends = [Sample(at(minute), "lifetime", value, "charger") for minute, value in ((-20, 50_000), (121, 56_180))]
        found = half_hours(energy_of([PLUG_IN, self.OUT, *ends], Rating(7400)))
        begun_ms = round(at(0).timestamp() * 1000)
        assert sum(wh for half_hour in found.values() for _, wh in half_hour.sessions_wh) == 6180
        assert {begun for half_hour in found.values() for begun, _ in half_hour.sessions_wh} == {begun_ms}
        assert around(-4, 122) == 0

    def test_what_an_earlier_charge_elsewhere_counted_is_refused(self) -> None:
        readings = session([(240, 20_000), (250, 20_000)])
        found, flags = metered(power(5, 0), power(240, 0), *readings)
        assert found == 0
        assert "refused_delta" in flags

    def test_a_register_that_resets_on_reading_adds_up(self) -> None:
        deltas = [Sample(at(30 * n), "delta", 1500) for n in range(1, 5)]
        assert metered(*deltas, deltas[0])[0] == 6000

    def test_a_delta_after_more_than_a_week_of_silence_is_flagged(self) -> None:
        found, flags = metered(Sample(at(30), "delta", 1500), Sample(at(8 * DAY), "delta", 1500))
        assert found == 1500
        assert "gap" in flags
