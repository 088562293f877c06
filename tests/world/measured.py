"""What the truth says of energy and of budgets at the end of a night."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import GRACE
from tests.world.car_night import CarNight
from tests.world.state import State

OVER_WH = 100.0
"""So much more than the car's own meter may be accepted, besides one per cent."""

SOUND_WH = 150.0
"""So near is the energy of a meter that counts everything and forgets nothing, besides one per cent: its steps."""

COMMANDS = frozenset({"START", "STOP", "start", "stop", "charge_start", "charge_stop"})
MOST_REQUESTS = 2
"""A command is sent at most so often for each time that it is counted: a dead connection is tried again at once."""

LABEL = "charger_consumption_energy_kwh"


def energy_is_measured(one: CarNight, state: State) -> Iterator[str]:
    """What Axle accepted is never clearly more than what the car's own meter counted; a sound meter is exact."""
    world, asset, kinds = one.night.world, one.home.asset, one.home.behaviours
    found = world.axle.world.asset_by_external_id.get(asset)
    if found is None or one.home.site in one.night.left:
        return
    rows: list[Mapping[str, Any]] = world.axle.readings.report(found)["rows"]
    accepted_wh = sum(row["value"] * 1000 for row in rows if row["label"] == LABEL)
    true_wh = sum(world.cars.world.cars[one.home.vehicle_id].slots_wh.values())
    unseen_wh = max(unseen_stops_wh(one), unseen_falls_wh(one))
    if accepted_wh > (true_wh + unseen_wh) * one.shown_share * 1.01 + OVER_WH + soc_step_wh(one):
        yield f"metered: Axle accepted {accepted_wh:.0f} Wh of {asset}, which took {true_wh:.0f} {kinds}"
    if is_sound(one):
        computed_wh = sum(slot.value_wh or 0 for slot in state.slots if slot.asset == asset)
        if abs(computed_wh - true_wh) > true_wh * 0.01 + SOUND_WH:
            yield f"metered: a sound meter of {asset} counted {true_wh:.0f} Wh, computed were {computed_wh} {kinds}"


def unseen_stops_wh(one: CarNight) -> float:
    """What power alone may show too much: it holds from when a car stops until the first report of that.

    Enode's cars have no register, and a Tesla's comes with its telemetry, which may be lost.
    """
    if one.home.provider not in ("enode", "tesla"):
        return 0.0
    found = 0.0
    for before, stop in pairwise(one.moments):
        if before.charging and not stop.charging:
            seen = (report.seen_at for report in one.seen.reports[one.home.vehicle_id] if not report.charging)
            first = min((at for at in seen if at >= stop.at), default=one.night.world.clock.now())
            found += before.most_kw * 1000 * ((first - stop.at) / timedelta(hours=1))
    return found


def unseen_falls_wh(one: CarNight) -> float:
    """What power alone may show too much of a car whose power falls between two reports of its charge.

    A state of charge shows that, unless the cloud makes it up.
    """
    if one.home.provider != "enode" or one.home.spec.get("claimed_soc_pct") is None:
        return 0.0
    found = 0.0
    for seen, later in pairwise(sorted(one.seen.reports[one.home.vehicle_id], key=lambda report: report.seen_at)):
        there = one.moment(seen.seen_at)
        if seen.charging and there is not None:
            held_wh = there.most_kw * 1000 * ((later.seen_at - seen.seen_at) / timedelta(hours=1))
            found += max(0.0, held_wh - one.meter_wh(later.seen_at) + one.meter_wh(seen.seen_at))
    return found


def soc_step_wh(one: CarNight) -> float:
    """One per cent of the battery as energy at the charger, where nothing shows a change between two reports better."""
    return float(one.home.spec.get("battery_kwh", 64.0)) * 10 / 0.9 if one.home.provider == "enode" else 0.0


def is_lost_contact(one: CarNight, start: datetime, *, is_withheld: bool) -> bool:
    """Whether a Tesla had no contact all through a half-hour, and nothing corrected what Axle was sent of it.

    A silent Tesla counts as asleep, until its register shows more. One that was driven on shows nothing of its home,
    and a correction after an opt-out is withheld.
    """
    inside = one.within(start, start + HALF_HOUR)
    if one.home.provider != "tesla" or not inside or any(there.reachable for there in inside):
        return False
    later = (report for report in one.seen.reports[one.home.vehicle_id] if report.seen_at >= start)
    seen_again = min(later, key=lambda report: report.seen_at, default=None)
    return is_withheld or seen_again is None or not (seen_again.plugged and seen_again.at_home)


def hidden_wh(one: CarNight, start: datetime) -> float:
    """What flowed in a half-hour in charges before any report showed them, each less than a per cent of the battery.

    Of a car without a register, or with one that sinks while it does not charge, nothing else would show it. Where the
    state of charge is made up, nothing shows more, either, if the half-hour was reported before the charge was.
    """
    if one.home.provider != "enode" and not one.home.spec.get("meter", {}).get("drain_w"):
        return 0.0
    step_wh = float(one.home.spec.get("battery_kwh", 64.0)) * 10
    is_made_up = one.home.provider == "enode" and one.home.spec.get("claimed_soc_pct") is not None
    reports = [report for report in one.seen.reports[one.home.vehicle_id] if report.charging]
    found = 0.0
    for before, after in pairwise(one.night.world.cars.world.cars[one.home.vehicle_id].transitions):
        if not before.charging:
            continue
        shown = [report for report in reports if before.at <= report.seen_at <= after.at]
        unseen_until = min((report.seen_at for report in shown), default=after.at)
        known_at = min((report.at for report in shown), default=None)
        is_late = known_at is None or known_at > start + HALF_HOUR + GRACE
        if one.meter_wh(unseen_until) - one.meter_wh(before.at) < step_wh or (is_made_up and is_late):
            since, until = max(before.at, start), min(unseen_until, start + HALF_HOUR)
            found += max(0.0, one.meter_wh(until) - one.meter_wh(since)) if since < until else 0.0
    return found


def is_sound(one: CarNight) -> bool:
    """Whether a charger's register of all energy showed everything that it counted, as it was reported throughout."""
    meter, spec = one.home.spec.get("meter", {}), one.home.spec
    seen = one.seen
    is_reported = not (seen.outages[one.home.vehicle_id] or seen.outages["ocpp"] or seen.silences["ocpp"])
    webhooks = one.night.neighbourhood.makers.get("ocpp", {}).get("webhook_faults", {})
    is_whole = not any(faults.get("drop") for faults in (webhooks, spec.get("webhook_faults", {})))
    is_one_meter = not meter.get("replaced_at_plug_out") and not meter.get("lifetime_modulus_wh")
    return one.home.provider == "ocpp" and is_reported and is_whole and is_one_meter


def commands_are_counted(one: CarNight, state: State) -> Iterator[str]:
    """The commands that a car's maker got on a day are no more than what is counted of the day's budget."""
    twin = state.twins.get(one.home.asset)
    car = one.night.world.cars.world.cars.get(one.home.vehicle_id)
    if twin is None or car is None or one.home.asset in one.night.sold or one.home.site in one.night.erased:
        return
    days = [command["at"][:10] for command in car.commands if command["command"] in COMMANDS]
    counted, sent = twin.control.commands_today, days.count(twin.control.budget_day or (days[-1] if days else ""))
    if sent > MOST_REQUESTS * counted:
        yield f"budget: {one.home.asset} got {sent} commands on {twin.control.budget_day}, counted were {counted}"
