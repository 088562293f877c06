"""The samples of an observation, and the plug facts of a twin's sessions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.metering.plug_facts import session_samples
from driveway.domain.metering.samples import Rating, Sample, rating_of, samples_of, thousandths
from driveway.domain.presence.observation import MeasuringPoint, Observation
from driveway.domain.reports.apply_observations import samples_to_record
from driveway.domain.twin import (
    Intent,
    Link,
    NamedVehicle,
    Observed,
    Presence,
    Session,
    Tariff,
    Twin,
    VehicleIntent,
)
from driveway.values import replace
from tests.support.domain.links import a_link

NOW = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
CAR = a_link(NOW, battery_kwh=64)
SESSION = Session("s-1", opened_at=NOW - timedelta(hours=1), plugged_at=NOW - timedelta(hours=2))
HOME = Presence(session=SESSION)
RATING = Rating(power_w=7400)


def twin_of(link: Link, presence: Presence = HOME, **batteries_kwh: float | None) -> Twin:
    """A twin with these cars' own batteries."""
    own = {name: VehicleIntent(Intent({}), battery_kwh) for name, battery_kwh in batteries_kwh.items()}
    return Twin(link, Tariff((), "Europe/London"), Intent({}), presence, vehicle_intents=own)


def kinds_and_values(link: Link = CAR, at: datetime = NOW, **signals: Any) -> list[tuple[str, int]]:
    observation = Observation(at=at, source="app", **signals)
    return [(sample.kind, sample.value) for sample in samples_of(observation, twin_of(link), now=NOW)]


def is_recorded(presence: Presence, link: Link = CAR, at: datetime = NOW, **signals: Any) -> bool:
    """Whether the samples of an observation are recorded."""
    return samples_to_record(twin_of(link, presence), [Observation(at=at, source="app", **signals)], NOW, {}) != ()


