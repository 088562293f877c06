"""What a test does to the cars, and the truth it compares with: the routes under ``/_sim``."""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import requests
from fastapi import APIRouter, HTTPException
from pydantic import Field, ValidationError

from simulators.cars.car import Car, View
from simulators.cars.ocpp import ChargerPlan
from simulators.cars.settings import Settings
from simulators.cars.simulator import CarSimulator
from simulators.cars.spec import CarSpec, Strict
from simulators.cars.tesla_schedules import ChargeSchedules

Move = Literal[
    "plug-in", "plug-out", "drive-away", "come-home", "park-away", "driver-start", "driver-stop", "sleep", "wake"
]
FIXED_FIELDS = {"provider", "vehicle_id"}


class MoveBody(Strict):
    """When to do it (aware; now when absent or past) and, driving away, what it takes from the battery."""

    at: datetime | None = None
    used_kwh: float = Field(0.0, ge=0)


class Bulk(Strict):
    """Cars alike but for ``vehicle_id``, ``user_id`` and ``asset``, which end in a running number."""

    count: int = Field(ge=1, le=100_000)
    car: dict[str, Any]
    id_prefix: str = "car-"
    user_prefix: str = "user-"
    asset_prefix: str | None = None
    home_location_prefix: str | None = None


class BulkChoice(Strict):
    """Which cars: those of a provider, or those named; all when neither is given."""

    provider: str | None = None
    vehicle_ids: list[str] | None = None


class BulkMove(BulkChoice):
    """A move of many cars at one instant."""

    at: datetime | None = None
    used_kwh: float = Field(0.0, ge=0)


class BulkSet(BulkChoice):
    """A change of many cars."""

    set: dict[str, Any]


class Claim(Strict):
    """What the provider is to claim of a car once, truth or not; what is absent is the truth."""

    plugged: bool | None = None
    charging: bool | None = None
    at_home: bool | None = None
    driving: bool | None = None
    soc_pct: float | None = None
    power_kw: float | None = None
    at: datetime | None = None


class SmartcarError(Strict):
    """A ``VEHICLE_ERROR``."""

    vehicle_id: str
    type: str
    code: str | None = None
    state: Literal["ERROR", "RESOLVED"] = "ERROR"
    signals: tuple[str, ...] = ()


class Reset(Strict):
    """Whether the settings go back to their defaults too."""

    settings: bool = False


def truth(car: Car, now: datetime, *, brief: bool = False) -> dict[str, Any]:
    """The car as it is, whatever its provider says."""
    body: dict[str, Any] = {
        "provider": car.spec.provider,
        "vehicle_id": car.spec.vehicle_id,
        "at": now.isoformat(),
        "plugged": car.plugged,
        "plugged_at": car.plugged_at.isoformat() if car.plugged_at else None,
        "at_home": car.at_home,
        "driving": car.driving,
        "charging": car.charging,
        "power_kw": car.power_kw,
        "soc_pct": car.soc_pct,
        "complete": car.complete,
        "mode": car.mode,
        "amps": car.set_amps,
        "meter_wh": car.meter_wh,
        "session_wh": car.session_wh,
        "starts": car.starts,
    }
    if brief:
        return body
    kept: list[Any] = []
    if isinstance(car.plan, ChargeSchedules):
        kept = [schedule.body for schedule in car.plan.by_id.values()]
    elif isinstance(car.plan, ChargerPlan):
        kept = [asdict(one) | {"profile": msgspec.to_builtins(one.profile)} for one in car.plan.installed]
    return body | {
        "slots": {start.isoformat().replace("+00:00", "Z"): wh for start, wh in sorted(car.slots_wh.items())},
        "transitions": [asdict(change) for change in car.transitions],
        "commands": car.commands,
        "schedules": kept,
        "spec": car.spec.model_dump(),
    }


def control_routes(simulator: CarSimulator) -> APIRouter:
    """The routes under ``/_sim``."""
    routes = APIRouter(prefix="/_sim", tags=["simulator"])
    _car_routes(routes, simulator)
    _bulk_routes(routes, simulator)
    _provider_routes(routes, simulator)
    _simulator_routes(routes, simulator)
    return routes


