"""What must hold at each request that leaves for Axle or for a car, by what had been stored by then."""

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import requests

from driveway.domain.control.required_command import is_instructed
from driveway.domain.twin import Command, Twin
from driveway.store.slot_items import slot_of

if TYPE_CHECKING:
    from tests.world.world import World

COMMANDS = (
    "/charging",
    "/commands/charge/start",
    "/commands/charge/stop",
    "/command/charge_start",
    "/command/charge_stop",
)
LONGEST_RUN = timedelta(seconds=110)
"""A session that ended while ``axle_sync`` was running may still be reported by it."""


def watch(world: "World", request: requests.PreparedRequest) -> None:
    """Note every violation of a request that is about to be served."""
    url = urlsplit(request.url or "")
    path = unquote(url.path)
    if request.method != "POST" or path.startswith("/_sim"):
        return
    if path.endswith(COMMANDS):
        world.violations += [f"{world.clock.now()} {wrong}" for wrong in _of_command(world, path)]
    elif path.endswith("/event/plug-in"):
        world.violations += [f"{world.clock.now()} {wrong}" for wrong in _of_plug_in(world, path.split("/")[3])]
    elif path == "/data/readings":
        world.violations += [f"{world.clock.now()} {wrong}" for wrong in _of_readings(world, request)]


def _of_command(world: "World", path: str) -> Iterator[str]:
    """A command is claimed before it leaves, and goes to no car that is away, not ours, or unplugged."""
    vehicle_id, action = _target(path)
    twins = [twin for twin in _twins(world) if twin.link.vehicle and twin.link.vehicle.vehicle_id == vehicle_id]
    if not twins:
        yield f"a command to {vehicle_id}, which is not ours"
        return
    (twin,) = twins
    claimed = [one for one in (twin.control.command, twin.control.schedule_command) if one and one.state == "sent"]
    if not claimed:
        yield f"a command to {vehicle_id} that is not claimed: {twin.control.command}"
        return
    if not _may_be_commanded(twin, claimed[0]):
        yield f"a {action or claimed[0].action} to {vehicle_id}, which is not plugged in at home: {twin.presence}"


def _may_be_commanded(twin: Twin, command: Command) -> bool:
    if twin.presence.session is not None or command.trial in {"unplugged", "account"}:
        return True
    return command.release and is_instructed(twin)


def _target(path: str) -> tuple[str, str]:
    parts = path.split("/")
    return parts[parts.index("vehicles") + 1], parts[-1] if parts[-1] in {"start", "stop"} else ""


def _of_plug_in(world: "World", axle_asset_id: str) -> Iterator[str]:
    """Axle gets no plug-in of a car that is not known to be at home."""
    for twin in _twins(world):
        if twin.link.axle_asset_id != axle_asset_id:
            continue
        last = twin.presence.last_session
        ended = last.closed_at if last is not None else None
        lately = ended is not None and world.clock.now() - ended < LONGEST_RUN + timedelta(minutes=10)
        if twin.presence.session is None and not lately:
            yield f"Axle gets a plug-in of {twin.link.asset}, which has no session"


def _of_readings(world: "World", request: requests.PreparedRequest) -> Iterator[str]:
    """No value is sent again once its acceptance is recorded."""
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
        if slot.state == "accepted" and slot.reported.accepted_wh == round(row["value"] * 1000):
            yield f"{slot.asset} {start}: {row['value']} kWh is sent again"


def _twins(world: "World") -> list[Twin]:
    from tests.world.state import State

    return list(State(world).twins.values())
