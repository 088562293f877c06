"""The operations of a site's life, as an app asks for them, and the homes they begin with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support.functions.rig import Reply
from tests.support.functions.sites import MPAN, VEHICLE, car, site_body
from tests.support.sites.energy import draw_before
from tests.support.sites.world import World

SECOND_MPAN = "1100000000008"
CHARGER = {"provider": "ocpp", "vehicle_id": "CP-1", "connector_id": 1, "phases": 1}
OTHER = {
    "electric_vehicle": {"provider": "smartcar", "vehicle_id": "sc-1", "user_id": "sc-user-1"},
    "charger": {"provider": "ocpp", "vehicle_id": "CP-2"},
}
OWN: dict[str, dict[str, Any]] = {"electric_vehicle": VEHICLE, "charger": CHARGER}
REWIRED: dict[str, dict[str, Any]] = {
    "electric_vehicle": {**VEHICLE, "home_location_id": "home-2"},
    "charger": {**CHARGER, "connector_id": 2},
}
KINDS = ("electric_vehicle", "charger")

Do = Callable[[World], Reply]


def asset(kind: str, **changes: Any) -> dict[str, Any]:
    """The asset ``car-1`` of a body, of this kind."""
    return car(type=kind, **{"vehicle": OWN[kind], "plugged_in": True, **changes})


def second(**changes: Any) -> dict[str, Any]:
    """A second asset."""
    return car("car-2", **{"vehicle": {**VEHICLE, "vehicle_id": "enode-vehicle-2"}, **changes})


def put(world: World, *assets: dict[str, Any], site: str = "home-1", mpan: str = MPAN, **changes: Any) -> Reply:
    """The driver connects the cars at their maker, and the app onboards them; if it is refused, it ends that again."""
    named = {(one.get("vehicle") or {}).get("vehicle_id", "") for one in assets}
    new = named - world.makers.connected()
    for vehicle_id in named:
        world.makers.connect_again(vehicle_id)
    # What the driver has connected again is ours to end once it is stored here.
    world.onboarded -= new
    reply = world.request("PUT", "/sites/{site}", site_body(*assets, mpan=mpan, **changes), site=site)
    if reply.status == 409:
        world.makers.put_back(world.makers.connected() - new)
    return reply


def post(world: World, action: str, body: Any = None) -> Reply:
    return world.request("POST", f"/sites/{{site}}/{action}", body)


def delete(world: World) -> Reply:
    return world.request("DELETE", "/sites/{site}")


@dataclass(frozen=True)
class Operation:
    """Something an app asks for. ``before`` makes the home it begins with."""

    name: str
    do: Do
    before: Callable[[World], None]

    def __str__(self) -> str:
        return self.name


def _nothing(_: World) -> None:
    return


def home(kind: str, *more: dict[str, Any]) -> Callable[[World], None]:
    """A home with a plugged-in asset that we have stopped, and that took energy in a half-hour that has ended."""

    def make(world: World) -> None:
        assert put(world, asset(kind), *more).status == 201
        world.settle()
        draw_before(world)
        world.settle(timedelta(minutes=31))

    return make


def _opted_out(kind: str) -> Callable[[World], None]:
    def make(world: World) -> None:
        home(kind)(world)
        assert post(world, "unenrol").status == 200
        world.settle(timedelta(minutes=5))

    return make


def _erased(kind: str) -> Callable[[World], None]:
    def make(world: World) -> None:
        home(kind)(world)
        delete(world)
        world.settle(timedelta(minutes=30))
        assert world.record("home-1") is None

    return make


def _begun(before: Callable[[World], None], do: Do) -> Callable[[World], None]:
    """The home after the request for the operation and the car's release: the rest fits into one request."""

    def make(world: World) -> None:
        before(world)
        do(world)
        world.follow_up()

    return make


def operations(kind: str) -> list[Operation]:
    """Every operation, for a home of this kind. Where a car has to be released first, its end is one of its own."""
    at_home = home(kind)
    waiting = [
        Operation("swapped", lambda w: put(w, asset(kind, vehicle=OTHER[kind])), at_home),
        Operation("removed", lambda w: put(w, second(), remove_assets=["car-1"]), home(kind, second())),
        Operation("erase", delete, at_home),
    ]
    ends = [Operation(f"{one.name}, the end", one.do, _begun(one.before, one.do)) for one in waiting]
    return [
        *waiting,
        *ends,
        Operation("new", lambda w: put(w, asset(kind)), _nothing),
        Operation("repeated", lambda w: put(w, asset(kind)), at_home),
        Operation("added", lambda w: put(w, second()), at_home),
        Operation("rewired", lambda w: put(w, asset(kind, vehicle=REWIRED[kind])), at_home),
        Operation("opt-out", lambda w: post(w, "unenrol"), at_home),
        Operation("re-join", lambda w: post(w, "enrol", {"rejoin": True}), _opted_out(kind)),
        Operation("put again after opting out", lambda w: put(w, asset(kind), rejoin=True), _opted_out(kind)),
        Operation("snooze", lambda w: post(w, "snooze", {"until": "2026-01-18T12:00:00Z"}), at_home),
        Operation("meter point moved", lambda w: put(w, asset(kind), site="home-2", rejoin=True), _erased(kind)),
    ]


def rivals(kind: str) -> list[Operation]:
    """The operations that may interrupt one on an active home: all of its own, and two of another site."""
    own = [one for one in operations(kind) if one.name not in {"new", "meter point moved"}]
    at_home = home(kind)
    return [
        *own,
        Operation("car taken elsewhere", lambda w: put(w, asset(kind), site="home-2", mpan=SECOND_MPAN), at_home),
        Operation("meter taken elsewhere", lambda w: put(w, second(vehicle=None), site="home-2"), at_home),
    ]
