"""What an observation says about energy, and the running meter that goes with a twin."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.meter import advance
from driveway.domain.metering import energy_of, half_hours
from driveway.domain.observation import Observation
from driveway.domain.samples import Rating, Sample, SampleKind, plug_samples, rating_of, samples_of, thousandths
from driveway.domain.twin import Link, Meter, Presence, Session

NOW = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
CAR = Link(
    site="home-1",
    asset="car-1",
    type="electric_vehicle",
    power_kw=7.4,
    timezone="Europe/London",
    axle_site_id="s",
    axle_asset_id="a",
    enrolled=True,
    onboarded_at=NOW,
    battery_kwh=64,
)
SESSION = Session("s-1", opened_at=NOW - timedelta(hours=1), plugged_at=NOW - timedelta(hours=2))
HOME = Presence(session=SESSION)
RATING = Rating(power_w=7400)


def said(presence: Presence = HOME, link: Link = CAR, at: datetime = NOW, **signals: Any) -> list[tuple[str, int]]:
    observation = Observation(at=at, source="app", **signals)
    return [(sample.kind, sample.value) for sample in samples_of(observation, link, presence, now=NOW)]


class TestSamples:
    def test_an_observation_gives_a_sample_of_each_signal_in_watts_and_watt_hours(self) -> None:
        assert said(charging=True, power_kw=7.2, energy_session_kwh=1.5, energy_lifetime_kwh=1234.567, soc_pct=41) == [
            ("lifetime", 1_234_567),
            ("session", 1500),
            ("soc", 26_240),
            ("power", 7200),
        ]

    @pytest.mark.parametrize(
        ("signals", "expected"),
        [
            ({"charging": False}, [("stopped", 0)]),
            ({"charging": False, "power_kw": 0.0}, [("stopped", 0)]),
            ({"charging": False, "power_kw": 0.3}, [("power", 300)]),
            ({"charging": True}, [("charging", 0)]),
            ({"power_kw": 0.0}, [("power", 0)]),
            ({"power_kw": -2.0}, [("power", 0)]),
            ({"plugged_in": True}, []),
            ({"energy_session_kwh": -0.001}, []),
            ({"energy_session_kwh": float("nan"), "power_kw": float("inf")}, []),
            ({"soc_pct": 101}, []),
        ],
    )
    def test_absent_is_not_nought_and_nonsense_is_nothing(
        self, signals: dict[str, Any], expected: list[tuple[str, int]]
    ) -> None:
        assert said(**signals) == expected

    def test_what_a_car_takes_outside_a_home_session_is_not_metered(self) -> None:
        assert said(Presence(), power_kw=50.0) == []
        assert said(at=SESSION.plugged_at - timedelta(seconds=1), power_kw=7.0) == []
        ended = Presence(last_session=replace(SESSION, closed_at=NOW))
        assert said(ended, at=NOW, power_kw=0.0) == [("power", 0)]
        assert said(ended, at=NOW + timedelta(seconds=1), power_kw=7.0) == []

    def test_a_charger_is_always_at_home(self) -> None:
        assert said(Presence(), replace(CAR, type="charger"), power_kw=7.0) == [("power", 7000)]

    @pytest.mark.parametrize("distance", [timedelta(minutes=5, milliseconds=1), timedelta(days=-30, milliseconds=-1)])
    def test_an_instant_in_the_future_or_long_past_is_not_believed(self, distance: timedelta) -> None:
        assert said(link=replace(CAR, type="charger"), at=NOW + distance, power_kw=7.0) == []

    def test_the_measuring_point_goes_with_the_values_and_not_with_the_facts(self) -> None:
        seen = Observation(at=NOW, source="x", charging=False, energy_session_kwh=1, measuring_point="battery")
        points = {s.kind: s.measuring_point for s in samples_of(seen, CAR, HOME, now=NOW)}
        assert points == {"session": "battery", "stopped": "unknown"}

    def test_instants_are_whole_milliseconds_in_utc(self) -> None:
        seen = Observation(at=NOW.replace(microsecond=1999), source="x", power_kw=1.0)
        (found,) = samples_of(seen, CAR, HOME, now=NOW)
        assert found.at == NOW.replace(microsecond=1000)

    @given(st.integers(0, 10**10))
    def test_a_value_in_kwh_is_the_watt_hours_it_shows(self, value_wh: int) -> None:
        assert thousandths(value_wh / 1000) == value_wh

    def test_the_rating_is_in_watts_and_watt_hours(self) -> None:
        assert rating_of(CAR) == Rating(7400, 64_000)
        assert rating_of(replace(CAR, battery_kwh=None)) == Rating(7400)


class TestPlugSamples:
    def test_a_session_that_opens_is_a_plug_in_at_the_plugs_own_instant(self) -> None:
        assert plug_samples(Presence(), HOME) == (Sample(SESSION.plugged_at, "plugged"),)

    def test_a_session_that_closes_is_a_plug_out(self) -> None:
        closed = Presence(last_session=replace(SESSION, closed_at=NOW))
        assert plug_samples(HOME, closed) == (Sample(NOW, "unplugged"),)

    def test_a_change_that_leaves_the_session_alone_is_none(self) -> None:
        assert plug_samples(HOME, replace(HOME, needs_user="reconnect")) == ()


def at(minute: float, kind: SampleKind, value: int = 0) -> Sample:
    return Sample(NOW + timedelta(minutes=minute), kind, value)


def total(*samples: Sample) -> int:
    return advance(Meter(), samples, RATING).total_wh


class TestRunningMeter:
    def test_power_adds_up_to_the_watt_hour_however_often_it_is_told(self) -> None:
        told = [at(second / 60, "power", 7000) for second in range(0, 3601, 5)]
        assert total(*told) == 7000

    def test_a_register_takes_the_place_of_what_power_said(self) -> None:
        assert total(at(0, "session", 0), at(0, "power", 7000), at(12, "power", 7000), at(12, "session", 1500)) == 1500

    def test_a_lifetime_register_takes_the_place_of_what_the_session_register_said(self) -> None:
        told = [at(0, "lifetime", 9000), at(0, "session", 0), at(30, "session", 3000), at(30, "lifetime", 12_300)]
        assert total(*told) == 3300

    def test_the_session_begins_at_what_was_metered_before(self) -> None:
        before = advance(Meter(), [at(0, "session", 0), at(30, "session", 3000)], RATING)
        after = advance(before, [at(60, "plugged"), at(90, "session", 2000)], RATING)
        assert (after.session_started_wh, after.total_wh) == (3000, 5000)

    def test_a_sample_older_than_the_latest_says_nothing(self) -> None:
        meter = advance(Meter(), [at(10, "power", 7000), at(10, "session", 900), at(10, "lifetime", 5000)], RATING)
        assert advance(meter, [at(9, "power", 1), at(9, "session", 1), at(9, "lifetime", 1)], RATING) == meter

    def test_an_absurd_step_counts_nothing_and_the_next_counts_from_it(self) -> None:
        assert total(at(0, "session", 123), at(1, "session", 90_123), at(31, "session", 93_123)) == 3000

    def test_a_gap_counts_nothing(self) -> None:
        assert total(at(0, "power", 7000), at(16, "power", 7000)) == 0

    @given(st.lists(st.tuples(st.integers(1, 14), st.integers(0, 7400)), min_size=1, max_size=30))
    def test_in_order_it_is_what_the_half_hours_add_up_to(self, told: list[tuple[int, int]]) -> None:
        minute, samples = 0, [at(0, "power", 5000)]
        for step, power_w in told:
            minute += step
            samples.append(at(minute, "power", power_w))
        in_half_hours = sum(h.energy_wh for h in half_hours(energy_of(samples, RATING)).values())
        assert abs(total(*samples) - in_half_hours) <= 1
