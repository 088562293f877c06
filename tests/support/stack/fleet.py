"""Many cars at home with an edge of Axle's schedule ahead, and when their makers got the command.

Chargers are left out: they get a hold when a car is plugged in, and then wait for the minimum dwell, which is longer
than these tests take.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

from tests.support.stack.homes import Home, Stack, join_all, plug_in_all
from tests.support.stack.waiting import until

KINDS = ("enode", "smartcar", "tesla")
CONCURRENCY = 4
"""How many calls to each car maker may run at once."""

PATIENCE_S = 120.0
CAR_S = 0.5
"""The time that a machine with two cores may need to onboard one car, to receive its schedule or to start it."""

PREPARED_S = 30.0
"""The time between the last schedule and the first edge."""

PATIENT_WEBHOOKS = {kind: {"answer_within_real_s": 60} for kind in KINDS}
"""A slow machine must not get everything twice."""


@dataclass(frozen=True)
class Edge:
    """A car, and the edge of its schedule."""

    home: Home
    action: str
    at: datetime

    def orders(self) -> list[str]:
        """The commands that the car maker got."""
        return [order for _, order in self.home.orders()]

    def late_s(self) -> float:
        """How long after the edge the car maker got the command, in seconds."""
        return (self.home.orders()[0][0] - self.at).total_seconds()


def plugged_in(running: Stack, name: str, cars: int) -> list[Home]:
    """Cars at home that need no command yet: every other one of a kind charges, the others hold."""
    later, always = running.off_peak((360, 480)), {"off_peak": "00:00-24:00", "timezone": "UTC"}
    homes = [
        Home(running, f"{name}-{number}", KINDS[number % len(KINDS)], tariff, battery_kwh=200)
        for number in range(cars)
        for tariff in [always if number // len(KINDS) % 2 else later]
    ]
    join_all(homes, patience_s=PATIENCE_S + cars * CAR_S)
    for home in homes:
        home.set(auto_start=home.tariff is always)
    plug_in_all(homes)
    return homes


def all_met(homes: Sequence[Home], instant: Callable[[int], datetime]) -> list[Edge]:
    """An edge for each car, at an instant that follows from its number, once every car follows its schedule."""
    edges, charges = [], charging(homes[0].running)
    for number, home in enumerate(homes):
        edge = Edge(home, "stop" if charges[home.vehicle_id] else "start", instant(number))
        home.running.simulator("axle", "POST", f"/assets/{home.name}/issue", {"profile": profile(edge)})
        edges.append(edge)
    first, last = edges[0].at, edges[-1].at
    assert datetime.now(UTC) < first, "it took until after the first edge to send the schedules"
    patience_s = (last - datetime.now(UTC)).total_seconds() + PATIENCE_S + len(homes) * CAR_S
    wanted = {edge.home.vehicle_id: edge.action == "start" for edge in edges}
    until(
        lambda: wanted.items() <= charging(homes[0].running).items(),
        "every car does what its schedule says",
        patience_s=patience_s,
    )
    return edges


def charging(running: Stack) -> dict[str, bool]:
    """Which cars really charge, by id."""
    cars = running.simulator("cars", "GET", "/cars")["cars"]
    return {car["vehicle_id"]: car["charging"] for car in cars}


def profile(edge: Edge) -> dict[str, Any]:
    """Axle's schedule with one edge, after which the car charges (or holds) for the rest of the day."""
    hold, charge = 0.0, 99999.0
    limits = (hold, charge) if edge.action == "start" else (charge, hold)
    start = edge.at - timedelta(hours=1)
    return {
        "chargingProfileId": None,
        "stackLevel": 1100,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "duration": 86_400,
            "startSchedule": start.isoformat(),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": at_s, "limit": limit, "numberPhases": 1}
                for at_s, limit in zip((0, 3600), limits, strict=True)
            ],
        },
    }


def spread_of(lateness_s: Sequence[float]) -> str:
    """Percentiles of lateness as a text."""
    percentiles = quantiles(lateness_s, n=100, method="inclusive")
    return f"p50 {percentiles[49]:.2f} s, p99 {percentiles[98]:.2f} s, at worst {max(lateness_s):.2f} s"


def first_edge_of(cars: int) -> datetime:
    """A whole second by which so many cars have their schedules."""
    return seconds_from_now(PREPARED_S + cars * CAR_S)


def seconds_from_now(seconds: float) -> datetime:
    """The whole second that comes about so many seconds from now."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=round(seconds))


def most_at_once(calls: Sequence[dict[str, Any]]) -> int:
    """How many of these requests to a simulator were being served at the same time, at the most."""
    begun = [(call["at"], 1) for call in calls]
    over = [(call["answered_at"], -1) for call in calls if call["answered_at"]]
    most = running = 0
    for _, step in sorted([*begun, *over]):
        running += step
        most = max(most, running)
    return most
