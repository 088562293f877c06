"""Samples become watt-hours per half-hour: each rule, and properties of all samples."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.energy import energy_of
from driveway.domain.metering.half_hour_energy import HalfHour, half_hours
from driveway.domain.metering.plug_facts import plugs_of, samples_at_home
from driveway.domain.metering.samples import Rating, Sample, SampleKind
from driveway.domain.presence.observation import MeasuringPoint, RegisterKind
from driveway.values import replace

EVENING = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
RATING = Rating(power_w=7400, battery_wh=64_000)


def sample(minute: float, kind: SampleKind, value: int = 0, point: MeasuringPoint = "unknown") -> Sample:
    """A sample of a source that is polled and declares nothing."""
    return Sample(EVENING + timedelta(minutes=minute), kind, value, point)


def pushed(minute: float, kind: SampleKind, value: int = 0) -> Sample:
    """A sample of a source that reports every change."""
    return replace(sample(minute, kind, value), tells_every_change=True)


def register(minute: float, value: int, kind: RegisterKind = "per_plug_in") -> Sample:
    """A reading of a session register whose source declares how it behaves."""
    return replace(sample(minute, "session", value), register=kind)


def metered(samples: Sequence[Sample], rating: Rating = RATING) -> dict[datetime, HalfHour]:
    found = half_hours(energy_of(samples, rating))
    return {datetime.fromtimestamp(start / 1000, UTC): half_hour for start, half_hour in found.items()}


def energies(samples: Sequence[Sample], rating: Rating = RATING) -> list[int]:
    return [half_hour.energy_wh for _, half_hour in sorted(metered(samples, rating).items())]


def flags(samples: Sequence[Sample]) -> set[str]:
    return {flag for half_hour in metered(samples).values() for flag in half_hour.flags}


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


class TestPower:
    def test_a_night_at_a_constant_rate_is_exact(self) -> None:
        reported = [pushed(minute, "power", 7200) for minute in range(0, 360, 5)]
        assert energies([*reported, sample(360, "stopped")]) == [3600] * 12 + [0]

    def test_power_between_two_samples_is_a_trapezoid(self) -> None:
        assert energies([sample(0, "power", 7200), sample(10, "power", 3600)]) == [900]

    def test_a_trapezoid_is_cut_at_the_half_hour(self) -> None:
        assert energies([sample(24, "power", 6000), sample(36, "power", 3000)]) == [525, 375]

    def test_the_rate_holds_until_the_stop_of_a_source_that_reports_every_change(self) -> None:
        assert energies([pushed(0, "power", 6000), pushed(10, "stopped")]) == [1000]
        assert energies([pushed(0, "power", 7200), pushed(300, "power", 0)]) == [3600] * 10 + [0]

    def test_when_power_stopped_between_two_polls_is_unknown(self) -> None:
        reported = [sample(0, "power", 6000), sample(10, "stopped")]
        assert energies(reported) == [0]
        assert flags(reported) == {"gap"}

    def test_after_a_stop_there_is_no_energy_until_the_next_sample(self) -> None:
        assert energies([pushed(0, "stopped"), pushed(10, "power", 6000), pushed(15, "stopped")]) == [500]

    def test_a_start_reported_without_its_rate_has_the_rate_that_follows(self) -> None:
        assert energies([pushed(0, "charging"), pushed(1, "power", 6000), pushed(2, "stopped")]) == [200]

    @pytest.mark.parametrize("apart", [16, 30, 60, 90])
    def test_power_that_is_about_the_same_at_both_ends_held_in_between(self, apart: int) -> None:
        reported = [sample(minute, "power", watts) for minute, watts in ((0, 7000), (apart, 7200))]
        assert sum(energies(reported)) == round(7100 * apart / 60)

    def test_power_that_changed_in_between_is_unknown_unless_the_source_reports_every_change(self) -> None:
        assert sum(energies([sample(0, "power", 7000), sample(60, "power", 3000)])) == 0
        assert sum(energies([pushed(0, "power", 7000), pushed(60, "power", 3000)])) == 7000

    def test_charging_at_an_unknown_rate_is_no_energy(self) -> None:
        assert energies([sample(0, "charging"), sample(10, "stopped")]) == [0]

    @pytest.mark.parametrize(("minutes", "energy_wh", "noted"), [(90, 9000, set()), (90.001, 0, {"gap"})])
    def test_samples_more_than_ninety_minutes_apart_leave_a_gap(
        self, minutes: float, energy_wh: int, noted: set[str]
    ) -> None:
        reported = [sample(0, "power", 6000), sample(minutes, "power", 6000)]
        assert sum(energies(reported)) == energy_wh
        assert flags(reported) == noted

    def test_after_a_gap_of_more_than_a_week_earlier_samples_do_not_count(self) -> None:
        assert flags([sample(0, "power", 6000), sample(7 * 1440 + 1, "power", 6000)]) == set()

    def test_power_above_what_the_asset_can_draw_is_refused_and_flagged(self) -> None:
        reported = [sample(0, "power", 7200), sample(5, "power", 50_000), sample(10, "power", 7200)]
        assert energies(reported) == [0]
        assert flags(reported) == {"power_above_asset"}

    def test_a_stop_takes_precedence_over_power_at_the_same_instant(self) -> None:
        reported = [pushed(0, "power", 6000), sample(10, "power", 6000), sample(10, "stopped"), sample(14, "power", 0)]
        assert energies(reported) == [1000]

    def test_a_plug_out_is_a_stop(self) -> None:
        assert energies([pushed(0, "power", 6000), sample(10, "unplugged")]) == [1000]

    @given(
        st.lists(st.tuples(st.integers(1, 900_000), st.integers(1, 8000)), min_size=1, max_size=40),
        st.integers(0, 1_800_000),
    )
    def test_half_hours_add_up_to_the_integral_of_the_whole_stretch(
        self, reported: list[tuple[int, int]], start_ms: int
    ) -> None:
        at_ms, rate_w, doubled = start_ms, 7000, 0
        samples = [Sample(EVENING + timedelta(milliseconds=at_ms), "power", rate_w)]
        for step_ms, next_w in reported:
            doubled += (rate_w + next_w) * step_ms
            at_ms, rate_w = at_ms + step_ms, next_w
            samples.append(Sample(EVENING + timedelta(milliseconds=at_ms), "power", rate_w))
        assert sum(energies(samples)) == (doubled + 3_600_000) // 7_200_000


class TestSessionRegister:
    def test_a_step_is_spread_evenly_over_time_without_other_samples(self) -> None:
        assert energies([sample(0, "session", 500), sample(90, "session", 6500)])[:3] == [2000, 2000, 2000]

    def test_a_step_follows_the_observed_power(self) -> None:
        reported = [
            sample(0, "session", 0),
            pushed(0, "stopped"),
            pushed(30, "power", 3000),
            pushed(40, "power", 3000),
            pushed(50, "stopped"),
            pushed(120, "stopped"),
            sample(120, "session", 1100),
        ]
        assert energies(reported)[:4] == [0, 1100, 0, 0]

    def test_the_energy_beyond_the_observed_power_goes_into_the_unknown_time(self) -> None:
        reported = [
            sample(0, "session", 0),
            sample(0, "power", 6000),
            sample(15, "power", 6000),
            sample(30, "power", 6000),
            sample(60, "session", 5000),
        ]
        assert energies(reported)[:2] == [3000, 2000]

    def test_the_unknown_time_takes_no_more_than_the_asset_can_draw(self) -> None:
        reported = [sample(minute, "power", 6000) for minute in range(0, 60, 10)]
        reported += [sample(0, "session", 0), sample(51, "session", 6000)]
        first, second = energies(reported)
        assert first + second == 6000
        assert second < 6000 - 3000

    def test_it_starts_at_zero_at_the_plug_in(self) -> None:
        assert energies([sample(15, "plugged"), sample(45, "session", 3000)]) == [1500, 1500]

    def test_it_restarts_at_every_plug_in(self) -> None:
        reported = [register(0, 4000), sample(30, "plugged"), register(120, 6000)]
        assert energies(reported)[:4] == [0, 2000, 2000, 2000]

    def test_a_restart_at_a_plug_in_is_ambiguous_without_evidence(self) -> None:
        reported = [sample(0, "session", 4000), sample(30, "plugged"), sample(120, "session", 6000)]
        assert sum(energies(reported)) == 2000
        assert flags(reported) >= {"ambiguous_register"}
        assert sum(energies([*reported, sample(60, "power", 4100)])) == 6000
        assert sum(energies([*reported, sample(30, "soc", 20_000), sample(120, "soc", 26_000)])) == 6000

    def test_a_value_from_before_the_plug_in_is_not_energy(self) -> None:
        reported = [
            sample(0, "session", 4000),
            sample(30, "plugged"),
            sample(120, "session", 4000),
            sample(150, "session", 1000),
        ]
        assert energies(reported)[:5] == [0, 0, 0, 0, 1000]

    def test_a_deep_fall_without_a_plug_in_is_spurious(self) -> None:
        reported = [sample(0, "session", 9000), sample(30, "session", 1500), sample(60, "session", 9500)]
        assert sum(energies(reported)) == 500
        assert flags(reported) == {"outlier"}

    def test_a_deep_fall_at_a_charge_is_a_restart_if_the_register_is_declared_per_charge(self) -> None:
        reported = [register(0, 9000, "per_charge"), pushed(0, "stopped"), pushed(10, "charging")]
        assert sum(energies([*reported, register(30, 1500, "per_charge")])) == 1500

    def test_a_register_per_charge_counts_since_the_charge_began_and_not_since_the_plug_in(self) -> None:
        reported = [sample(0, "plugged"), pushed(0, "charging"), pushed(60, "stopped"), pushed(120, "charging")]
        assert energies([*reported, register(150, 1500, "per_charge")])[:5] == [0, 0, 0, 0, 1500]
        assert energies([*reported, register(150, 1500)])[:5] == [500, 500, 0, 0, 500]

    def test_jitter_is_not_a_new_session(self) -> None:
        assert sum(energies([sample(0, "session", 9000), sample(300, "session", 8990)])) == 0

    def test_a_reading_that_contradicts_its_neighbours_is_left_out_and_flagged(self) -> None:
        reported = [sample(0, "session", 5000), sample(5, "session", 0), sample(10, "session", 5600)]
        assert energies(reported) == [600]
        assert flags(reported) == {"outlier"}

    def test_a_register_that_shows_0_for_a_while_goes_on_where_it_was(self) -> None:
        reported = [sample(0, "plugged"), sample(60, "session", 5000), sample(65, "session"), sample(70, "session")]
        assert sum(energies([*reported, sample(120, "session", 5600)])) == 5600

    def test_a_rise_from_0_to_more_than_before_is_ambiguous_if_the_register_is_unknown(self) -> None:
        reported = [(0, 5000), (65, 0), (126, 0), (200, 5600)]
        readings = [sample(minute, "session", value) for minute, value in reported]
        assert (sum(energies(readings)), flags(readings)) == (600, {"outlier", "ambiguous_register"})
        assert sum(energies([register(minute, value, "per_charge") for minute, value in reported])) == 5600
        assert sum(energies([register(minute, value, "zero_while_idle") for minute, value in reported])) == 600

    def test_a_restart_that_was_seen_decides_one_that_might_be_a_return(self) -> None:
        reported = [(0, 5000), (65, 0), (126, 0), (200, 600), (265, 0), (326, 0), (400, 1200)]
        readings = [sample(minute, "session", value) for minute, value in reported]
        assert (sum(energies(readings)), flags(readings)) == (1800, set())

    def test_small_falls_and_rises_give_no_energy(self) -> None:
        jitter = (9000, 8950, 8950, 9000, 9000, 8950, 8950, 9000, 9000)
        assert sum(energies([sample(10 * i, "session", value) for i, value in enumerate(jitter)])) == 0

    @pytest.mark.parametrize(
        ("then", "energy_wh", "noted"),
        [
            ([(350, 5000)], 5000, set()),
            ([(345, 4000), (350, 5000)], 5000, set()),
            ([(350, 1000)], 1000, set()),
            ([(350, 4001)], 1, {"not_reset"}),
            ([(401, 5000)], 1000, {"not_reset"}),
            ([], 0, {"not_reset"}),
        ],
        ids=["grows", "stays, then grows", "falls", "grows finely", "stays for long", "is not reported again"],
    )
    def test_the_reading_after_an_unchanged_value_shows_whether_the_register_restarted_at_the_plug_in(
        self, then: list[tuple[int, int]], energy_wh: int, noted: set[str]
    ) -> None:
        reported = [sample(60, "session", 4000), sample(70, "unplugged"), sample(300, "plugged")]
        reported += [sample(340, "session", 4000), *(sample(minute, "session", value) for minute, value in then)]
        assert sum(energies(reported)) == energy_wh
        assert flags(reported) - {"gap"} == noted

    def test_a_step_above_power_times_time_is_refused_and_flagged(self) -> None:
        reported = [sample(0, "session", 1234), sample(10, "session", 5234)]
        assert energies(reported) == [0]
        assert flags(reported) == {"refused_delta"}

    def test_a_coarse_register_may_jump_by_one_of_its_steps(self) -> None:
        assert energies([sample(0, "session", 3000), sample(1, "session", 4000)]) == [1000]

    def test_readings_more_than_a_week_apart_are_not_connected(self) -> None:
        assert sum(energies([sample(0, "session", 0), sample(7 * 1440 + 1, "session", 9000)])) == 0


class TestLifetimeRegister:
    def test_it_takes_precedence_over_the_session_register_and_power(self) -> None:
        reported = [
            sample(0, "lifetime", 100_000, "charger"),
            sample(30, "lifetime", 103_300, "charger"),
            sample(0, "session", 0, "battery"),
            sample(30, "session", 3000, "battery"),
            *(sample(minute, "power", 5900, "battery") for minute in range(0, 31, 10)),
        ]
        (half_hour, _) = metered(reported).values()
        assert (half_hour.energy_wh, half_hour.quality, half_hour.measuring_point) == (3300, "register", "charger")

    def test_it_follows_the_session_register_inside_a_step(self) -> None:
        reported = [
            sample(0, "lifetime", 100_000),
            sample(60, "lifetime", 104_000),
            sample(0, "session", 0),
            sample(30, "session", 1000),
            sample(60, "session", 4000),
        ]
        assert energies(reported)[:2] == [1000, 3000]

    @pytest.mark.parametrize("modulus_wh", [10**6, 10**8, 2**32])
    def test_it_may_roll_over(self, modulus_wh: int) -> None:
        reported = [sample(0, "lifetime", modulus_wh - 700), sample(30, "lifetime", 800)]
        assert energies(reported)[0] == 1500
        assert "rolled_over" in flags(reported)

    @pytest.mark.parametrize(("power_w", "energy_wh"), [(0, 0), (6000, 10_000)])
    def test_it_was_replaced_if_the_car_was_stopped_before_and_after(self, power_w: int, energy_wh: int) -> None:
        reported = [
            sample(0, "lifetime", 10**8 - 10_000, "charger"),
            sample(0, "stopped"),
            sample(60, "power", power_w),
            sample(120, "stopped"),
            sample(120, "lifetime", 0, "charger"),
        ]
        assert sum(energies(reported)) == energy_wh

    def test_after_a_replacement_of_the_meter_it_counts_again(self) -> None:
        reported = [
            sample(0, "lifetime", 54_321_000, "charger"),
            sample(10, "lifetime", 3, "charger"),
            sample(20, "lifetime", 1003, "charger"),
        ]
        assert energies(reported) == [1000]
        assert "restarted" in flags(reported)

    def test_the_count_of_a_home_meter_over_a_silence_of_more_than_a_week_is_flagged_and_no_energy(self) -> None:
        reported = [sample(0, "lifetime", 9_600_000, "charger"), sample(8 * 1440, "lifetime", 9_650_000, "charger")]
        assert sum(energies(reported)) == 0
        assert metered(reported)[at(8 * 1440)].flags == ("gap",)

    def test_the_count_of_a_home_meter_before_its_first_reading_is_flagged(self) -> None:
        reported = [sample(0, "lifetime", 9_600_000, "charger"), sample(30, "lifetime", 9_601_000, "charger")]
        assert [half_hour.flags for half_hour in metered(reported).values()] == [("gap",), ()]

    def test_the_count_of_a_cars_register_over_a_silence_is_not_flagged(self) -> None:
        reported = [
            sample(0, "lifetime", 9000, "vehicle_ac_input"),
            sample(8 * 1440, "lifetime", 9900, "vehicle_ac_input"),
        ]
        assert flags(reported) == set()

    def test_a_fall_far_from_a_power_of_ten_is_never_a_roll_over(self) -> None:
        reported = [sample(0, "lifetime", 9_600_000, "charger"), sample(4 * 1440, "lifetime", 12, "charger")]
        reported.append(sample(4 * 1440 + 30, "lifetime", 12, "charger"))
        assert sum(energies(reported)) == 0
        assert "restarted" in flags(reported)

    def test_zeros_of_a_lifetime_register_are_left_out_and_flagged(self) -> None:
        values = [(0, 5_000_000), (5, 0), (10, 0), (20, 5_001_000), (30, 5_002_000)]
        reported = [sample(minute, "lifetime", value, "vehicle_ac_input") for minute, value in values]
        assert energies(reported) == [2000, 0]
        assert flags(reported) == {"outlier"}

    def test_a_step_of_a_cars_register_does_not_count_if_the_car_may_have_charged_elsewhere(self) -> None:
        reported = [
            sample(0, "lifetime", 100_000, "vehicle_ac_input"),
            sample(10, "unplugged"),
            sample(300, "plugged"),
            sample(310, "lifetime", 109_000, "vehicle_ac_input"),
            sample(340, "lifetime", 111_000, "vehicle_ac_input"),
        ]
        assert sum(energies(reported)) == 2000

    def test_a_chargers_register_counts_all_the_time(self) -> None:
        reported = [
            sample(0, "lifetime", 100_000, "charger"),
            sample(10, "unplugged"),
            sample(120, "plugged"),
            sample(150, "lifetime", 101_000, "charger"),
        ]
        assert energies(reported)[:5] == [250, 0, 0, 0, 750]

    @settings(max_examples=60)
    @given(
        st.lists(st.tuples(st.integers(60_000, 9_000_000), st.floats(0, 1)), min_size=1, max_size=15),
        st.lists(st.tuples(st.integers(0, 20_000_000), st.integers(0, 7400)), max_size=25),
        st.lists(st.integers(0, 20_000_000), max_size=4),
    )
    def test_half_hours_add_up_to_the_registers_difference(
        self, steps: list[tuple[int, float]], power: list[tuple[int, int]], stops: list[int]
    ) -> None:
        at_ms, value_wh = 0, 12_345_678
        samples = [Sample(EVENING, "lifetime", value_wh)]
        for step_ms, load in steps:
            at_ms, value_wh = at_ms + step_ms, value_wh + int(7400 * step_ms * load / 3_600_000)
            samples.append(Sample(EVENING + timedelta(milliseconds=at_ms), "lifetime", value_wh))
        end_ms = at_ms
        samples += [Sample(EVENING + timedelta(milliseconds=ms % end_ms), "power", w) for ms, w in power]
        samples += [Sample(EVENING + timedelta(milliseconds=ms % end_ms), "stopped") for ms in stops]
        found = energies(samples)
        assert sum(found) == value_wh - 12_345_678
        assert min(found) >= 0


class TestPlugFacts:
    def test_a_false_plug_out_is_no_stop_and_ends_no_session(self) -> None:
        reported = [
            sample(0, "plugged"),
            sample(0, "power", 6000),
            sample(0, "lifetime", 100_000, "vehicle_ac_input"),
            sample(7, "unplugged"),
            sample(7, "resumed"),
            sample(15, "power", 6000),
        ]
        assert energies(reported) == [1500]
        assert energies([*reported, sample(60, "lifetime", 106_000, "vehicle_ac_input")])[:2] == [3000, 3000]

    def test_a_session_joined_under_way_counts_from_the_first_reading(self) -> None:
        reported = [sample(0, "joined"), sample(10, "session", 1000), sample(20, "session", 2000)]
        assert sum(energies(reported)) == 1000

    def test_time_between_sessions_is_idle(self) -> None:
        reported = [
            sample(0, "lifetime", 100_000, "charger"),
            sample(10, "unplugged"),
            sample(110, "joined"),
            sample(120, "lifetime", 101_000, "charger"),
        ]
        assert energies(reported)[:5] == [500, 0, 0, 500, 0]

    def test_samples_between_sessions_are_left_out_except_registers(self) -> None:
        before, first = [sample(0, "plugged"), sample(0, "power", 1), sample(10, "unplugged")], sample(10, "power", 2)
        away = [sample(11, "power", 3), sample(12, "unplugged"), sample(12, "power", 4), sample(13, "session", 9)]
        home = [sample(20, "joined"), sample(20, "power", 5), sample(30, "power", 6)]
        reported = [*home, *away, first, *before]
        found = samples_at_home(reported, plugs_of(reported))
        assert sorted(sample.value for sample in found if sample.value) == [1, 2, 5, 6, 9]
        assert {sample.kind for sample in found} == {"power", "session", "plugged", "unplugged", "joined"}

    def test_samples_after_a_false_plug_out_are_kept(self) -> None:
        reported = [sample(0, "plugged"), sample(5, "unplugged"), sample(5, "resumed"), sample(9, "power", 7)]
        assert samples_at_home(reported, plugs_of(reported)) == reported


class TestQuality:
    def test_it_is_the_worst_that_gave_energy(self) -> None:
        reported = [
            sample(0, "session", 0, "charger"),
            sample(10, "session", 1000, "charger"),
            sample(10, "power", 6000, "battery"),
            sample(20, "power", 6000, "battery"),
        ]
        (half_hour,) = metered(reported).values()
        assert (half_hour.energy_wh, half_hour.quality, half_hour.measuring_point) == (2000, "power", "battery")

    def test_the_meter_nearer_the_mains_takes_precedence(self) -> None:
        reported = [sample(m, "power", w, p) for m in (0, 10) for w, p in PAIRS]
        (half_hour,) = metered(reported).values()
        assert (half_hour.energy_wh, half_hour.measuring_point) == (1100, "charger")

    def test_a_rise_of_the_state_of_charge_is_an_estimate_while_no_power_is_reported(self) -> None:
        reported = [
            sample(0, "charging"),
            sample(0, "soc", 20_000),
            sample(30, "soc", 23_000),
            sample(30, "charging"),
            sample(60, "stopped"),
        ]
        first = metered(reported)[at(0)]
        assert (first.energy_wh, first.quality, first.measuring_point) == (3000, "estimate", "battery")

    def test_the_difference_between_two_cars_states_of_charge_is_no_energy(self) -> None:
        of_one = [replace(sample(0, "soc", 20_000), vehicle_id="a"), sample(0, "charging")]
        of_another = [replace(sample(60, "soc", 26_000), vehicle_id="b"), sample(61, "stopped")]
        assert sum(energies([*of_one, *of_another])) == 0
        assert sum(energies([*of_one, *of_another, replace(sample(30, "soc", 22_000), vehicle_id="a")])) == 2000

    def test_the_state_of_charge_decides_if_held_power_does_not_agree_with_it(self) -> None:
        reported = [sample(0, "power", 7000), sample(0, "soc", 20_000), sample(60, "power", 7000)]
        assert sum(energies([*reported, sample(60, "soc", 26_800)])) == 7000
        assert sum(energies([*reported, sample(60, "soc", 23_000)])) == 3000
        assert metered([*reported, sample(60, "soc", 23_000)])[EVENING].quality == "estimate"

    def test_the_end_of_a_charge_between_two_polls_is_an_estimate_of_at_most_what_the_state_of_charge_allows(
        self,
    ) -> None:
        reported = [sample(0, "power", 7000), sample(0, "soc", 20_000), sample(60, "stopped")]
        assert sum(energies([*reported, sample(60, "soc", 23_000)])) == 3000
        assert sum(energies([*reported, sample(60, "soc", 27_800)])) == 7700

    def test_a_state_of_charge_that_its_neighbours_contradict_is_left_out(self) -> None:
        reported = [sample(0, "charging"), sample(0, "soc", 20_000), sample(60, "soc", 26_000), sample(61, "stopped")]
        for wrong in (0, 32_000):
            assert sum(energies([*reported, sample(30, "soc", wrong)])) == 6000

    def test_time_without_samples_is_unknown_and_has_no_quality(self) -> None:
        assert metered([sample(0, "plugged")]) == {EVENING: HalfHour(unknown_ms=1_800_000)}
        assert metered([sample(0, "plugged"), pushed(10, "stopped")])[EVENING].unknown_ms == 600_000


PAIRS: list[tuple[int, MeasuringPoint]] = [(6000, "battery"), (6600, "charger")]


def test_no_samples_are_no_half_hours() -> None:
    assert metered([]) == {}


def test_half_hours_start_on_the_hour_and_the_half_in_utc() -> None:
    reported = [sample(17, "lifetime", 0), sample(200, "lifetime", 9000)]
    starts = sorted(metered(reported))
    assert starts == [EVENING + HALF_HOUR * i for i in range(7)]


def test_no_energy_is_lost_or_doubled_when_the_clocks_change() -> None:
    for change in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        reported = [Sample(change + timedelta(minutes=m), "power", 7000) for m in range(0, 481, 10)]
        assert energies(reported)[:16] == [3500] * 16