class TestSamples:
    def test_an_observation_gives_a_sample_of_each_signal_in_watts_and_watt_hours(self) -> None:
        assert kinds_and_values(
            charging=True, power_kw=7.2, energy_session_kwh=1.5, energy_lifetime_kwh=1234.567, soc_pct=41
        ) == [
            ("lifetime", 1_234_567),
            ("session", 1500),
            ("power", 7200),
            ("soc", 29_156),
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
    def test_an_absent_value_is_not_zero_and_an_impossible_one_gives_no_sample(
        self, signals: dict[str, Any], expected: list[tuple[str, int]]
    ) -> None:
        assert kinds_and_values(**signals) == expected

    def test_samples_outside_the_known_sessions_are_kept_because_a_session_may_be_reported_late(self) -> None:
        ended = Presence(last_session=replace(SESSION, closed_at=NOW - timedelta(minutes=5)))
        for presence in (Presence(), HOME, ended):
            assert is_recorded(presence, power_kw=7.0)
            assert is_recorded(presence, at=SESSION.plugged_at - timedelta(days=3), power_kw=7.0)

    @pytest.mark.parametrize("moved_ago_s", [None, 0])
    def test_samples_of_an_unplugged_or_departed_car_are_not_kept(self, moved_ago_s: int | None) -> None:
        moved_at = None if moved_ago_s is None else NOW - timedelta(seconds=moved_ago_s)
        plugged_in = False if moved_at is None else None
        closed_at = NOW - timedelta(minutes=6)
        for last in (None, replace(SESSION, closed_at=closed_at)):
            presence = Presence(last_session=last, moved_at=moved_at)
            assert not is_recorded(presence, power_kw=7.0, plugged_in=plugged_in)
            assert is_recorded(presence, replace(CAR, type="charger"), power_kw=7.0, plugged_in=plugged_in)
            assert is_recorded(presence, at=closed_at, power_kw=7.0) == (last is not None or moved_at is None)

    @pytest.mark.parametrize("distance", [timedelta(minutes=5, milliseconds=1), timedelta(days=-30, milliseconds=-1)])
    def test_an_instant_in_the_future_or_long_past_gives_no_sample(self, distance: timedelta) -> None:
        assert kinds_and_values(at=NOW + distance, power_kw=7.0) == []

    @pytest.mark.parametrize(
        ("link", "reported", "taken"),
        [
            (CAR, "unknown", "vehicle_ac_input"),
            (CAR, "charger", "charger"),
            (replace(CAR, type="charger"), "unknown", "unknown"),
        ],
    )
    def test_a_lifetime_register_of_a_car_travels_with_it_unless_declared_as_the_chargers(
        self, link: Link, reported: MeasuringPoint, taken: MeasuringPoint
    ) -> None:
        seen = Observation(at=NOW, source="app", energy_lifetime_kwh=1, energy_session_kwh=1, measuring_point=reported)
        points = {sample.kind: sample.measuring_point for sample in samples_of(seen, twin_of(link), now=NOW)}
        assert points == {"lifetime": taken, "session": reported}

    def test_the_measuring_point_goes_with_the_values_and_not_with_the_facts(self) -> None:
        seen = Observation(at=NOW, source="x", charging=False, energy_session_kwh=1, measuring_point="battery")
        points = {s.kind: s.measuring_point for s in samples_of(seen, twin_of(CAR), now=NOW)}
        assert points == {"session": "battery", "stopped": "unknown"}

    def test_a_register_declared_as_lifetime_is_one_whatever_its_field(self) -> None:
        seen = Observation(at=NOW, source="x", energy_session_kwh=1, register="lifetime", measuring_point="charger")
        assert samples_of(seen, twin_of(CAR), now=NOW) == (Sample(NOW, "lifetime", 1000, "charger"),)

    def test_a_value_of_the_batterys_side_is_converted_once_to_the_chargers(self) -> None:
        seen = Observation(at=NOW, source="x", energy_session_kwh=0.9, power_kw=6.48, measuring_point="battery")
        assert [sample.value for sample in samples_of(seen, twin_of(CAR), now=NOW)] == [1000, 7200]

    def test_instants_are_whole_milliseconds_in_utc(self) -> None:
        seen = Observation(at=NOW.replace(microsecond=1999), source="x", power_kw=1.0)
        (found,) = samples_of(seen, twin_of(CAR), now=NOW)
        assert found.at == NOW.replace(microsecond=1000)

    @given(st.integers(0, 10**10))
    def test_a_value_in_kwh_is_the_watt_hours_it_shows(self, value_wh: int) -> None:
        assert thousandths(value_wh / 1000) == value_wh

    def test_the_rating_is_in_watts_and_watt_hours(self) -> None:
        assert rating_of(CAR) == Rating(7400, 64_000, travels=True)
        assert rating_of(replace(CAR, battery_kwh=None, type="charger")) == Rating(7400)


def battery(
    presence: Presence, at: datetime = NOW, vehicle_id: str | None = None, **batteries_kwh: float | None
) -> list[tuple[str | None, int]]:
    """The car of a state of charge of 50 % at a charger, and the energy in its battery."""
    twin = twin_of(replace(CAR, type="charger"), presence, **batteries_kwh)
    seen = Observation(at=at, source="app", soc_pct=50, vehicle_id=vehicle_id)
    return [(sample.vehicle_id, round(sample.value * 0.9)) for sample in samples_of(seen, twin, now=NOW)]


PLUGGED_AT = NOW - timedelta(hours=2)
NAMED = Presence(
    plugged_in=Observed(True, PLUGGED_AT), plugged_at=PLUGGED_AT, vehicle=NamedVehicle("big", NOW - timedelta(hours=1))
)
RENAMED = replace(NAMED, vehicle=NamedVehicle("big", NOW, since=NOW - timedelta(minutes=1)))


class TestStateOfCharge:
    def test_it_belongs_to_the_battery_of_the_named_car(self) -> None:
        assert battery(NAMED, big=100) == [("big", 50_000)]
        assert battery(Presence(), vehicle_id="big", big=100) == [("big", 50_000)]

    def test_a_car_without_its_own_battery_size_has_the_assets(self) -> None:
        assert battery(NAMED) == battery(NAMED, big=None) == [("big", 32_000)]

    def test_it_belongs_to_the_assets_battery_while_no_car_is_named(self) -> None:
        assert battery(Presence(), big=100) == [(None, 32_000)]

    def test_it_gives_no_sample_before_the_car_was_named_or_plugged_in(self) -> None:
        assert battery(RENAMED, at=NOW - timedelta(minutes=2), big=100) == []
        assert battery(NAMED, at=PLUGGED_AT - timedelta(minutes=1), big=100) == []

    def test_it_belongs_to_the_car_that_the_observation_names_at_any_time(self) -> None:
        seen = battery(RENAMED, at=PLUGGED_AT - timedelta(minutes=1), vehicle_id="small", small=20)
        assert seen == [("small", 10_000)]


def plug_samples(before: Presence, after: Presence) -> tuple[Sample, ...]:
    """The plug facts that a change of presence makes."""
    return tuple(sample for sample in session_samples(after) if sample not in session_samples(before))


class TestPlugFacts:
    def test_a_session_that_opens_is_a_plug_in_at_the_plugs_own_instant(self) -> None:
        assert plug_samples(Presence(), HOME) == (Sample(SESSION.plugged_at, "plugged"),)

    def test_a_session_that_closes_is_a_plug_out(self) -> None:
        closed = Presence(last_session=replace(SESSION, closed_at=NOW))
        assert plug_samples(HOME, closed) == (Sample(NOW, "unplugged"),)

    def test_a_change_beside_the_session_gives_no_plug_fact(self) -> None:
        assert plug_samples(HOME, replace(HOME, needs_user="reconnect", needs_user_at=NOW)) == ()

    def test_an_account_that_is_lost_in_a_session_is_a_loss_of_contact(self) -> None:
        lost = replace(HOME, needs_user="reconnect", needs_user_at=NOW, unreported_since=NOW)
        assert plug_samples(HOME, lost) == (Sample(NOW, "out_of_reach"),)
        assert plug_samples(Presence(), replace(lost, session=None)) == ()
        before = SESSION.plugged_at - timedelta(minutes=1)
        assert plug_samples(HOME, replace(lost, unreported_since=before)) == ()

    def test_a_session_metered_only_since_home_was_known_is_joined_then(self) -> None:
        joined = Presence(session=replace(SESSION, metered_from=SESSION.opened_at))
        assert plug_samples(Presence(), joined) == (Sample(SESSION.opened_at, "joined"),)

    def test_a_plug_in_has_for_how_long_the_state_of_charge_may_have_risen_here_before_it(self) -> None:
        risen = Presence(session=replace(SESSION, lower_at=SESSION.plugged_at - timedelta(minutes=15)))
        assert plug_samples(Presence(), risen) == (Sample(SESSION.plugged_at, "plugged", 900),)
        reported_earlier = Presence(session=replace(SESSION, lower_at=SESSION.plugged_at + timedelta(minutes=1)))
        assert plug_samples(Presence(), reported_earlier) == (Sample(SESSION.plugged_at, "plugged"),)

    def test_a_false_plug_out_is_undone_at_its_own_instant(self) -> None:
        closed = Presence(last_session=replace(SESSION, closed_at=NOW))
        reopened = Presence(session=replace(SESSION, false_ends=(NOW,)))
        assert plug_samples(closed, reopened) == (Sample(NOW, "resumed"),)
        assert session_samples(reopened)[1:] == (Sample(NOW, "unplugged"), Sample(NOW, "resumed"))
