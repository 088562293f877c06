from datetime import UTC, datetime, timedelta
from math import cos, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.presence.home import at_home, distance_m, resolve_home
from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import Home

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
HOME = Home(51.5034, -0.1276)
METRES_PER_DEGREE = 111_195.0


def place(metres_north: float, *, age_s: float = 0, last_parked: bool = False) -> Position:
    return Position(
        HOME.latitude + metres_north / METRES_PER_DEGREE,
        HOME.longitude,
        NOW - timedelta(seconds=age_s),
        last_parked=last_parked,
    )


def answer(whereabouts: Whereabouts | None, *, home: Home | None = HOME, place_id: str | None = None) -> bool | None:
    return at_home(whereabouts, home=home, home_location_id=place_id, observed_at=NOW)


@pytest.mark.parametrize(
    "whereabouts",
    [
        None,
        Whereabouts(),
        Whereabouts(position=place(0, age_s=901)),
        Whereabouts(position=Position(0.0, 0.0, NOW)),
        Whereabouts(position=Position(float("nan"), 0.1, NOW)),
        Whereabouts(position=Position(91.0, 0.1, NOW)),
        Whereabouts(location_id="somewhere", location_id_known=True),
    ],
)
def test_no_usable_evidence_is_unknown(whereabouts: Whereabouts | None) -> None:
    assert answer(whereabouts) is None


def test_a_position_says_nothing_when_the_home_is_not_known() -> None:
    assert answer(Whereabouts(position=place(0)), home=None) is None


@pytest.mark.parametrize("flag", [True, False])
def test_the_providers_own_flag_comes_first(flag: bool) -> None:
    said = Whereabouts(home_flag=flag, location_id="work", location_id_known=True, position=place(500))
    assert answer(said, place_id="home") is flag


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Whereabouts(location_id="home", location_id_known=True), True),
        (Whereabouts(location_id="work", location_id_known=True), False),
        (Whereabouts(location_id=None, location_id_known=True, position=place(0)), False),
        (Whereabouts(location_id=None, location_id_known=False), None),
    ],
)
def test_the_location_id_is_compared_with_the_one_given_at_onboarding(said: Whereabouts, expected: bool | None) -> None:
    assert answer(said, place_id="home") is expected


def test_an_absent_location_id_leaves_it_to_the_position() -> None:
    assert answer(Whereabouts(position=place(10)), place_id="home") is True


@pytest.mark.parametrize(("metres", "expected"), [(0, True), (199, True), (201, False), (50_000, False)])
def test_a_fresh_position_is_home_within_the_radius(metres: float, expected: bool) -> None:
    assert answer(Whereabouts(position=place(metres, age_s=900))) is expected


def test_a_last_parked_position_counts_however_old() -> None:
    assert answer(Whereabouts(position=place(20, age_s=3 * 86_400, last_parked=True))) is True


def test_the_flag_of_another_home_is_overruled_by_a_fresh_position_far_from_this_one() -> None:
    assert answer(Whereabouts(home_flag=True, position=place(1_300))) is False


def test_an_old_position_far_away_does_not_overrule_the_flag() -> None:
    assert answer(Whereabouts(home_flag=True, position=place(1_300, age_s=901))) is True
    assert answer(Whereabouts(home_flag=True, position=place(1_300, age_s=901, last_parked=True))) is True


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
    (resolved,) = resolve_home(seen, home=HOME, home_location_id=None)
    assert resolved == Observation(at=NOW, source="smartcar", plugged_in=True, at_home=True)
    assert "51.5" not in repr(seen)


def test_evidence_from_an_older_position_keeps_the_time_of_the_position() -> None:
    old = place(10, age_s=600)
    seen = Observation(at=NOW, source="enode", plugged_in=True, whereabouts=Whereabouts(position=old))
    assert resolve_home(seen, home=HOME, home_location_id=None) == (
        Observation(at=old.at, source="enode", at_home=True),
        Observation(at=NOW, source="enode", plugged_in=True),
    )


def test_a_last_parked_position_and_a_flag_are_as_new_as_the_observation() -> None:
    for said in (
        Whereabouts(position=place(10, age_s=600, last_parked=True)),
        Whereabouts(home_flag=True, position=place(10, age_s=600)),
    ):
        seen = Observation(at=NOW, source="enode", whereabouts=said)
        assert resolve_home(seen, home=HOME, home_location_id=None) == (
            Observation(at=NOW, source="enode", at_home=True),
        )


def test_what_the_source_says_in_so_many_words_stands() -> None:
    seen = Observation(at=NOW, source="app", at_home=False, whereabouts=Whereabouts(position=place(0)))
    (resolved,) = resolve_home(seen, home=HOME, home_location_id=None)
    assert resolved.at_home is False
    assert resolved.whereabouts is None
