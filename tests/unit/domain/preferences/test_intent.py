from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from driveway.domain.preferences.departures import WEEKDAYS
from driveway.domain.preferences.errors import PreferenceError
from driveway.domain.preferences.intent import (
    CHARGING_EFFICIENCY,
    axle_intent,
    check_intent_fits,
    intent_body,
    intent_differs,
    parse_intent,
)
from driveway.domain.twin import AxleIntent, Intent
from driveway.values import replace

NOW = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
EVERY_DAY = dict.fromkeys(WEEKDAYS, "07:00")


def for_axle(
    body: dict[str, Any],
    *,
    now: datetime = NOW,
    power_kw: float = 7.4,
    battery_kwh: float | None = 64,
    soc_pct: float | None = 41,
    timezone: str = "Europe/London",
) -> AxleIntent:
    intent = parse_intent({"ready_by": "07:00", **body})
    axle = axle_intent(
        intent, link_power_kw=power_kw, battery_kwh=battery_kwh, soc_pct=soc_pct, timezone=timezone, now=now
    )
    assert axle is not None
    return axle


def faults(body: Any) -> dict[str, str]:
    with pytest.raises(PreferenceError) as caught:
        parse_intent(body)
    assert caught.value.errors
    return dict(caught.value.errors)


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        ({"ready_by": "07:00"}, Intent(ready_by=EVERY_DAY)),
        ({"ready_by": "7.00"}, Intent(ready_by=EVERY_DAY)),
        ({"ready_by": "07:00:00", "kwh": None}, Intent(ready_by=EVERY_DAY)),
        ({"ready_by": "7am", "kwh": 30}, Intent(ready_by=EVERY_DAY, kwh=30.0)),
        ({"ready_by": "07:00", "kwh": 0}, Intent(ready_by=EVERY_DAY, kwh=0.0)),
        ({"ready_by": "07:00", "hours": 4}, Intent(ready_by=EVERY_DAY, hours=4.0)),
        (
            {"ready_by": "07:00", "target_soc_pct": 80, "minimum_soc_pct": 80},
            Intent(ready_by=EVERY_DAY, target_soc_pct=80.0, minimum_soc_pct=80.0),
        ),
        (
            {"ready_by": {"sat": "8:00", "mon": "07:00"}, "exceptions": {"2026-12-25": "11:00", "2026-01-01": "10.30"}},
            Intent(
                ready_by={"mon": "07:00", "sat": "08:00"}, exceptions={"2026-01-01": "10:30", "2026-12-25": "11:00"}
            ),
        ),
        (
            {"ready_by": "07:00", "may_charge_peak": True, "charging_mode": "minimise_charging_time"},
            Intent(ready_by=EVERY_DAY, may_charge_peak=True, charging_mode="minimise_charging_time"),
        ),
    ],
)
def test_an_intent_is_read_in_every_form_that_people_use(body: dict[str, Any], intent: Intent) -> None:
    assert parse_intent(body) == intent


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/ready_by"]),
        ({"ready_by": None}, ["/ready_by"]),
        ([], ["", "/ready_by"]),
        ({"ready_by": {}}, ["/ready_by"]),
        ({"ready_by": 7}, ["/ready_by"]),
        ({"ready_by": "soon"}, ["/ready_by"]),
        ({"ready_by": "24:00"}, ["/ready_by"]),
        ({"ready_by": "25:00"}, ["/ready_by"]),
        ({"ready_by": "07:00Z"}, ["/ready_by"]),
        ({"ready_by": "2026-11-23T07:00:00Z"}, ["/ready_by"]),
        ({"ready_by": ["07:00"]}, ["/ready_by"]),
        ({"ready_by": {"mon": "07:00", "Saturday": "08:00"}}, ["/ready_by/Saturday"]),
        ({"ready_by": {"mon": "07:00", "sat": "26:00", "sun": None}}, ["/ready_by/sat", "/ready_by/sun"]),
        ({"ready_by": "07:00", "kwh": 30, "hours": 4}, ["/hours"]),
        ({"ready_by": "07:00", "kwh": 30, "hours": 4, "target_soc_pct": 80}, ["/hours", "/target_soc_pct"]),
        ({"ready_by": "07:00", "percent": 80}, ["/percent"]),
        ({"ready_by": "07:00", "kwh": -0.1}, ["/kwh"]),
        ({"ready_by": "07:00", "kwh": 501}, ["/kwh"]),
        ({"ready_by": "07:00", "kwh": 10**400}, ["/kwh"]),
        ({"ready_by": "07:00", "kwh": True}, ["/kwh"]),
        ({"ready_by": "07:00", "kwh": "30"}, ["/kwh"]),
        ({"ready_by": "07:00", "kwh": float("nan")}, ["/kwh"]),
        ({"ready_by": "07:00", "kwh": float("inf")}, ["/kwh"]),
        ({"ready_by": "07:00", "hours": -1}, ["/hours"]),
        ({"ready_by": "07:00", "hours": 169}, ["/hours"]),
        ({"ready_by": "07:00", "target_soc_pct": 101}, ["/target_soc_pct"]),
        ({"ready_by": "07:00", "minimum_soc_pct": -1}, ["/minimum_soc_pct"]),
        ({"ready_by": "07:00", "target_soc_pct": 50, "minimum_soc_pct": 60}, ["/minimum_soc_pct"]),
        ({"ready_by": "07:00", "may_charge_peak": 1}, ["/may_charge_peak"]),
        ({"ready_by": "07:00", "may_charge_peak": "false"}, ["/may_charge_peak"]),
        ({"ready_by": "07:00", "charging_mode": "fast"}, ["/charging_mode"]),
        ({"ready_by": "07:00", "exceptions": ["2026-12-25"]}, ["/exceptions"]),
        ({"ready_by": "07:00", "exceptions": {"2026-02-30": "11:00"}}, ["/exceptions/2026-02-30"]),
        ({"ready_by": "07:00", "exceptions": {"25/12/2026": "11:00"}}, ["/exceptions/25~112~12026"]),
        ({"ready_by": "07:00", "exceptions": {"20261225": "11:00"}}, ["/exceptions/20261225"]),
        ({"ready_by": "07:00", "exceptions": {"9999-12-31": "11:00"}}, ["/exceptions/9999-12-31"]),
        ({"ready_by": "07:00", "exceptions": {"2026-12-25": None}}, ["/exceptions/2026-12-25"]),
        ({"ready_by": "07:00", "exceptions": {f"2026-01-01{n}": "1:00" for n in range(367)}}, ["/exceptions"]),
        ({"kwh": "30", "colour": "red"}, ["/colour", "/ready_by", "/kwh"]),
    ],
)
def test_every_fault_of_an_intent_is_pointed_at(body: Any, pointers: list[str]) -> None:
    found = faults(body)
    assert list(found) == pointers
    assert all(message.endswith(".") for message in found.values())


