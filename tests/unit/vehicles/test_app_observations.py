"""The app's observations: what is stored as it is reported, what is refused, and why."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driveway.domain.presence.observation import Observation
from driveway.vehicles.app import SIGNALS, ObservationsError, parse_observations

NOW = datetime(2026, 11, 22, 18, 0, 10, tzinfo=UTC)
AT = "2026-11-22T18:00:05Z"


def refused(body) -> dict[str, str]:
    with pytest.raises(ObservationsError) as caught:
        parse_observations(body, now=NOW)
    return dict(caught.value.errors)


def one(**fields):
    return {"observations": [{"at": AT, **fields}]}


def test_an_observation_with_every_signal_is_read():
    signals = {
        "plugged_in": True,
        "at_home": True,
        "charging": False,
        "power_kw": 0.0,
        "energy_session_kwh": 0.0,
        "energy_lifetime_kwh": 1234.567,
        "soc_pct": 41.0,
    }
    at = datetime(2026, 11, 22, 18, 0, 5, tzinfo=UTC)
    assert parse_observations(one(**signals), now=NOW) == (Observation(at=at, source="app", **signals),)
    (found,) = parse_observations(one(soc_pct=41, energy_session_kwh=0), now=NOW)
    assert (found.soc_pct, found.energy_session_kwh) == (41.0, 0.0)


def test_a_null_and_a_field_left_out_both_say_nothing():
    (found,) = parse_observations(one(plugged_in=False, at_home=None, charging=None), now=NOW)
    assert (found.plugged_in, found.at_home, found.charging, found.power_kw) == (False, None, None, None)


@given(
    st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2026, 11, 1)),  # noqa: DTZ001 - the zone comes next
    st.integers(-14 * 60, 14 * 60),
)
def test_an_instant_means_the_same_in_any_offset(naive, offset_min):
    at = naive.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    (found,) = parse_observations({"observations": [{"at": at.isoformat(), "plugged_in": True}]}, now=NOW)
    assert found.at == at
    assert found.at.tzinfo is UTC


@pytest.mark.parametrize(
    "at",
    [
        None,
        1795370405,
        "",
        "yesterday",
        "2026-11-22T18:00:05",
        "2026-11-22",
        "2026-11-22T18:06:00Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_an_instant_that_is_missing_unreadable_local_or_to_come_is_refused(at):
    assert list(refused({"observations": [{"at": at, "plugged_in": True}]})) == ["/observations/0/at"]


def test_a_clock_a_little_ahead_is_accepted():
    assert parse_observations({"observations": [{"at": "2026-11-22T18:05:00Z", "charging": True}]}, now=NOW)


@pytest.mark.parametrize("name", ["plugged_in", "at_home", "charging"])
@pytest.mark.parametrize("value", [0, 1, "true", [], {}])
def test_a_flag_is_true_or_false_and_nothing_else(name, value):
    assert refused(one(**{name: value})) == {f"/observations/0/{name}": "must be true or false"}


@pytest.mark.parametrize("name", ["power_kw", "energy_session_kwh", "energy_lifetime_kwh", "soc_pct"])
@pytest.mark.parametrize("value", [True, "7.4", [], -0.1, 1e12, float("nan"), float("inf"), 10**400])
def test_a_number_is_one_in_its_range_and_nothing_else(name, value):
    assert list(refused(one(**{name: value}))) == [f"/observations/0/{name}"]


def test_a_state_of_charge_is_a_percentage():
    assert list(refused(one(soc_pct=100.1))) == ["/observations/0/soc_pct"]


def test_unknown_fields_are_refused_where_they_are():
    body = {"observations": [{"at": AT, "plugged_in": True}, {"at": AT, "charging": True, "power/w~": 7}], "asset": "x"}
    assert refused(body) == {"/asset": "unknown field", "/observations/1/power~1w~0": "unknown field"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (None, ""),
        ([], ""),
        ({}, "/observations"),
        ({"observations": {}}, "/observations"),
        ({"observations": []}, "/observations"),
        ({"observations": [{"at": AT, "plugged_in": True}] * 101}, "/observations"),
        ({"observations": [7]}, "/observations/0"),
        ({"observations": [{"at": AT}]}, "/observations/0"),
        ({"observations": [{"at": AT, "plugged_in": None}]}, "/observations/0"),
    ],
)
def test_a_body_of_another_shape_is_refused(body, pointer):
    assert list(refused(body)) == [pointer]


def test_a_hundred_observations_are_read_in_their_order():
    items = [{"at": f"2026-11-22T17:00:{n % 60:02}Z", "soc_pct": n} for n in range(100)]
    found = parse_observations({"observations": items}, now=NOW)
    assert [observation.soc_pct for observation in found] == list(range(100))


def test_every_fault_is_reported_at_once():
    body = {"observations": [{"at": "?", "soc_pct": 101}, {"at": AT, "charging": "no"}]}
    assert set(refused(body)) == {"/observations/0/at", "/observations/0/soc_pct", "/observations/1/charging"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    json_values
    | st.fixed_dictionaries(
        {
            "observations": st.lists(
                st.dictionaries(st.sampled_from(["at", *SIGNALS]), json_values | st.just(AT)), max_size=3
            )
        }
    )
)
def test_any_json_is_read_or_refused_and_never_breaks(body):
    try:
        found = len(parse_observations(body, now=NOW))
    except ObservationsError as error:
        found = -len(error.errors)
    assert found == len(body["observations"]) if found > 0 else found < 0
