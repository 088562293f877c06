"""What must hold two hours after the last fault. Each function names what it found wrong."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from driveway.domain.axle_sync.differences import in_sync, next_call
from driveway.domain.half_hours import HALF_HOUR
from driveway.store.items import unstamp
from driveway.store.slot_items import REFUSED
from simulators.cars.ocpp import plan_of
from tests.world.car_night import CarNight
from tests.world.homes import Home
from tests.world.invariants import zero_for_energy
from tests.world.measured import hidden_wh, is_lost_contact
from tests.world.night import Night
from tests.world.state import State

ENERGY = "charger_consumption_energy_kwh"
SMART_CHARGING = "full_asset_schedule_control"
PAST = timedelta(minutes=5)
PAST_READINGS = timedelta(minutes=45)
"""Readings are reported twice an hour."""

Check = Callable[[Night, State], Iterator[str]]


def sites_are_finished(night: Night, state: State) -> Iterator[str]:
    """No site has anything left to do, and Axle has it as we do."""
    for home in night.neighbourhood.homes:
        record = state.record(home.site)
        if record is None:
            if home.site not in night.erased:
                yield f"{home.site} has no record"
            continue
        if record.call is not None or record.changes or record.removals or record.begun_at is not None:
            yield f"{home.site} is unfinished: {record}"
        site = state.axle_site(record.axle_site_id)
        if site is None:
            yield f"Axle does not know {home.site}"
            continue
        enrolled = SMART_CHARGING in site.propositions
        if enrolled != (record.enrolment == "enrolled") or record.enrolment != record.wanted:
            yield f"{home.site}: Axle {enrolled}, acknowledged {record.enrolment}, wanted {record.wanted}"
        known = sorted(state.world.axle.world.assets[one].external_id for one in site.asset_ids)
        if known != sorted(record.assets):
            yield f"{home.site}: Axle has {known}, we {record.assets}"


def what_was_accepted_is_so(night: Night, state: State) -> Iterator[str]:
    """What was answered 2xx last is what is stored; energy above the battery is cut to it, as is documented."""
    for home in night.neighbourhood.homes:
        record, joined = state.record(home.site), _accepted(night, f"/sites/{home.site}")
        if joined and home.site not in night.erased and (record is None or home.asset not in state.twins):
            yield f"{home.site} was accepted and is gone"
        choices = [one.path for one in night.app.asked if _taken(one.status) and one.path in _choices(home)]
        if record is not None and choices and record.wanted != _choices(home)[choices[-1]]:
            yield f"{home.site} asked for {choices[-1]}, and {record.wanted} is wanted"
        twin = state.twins.get(home.asset)
        intents = [
            one.body for one in night.app.asked if _taken(one.status) and one.path.endswith(f"{home.asset}/intent")
        ]
        battery_kwh = home.spec.get("battery_kwh", 64.0)
        if twin is not None and intents and twin.intent.kwh != min(intents[-1]["kwh"], battery_kwh):
            yield f"{home.asset} has the intent {twin.intent}, accepted was {intents[-1]}"


def _choices(home: Home) -> dict[str, str]:
    """What a site wants after a request, by its path."""
    return {f"/sites/{home.site}/unenrol": "unenrolled", f"/sites/{home.site}/enrol": "enrolled"}


def axle_has_the_twin(night: Night, state: State) -> Iterator[str]:
    """Axle's picture of every car of an enrolled site equals the twin."""
    for asset, twin in state.twins.items():
        at_axle = state.axle_asset(asset)
        if at_axle is None or str(at_axle.id) != twin.link.axle_asset_id:
            yield f"{asset} is not at Axle"
            continue
        if not twin.link.enrolled:
            continue
        if not in_sync(twin, state.now):
            yield f"{asset} is not in sync: {next_call(twin, state.now)} {twin.axle}"
        if at_axle.plugged_in is not None and at_axle.plugged_in != (twin.presence.session is not None):
            yield f"{asset}: plugged in at Axle {at_axle.plugged_in}, here {twin.presence.session}"
        sent = twin.axle.intent
        if sent is not None and (
            at_axle.intent is None or at_axle.intent.energy_required_kwh != sent.energy_required_kwh
        ):
            yield f"{asset}: the intent at Axle is {at_axle.intent}, acknowledged {sent}"
        tariff = twin.axle.tariff
        if tariff is not None and (at_axle.tariff is None or at_axle.tariff.off_peak_times != tariff.off_peak_times):
            yield f"{asset}: the tariff at Axle is {at_axle.tariff}, acknowledged {tariff}"


