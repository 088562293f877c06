"""Says who could have been ready, from what was so and from what had been reported by then. Knows nothing of control.

It is written apart from the product: nothing of charge control is imported. Where it cannot tell, it says that a car
could not, so each car that surely could be ready has to be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from simulators.cars.charging_curve import ChargingCurve
from tests.world.car_night import POWER_KW, CarNight, Opening, Stay
from tests.world.plans import accepted_bodies, wall

CLEARLY_WH = 500.0
"""What may be missing of the energy asked for: less than a meter step and the rounding of a state of charge."""


@dataclass(frozen=True, slots=True)
class Case:
    """A ready-by of a home session: what was asked for, what the car got, and whether it could have been ready."""

    asset: str
    plugged_at: datetime
    ready_by: datetime
    wanted_wh: float
    got_wh: float
    is_ready: bool
    could_wh: float
    is_counted: bool

    @property
    def could(self) -> bool:
        """Whether it surely could have been ready."""
        return self.is_counted and self.could_wh >= self.wanted_wh


def cases(one: CarNight) -> Iterator[Case]:
    """The first ready-by of each stay."""
    for stay in one.stays:
        need = _need(one, stay)
        if need is None:
            continue
        ready_by, kwh = need
        got_wh = one.meter_wh(ready_by) - one.meter_wh(stay.start)
        there = one.moment(ready_by)
        is_full = there is not None and there.complete and one.home.spec.get("charge_limit_pct", 100) >= 100
        yield Case(
            asset=one.home.asset,
            plugged_at=stay.start,
            ready_by=ready_by,
            wanted_wh=kwh * 1000,
            got_wh=got_wh,
            is_ready=is_full or got_wh >= kwh * 1000 - CLEARLY_WH,
            could_wh=_could_wh(one, stay, ready_by),
            is_counted=not (there is not None and there.by_hand),
        )


def _need(one: CarNight, stay: Stay) -> tuple[datetime, float] | None:
    """The first ready-by of a stay and its energy (kWh); None if there is none, or it is in doubt."""
    zone = ZoneInfo(one.home.zone)
    joined = [
        given.body["assets"][0]["intent"]
        for given in accepted_bodies(one.night.app.asked, "PUT", f"/sites/{one.home.site}")
    ]
    changed = accepted_bodies(one.night.app.asked, "PUT", f"/assets/{one.home.asset}/intent")
    if not joined:
        return None
    found: list[tuple[datetime, float, bool]] = []
    settings = [(stay.start, joined[-1])] + [(given.answered_at, given.body) for given in changed]
    for number, (since, body) in enumerate(settings):
        until = settings[number + 1][0] if number + 1 < len(settings) else stay.end
        day = stay.start.astimezone(zone).date()
        for offset in range(3):
            ready_by = wall(day + timedelta(days=offset), body["ready_by"], zone)
            if max(since, stay.start) < ready_by <= min(until, stay.end):
                found.append(
                    (
                        ready_by,
                        body["kwh"],
                        any(given.asked_at <= ready_by < given.answered_at + timedelta(minutes=1) for given in changed),
                    )
                )
    first = min(found, default=None)
    return None if first is None or first[2] else first[:2]


def _could_wh(one: CarNight, stay: Stay, ready_by: datetime) -> float:
    """The energy (Wh) that it takes if it charges whenever it can and may, each time after the grace."""
    plugged = one.moment(stay.start)
    assert plugged is not None
    spec = one.home.spec
    battery_kwh, efficiency = spec.get("battery_kwh", 64.0), spec.get("efficiency", 0.9)
    curve = ChargingCurve(battery_kwh, spec.get("power_kw", POWER_KW), efficiency)
    most_kwh = battery_kwh * spec.get("charge_limit_pct", 100.0) / 100
    stored = began_with = plugged.stored_kwh
    for opening in one.openings(stay):
        for since, until in _parts(one, opening, one.grace_of(opening), ready_by):
            hours = (until - since) / timedelta(hours=1)
            there = one.moment(since)
            kw = min(one.allowance.kw(since, stay.start), there.most_kw if there else 0.0)
            stored = min(most_kwh, curve.stored_after(stored, kw, hours))
    return 1000 * float(stored - began_with) / float(efficiency)


def _parts(
    one: CarNight, opening: Opening, grace: timedelta, ready_by: datetime
) -> Iterator[tuple[datetime, datetime]]:
    start, end = opening.start + grace, min(opening.end, ready_by)
    edges = (
        sorted({start, end} | {edge for edge in one.allowance.edges(start, end) if start < edge < end})
        if start < end
        else []
    )
    yield from pairwise(edges)
