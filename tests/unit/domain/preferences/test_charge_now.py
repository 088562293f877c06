from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.preferences.charge_now import KWH_TIME_MARGIN, LONGEST, charge_now_body, parse_charge_now
from driveway.domain.preferences.errors import PreferenceError
from driveway.domain.twin import ChargeNow

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def parse(body: Any, *, now: datetime = NOW, power_kw: float = 7.5) -> ChargeNow:
    return parse_charge_now(body, now=now, power_kw=power_kw, id="boost-1")


@pytest.mark.parametrize(
    ("body", "minutes", "kwh"),
    [
        ({"until": "2026-11-22T22:00:00Z"}, 120, None),
        ({"until": "2026-11-22T23:30:00+01:00"}, 150, None),
        ({"until": "2026-11-23T20:00:00+00:00"}, 1440, None),
        ({"for_minutes": 90}, 90, None),
        ({"for_minutes": 1}, 1, None),
        ({"for_minutes": 1440.0}, 1440, None),
        ({"for_minutes": 90, "until": None, "kwh": None}, 90, None),
        ({"kwh": 6}, 60, 6.0),
        ({"kwh": 0.3}, 3, 0.3),
        ({"kwh": 500}, 1440, 500.0),
    ],
)
def test_charging_now_starts_at_once_and_has_an_end(body: dict[str, Any], minutes: float, kwh: float | None) -> None:
    assert parse(body) == ChargeNow(id="boost-1", started_at=NOW, until=NOW + timedelta(minutes=minutes), kwh=kwh)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, [""]),
        ({"until": None}, [""]),
        ([], [""]),
        ("now", [""]),
        ({"for_ever": True}, ["/for_ever"]),
        ({"for_minutes": 90, "soc_pct": 80}, ["/soc_pct"]),
        ({"until": "2026-11-22T22:00:00Z", "for_minutes": 90}, ["/for_minutes"]),
        ({"kwh": 5, "for_minutes": 90, "until": "2026-11-22T22:00:00Z"}, ["/for_minutes", "/kwh"]),
        ({"until": "2026-11-22T20:00:00Z"}, ["/until"]),
        ({"until": "2026-11-22T20:59:59+01:00"}, ["/until"]),
        ({"until": "2026-11-23T20:00:01Z"}, ["/until"]),
        ({"until": "2026-11-22T22:00:00"}, ["/until"]),
        ({"until": "2026-11-22"}, ["/until"]),
        ({"until": "22:00"}, ["/until"]),
        ({"until": "9999-12-31T23:59:59-23:59"}, ["/until"]),
        ({"until": "0001-01-01T00:00:00+23:59"}, ["/until"]),
        ({"until": 1795384800}, ["/until"]),
        ({"for_minutes": 0}, ["/for_minutes"]),
        ({"for_minutes": -5}, ["/for_minutes"]),
        ({"for_minutes": 1441}, ["/for_minutes"]),
        ({"for_minutes": 1.5}, ["/for_minutes"]),
        ({"for_minutes": True}, ["/for_minutes"]),
        ({"for_minutes": "90"}, ["/for_minutes"]),
        ({"kwh": 0}, ["/kwh"]),
        ({"kwh": -0.0}, ["/kwh"]),
        ({"kwh": -1}, ["/kwh"]),
        ({"kwh": 501}, ["/kwh"]),
        ({"kwh": 10**400}, ["/kwh"]),
        ({"kwh": float("nan")}, ["/kwh"]),
        ({"kwh": float("inf")}, ["/kwh"]),
        ({"kwh": False}, ["/kwh"]),
        ({"kwh": "5"}, ["/kwh"]),
    ],
)
def test_charging_now_without_one_clear_bound_is_refused(body: Any, pointers: list[str]) -> None:
    with pytest.raises(PreferenceError) as caught:
        parse(body)
    assert [pointer for pointer, _ in caught.value.errors] == pointers
    assert all(message.endswith(".") for _, message in caught.value.errors)


def test_the_app_is_answered_with_instants_in_utc() -> None:
    an_hour_ahead = NOW.astimezone(timezone(timedelta(hours=1)))
    assert charge_now_body(parse({"kwh": 6}, now=an_hour_ahead)) == {
        "started_at": "2026-11-22T20:00:00Z",
        "until": "2026-11-22T21:00:00Z",
        "kwh": 6.0,
    }
    assert charge_now_body(parse({"for_minutes": 90})) == {
        "started_at": "2026-11-22T20:00:00Z",
        "until": "2026-11-22T21:30:00Z",
    }


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.fixed_dictionaries({"for_minutes": st.integers(min_value=1, max_value=1440)}),
        st.fixed_dictionaries({"kwh": st.floats(min_value=0.001, max_value=500)}),
        st.fixed_dictionaries({"until": st.timedeltas(timedelta(seconds=1), LONGEST).map(lambda d: str(NOW + d))}),
    ),
    st.floats(min_value=0, max_value=50),
)
def test_charging_now_always_ends_after_it_starts_and_within_a_day(body: dict[str, Any], power_kw: float) -> None:
    charge_now = parse(body, power_kw=power_kw)
    assert NOW == charge_now.started_at < charge_now.until <= NOW + LONGEST


@settings(max_examples=150, deadline=None)
@given(st.floats(min_value=0.1, max_value=500), st.floats(min_value=1, max_value=22))
def test_an_amount_gets_the_time_it_takes_at_full_power_unless_that_is_over_a_day(kwh: float, power_kw: float) -> None:
    charge_now = parse({"kwh": kwh}, power_kw=power_kw)
    delivered_kwh = (charge_now.until - NOW).total_seconds() / 3600 * power_kw
    assert delivered_kwh >= kwh * KWH_TIME_MARGIN * 0.999 or charge_now.until == NOW + LONGEST
