"""Observations become the same half-hours in whatever order they arrive."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.presence.observation import MeasuringPoint, Observation
from driveway.values import replace
from tests.support.domain.metered_asset import Asset, saw

CHARGING: dict[str, Any] = {"charging": True, "power_kw": 6.0}
STOPPED: dict[str, Any] = {"charging": False, "power_kw": 0.0}
LEFT: dict[str, Any] = {"plugged_in": False, "at_home": False}

PLUG_IN = saw(0, plugged_in=True, at_home=True)
SESSION = [PLUG_IN, *(saw(minute, **CHARGING) for minute in (1, 6, 11, 16)), saw(21, **STOPPED)]


@pytest.mark.parametrize("place", range(len(SESSION)))
def test_a_plug_in_may_be_reported_after_any_sample_of_its_session(place: int) -> None:
    after = SESSION[1 : place + 1]
    assert Asset().receives(*after, PLUG_IN, *SESSION[place + 1 :], minute=30).energies == [2000]


def test_a_late_report_of_the_session_before_last_counts() -> None:
    asset = Asset()
    for hour in (0, 3, 6):
        asset.receives(saw(hour * 60, plugged_in=True, at_home=True), saw(hour * 60 + 30, **LEFT))
    asset.receives(*(saw(minute, **CHARGING) for minute in (0, 10, 20, 29)))
    assert sum(asset.energies) == asset.energies[0] == 3000


def test_energy_before_home_became_known_counts_if_it_was_soon() -> None:
    for home_minute, energy_wh in ((25, 3000), (61, 0)):
        asset = Asset().receives(saw(0, plugged_in=True, **CHARGING), *(saw(m, **CHARGING) for m in (10, 20)))
        asset.receives(saw(30, **STOPPED), saw(home_minute, at_home=True), minute=62)
        assert sum(asset.energies) == energy_wh


def test_energy_taken_away_does_not_count_though_the_departure_is_reported_later() -> None:
    asset = Asset().receives(*SESSION)
    asset.receives(*(saw(minute, **CHARGING, energy_session_kwh=minute / 10) for minute in (60, 70, 80)))
    assert sum(asset.energies) > 2000
    asset.receives(saw(40, **LEFT))
    assert sum(asset.energies) == 2000
    asset.receives(saw(120, plugged_in=True, at_home=True), saw(125, energy_session_kwh=0.5))
    assert sum(asset.energies) == 2500


def test_a_car_plugged_in_elsewhere_counts_from_its_first_report_at_home() -> None:
    asset = Asset().receives(saw(0, plugged_in=True, at_home=False, **CHARGING), saw(10, plugged_in=True, **CHARGING))
    asset.receives(saw(40, plugged_in=True, at_home=True, **CHARGING), saw(50, **CHARGING, energy_session_kwh=9.0))
    asset.receives(saw(60, energy_session_kwh=10.0))
    assert sum(asset.energies) == 1000 + 1000


def test_a_false_plug_out_costs_no_energy_and_no_zero_rows() -> None:
    asset = (
        Asset().receives(saw(0, plugged_in=True, at_home=True, **CHARGING), saw(10, plugged_in=False)).waits_until(13)
    )
    assert asset.twin.presence.session is None
    asset.receives(saw(11, **CHARGING), *(saw(minute, **CHARGING) for minute in (20, 30, 40)), saw(50, **STOPPED))
    assert asset.energies == [3000, 2000]
    assert [plugged_at_end for _, _, plugged_at_end in asset.half_hours.values()] == [True, True]
    asset.receives(saw(80, **LEFT))
    assert list(asset.half_hours.values())[-1] == (0, True, False)


def test_an_apps_reading_of_energy_taken_elsewhere_does_not_count_at_home() -> None:
    asset = Asset()
    for minute, signals in (
        (0, {"plugged_in": True, "at_home": True, "energy_lifetime_kwh": 1000.0}),
        (30, {"energy_lifetime_kwh": 1003.0, "charging": False}),
        (31, LEFT),
        (600, {"plugged_in": True, "at_home": True}),
        (605, {"energy_lifetime_kwh": 1023.0}),
        (635, {"energy_lifetime_kwh": 1026.0, "charging": False}),
    ):
        asset.receives(saw(minute, **signals))
    assert sum(asset.energies) == sum(session.energy_wh for session in asset.twin.meter.sessions) == 6000


@dataclass(frozen=True)
class Seen:
    """An observation, and how many reports of the plug and of home must arrive before it."""

    observation: Observation
    after_reports: int
    is_report: bool = False
    away: bool = False


def a_history(random: Random) -> list[Seen]:
    """Days of a car in order: plugged in at home, elsewhere or nowhere, with the values measured meanwhile."""
    shown = random.sample(["power", "session", "lifetime", "soc"], random.randint(1, 3))
    point: MeasuringPoint = random.choice(["unknown", "unknown", "vehicle_ac_input", "battery"])
    history: list[Seen] = []
    minute, lifetime_kwh, soc_pct = 0.0, 1000.0, 20.0
    reports = 0

    def report(minute: float, **signals: Any) -> None:
        nonlocal reports
        history.append(Seen(saw(minute, **signals), reports, is_report=True))
        reports += 1

    for _ in range(random.randint(1, 4)):
        away = random.random() < 0.35
        before, began, lasts = reports, minute, random.choice([25, 70, 200])
        home_after = random.choice([0, 0, 7, 45, 80])
        report(minute, plugged_in=True, at_home=False if away else True if home_after == 0 else None)
        if not away and 0 < home_after < lasts:
            report(minute + home_after, at_home=True)
        session_kwh = 0.0
        while minute < began + lasts - 3:
            step_min = random.choice([0.5, 3, 8, 8, 14, 25])
            power_kw = random.choice([0.0, 3.6, 7.2])
            session_kwh += power_kw * step_min / 60
            lifetime_kwh += power_kw * step_min / 60
            soc_pct = min(100.0, soc_pct + power_kw * step_min / 60 / 0.64)
            minute = round(minute + step_min, 3)
            values: dict[str, dict[str, Any]] = {
                "power": {"power_kw": power_kw, "charging": power_kw > 0},
                "session": {"energy_session_kwh": round(session_kwh, random.choice([0, 1, 3]))},
                "lifetime": {"energy_lifetime_kwh": round(lifetime_kwh, 3)},
                "soc": {"soc_pct": round(soc_pct), "charging": power_kw > 0},
            }
            signals: dict[str, Any] = {}
            for name in shown:
                if random.random() < 0.8:
                    signals |= values[name]
            if signals and minute < began + lasts:
                measured = replace(saw(minute, **signals), measuring_point=point)
                history.append(Seen(measured, before, away=away))
        minute = began + lasts
        report(minute, **LEFT)
        lifetime_kwh += random.choice([0, 0, 9])
        minute += random.choice([20, 90, 500])
    return history


def overtaking(history: Iterable[Seen], random: Random) -> list[Observation]:
    """A possible order of arrival: reports in order, values at any time after the plug-out before them."""
    waiting = list(history)
    waiting += [seen for seen in waiting if random.random() < 0.2]
    received: list[Observation] = []
    reported: Counter[datetime] = Counter()
    reports = 0
    while waiting:
        may_come = [place for place, seen in enumerate(waiting) if seen.after_reports <= reports]
        next_one = waiting.pop(random.choice(may_come))
        received.append(next_one.observation)
        if next_one.is_report and not reported[next_one.observation.at]:
            reported[next_one.observation.at] += 1
            reports += 1
    return received


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32))
def test_the_half_hours_are_the_same_in_any_order_of_arrival(seed: int) -> None:
    random = Random(seed)
    history = a_history(random)
    in_order, out_of_order = Asset(), Asset()
    in_order.receives(*(seen.observation for seen in history))
    out_of_order.receives(*overtaking(history, random), minute=in_order.minute)
    assert out_of_order.half_hours == in_order.half_hours


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_values_measured_elsewhere_change_nothing_in_any_order_of_arrival(seed: int) -> None:
    random = Random(seed)
    history = a_history(random)
    at_home, everywhere = Asset(), Asset()
    at_home.receives(*(seen.observation for seen in history if not seen.away))
    everywhere.receives(*overtaking(history, random), minute=at_home.minute)
    assert everywhere.half_hours == at_home.half_hours