def test_a_body_without_ready_by_keeps_the_departures_it_updates_and_nothing_else() -> None:
    stored = Intent(ready_by={"mon": "07:00"}, exceptions={"2026-12-25": "11:00"}, kwh=30, may_charge_peak=True)
    assert parse_intent({"hours": 3}, default=stored) == Intent(
        ready_by={"mon": "07:00"}, exceptions={"2026-12-25": "11:00"}, hours=3
    )
    assert parse_intent({"exceptions": {}}, default=stored) == Intent(ready_by={"mon": "07:00"})
    assert parse_intent({"ready_by": "07:00"}, default=stored) == Intent(ready_by=EVERY_DAY)


def test_a_target_needs_the_battery_size() -> None:
    with pytest.raises(PreferenceError, match="battery_kwh") as caught:
        check_intent_fits(Intent(ready_by=EVERY_DAY, target_soc_pct=80), battery_kwh=None)
    assert [pointer for pointer, _ in caught.value.errors] == ["/target_soc_pct"]
    check_intent_fits(Intent(ready_by=EVERY_DAY, target_soc_pct=80), battery_kwh=64)
    check_intent_fits(Intent(ready_by=EVERY_DAY, kwh=30), battery_kwh=None)


def test_the_app_is_answered_with_one_time_where_all_days_have_it_and_without_what_is_not_set() -> None:
    assert intent_body(parse_intent({"ready_by": EVERY_DAY, "kwh": 30})) == {
        "kwh": 30.0,
        "ready_by": "07:00",
        "may_charge_peak": False,
        "charging_mode": "maximise_charging_time",
    }
    six_days = {day: "07:00" for day in WEEKDAYS if day != "sun"}
    assert intent_body(parse_intent({"ready_by": six_days}))["ready_by"] == six_days


