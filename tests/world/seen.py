"""What is so with each car over a night, and what had been reported of it by when. Knows nothing of charge control."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from simulators.axle.world import SMART_CHARGING
from simulators.cars.car import Car, View
from tests.support.faults import Call, FaultKind
from tests.world.connections import AXLE, CARS
from tests.world.outside import Invocation
from tests.world.world import World


@dataclass(frozen=True, slots=True)
class Moment:
    """A car as it is from ``at`` (aware UTC) on. ``obeys``: it can be reached, and does what it is asked to.

    ``meter_wh`` counts since the car was made; ``seems_unplugged``: its cloud claims that because it was stopped.
    """

    at: datetime
    plugged: bool
    at_home: bool
    charging: bool
    obeys: bool
    account_connected: bool
    reachable: bool
    complete: bool
    seems_unplugged: bool
    by_hand: bool
    meter_wh: float
    stored_kwh: float
    most_kw: float
    tapers: bool
    held: bool


@dataclass(frozen=True, slots=True)
class Report:
    """A report about a car that had arrived at ``at`` (aware UTC), by a webhook or as the answer to a read."""

    at: datetime
    plugged: bool
    at_home: bool
    seen_at: datetime
    charging: bool = False


class Seen:
    """Watches a world. Each list is in order of time; cars are named by their vehicle ids, enrolments by their assets.

    Attributes:
        reports: what arrived, from the answer on.
        sent: the same from each request on, answered or not: a function may have stored it before its answer was lost.
        refused: the times at which a car maker (by its name) or ``axle`` answered no success, with the status.
        suffered: the times at which a call of a function suffered a fault.
        outages: bad days, from when until when and of what kind: of a maker (by its name), of ``axle``, of a car.
        silences: from when until when a maker sent no webhooks, although it works.
        hands: when a driver started or stopped charging in the car.
        enrolled: since when Axle had an asset enrolled, or not; again when it answered that its site has joined.
        at_axle: Axle's id of each asset, also once it is erased there: its schedules counted until then.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.moments: defaultdict[str, list[Moment]] = defaultdict(list)
        self.reports: defaultdict[str, list[Report]] = defaultdict(list)
        self.sent: defaultdict[str, list[Report]] = defaultdict(list)
        self.enrolled: defaultdict[str, list[tuple[datetime, bool]]] = defaultdict(list)
        self.refused: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
        self.outages: defaultdict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
        self.silences: defaultdict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
        self.suffered: list[datetime] = []
        self.hands: defaultdict[str, list[datetime]] = defaultdict(list)
        self.at_axle: dict[str, str] = {}
        touch: Callable[[Car, datetime], None] = world.cars.world.touch

        def touched(car: Car, at: datetime) -> None:
            touch(car, at)
            self._note(car)

        vars(world.cars.world)["touch"] = touched
        fault: Callable[[Invocation, Call], FaultKind | None] = world.chance.fault

        def suffers(invocation: Invocation, call: Call) -> FaultKind | None:
            found = fault(invocation, call)
            if found is not None:
                self.suffered.append(world.clock.now())
            return found

        vars(world.chance)["fault"] = suffers
        world.car_sender.sent = self._sent
        world.car_sender.arrived = self._arrived
        world.session.hooks["response"].append(self._answered)

    def by_hand(self, vehicle_id: str) -> None:
        """A driver starts or stops charging in the car now."""
        self.hands[vehicle_id].append(self.world.clock.now())

    def touched_by_hand(self, vehicle_id: str, since: datetime, until: datetime) -> bool:
        """Whether a driver started or stopped charging in the car between two instants."""
        return any(since <= at <= until for at in self.hands[vehicle_id])

    def is_stopped_by_command(self, car: Car) -> bool:
        """Whether a stop holds a car: it obeyed one since it was plugged in, and neither charged nor was touched since.

        A car that stopped by itself is not held.
        """
        since = [*self.hands[car.spec.vehicle_id], *(one.at for one in car.transitions if one.charging)]
        free_at = max([*since, *([car.plugged_at] if car.plugged_at is not None else [])], default=None)
        stops = [
            datetime.fromisoformat(one["obeyed_at"])
            for one in car.commands
            if one.get("obeyed_at") and "stop" in one["command"].lower()
        ]
        return car.mode == "stop" and any(free_at is None or at > free_at for at in stops)

    def _note(self, car: Car) -> None:
        spec, moments = car.spec, self.moments[car.spec.vehicle_id]
        volts_kw = spec.voltage_v * spec.phases / 1000
        worn_out = spec.refuses_after_starts is not None and car.starts >= spec.refuses_after_starts
        moments.append(
            Moment(
                at=car.at,
                plugged=car.plugged,
                at_home=car.at_home,
                charging=car.charging,
                obeys=not (spec.asleep or spec.governed or spec.action_fault or worn_out),
                account_connected=spec.account_connected,
                reachable=spec.reachable,
                complete=car.complete,
                seems_unplugged=car.plugged and not car.view().plugged,
                by_hand=self._is_by_hand(car, moments),
                meter_wh=car.meter_wh,
                stored_kwh=car.stored_kwh,
                tapers=car.soc_pct > 89,
                held=car.plugged and (self.is_stopped_by_command(car) or self._is_planned_off(car)),
                most_kw=spec.power_kw if car.amps is None else min(spec.power_kw, car.amps * volts_kw),
            )
        )

    def _is_planned_off(self, car: Car) -> bool:
        return car.plan is not None and car.plan.limit_kw(car, car.at) == 0

    def _is_by_hand(self, car: Car, moments: list[Moment]) -> bool:
        """Whether the car was started or stopped in this plug-in by itself or by hand, and not by a command."""
        before = moments[-1] if moments else None
        if before is None or not car.plugged or not before.plugged:
            return False
        if before.by_hand or car.spec.provider == "ocpp" or car.mode is None:
            return before.by_hand
        obeyed = [one["obeyed_at"] for one in car.commands if one.get("obeyed_at")]
        changed = car.transitions[-1].at if car.transitions else None
        if changed is None or before.charging == car.charging or car.complete:
            return False
        return not any(abs((datetime.fromisoformat(at) - changed).total_seconds()) < 5 for at in obeyed)

    def _sent(self, vehicle_id: str, view: View) -> None:
        self.sent[vehicle_id].append(self._report(view))

    def _arrived(self, vehicle_id: str, view: View) -> None:
        self.reports[vehicle_id].append(self._report(view))

    def _report(self, view: View) -> Report:
        return Report(self.world.clock.now(), view.plugged, view.at_home, view.at, view.charging)

    def _answered(self, response: requests.Response, *_: Any, **__: Any) -> None:
        url = str(response.request.url)
        path = unquote(urlsplit(url).path)
        if path.startswith("/_sim"):
            return
        if url.startswith(AXLE):
            self._note_enrolments(path if response.ok and path.endswith("/enrol") else "")
        if not response.ok and url.startswith((AXLE, CARS)):
            name = path.split("/")[1] if url.startswith(CARS) else "axle"
            self.refused[name].append((self.world.clock.now(), response.status_code))
        if url.startswith(CARS) and response.ok and response.request.method == "GET":
            self._note_read(path)

    def _note_enrolments(self, joined: str) -> None:
        """Note what has changed, and that a site has joined by a call of this path, although it may never have left."""
        axle = self.world.axle.world
        known = {
            asset.external_id: SMART_CHARGING in axle.sites[asset.site_id].propositions
            for asset in axle.assets.values()
        }
        self.at_axle |= {asset.external_id: str(asset.id) for asset in axle.assets.values()}
        joining = {asset.external_id for asset in axle.assets.values() if str(asset.site_id) in joined.split("/")}
        for asset in {*known, *self.enrolled}:
            now, line = known.get(asset, False), self.enrolled[asset]
            if (line[-1][1] if line else False) != now or asset in joining:
                line.append((self.world.clock.now(), now))

    def _note_read(self, path: str) -> None:
        for vehicle_id, car in self.world.cars.world.cars.items():
            if vehicle_id in path.split("/"):
                self._sent(vehicle_id, car.view())
                self._arrived(vehicle_id, car.view())
