"""What must hold at each request that leaves for Axle or for a car, by what had been stored by then."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests

from driveway.domain.control.budgets import LET_CHARGE
from driveway.domain.control.protection import peak_starts
from driveway.domain.control.provider_budget import USUAL_BUDGETS
from driveway.domain.control.required_command import is_instructed
from driveway.domain.control.settings import ControlRules
from driveway.domain.enrolment import takes_part
from driveway.domain.twin import Command, CommandState, Twin
from driveway.store.slot_items import slot_of
from driveway.vehicles.ocpp.profiles import DEFAULT_PROFILE_ID
from tests.world import invariants
from tests.world.invariants import Asked, Sent

if TYPE_CHECKING:
    from tests.world.world import World

ACTIONS: Mapping[str, frozenset[str]] = {
    "/charging": frozenset({"start", "stop"}),
    "/commands/charge/start": frozenset({"start"}),
    "/commands/charge/stop": frozenset({"stop"}),
    "/command/charge_start": frozenset({"start"}),
    "/command/charge_stop": frozenset({"stop"}),
    "/command/set_charging_amps": frozenset({"start", "restore_current"}),
    "/command/add_charge_schedule": frozenset({"install_default"}),
    "/command/remove_charge_schedule": frozenset({"install_default", "remove_default"}),
}
"""The commands of Enode, Smartcar and Tesla by the end of their path, and the actions that need them."""

PLUG_MATTERS = frozenset({"start", "stop"})
LONGEST_RUN = timedelta(seconds=110)
"""A session that ended while ``axle_sync`` was running may still be reported by it."""

RULES = ControlRules()


@dataclass
class Seen:
    """What left so far: requests by provider, and starts and stops by vehicle."""

    asked: dict[str, list[Asked]] = field(default_factory=dict)
    sent: dict[str, list[Sent]] = field(default_factory=dict)


class Watch:
    """Notes every violation of a request that is about to be served."""

    def __init__(self, world: "World") -> None:
        self.world, self.seen = world, Seen()

    def __call__(self, request: requests.PreparedRequest) -> None:
        """Look at one request."""
        url = urlsplit(request.url or "")
        path = unquote(url.path)
        if not path.startswith("/_sim"):
            self.world.violations += [f"{self.world.clock.now()} {wrong}" for wrong in self._wrong(request, path)]

    def _wrong(self, request: requests.PreparedRequest, path: str) -> Iterator[str]:
        vehicle_id = _vehicle_in(path)
        if vehicle_id is not None:
            yield from _of_car(self.world, self.seen, request, path, vehicle_id)
        elif request.method == "POST" and "/event/" in path:
            yield from _of_event(self.world, path)
        elif request.method == "POST" and path == "/data/readings":
            yield from _of_readings(self.world, request)


def _vehicle_in(path: str) -> str | None:
    parts = path.split("/")
    names = [parts[number + 1] for number, part in enumerate(parts[:-1]) if part in {"vehicles", "chargers"}]
    return names[0] if names and names[0] != "actions" else None


def _of_car(world: "World", seen: Seen, request: requests.PreparedRequest, path: str, vehicle_id: str) -> Iterator[str]:
    """A request is within its budgets; a command is claimed, and goes to no car that is away, not ours or unplugged."""
    provider, actions = path.split("/")[1], _actions(request, path)
    twins = [twin for twin in _twins(world) if twin.link.vehicle and twin.link.vehicle.vehicle_id == vehicle_id]
    claimed = [one for twin in twins for one in _claimed(twin)]
    asked = seen.asked.setdefault(provider, [])
    asked.append(Asked(world.clock.now(), vehicle_id, any(one.action in LET_CHARGE for one in claimed)))
    budget = USUAL_BUDGETS[provider]
    yield from invariants.over_the_month(asked, budget.car_month_requests)
    yield from invariants.over_the_bucket(asked, budget.bucket_requests, budget.bucket_refill_per_min)
    if actions:
        running = world.outside.running[-1].calls if world.outside.running else []
        is_claimed = any(call.operation == "update_item" and call.about.endswith("/TWIN") for call in running)
        yield from of_command(world.clock.now(), seen, twins, vehicle_id, actions, is_claimed=is_claimed)


def _actions(request: requests.PreparedRequest, path: str) -> frozenset[str]:
    """The actions that a request to a car may be for; empty if it is no command."""
    if request.method != "POST":
        return frozenset()
    if path.endswith("/SetChargingProfile"):
        profile = json.loads(request.body or b"{}").get("csChargingProfiles", {})
        return frozenset(
            {"install_default"}
            if profile.get("chargingProfileId") == DEFAULT_PROFILE_ID
            else PLUG_MATTERS | {"remove_default"}  # what is freed while a transaction runs
        )
    if path.endswith("/ClearChargingProfile"):
        return frozenset({"start", "install_default", "remove_default"})
    return next((actions for end, actions in ACTIONS.items() if path.endswith(end)), frozenset())


def of_command(
    now: datetime, seen: Seen, twins: list[Twin], vehicle_id: str, actions: frozenset[str], *, is_claimed: bool
) -> Iterator[str]:
    """What is wrong with a command to a car; ``is_claimed``: whether the run that sends it wrote its twin before."""
    if not twins:
        # A start that was claimed before the asset was erased cannot be called back, and it lets the car charge.
        if not (is_claimed and "start" in actions):
            yield f"a command to {vehicle_id}, which is not ours"
        return
    (twin,) = twins
    # A report may confirm a command between its claim and its call.
    claimed = [one for one in _claimed(twin, also="confirmed" if is_claimed else "sent") if one.action in actions]
    if not claimed and is_claimed and twin.control.late_stop is not None and "stop" in actions:
        # Another command replaced it meanwhile, and the twin knows that it may come last.
        return
    if not claimed:
        yield f"a command to {vehicle_id} ({sorted(actions)}) that is not claimed: {twin.control.command}"
        return
    command = claimed[0]
    if command.action in PLUG_MATTERS:
        if not _may_be_commanded(twin, command):
            yield f"a {command.action} to {vehicle_id}, which is not plugged in at home: {twin.presence}"
        # Nothing is known of a car that was erased and onboarded again.
        sent = seen.sent.setdefault(f"{vehicle_id} {twin.link.onboarded_at}", [])
        at = command.sent_at or now
        sent.append(Sent(at, command.action, command.id, _is_free(twin, command, sent, at)))
        yield from (f"{vehicle_id}: {wrong}" for wrong in invariants.dwell_cut(sent, RULES.min_dwell))


def _is_free(twin: Twin, command: Command, sent: list[Sent], at: datetime) -> bool:
    """Whether the dwell time does not hold a command back: a release, a driver's own wish or test, a trial, a peak."""
    if command.release or command.trial is not None or command.reason in {"CHARGE_NOW", "MINIMUM_SOC", "TEST_CHARGE"}:
        return True
    before = next((one for one in reversed(sent) if one.action != command.action), None)
    return command.action == "stop" and before is not None and bool(peak_starts(twin, before.at, at + invariants.SKEW))