@pytest.mark.parametrize(
    ("body", "asset", "energy_kwh"),
    [
        ({"kwh": 30}, {}, 30.0),
        ({"kwh": 30.01}, {}, 30.1),
        ({"kwh": 0}, {}, 0.0),
        ({"kwh": 0.1 + 0.2}, {}, 0.3),
        ({"kwh": 80}, {}, 64.0),
        ({"kwh": 80}, {"battery_kwh": None}, 80.0),
        ({"kwh": 80}, {"battery_kwh": 57.55}, 57.5),
        ({"hours": 4}, {}, 29.6),
        ({"hours": 0.5}, {}, 3.7),
        ({"hours": 1.01}, {}, 7.5),
        ({"hours": 24}, {}, 64.0),
        ({"hours": 3}, {"power_kw": 1.1}, 3.3),
        ({}, {}, 29.6),
        ({}, {"power_kw": 2.3}, 9.2),
        ({}, {"battery_kwh": 20}, 20.0),
        # (80 - 41) % of 64 kWh is 24.96 kWh in the battery and 27.73 kWh from the grid.
        ({"target_soc_pct": 80}, {}, 27.8),
        ({"target_soc_pct": 80}, {"battery_kwh": 90, "soc_pct": 70}, 10.0),
        ({"target_soc_pct": 80}, {"soc_pct": 80}, 0.0),
        ({"target_soc_pct": 80}, {"soc_pct": 93.5}, 0.0),
        ({"target_soc_pct": 100}, {"soc_pct": 0}, 64.0),
        # With the state of charge unknown: the default hours, but no more than an empty car could take.
        ({"target_soc_pct": 80}, {"soc_pct": None}, 29.6),
        ({"target_soc_pct": 40}, {"soc_pct": None, "battery_kwh": 36}, 16.0),
        ({"target_soc_pct": 80}, {"battery_kwh": None}, 29.6),
    ],
)
def test_the_drivers_energy_becomes_kwh_rounded_up_to_a_tenth(
    body: dict[str, Any], asset: dict[str, Any], energy_kwh: float
) -> None:
    assert for_axle(body, **asset).energy_required_kwh == energy_kwh


@pytest.mark.parametrize(
    ("body", "soc_pct", "estimated"),
    [
        ({"target_soc_pct": 80}, 41, False),
        ({"target_soc_pct": 80}, None, True),
        ({"kwh": 30}, 41, True),
        ({"hours": 4}, 41, True),
        ({}, 41, True),
    ],
)
def test_energy_is_estimated_unless_it_comes_from_a_target_and_an_observed_state_of_charge(
    body: dict[str, Any], soc_pct: float | None, estimated: bool
) -> None:
    assert for_axle(body, soc_pct=soc_pct).energy_estimated is estimated


