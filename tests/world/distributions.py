"""When drivers plug in and out, what they need, and when nights are.

The distributions, with their sources:

* Plug-in by the home's clock: normal around 18:30 with a spread of 2 hours, and one in ten after 22:00. Domestic charge
  points begin most charges at 17:00-18:59 (Department for Transport, Electric Chargepoint Analysis 2017). The
  nights here begin at 18:00, so what would be earlier is drawn again.
* Plug-out: normal around 07:45 with a spread of an hour. Cars are plugged in for more than 12 hours at a time, on
  average (Electric Nation, 2016-2018, 140,000 charges of 700 cars). One in six stays.
* State of charge at the plug-in: normal around 55 per cent with a spread of 20. Cars begin more than half full, on
  average (Electric Nation).
* Energy: lognormal with a median of 7.5 kWh, the median of domestic charges (Department for Transport, 2017), and a
  spread of 0.8, which puts one need in twelve above 23 kWh.
* Changes of mind are no measured frequencies: two nights in three have one, so that each is met often.
"""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ORDINARY = "2026-01-15"
CLOCK_CHANGES: dict[str, tuple[str, str]] = {
    "Europe/London": ("2026-03-28", "2026-10-24"),
    "America/New_York": ("2026-03-07", "2026-10-31"),
    "Australia/Sydney": ("2026-10-03", "2026-04-04"),
}
"""The evenings before the clocks go forward and back, by zone."""


def evening(rng: random.Random) -> tuple[datetime, str]:
    """When a night begins, 18:00 by the clock of its zone: one in four is one of a clock change."""
    zone = rng.choice(list(CLOCK_CHANGES)) if rng.random() < 0.4 else "Europe/London"
    day = rng.choice(CLOCK_CHANGES[zone]) if rng.random() < 0.4 else ORDINARY
    return datetime.fromisoformat(f"{day}T18:00").replace(tzinfo=ZoneInfo(zone)), zone


def energy_kwh(rng: random.Random) -> float:
    """What a driver needs."""
    return round(min(50.0, max(1.0, rng.lognormvariate(2.015, 0.8))), 1)


def soc_pct(rng: random.Random) -> float:
    """What is in the battery at the plug-in."""
    return round(min(97.0, max(4.0, rng.gauss(55, 20))), 1)


def plug_in_after(rng: random.Random) -> timedelta:
    """How long after the beginning of the night the car is plugged in."""
    if rng.random() < 0.1:
        return timedelta(hours=rng.uniform(4, 8))
    hours = 0.0
    while not 0.6 < hours < 8:
        hours = rng.gauss(0.5, 2.0)
    return timedelta(hours=hours)


def plug_out_after(rng: random.Random) -> timedelta | None:
    """How long after the beginning of the night the car is unplugged; None: it stays."""
    if rng.random() < 1 / 6:
        return None
    return timedelta(hours=min(15.2, max(11.5, rng.gauss(13.75, 1.0))))
