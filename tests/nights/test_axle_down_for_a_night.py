"""Cars through a night in which Axle is down: everything arrives afterwards, nothing twice, to the watt-hour.

``OUTAGE_CARS`` says how many, in tens; ``OUTAGE_SCALE`` how much faster than the wall clock their night goes by.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from driveway.runtime.clock import parse_clock
from local.stack import Options, stack
from tests.support.stack.homes import Home, Stack, assets_at_axle, until_in_sync
from tests.support.stack.waiting import until

CARS_A_SITE = 10
SITES = int(os.environ.get("OUTAGE_CARS", "20")) // CARS_A_SITE
SCALE = float(os.environ.get("OUTAGE_SCALE", "300"))
CARS = SITES * CARS_A_SITE
WIDTH = len(str(CARS - 1))
PATIENCE_S = 120.0


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


STARTS_AT, EVENING = at(15, 16), at(15, 19, 30)
DOWN_AT, BACK_AT, OVER_AT = at(15, 21), at(16, 6), at(16, 8)


@dataclass
class Outage:
    """The stack, and the result of the night."""

    running: Stack
    cars: dict[str, dict[str, Any]] = field(default_factory=dict)
    received: dict[str, list[str]] = field(default_factory=dict)
    accepted_wh: dict[str, int] = field(default_factory=dict)
    half_hours: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    calls_while_down: int = 0
    caught_up_s: float = 0.0


def car(number: int) -> str:
    return f"car-{number:0{WIDTH}d}"


def is_brief(number: int) -> bool:
    """Every tenth car comes and goes while Axle is down."""
    return number % 10 == 9


def stay(number: int) -> tuple[datetime, datetime]:
    """From when until when a car is plugged in at home; the cars come and go one after the other."""
    later = timedelta(minutes=60 * number / CARS)
    return (at(15, 22) + later, at(16, 3, 30) + later) if is_brief(number) else (EVENING + later, at(16, 6, 20) + later)


def half_hours_of(number: int) -> int:
    """How many half-hours its session touches."""
    start, end = stay(number)
    return int(-(-end.timestamp() // 1800) - start.timestamp() // 1800)


def body(site: int) -> dict[str, Any]:
    """The body that onboards ten cars, whose off-peak begins a little later from site to site."""
    start = at(15, 22, 30) + timedelta(minutes=120 * site // SITES)
    windows = [{"start": f"{start:%H:%M}", "end": f"{start + timedelta(hours=5):%H:%M}"}]
    assets = [
        {
            "asset": car(number),
            "type": "electric_vehicle",
            "asset_model": "axle_ev_v1",
            "installation_date": "2025-06-15",
            "power_kw": 7.4,
            "battery_kwh": 64,
            "vehicle": {"provider": "enode", "vehicle_id": car(number), "home_location_id": f"home-{number:0{WIDTH}d}"},
            "tariff": {"off_peak": windows, "timezone": "UTC"},
            "intent": {"kwh": 30, "ready_by": "07:00"},
        }
        for number in range(site * CARS_A_SITE, (site + 1) * CARS_A_SITE)
    ]
    details = {"mpan": f"12000{site:08d}", "postcode": "EC1A 1BB"}
    return {
        "site": details | {"gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z"},
        "timezone": "UTC",
        "assets": assets,
    }


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outage]:
    """The night, played once."""
    options = Options(
        folder=tmp_path_factory.mktemp("stack"),
        clock_text=f"start={STARTS_AT.isoformat()},scale={SCALE:g}",
        # Each call waits up to two real seconds for its edge, and on a fast clock edges follow each other quickly.
        parameters={"EnodeConcurrency": "8"},
        at_once=3,
        head_start_s=60,
    )
    with stack(options) as values:
        night = Outage(Stack(values, parse_clock(values["clock"], on_aws=False)))
        onboard(night.running)
        play(night)
        yield night


def onboard(running: Stack) -> None:
    """All cars, until Axle has acknowledged everything."""
    spec = {"provider": "enode", "soc_pct": 5, "battery_kwh": 64, "auto_start": False}
    bulk = {"count": CARS, "id_prefix": "car-", "home_location_prefix": "home-", "car": spec}
    running.simulator("cars", "POST", "/bulk/cars", bulk)
    # A slow machine must not get everything twice.
    settings = {"enode": {"sample_every_s": 870, "batch_gather_real_s": 0.2, "answer_within_real_s": 60}}
    running.simulator("cars", "POST", "/config", settings)
    for site in range(SITES):
        answer = running.api("PUT", f"/sites/site-{site}", body(site))
        assert answer.status_code == 201, answer.text
    until_in_sync(running, patience_s=PATIENCE_S)
    assert running.clock.now() < EVENING, "the onboarding took until after the first plug-in"


def play(night: Outage) -> None:
    """Plug-ins, the outage, plug-outs, and the time until Axle has acknowledged everything."""
    running = night.running
    for number in range(CARS):
        for move, moment in zip(("plug-in", "plug-out"), stay(number), strict=True):
            running.simulator("cars", "POST", f"/cars/{car(number)}/{move}", {"at": moment.isoformat()})
    reach(running, DOWN_AT)
    running.simulator("axle", "POST", "/faults", {"drop": True, "chance": 0.3})
    running.simulator("axle", "POST", "/faults", {"status": 503})
    calls = requests_to_axle(running)
    reach(running, BACK_AT)
    night.calls_while_down = requests_to_axle(running) - calls
    running.simulator("axle", "DELETE", "/faults")
    back = time.monotonic()
    reach(running, OVER_AT)
    # The tests report each car that is missing.
    with contextlib.suppress(AssertionError):
        until(lambda: has_everything(night), "Axle accepted every watt-hour", patience_s=PATIENCE_S)
    night.caught_up_s = time.monotonic() - back
    for one in assets_at_axle(running):
        events = [call["event"] for call in one["history"]]
        night.received[one["external_id"]] = [event for event in events if event in {"plug_in", "plug_out"}]


def requests_to_axle(running: Stack) -> int:
    """How many requests Axle got."""
    return len(running.simulator("axle", "GET", "/requests")["requests"])


def reach(running: Stack, moment: datetime) -> None:
    """Wait until the stack's clock shows this instant."""
    time.sleep(running.clock.real_s(moment - running.clock.now()))


