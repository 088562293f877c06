"""The days on which the clocks change, on the whole stack: 46 and 50 half-hours, each of them reported."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from driveway.runtime.clock import parse_clock
from local.stack import Options, stack
from tests.support.stack.homes import Home, Stack
from tests.support.stack.waiting import until

LONDON = ZoneInfo("Europe/London")
DAYS = {date(2026, 3, 29): 46, date(2026, 10, 25): 50}
SCALE = 900
TARIFF = {"off_peak": "00:30-04:30, 13:00-14:00", "timezone": "Europe/London"}


@dataclass(frozen=True)
class Day:
    """The result of a day: the asset and the car at its end, and what Axle accepted of the local day, by start."""

    asset: dict[str, Any]
    car: dict[str, Any]
    accepted_wh: dict[str, int]
    accepted_of_day_wh: dict[str, int]


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), LONDON).astimezone(UTC)


def live(day: date, folder: Path) -> Day:
    """One car, plugged in from an hour before the day until after it."""
    start, end = midnight(day), midnight(day + timedelta(days=1))
    begin = start - timedelta(hours=2)
    with stack(Options(folder=folder, clock_text=f"start={begin.isoformat()},scale={SCALE}", at_once=1)) as values:
        running = Stack(values, parse_clock(values["clock"], on_aws=False))
        running.simulator("cars", "POST", "/config", {"enode": {"sample_every_s": 840}})
        intent = {"kwh": 40, "ready_by": "07:00"}
        home = Home(running, "day", tariff=TARIFF, intent=intent, timezone="Europe/London", battery_kwh=200).join()
        home.move("plug-in", at=(start - timedelta(hours=1)).isoformat())
        home.move("plug-out", at=(end + timedelta(minutes=15)).isoformat())
        real_s = running.clock.real_s(end - running.clock.now())
        until(lambda: running.clock.now() > end, "the day is over", patience_s=real_s + 5)
        until(lambda: not home.at_axle()["plugged_in"], "Axle acknowledged the plug-out")
        until(home.all_reported, "Axle accepted every half-hour")
        accepted = home.accepted_wh()
        of_day = {at: wh for at, wh in accepted.items() if start <= datetime.fromisoformat(at) < end}
        return Day(home.asset(), home.car(), accepted, of_day)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[date, Day]]:
    """Both days, side by side."""
    with ThreadPoolExecutor(len(DAYS)) as pool:
        lived = {day: pool.submit(live, day, tmp_path_factory.mktemp("stack")) for day in DAYS}
        yield {day: one.result() for day, one in lived.items()}


@pytest.mark.parametrize("day", DAYS)
def test_each_half_hour_of_the_day_is_accepted(day: date, days: dict[date, Day]) -> None:
    assert len(days[day].accepted_of_day_wh) == DAYS[day]
    (outcome,) = [one for one in days[day].asset["readings"]["days"] if one["day"] == day.isoformat()]
    assert (outcome["half_hours"], outcome["accepted"], outcome["completeness"]) == (DAYS[day], DAYS[day], 1.0)


@pytest.mark.parametrize("day", DAYS)
def test_what_axle_accepted_is_what_the_cars_own_meter_shows(
    day: date, days: dict[date, Day], record_property: Callable[[str, object], None]
) -> None:
    meter_wh, accepted_wh = days[day].car["meter_wh"], sum(days[day].accepted_wh.values())
    outcome = f"{DAYS[day]} half-hours, {meter_wh / 1000:.3f} kWh metered, {accepted_wh / 1000:.3f} kWh accepted"
    record_property("outcome", f"{day}: {outcome}")
    assert meter_wh > 20_000
    assert accepted_wh == pytest.approx(meter_wh, abs=1)