def test_axle_is_sent_the_next_departure_as_wall_time_and_as_an_instant() -> None:
    saturday_night = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
    week = {"ready_by": {"sat": "08:00", "sun": "09:30", "mon": "07:00"}, "may_charge_peak": True}
    assert for_axle({**week, "charging_mode": "minimise_charging_time"}, now=saturday_night) == AxleIntent(
        energy_required_kwh=29.6,
        ready_by=datetime(2026, 3, 29, 8, 30, tzinfo=UTC),
        ready_by_local_time="09:30:00",
        energy_estimated=True,
        may_charge_peak=True,
        charging_mode="minimise_charging_time",
    )
    after_it = for_axle(week, now=datetime(2026, 3, 29, 8, 30, tzinfo=UTC))
    assert (after_it.ready_by, after_it.ready_by_local_time) == (datetime(2026, 3, 30, 6, 0, tzinfo=UTC), "07:00:00")


@pytest.mark.parametrize(
    ("timezone", "local_time", "now", "ready_by"),
    [
        ("Europe/London", "01:30", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
        ("Europe/London", "01:30", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("Europe/Berlin", "02:30", "2026-03-28T12:00Z", "2026-03-29T01:00Z"),
        ("Europe/Berlin", "02:30", "2026-10-24T12:00Z", "2026-10-25T00:30Z"),
        ("Australia/Lord_Howe", "02:15", "2026-10-03T12:00Z", "2026-10-03T15:30Z"),
        ("Australia/Lord_Howe", "01:45", "2026-04-04T12:00Z", "2026-04-04T14:45Z"),
        ("Asia/Kolkata", "01:30", "2026-03-28T12:00Z", "2026-03-28T20:00Z"),
    ],
)
def test_on_clock_change_nights_the_wall_time_stays_and_the_instant_is_the_last_real_or_the_earlier_one(
    timezone: str, local_time: str, now: str, ready_by: str
) -> None:
    axle = for_axle({"ready_by": local_time}, timezone=timezone, now=datetime.fromisoformat(now))
    assert axle.ready_by == datetime.fromisoformat(ready_by)
    assert axle.ready_by_local_time == f"{local_time}:00"


def test_without_a_departure_there_is_nothing_to_report() -> None:
    past = Intent(ready_by={}, exceptions={"2026-01-01": "11:00"})
    assert axle_intent(past, link_power_kw=7.4, battery_kwh=64, soc_pct=41, timezone="Europe/London", now=NOW) is None


KWH, TARGET = for_axle({"kwh": 30}), for_axle({"target_soc_pct": 80})


@pytest.mark.parametrize(
    ("acked", "wanted", "differs"),
    [
        (None, KWH, True),
        (KWH, KWH, False),
        (KWH, replace(KWH, ready_by=datetime(2026, 1, 17, 7, 0, tzinfo=UTC)), False),
        (KWH, replace(KWH, ready_by_local_time="08:00:00"), True),
        (KWH, replace(KWH, energy_required_kwh=30.1), True),
        (KWH, replace(KWH, may_charge_peak=True), True),
        (KWH, replace(KWH, charging_mode="minimise_charging_time"), True),
        (KWH, replace(KWH, energy_estimated=False), True),
        (TARGET, replace(TARGET, energy_required_kwh=28.3), False),
        (TARGET, replace(TARGET, energy_required_kwh=27.3), False),
        (TARGET, replace(TARGET, energy_required_kwh=28.4), True),
        (TARGET, replace(TARGET, energy_required_kwh=27.2), True),
        (TARGET, replace(TARGET, energy_required_kwh=28.0, may_charge_peak=True), True),
        (TARGET, for_axle({"target_soc_pct": 80}, soc_pct=40.5), False),
        (TARGET, for_axle({"target_soc_pct": 80}, soc_pct=40), True),
        (TARGET, for_axle({"target_soc_pct": 80.5}), True),
        (TARGET, for_axle({"target_soc_pct": 80}, soc_pct=None), True),
        (for_axle({"target_soc_pct": 80}, soc_pct=90), for_axle({"target_soc_pct": 85}, soc_pct=90), False),
    ],
)
def test_an_intent_is_reported_again_only_if_it_differs_for_axle(
    acked: AxleIntent | None, wanted: AxleIntent, differs: bool
) -> None:
    assert intent_differs(acked, wanted) is differs


TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda time: f"{time[0]:02d}:{time[1]:02d}")
PERCENT = st.floats(min_value=0, max_value=100)
ENERGY = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"kwh": st.floats(min_value=0, max_value=500)}),
    st.fixed_dictionaries({"hours": st.floats(min_value=0, max_value=168)}),
    st.fixed_dictionaries({"target_soc_pct": PERCENT}),
)
BODIES = st.builds(
    lambda energy, rest: {**energy, **rest},
    ENERGY,
    st.fixed_dictionaries(
        {"ready_by": TIMES | st.dictionaries(st.sampled_from(WEEKDAYS), TIMES, min_size=1)},
        optional={
            "exceptions": st.dictionaries(
                st.dates(date(2026, 1, 1), date(2030, 1, 1)).map(str),
                TIMES,
                max_size=3,
            ),
            "may_charge_peak": st.booleans(),
            "charging_mode": st.sampled_from(["maximise_charging_time", "minimise_charging_time"]),
        },
    ),
)