def energy_is_accepted(night: Night, state: State) -> Iterator[str]:
    """Axle accepted the energy of every half-hour as it was computed, and nothing else."""
    rows = state.world.axle.readings.report()["rows"]
    at_axle = {(row["asset_id"], row["start_timestamp"]): row["value"] for row in rows}
    for slot in state.slots:
        twin = state.twins.get(slot.asset)
        if twin is None or not twin.link.enrolled or slot.end > state.now - PAST_READINGS or not slot.reportable:
            continue
        accepted = at_axle.get((slot.axle_asset_id, slot.start.isoformat()))
        given_up = slot.state == "withheld" and bool(night.left)
        if slot.parked or slot.value_wh is None or given_up:
            continue
        if accepted is None or round(accepted * 1000) != slot.value_wh:
            yield f"{slot.asset} {slot.start:%H:%M}: computed {slot.value_wh} Wh ({slot.state}), at Axle {accepted}"


def no_zero_hides_energy(night: Night, state: State) -> Iterator[str]:
    """No half-hour in which a car's own meter counted energy was accepted as a measured zero.

    What flowed while a maker sent no reports of any car is left out: nothing showed that its silence meant nothing.
    So is what flowed into a Tesla without contact that was elsewhere, or had left, when it was seen again.
    """
    withheld = {(slot.asset, slot.start) for slot in state.slots if slot.state == "withheld"}
    for home in night.neighbourhood.homes:
        at_axle, car = state.axle_asset(home.asset), state.car(home.vehicle_id)
        if at_axle is None:
            continue
        one = CarNight(night, night.seen, home)
        for row in state.world.axle.readings.report(at_axle.id)["rows"]:
            start = datetime.fromisoformat(row["start_timestamp"])
            if any(since < start + HALF_HOUR and start < until for since, until in night.seen.silences[home.provider]):
                continue
            if is_lost_contact(one, start, is_withheld=(home.asset, start) in withheld):
                continue
            true_wh = car.slots_wh.get(start, 0.0) - hidden_wh(one, start)
            if row["label"] == ENERGY:
                for wrong in zero_for_energy(row["value"] * 1000, true_wh):
                    yield f"{home.asset} {row['start_timestamp']}: {wrong} {home.behaviours}"


def a_car_that_left_can_charge(night: Night, state: State) -> Iterator[str]:
    """No car or charger of a home that left, or was erased, is held by our last command."""
    for home in night.neighbourhood.homes:
        twin, car = state.twins.get(home.asset), state.car(home.vehicle_id)
        if twin is not None and twin.link.enrolled:
            continue
        one = CarNight(night, night.seen, home)
        if not car.plugged or one.is_erased_unreached(state.now):
            continue
        planned_kw = car.plan.limit_kw(car, state.now) if car.plan is not None else None
        if one.keeps_its_profiles and planned_kw == 0:
            # Nothing can free its running transaction. The next one is free if no hold is left in the charger.
            left = [period for each in plan_of(car).installed for period in each.profile.periods]
            planned_kw = 0 if any(period.limit == 0 for period in left) else None
        if night.seen.is_stopped_by_command(car) or planned_kw == 0:
            yield f"{home.asset} was released and is still held ({car.mode}, {planned_kw}): {car.commands}"


def cars_follow(night: Night, state: State) -> Iterator[str]:
    """A car at home and plugged in does what its schedule says."""
    for home in night.neighbourhood.homes:
        twin, car = state.twins.get(home.asset), state.car(home.vehicle_id)
        if twin is None or not twin.link.enrolled or not car.plugged or not car.at_home or car.complete:
            continue
        shown = state.world.request("GET", f"/assets/{home.asset}").json()
        wanted = shown["desired"]["charge"]
        if twin.presence.session is not None and shown["held_back"] is None and wanted != car.charging:
            yield f"{home.asset} charges: {car.charging}, desired {shown['desired']}, command {shown['command']}"