def _car_routes(routes: APIRouter, simulator: CarSimulator) -> None:
    world = simulator.world

    @routes.post("/cars", status_code=201)
    async def add_car(spec: CarSpec) -> dict[str, Any]:
        with world.present() as now:
            if spec.vehicle_id in world.cars:
                raise HTTPException(409, f"There is a car {spec.vehicle_id}.")
            return truth(world.add(spec, now), now)

    @routes.get("/cars")
    async def list_cars() -> dict[str, Any]:
        with world.present() as now:
            for car in world.cars.values():
                world.touch(car, now)
            return {"cars": [truth(car, now, brief=True) for car in world.cars.values()]}

    @routes.get("/cars/{vehicle_id}")
    async def one_car(vehicle_id: str) -> dict[str, Any]:
        with world.present() as now:
            car = _find(simulator, vehicle_id)
            world.touch(car, now)
            return truth(car, now)

    @routes.delete("/cars/{vehicle_id}", status_code=204)
    async def delete_car(vehicle_id: str) -> None:
        with world.present() as now:
            car = _find(simulator, vehicle_id)
            del world.cars[vehicle_id]
            if car.spec.provider == "enode":
                simulator.enode.deleted(car, now)

    @routes.post("/cars/{vehicle_id}/set")
    async def set_car(vehicle_id: str, changes: dict[str, Any]) -> dict[str, Any]:
        with world.present() as now:
            car = _find(simulator, vehicle_id)
            _change(simulator, car, changes, now)
            return truth(car, now)

    @routes.post("/cars/{vehicle_id}/report", status_code=202)
    async def report(vehicle_id: str, claim: Claim | None = None) -> dict[str, Any]:
        with world.present() as now:
            car = _find(simulator, vehicle_id)
            world.touch(car, now)
            claimed = (claim or Claim()).model_dump(exclude_none=True)
            view: View = replace(car.view(), **claimed)
            simulator.world.reporters[car.spec.provider](car, car.reported, view)
            return {"claimed": claimed}

    @routes.post("/cars/{vehicle_id}/{move}")
    async def move_car(vehicle_id: str, move: Move, body: MoveBody | None = None) -> dict[str, Any]:
        wanted = body or MoveBody()
        with world.present() as now:
            _find(simulator, vehicle_id)
            at = max(now, _aware(wanted.at) or now)
            _schedule(simulator, vehicle_id, move, at, wanted.used_kwh, now)
            return {"vehicle_id": vehicle_id, "move": move, "at": at.isoformat()}


def _bulk_routes(routes: APIRouter, simulator: CarSimulator) -> None:
    world = simulator.world

    @routes.post("/bulk/cars", status_code=201)
    async def add_cars(bulk: Bulk) -> dict[str, Any]:
        width = len(str(bulk.count - 1))
        with world.present() as now:
            specs = [_numbered(bulk, f"{index:0{width}d}") for index in range(bulk.count)]
            if any(spec.vehicle_id in world.cars for spec in specs):
                raise HTTPException(409, "There are cars with these ids.")
            for spec in specs:
                world.add(spec, now)
        return {"vehicle_ids": [spec.vehicle_id for spec in specs]}

    @routes.post("/bulk/set")
    async def set_cars(bulk: BulkSet) -> dict[str, int]:
        with world.present() as now:
            chosen = _chosen(simulator, bulk)
            for car in chosen:
                _change(simulator, car, bulk.set, now)
        return {"cars": len(chosen)}

    @routes.post("/bulk/{move}")
    async def move_cars(move: Move, bulk: BulkMove | None = None) -> dict[str, Any]:
        wanted = bulk or BulkMove()
        with world.present() as now:
            at = max(now, _aware(wanted.at) or now)
            chosen = _chosen(simulator, wanted)
            for car in chosen:
                _schedule(simulator, car.spec.vehicle_id, move, at, wanted.used_kwh, now)
        return {"cars": len(chosen), "at": at.isoformat()}


def _provider_routes(routes: APIRouter, simulator: CarSimulator) -> None:
    world = simulator.world

    @routes.post("/enode/heartbeat", status_code=202)
    async def heartbeat() -> None:
        with world.present() as now:
            simulator.enode.heartbeat(now)

    @routes.post("/enode/invalidate/{user_id}", status_code=202)
    async def invalidate(user_id: str, vendor: str = "BMW") -> None:
        with world.present() as now:
            simulator.enode.invalidate_credentials(user_id, now, vendor)

    # A plain function runs in a thread: the webhook it calls must not hold up the server.
    @routes.post("/smartcar/verify")
    def verify(challenge: str) -> dict[str, bool]:
        try:
            with requests.Session() as http:
                return {"verified": simulator.smartcar.verify(challenge, http)}
        except requests.RequestException as problem:
            raise HTTPException(502, f"The webhook cannot be reached: {type(problem).__name__}.") from problem

    @routes.post("/smartcar/error", status_code=202)
    async def smartcar_error(error: SmartcarError) -> None:
        with world.present() as now:
            car = _find(simulator, error.vehicle_id)
            simulator.smartcar.vehicle_error(car, error.type, error.code, error.state, now, signals=error.signals)

    @routes.post("/tesla/sign-in/{user_id}", status_code=201)
    async def sign_in(user_id: str) -> dict[str, str]:
        with world.present() as now:
            return {"refresh_token": simulator.tesla.refresh_tokens.sign_in(user_id, now)}

    @routes.post("/tesla/revoke/{user_id}", status_code=204)
    async def revoke(user_id: str) -> None:
        with world.present():
            simulator.tesla.refresh_tokens.revoke(user_id)
            simulator.tesla.tokens.expire()

    @routes.post("/expire-tokens", status_code=204)
    async def expire_tokens(provider: Literal["enode", "smartcar", "tesla"] | None = None) -> None:
        for one in (simulator.enode, simulator.smartcar, simulator.tesla):
            if provider in {None, type(one).__name__.lower()}:
                one.tokens.expire()


