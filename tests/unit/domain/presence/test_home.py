from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.presence.home import PlaceEvidence, distance_m, place_evidence, resolve_home
from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import Home

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
HOME = Home(51.5034, -0.1276)
METRES_PER_DEGREE = 111_195.0


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def place(metres_north: float, *, age_s: float = 0) -> Position:
    return Position(HOME.latitude + metres_north / METRES_PER_DEGREE, HOME.longitude, ago(age_s))


def evidence(
    whereabouts: Whereabouts | None, *, home: Home | None = HOME, place_id: str | None = None
) -> PlaceEvidence | None:
    return place_evidence(whereabouts, home=home, home_location_id=place_id, observed_at=NOW)


def answer(whereabouts: Whereabouts | None, *, home: Home | None = HOME, place_id: str | None = None) -> bool | None:
    found = evidence(whereabouts, home=home, place_id=place_id)
    return None if found is None else found.at_home


@pytest.mark.parametrize(
    "whereabouts",
    [
        None,
        Whereabouts(),
        Whereabouts(position=Position(0.0, 0.0, NOW)),
        Whereabouts(position=Position(float("nan"), 0.1, NOW)),
        Whereabouts(position=Position(91.0, 0.1, NOW)),
        Whereabouts(location_id="somewhere", location_id_known=True),
    ],
)
def test_no_usable_evidence_is_unknown(whereabouts: Whereabouts | None) -> None:
    assert answer(whereabouts) is None


def test_a_position_is_no_evidence_when_the_home_is_not_known() -> None:
    assert answer(Whereabouts(position=place(0)), home=None) is None


@pytest.mark.parametrize("flag", [True, False])
def test_the_providers_own_flag_comes_first(flag: bool) -> None:
    reported = Whereabouts(home_flag=flag, location_id="work", location_id_known=True, position=place(500))
    assert answer(reported, place_id="home") is flag


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        (Whereabouts(location_id="home", location_id_known=True), True),
        (Whereabouts(location_id="work", location_id_known=True), False),
        (Whereabouts(location_id=None, location_id_known=True, position=place(0)), False),
        (Whereabouts(location_id=None, location_id_known=False), None),
    ],
)
def test_the_location_id_is_compared_with_the_one_given_at_onboarding(
    reported: Whereabouts, expected: bool | None
) -> None:
    assert answer(reported, place_id="home") is expected


def test_an_absent_location_id_leaves_it_to_the_position() -> None:
    assert answer(Whereabouts(position=place(10)), place_id="home") is True


@pytest.mark.parametrize(("metres", "expected"), [(0, True), (199, True), (201, False), (50_000, False)])
def test_a_fresh_position_is_home_within_the_radius(metres: float, expected: bool) -> None:
    assert answer(Whereabouts(position=place(metres, age_s=900))) is expected


def test_a_position_has_no_age_limit() -> None:
    day_old = 86_400
    assert evidence(Whereabouts(position=place(20, age_s=day_old))) == PlaceEvidence(True, ago(day_old))


def test_the_flag_of_another_home_is_overruled_by_a_position_far_from_this_one() -> None:
    assert evidence(Whereabouts(home_flag=True, position=place(1_300))) == PlaceEvidence(False, NOW, clearly_away=True)


def test_a_position_that_was_measured_before_the_flag_does_not_overrule_it() -> None:
    flag_at = ago(600)
    before = Whereabouts(home_flag=True, measured_at=flag_at, position=place(1_300, age_s=601))
    assert evidence(before) == PlaceEvidence(True, flag_at)
    since = Whereabouts(home_flag=True, measured_at=flag_at, position=place(1_300, age_s=600))
    assert answer(since) is False


@pytest.mark.parametrize(("metres", "clearly"), [(201, False), (1_199, False), (1_201, True), (100_000, True)])
def test_a_place_is_clearly_away_a_kilometre_outside_the_home(metres: float, clearly: bool) -> None:
    assert evidence(Whereabouts(position=place(metres))) == PlaceEvidence(False, NOW, clearly_away=clearly)
    named = Whereabouts(home_flag=False, position=place(metres))
    assert evidence(named) == PlaceEvidence(False, NOW, clearly_away=clearly)


@given(
    st.floats(min_value=-60, max_value=60),
    st.floats(min_value=-180, max_value=180),
    st.floats(min_value=-2_000, max_value=2_000),
    st.floats(min_value=-2_000, max_value=2_000),
)
def test_the_distance_agrees_with_flat_ground_close_by(
    latitude: float, longitude: float, north_m: float, east_m: float
) -> None:
    there = (
        latitude + north_m / METRES_PER_DEGREE,
        longitude + east_m / (METRES_PER_DEGREE * cos(radians(latitude))),
    )
    flat = (north_m**2 + east_m**2) ** 0.5
    assert distance_m(latitude, longitude, *there) == pytest.approx(flat, rel=0.002, abs=0.5)


def test_the_distance_crosses_the_date_line() -> None:
    assert distance_m(0.0, 179.9995, 0.0, -179.9995) == pytest.approx(111.2, abs=0.2)


def test_a_quarter_of_the_earth_is_ten_thousand_kilometres() -> None:
    assert distance_m(0.0, 0.0, 90.0, 0.0) == pytest.approx(10_007_557, rel=1e-4)


def test_no_position_is_left_once_home_is_decided() -> None:
    seen = Observation(at=NOW, source="smartcar", plugged_in=True, whereabouts=Whereabouts(position=place(10)))
    resolved = resolve_home(seen, home=HOME, home_location_id=None)
    assert resolved == Observation(at=NOW, source="smartcar", plugged_in=True, at_home=True)
    assert "51.5" not in repr(seen)


def test_a_place_counts_at_the_time_of_the_report_and_keeps_when_it_was_measured() -> None:
    parked_at = ago(5 * 3600)
    for reported in (
        Whereabouts(position=place(10, age_s=5 * 3600)),
        Whereabouts(home_flag=True, measured_at=parked_at),
    ):
        seen = Observation(at=NOW, source="enode", plugged_in=True, whereabouts=reported)
        assert resolve_home(seen, home=HOME, home_location_id=None) == Observation(
            at=NOW, source="enode", plugged_in=True, at_home=True, place_measured_at=parked_at
        )


@pytest.mark.parametrize(
    ("signals", "rated_kw", "away"),
    [
        ({"fast_charging": True}, 7.4, True),
        ({"power_kw": 50.0}, 7.4, True),
        ({"power_kw": 50.0}, None, True),
        ({"power_kw": 23.0}, 7.4, False),
        ({"power_kw": 50.0}, 60.0, False),
        ({"power_kw": float("nan")}, 7.4, False),
    ],
)
def test_a_charger_that_no_home_has_is_clearly_away(
    signals: dict[str, Any], rated_kw: float | None, away: bool
) -> None:
    seen = Observation(at=NOW, source="tesla", plugged_in=True, **signals)
    resolved = resolve_home(seen, home=HOME, home_location_id=None, power_kw=rated_kw)
    assert (resolved.at_home, resolved.clearly_away) == ((False, True) if away else (None, False))


def test_an_explicit_report_of_home_is_used_as_it_is() -> None:
    seen = Observation(at=NOW, source="app", at_home=False, whereabouts=Whereabouts(position=place(0)))
    resolved = resolve_home(seen, home=HOME, home_location_id=None)
    assert resolved.at_home is False
    assert resolved.whereabouts is None
