"""Webhooks that come twice, late, out of order, not at all or with false content: Axle gets each home session once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.stack.homes import Home, Stack
from tests.support.stack.waiting import until

ASTRAY = {"duplicate": 0.5, "late": 0.5, "late_s": 120, "reorder": 0.3, "reorder_s": 60}
LOSSY = ASTRAY | {"drop": 0.2}
CARS = {
    "astray-enode": ("enode", {"webhook_faults": LOSSY}),
    "astray-smartcar": ("smartcar", {"webhook_faults": LOSSY}),
    "astray-tesla": ("tesla", {"webhook_faults": ASTRAY}),
    "liar-enode": ("enode", {"lie_unplugged_after_stop_s": 180}),
    "liar-smartcar": ("smartcar", {"lie_unplugged_after_stop_s": 180}),
    "liar-tesla": ("tesla", {"lie_unplugged_after_stop_s": 180}),
}
REPORTS = 6
"""How often a provider repeats its report after each move, as when it polls a car. Tesla does not repeat."""


def rest(homes: list[Home], minutes: float) -> None:
    """Let time pass while the providers repeat their reports."""
    running = homes[0].running
    for number in range(REPORTS):
        for home in homes:
            home.move("report")
        at = running.clock.now() + timedelta(minutes=minutes / REPORTS)
        until(lambda at=at: running.clock.now() >= at, f"report {number}")


@pytest.fixture(scope="module")
def homes(running: Stack) -> dict[str, Home]:
    """Each car through a day: at home, where it is stopped, on a public charger far away, and at home again."""
    intent = {"kwh": 60, "ready_by": running.hhmm(1200)}
    homes = {name: Home(running, name, kind, intent=intent, battery_kwh=200) for name, (kind, _) in CARS.items()}
    for name, home in homes.items():
        home.join(**CARS[name][1])
    everyone = list(homes.values())
    for home in everyone:
        home.until(home.in_sync, "Axle has acknowledged everything")
        home.move("plug-in")
    rest(everyone, 15)
    for home in everyone:
        home.until(lambda home=home: home.at_axle()["plugged_in"], "Axle acknowledged the plug-in")
        home.until(home.charging, "the car charges off-peak")
    for home in everyone:
        home.put("tariff", running.off_peak((600, 700)))
    for home in everyone:
        home.until(lambda home=home: not home.charging(), "the car is stopped at peak")
    rest(everyone, 30)
    for move in ("plug-out", "drive-away", "park-away", "plug-in", "plug-out", "drive-away", "come-home"):
        for home in everyone:
            home.move(move)
        rest(everyone, 15)
    for home in everyone:
        home.until(lambda home=home: not home.at_axle()["plugged_in"], "Axle acknowledged the plug-out")
        home.move("plug-in")
    rest(everyone, 15)
    for home in everyone:
        home.until(lambda home=home: home.at_axle()["plugged_in"], "Axle acknowledged the second plug-in")
        home.move("plug-out")
    rest(everyone, 15)
    for home in everyone:
        home.until(lambda home=home: not home.at_axle()["plugged_in"], "Axle acknowledged the second plug-out")
    return homes


def events_at_axle(home: Home) -> list[str]:
    """The plug events that Axle accepted after the one of the enrolment."""
    events = [call["event"] for call in home.at_axle()["history"]]
    return [event for event in events if event in {"plug_in", "plug_out"}][1:]


@pytest.mark.parametrize("name", CARS)
def test_axle_receives_each_home_session_once_and_none_away(name: str, homes: dict[str, Home]) -> None:
    assert events_at_axle(homes[name]) == ["plug_in", "plug_out"] * 2


def test_the_faults_happened(
    homes: dict[str, Home], running: Stack, record_property: Callable[[str, object], None]
) -> None:
    deliveries: list[dict[str, Any]] = running.simulator("cars", "GET", "/deliveries")["deliveries"]
    astray = [one for one in deliveries if one["vehicle_ids"][0].startswith("astray")]
    dropped = [one for one in astray if one["error"] == "dropped"]
    summary = f"{len(astray)}, of them {len(dropped)} lost, half of the others late, half of them twice"
    record_property("outcome", f"webhooks astray on the stack: {summary}")
    assert dropped
    for name in ("liar-enode", "liar-smartcar"):
        assert "PLUG_OUT_HELD_AFTER_STOP" in homes[name].reasons()