def _simulator_routes(routes: APIRouter, simulator: CarSimulator) -> None:
    world = simulator.world

    @routes.get("/config")
    async def config() -> Settings:
        return world.settings

    @routes.post("/config")
    async def configure(changes: dict[str, Any]) -> Settings:
        with world.present() as now:
            try:
                settings = Settings.model_validate(_merged(world.settings.model_dump(), changes))
            except ValidationError as problem:
                raise HTTPException(422, problem.errors(include_url=False, include_context=False)) from problem
            simulator.configure(settings, set(changes), now)
            return settings

    @routes.get("/deliveries")
    async def deliveries(vehicle_id: str | None = None, provider: str | None = None) -> dict[str, Any]:
        found = [
            asdict(one)
            for one in list(simulator.outbox.deliveries)
            if (vehicle_id is None or vehicle_id in one.vehicle_ids) and provider in {None, one.provider}
        ]
        return {"pending": simulator.outbox.pending(), "deliveries": found}

    @routes.delete("/deliveries", status_code=204)
    async def forget_deliveries() -> None:
        simulator.outbox.deliveries.clear()

    @routes.get("/kept")
    async def kept() -> dict[str, Any]:
        with world.present() as now:
            return simulator.kept(now)

    @routes.get("/clock")
    async def clock() -> dict[str, Any]:
        return {"now": world.clock.now().isoformat(), "clock": world.clock.text(), "scale": world.clock.scale}

    @routes.post("/reset", status_code=204)
    async def reset(wanted: Reset | None = None) -> None:
        with world.present() as now:
            simulator.reset(now, settings=bool(wanted and wanted.settings))


def _find(simulator: CarSimulator, vehicle_id: str) -> Car:
    car = simulator.world.cars.get(vehicle_id)
    if car is None:
        raise HTTPException(404, f"No car {vehicle_id}.")
    return car


def _chosen(simulator: CarSimulator, choice: BulkChoice) -> list[Car]:
    if choice.vehicle_ids is not None:
        return [_find(simulator, vehicle_id) for vehicle_id in choice.vehicle_ids]
    return [car for car in simulator.world.cars.values() if choice.provider in {None, car.spec.provider}]


def _numbered(bulk: Bulk, number: str) -> CarSpec:
    own: dict[str, Any] = {"vehicle_id": bulk.id_prefix + number, "user_id": bulk.user_prefix + number}
    if bulk.asset_prefix is not None:
        own["asset"] = bulk.asset_prefix + number
    if bulk.home_location_prefix is not None:
        own["home_location_id"] = bulk.home_location_prefix + number
    return _valid(bulk.car | own)


def _valid(fields: dict[str, Any]) -> CarSpec:
    try:
        return CarSpec.model_validate(fields)
    except ValidationError as problem:
        raise HTTPException(422, problem.errors(include_url=False, include_context=False)) from problem


def _change(simulator: CarSimulator, car: Car, changes: dict[str, Any], now: datetime) -> None:
    if fixed := FIXED_FIELDS & set(changes):
        raise HTTPException(422, f"{', '.join(sorted(fixed))} cannot be changed.")
    spec = _valid(_merged(car.spec.model_dump(), changes))
    simulator.world.touch(car, now)
    if car.complete and spec.charge_limit_pct > car.spec.charge_limit_pct and spec.waits_when_limit_raised:
        car.mode = "stop"
    was_reachable, car.spec = car.spec.reachable, spec
    if "stray" in changes:
        # What puts a stray right is another fix, of its own time.
        car.stray_at, car.parked_at = now, now
    if "soc_pct" in changes:
        car.stored_kwh = spec.battery_kwh * spec.soc_pct / 100
    if "driver_amps" in changes:
        car.amps = spec.driver_amps
    if was_reachable and not spec.reachable:
        car.stale = replace(car.view(), reachable=False)
        simulator.world.lost_contact(car, now)
    elif spec.reachable:
        car.stale = None
    car.change(now)
    simulator.world.touch(car, now)


def _schedule(
    simulator: CarSimulator, vehicle_id: str, move: Move, at: datetime, used_kwh: float, now: datetime
) -> None:
    def act(then: datetime) -> None:
        car = simulator.world.cars.get(vehicle_id)
        if car is not None:
            _move(car, move, then, used_kwh)
            simulator.world.touch(car, then)

    if at <= now:
        act(now)
    else:
        simulator.world.later(at, act)


def _move(car: Car, move: Move, at: datetime, used_kwh: float) -> None:
    if move == "plug-in":
        car.plug_in(at)
    elif move == "plug-out":
        car.plug_out(at)
    elif move == "drive-away":
        car.drive_away(at, used_kwh=used_kwh)
    elif move in {"come-home", "park-away"}:
        car.park(at, at_home=move == "come-home")
    elif move in {"driver-start", "driver-stop"}:
        car.command(at, "start" if move == "driver-start" else "stop")
    else:
        car.spec.asleep = move == "sleep"
        car.change(at)


def _merged(into: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(into)
    for name, value in changes.items():
        old = result.get(name)
        result[name] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _aware(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise HTTPException(422, "at needs an offset.")
    return at.astimezone(UTC)