@settings(max_examples=150, deadline=None)
@given(BODIES)
def test_normalising_an_intent_twice_is_the_same_as_once(body: dict[str, Any]) -> None:
    once = parse_intent(body)
    assert parse_intent(intent_body(once)) == once
    assert intent_body(parse_intent(intent_body(once))) == intent_body(once)


@settings(max_examples=200, deadline=None)
@given(
    ENERGY,
    st.floats(min_value=0.1, max_value=50),
    st.none() | st.floats(min_value=1, max_value=200),
    st.none() | PERCENT,
)
@example({"kwh": 57.55}, 7.4, 57.55, None)
def test_energy_is_whole_tenths_never_negative_and_never_above_the_battery(
    energy: dict[str, float], power_kw: float, battery_kwh: float | None, soc_pct: float | None
) -> None:
    energy_kwh = for_axle(energy, power_kw=power_kw, battery_kwh=battery_kwh, soc_pct=soc_pct).energy_required_kwh
    assert 0 <= energy_kwh <= (battery_kwh or float("inf"))
    assert Decimal(str(energy_kwh)) % Decimal("0.1") == 0


@settings(max_examples=150, deadline=None)
@given(st.floats(min_value=0, max_value=60))
def test_the_requested_energy_is_enough_and_less_than_a_tenth_more(kwh: float) -> None:
    energy_kwh = for_axle({"kwh": kwh}).energy_required_kwh
    assert kwh - 1e-6 <= energy_kwh < kwh + 0.1 + 1e-6


@settings(max_examples=150, deadline=None)
@given(PERCENT, PERCENT, st.floats(min_value=10, max_value=120))
def test_the_energy_for_a_target_takes_the_car_there_after_losses(
    target_pct: float, soc_pct: float, battery_kwh: float
) -> None:
    axle = for_axle({"target_soc_pct": target_pct}, soc_pct=soc_pct, battery_kwh=battery_kwh)
    reached_pct = soc_pct + axle.energy_required_kwh * CHARGING_EFFICIENCY / battery_kwh * 100
    assert reached_pct >= target_pct - 1e-4 or axle.energy_required_kwh > battery_kwh - 0.1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | TIMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["kwh", "hours", "target_soc_pct", "ready_by", "exceptions", "may_charge_peak", "charging_mode", "minimum_soc_pct"]
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(KEYS | st.text(max_size=3), JSON, max_size=6))
def test_any_json_is_either_an_intent_or_refused_with_pointers(body: dict[str, Any]) -> None:
    try:
        intent = parse_intent(body)
        outcome = parse_intent(intent_body(intent)) == intent
    except PreferenceError as error:
        outcome = all(pointer == "" or pointer.startswith("/") for pointer, _ in error.errors)
    assert outcome