def every_request_is_answered(night: Night, state: State) -> Iterator[str]:
    """The app has an answer to everything that it asked for."""
    del state
    for one in night.app.asked:
        if one.status is None:
            yield f"{one.method} {one.path} of {one.asked_at} has no answer after {one.tries} tries"


def nothing_waits(night: Night, state: State) -> Iterator[str]:
    """No queue and no due index has anything of the past; nothing was given up."""
    for name, queue in state.world.cloud.queues().items():
        late = [message for message in queue.messages if message.visible_at < state.now - PAST]
        if late:
            yield f"{name}: {[message.body for message in late]}"
    for name, messages in state.world.cloud.dead_letters().items():
        yield f"dead letters in {name}: {[message.body[:300] for message in messages]}"
    for item in state.wire:
        for name, value in item.items():
            if not name.endswith("_due") or "S" not in value:
                continue
            if name == "slots_due" and item["slots_shard"]["S"].startswith(REFUSED):
                continue  # it waits for the operator, in a list of its own
            patience = PAST_READINGS if name == "slots_due" else PAST
            if unstamp(value["S"]) < state.now - patience:
                yield f"{item['pk']['S']}/{item['sk']['S']} is due since {value['S']} ({name})"


def the_erased_are_gone(night: Night, state: State) -> Iterator[str]:
    """Of an erased home nothing is anywhere but the receipt."""
    for home in night.neighbourhood.homes:
        if home.site not in night.erased or not _accepted(night, f"/sites/{home.site}", "DELETE"):
            continue
        sold = home.asset in night.sold
        names = [f"{name}'" for name in (home.asset, home.site)] if sold else [home.asset, home.site, home.vehicle_id]
        named = re.compile("|".join(rf"(?<!\w){re.escape(name)}" for name in names))
        for item in state.wire:
            place = f"{item['pk']['S']}/{item['sk']['S']}"
            if item["sk"]["S"] != "RECEIPT" and named.search(str(item)):
                yield f"{place} is left of {home.site}"
        if state.axle_asset(home.asset) is not None:
            yield f"{home.asset} is left at Axle"


def nothing_personal_is_kept(night: Night, state: State) -> Iterator[str]:
    """No meter point, address, email or position where it does not belong."""
    for where, text in _texts(state):
        for home in night.neighbourhood.homes:
            for what, value in _personal(home).items():
                if value in text and not (what == "position" and where.startswith("item SITE#")):
                    yield f"{where} has the {what} of {home.site}"


def _texts(state: State) -> Iterator[tuple[str, str]]:
    for item in state.wire:
        if item["sk"]["S"] == "TWIN":  # the home's position belongs to the site's item, and so far to its twins
            continue
        yield f"item {item['pk']['S']}/{item['sk']['S']}", str(item)
    for name, queue in state.world.cloud.queues().items():
        for message in queue.messages:
            yield f"a message in {name}", message.body
    yield "the log", "\n".join(state.world.host.log.lines)


def _personal(home: Home) -> Mapping[str, str]:
    return {"meter point": home.mpan, "address": "10 Example Street", "email": home.email, "position": "51.5034"}


def items_are_small(night: Night, state: State) -> Iterator[str]:
    """Items stay within their bounds: a tenth of what DynamoDB takes, for one night."""
    for item in state.wire:
        if len(str(item)) > 40_000:
            yield f"{item['pk']['S']}/{item['sk']['S']} has {len(str(item))} bytes"


ENDS: Mapping[str, Check] = {
    check.__name__: check
    for check in (
        sites_are_finished,
        what_was_accepted_is_so,
        axle_has_the_twin,
        energy_is_accepted,
        no_zero_hides_energy,
        a_car_that_left_can_charge,
        cars_follow,
        every_request_is_answered,
        nothing_waits,
        the_erased_are_gone,
        nothing_personal_is_kept,
        items_are_small,
    )
}


def found_wrong(night: Night) -> list[str]:
    """Everything that does not hold at the end, each with the name of its invariant."""
    state = State(night.world)
    return [f"{name}: {wrong}" for name, check in ENDS.items() for wrong in check(night, state)]


def _taken(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _accepted(night: Night, path: str, method: str | None = None) -> bool:
    return any(_taken(one.status) and one.path == path and method in {None, one.method} for one in night.app.asked)