def _claimed(twin: Twin, *, also: CommandState = "sent") -> list[Command]:
    both = (twin.control.command, twin.control.schedule_command)
    found = [one for one in both if one is not None and one.state in {"sent", also}]
    return sorted(found, key=lambda one: one.state != "sent")


def _may_be_commanded(twin: Twin, command: Command) -> bool:
    if twin.presence.session is not None or command.trial in {"unplugged", "account"}:
        return True
    return command.release and is_instructed(twin)


def _of_event(world: "World", path: str) -> Iterator[str]:
    """Axle's calls are claimed, and it gets no plug-in of a car that is not known to be at home."""
    axle_asset_id, now = path.split("/")[3], world.clock.now()
    for twin in _twins(world):
        if twin.link.axle_asset_id != axle_asset_id:
            continue
        yield from invariants.called_unclaimed(twin, now)
        if not path.endswith("/plug-in"):
            continue
        yield from invariants.plugged_in_too_early(twin)
        last = twin.presence.last_session
        ended = last.closed_at if last is not None else None
        lately = ended is not None and now - ended < LONGEST_RUN + timedelta(minutes=10)
        if twin.presence.session is None and not lately:
            yield f"Axle gets a plug-in of {twin.link.asset}, which has no session"


def _of_readings(world: "World", request: requests.PreparedRequest) -> Iterator[str]:
    """No value is sent again once its acceptance is recorded.

    The end of an enrolment does not wait for a run that has claimed a half-hour, and sends it, too (decision 0020).
    """
    leaving = {twin.link.asset for twin in _twins(world) if not takes_part(twin.link)}
    raw = request.body or b""
    text = gzip.decompress(raw) if isinstance(raw, bytes) and raw[:2] == b"\x1f\x8b" else raw
    rows: list[Mapping[str, Any]] = json.loads(text)["readings"]
    slots = [slot_of(item) for item in world.cloud.items() if item["sk"]["S"].startswith("SLOT#")]
    known = {(slot.axle_asset_id, slot.start.isoformat()): slot for slot in slots}
    for row in rows:
        start = row["start_timestamp"].replace("Z", "+00:00")
        slot = known.get((row["asset_id"], start))
        if slot is None or row["label"] != "charger_consumption_energy_kwh":
            continue
        if (
            slot.asset not in leaving
            and slot.state == "accepted"
            and slot.reported.accepted_wh == round(row["value"] * 1000)
        ):
            yield f"{slot.asset} {start}: {row['value']} kWh is sent again"


def _twins(world: "World") -> list[Twin]:
    from tests.world.state import State

    return list(State(world).twins.values())
