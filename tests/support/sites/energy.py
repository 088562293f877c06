"""The energy that the car of ``car-1`` draws, against the half-hours and what Axle has received of them.

The car draws 1 kWh before the operation, in a half-hour that has ended by then. Two hours after the operation the car
that is plugged in then draws 2 kWh more. After a swap that is another car, with a far higher register.
"""

from datetime import timedelta
from itertools import pairwise
from typing import Any

from driveway.store.table import UnknownAssetError
from tests.support.functions.rig import NOW
from tests.support.sites.world import World

ASSET = "car-1"
DRAWN_BEFORE_KWH, DRAWN_AFTER_KWH = 1.0, 2.0
OWN_REGISTER_KWH, OTHER_REGISTER_KWH = 100.0, 5000.0
OWN_VEHICLES = frozenset({"enode-vehicle-1", "CP-1"})


def draw_before(world: World) -> None:
    """Let the car draw energy at the home that an operation begins with."""
    _draw(world, OWN_REGISTER_KWH, DRAWN_BEFORE_KWH)
    world.drawn_at = world.clock.now()


def differences_of_energy(world: World) -> list[str]:
    """Let the car that is plugged in now draw energy, and compare what was drawn with what was recorded and sent."""
    before_kwh = DRAWN_BEFORE_KWH if world.drawn_at is not None else 0.0
    try:
        twin = world.runtime.table.twin(ASSET)
    except UnknownAssetError:
        return _differ("Axle's readings", _at_axle_kwh(world), before_kwh)
    found = _sessions_that_differ(world, twin)
    is_new = world.drawn_at is None or twin.link.onboarded_at > world.drawn_at
    if is_new:
        found += _differ("Axle's readings", _at_axle_kwh(world), before_kwh)
    vehicle = twin.link.vehicle
    is_own = vehicle is not None and vehicle.vehicle_id in OWN_VEHICLES
    _draw(world, OWN_REGISTER_KWH + DRAWN_BEFORE_KWH if is_own else OTHER_REGISTER_KWH, DRAWN_AFTER_KWH)
    expected_kwh = DRAWN_AFTER_KWH + (0.0 if is_new else before_kwh)
    return found + _differ("the half-hours", _recorded_kwh(world), expected_kwh)


def plug_facts(world: World) -> list[str]:
    """The kinds of the plug facts in the half-hours, in order of time; at one instant an end comes first."""
    facts = [s for slot in slots_of(world) for s in slot.samples if s.kind in {"plugged", "unplugged"}]
    return [s.kind for s in sorted(facts, key=lambda s: (s.at, s.kind == "plugged"))]


def _sessions_that_differ(world: World, twin: Any) -> list[str]:
    """The ends and the beginning of the twin's sessions that the half-hours lack, and a second end or beginning."""
    facts = {(s.kind, s.at) for slot in slots_of(world) for s in slot.samples}
    session, last = twin.presence.session, twin.presence.last_session
    wanted = [("plugged", session.plugged_at)] if session is not None else []
    wanted += [("unplugged", last.closed_at)] if last is not None else []
    found = [f"the half-hours lack {fact}" for fact in wanted if fact not in facts]
    kinds = plug_facts(world)
    alternate = all(one != other for one, other in pairwise(kinds))
    return found if alternate else [*found, f"the plug facts are {kinds}"]


def _draw(world: World, register_kwh: float, energy_kwh: float) -> None:
    world.observe(ASSET, charging=True, energy_lifetime_kwh=register_kwh)
    world.settle(timedelta(minutes=10))
    world.observe(ASSET, charging=False, energy_lifetime_kwh=register_kwh + energy_kwh)


def slots_of(world: World) -> list[Any]:
    """The half-hours of the asset."""
    return list(world.runtime.slots.read(ASSET, NOW - timedelta(days=1)))


def _recorded_kwh(world: World) -> float:
    return sum(slot.energy_wh for slot in slots_of(world)) / 1000


def _at_axle_kwh(world: World) -> float:
    totals = world.axle.readings.report()["totals"]
    return float(sum(values.get("charger_consumption_energy_kwh", 0.0) for values in totals.values()))


def _differ(what: str, found_kwh: float, expected_kwh: float) -> list[str]:
    return [] if abs(found_kwh - expected_kwh) < 0.001 else [f"{what}: {found_kwh} kWh of {expected_kwh}"]