def has_everything(night: Outage) -> bool:
    """Whether Axle accepted every half-hour and watt-hour of every session, and acknowledged every plug-out."""
    running = night.running
    night.cars = {one["vehicle_id"]: one for one in running.simulator("cars", "GET", "/cars")["cars"]}
    names = {one["asset_id"]: one["external_id"] for one in assets_at_axle(running)}
    report = running.simulator("axle", "GET", "/readings")
    night.counts, night.half_hours = report["counts"], dict.fromkeys(names.values(), 0)
    for row in report["rows"]:
        night.half_hours[names[row["asset_id"]]] += 1
    night.accepted_wh = {
        names[asset]: round(totals["charger_consumption_energy_kwh"] * 1000)
        for asset, totals in report["totals"].items()
    }
    all_gone = not any(one["plugged_in"] for one in assets_at_axle(running))
    return all_gone and all(
        night.half_hours[car(n)] >= half_hours_of(n) and is_whole(night, car(n)) for n in range(CARS)
    )


def is_whole(night: Outage, name: str) -> bool:
    """Whether what Axle accepted of a car is what its own meter shows, to the watt-hour."""
    return abs(night.accepted_wh.get(name, 0) - night.cars[name]["meter_wh"]) <= 1


def test_what_axle_accepted_is_what_each_cars_own_meter_shows(
    outage: Outage, record_property: Callable[[str, object], None]
) -> None:
    meters_wh = {name: one["meter_wh"] for name, one in outage.cars.items()}
    accepted_wh, total_wh = sum(outage.accepted_wh.values()), sum(meters_wh.values())
    record_property(
        "outcome",
        f"Axle down for nine hours, {CARS} cars: {total_wh / 1000:.3f} kWh by their meters,"
        f" {accepted_wh / 1000:.3f} kWh accepted in {outage.counts['accepted']} rows,"
        f" {outage.counts['duplicates']} twice, {outage.counts['corrections']} corrected;"
        f" {outage.calls_while_down} calls meanwhile; acknowledged {outage.caught_up_s:.0f} s after it was back",
    )
    for name, meter_wh in meters_wh.items():
        assert is_whole(outage, name), (name, meter_wh, outage.accepted_wh.get(name))


def test_each_car_charged(outage: Outage) -> None:
    for name, one in outage.cars.items():
        assert one["meter_wh"] > 5000, Home(outage.running, name).story()


def test_each_half_hour_of_each_session_is_reported(outage: Outage) -> None:
    for number in range(CARS):
        assert outage.half_hours[car(number)] >= half_hours_of(number), car(number)


def test_no_half_hour_is_reported_twice_alike(outage: Outage) -> None:
    assert outage.counts["duplicates"] == 0
    assert outage.counts["rejected"] == 0


def test_axle_receives_each_session_once_and_none_that_came_and_went_while_it_was_down(outage: Outage) -> None:
    for number in range(CARS):
        since_enrolment = outage.received[car(number)][1:]
        assert since_enrolment == ([] if is_brief(number) else ["plug_in", "plug_out"]), car(number)


def test_an_outage_costs_a_trickle_of_calls(outage: Outage) -> None:
    down_min = (BACK_AT - DOWN_AT) / timedelta(minutes=1)
    assert outage.calls_while_down < down_min
