"""An OCPP central system's HTTP endpoint with the chargers behind it, and the app back end that reports them.

A charger obeys the profiles installed in it by OCPP 1.6's own rules, also while it is offline. Its transaction runs
from plug-in to plug-out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from driveway.domain.charging_profiles import (
    ChargingProfile,
    ProfileError,
    anchored,
    composite_schedule,
    parse_charging_profile,
)
from simulators.cars.car import Car, View
from simulators.cars.door import Ask, Door
from simulators.cars.outbox import Message, Outbox, Request
from simulators.cars.settings import OcppSettings
from simulators.cars.spec import CarSpec
from simulators.cars.wire import answer, encode, stamp
from simulators.cars.world import World

HORIZON_S = 2 * 86_400


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile and the connector it was set on."""

    connector_id: int
    profile: ChargingProfile


class ChargerPlan:
    """The profiles in a charger, resolved to limits.

    Attributes:
        installed: the profiles in it, in order of installation.
    """

    def __init__(self) -> None:
        """A charger without profiles."""
        self.installed: list[Installed] = []
        self._defaults: list[Installed] = []
        self._defaults_of: datetime | None = None
        self._limits: list[tuple[datetime, float | None]] = []
        self._limits_until: datetime | None = None

    def install(self, car: Car, connector_id: int, profile: ChargingProfile) -> None:
        """Set a profile; it replaces the one of its id, or of its purpose, level and connector (OCPP 1.6 §5.16)."""
        self._keep_defaults(car)
        self.installed = [kept for kept in self.installed if not _replaces(connector_id, profile, kept)]
        self.installed.append(Installed(connector_id, profile))
        self._limits_until = None

    def clear(self, car: Car, wanted: dict[str, Any]) -> bool:
        """Drop the profiles that ClearChargingProfile names (§5.3); whether there were any."""
        self._keep_defaults(car)
        kept = [one for one in self.installed if not _named(one, wanted)]
        cleared = len(kept) < len(self.installed)
        self.installed = kept
        self._limits_until = None
        return cleared

    def end_session(self) -> None:
        """Forget what held for the transaction only, and when it began."""
        self.installed = [one for one in self.installed if one.profile.purpose != "TxProfile"]
        self._defaults_of = None
        self._limits_until = None

    def _keep_defaults(self, car: Car) -> None:
        """Keep the TxDefaultProfiles that the transaction of the car began with."""
        if car.plugged_at is not None and self._defaults_of != car.plugged_at:
            self._defaults_of = car.plugged_at
            self._defaults = [one for one in self.installed if one.profile.purpose == "TxDefaultProfile"]
            self._limits_until = None

    def _in_force(self, car: Car) -> list[Installed]:
        if car.spec.default_profiles_apply == "at_once" or car.plugged_at is None:
            return self.installed
        return self._defaults + [one for one in self.installed if one.profile.purpose != "TxDefaultProfile"]

    def limit_kw(self, car: Car, at: datetime) -> float | None:
        """The composite limit at an instant; None where no profile applies."""
        self._resolve(car, at)
        return next((limit for start, limit in reversed(self._limits) if start <= at), None)

    def next_edge(self, car: Car, after: datetime) -> datetime | None:
        """When the composite limit next changes, at the latest when it has to be resolved again."""
        self._keep_defaults(car)
        if not self._in_force(car):
            return None
        self._resolve(car, after)
        return next((start for start, _ in self._limits if start > after), self._limits_until)

    def _resolve(self, car: Car, at: datetime) -> None:
        self._keep_defaults(car)
        if self._limits_until is not None and self._limits and self._limits[0][0] <= at < self._limits_until:
            return
        start = at.replace(microsecond=0)
        periods = composite_schedule(
            [one.profile for one in self._in_force(car)],
            start=start,
            duration_s=HORIZON_S,
            unit="W",
            transaction_start=car.plugged_at,
            transaction_id=transaction_of(car),
            default_phases=car.spec.phases,
            voltage_v=car.spec.voltage_v,
        )
        self._limits = [
            (start + timedelta(seconds=period.start_s), None if period.limit is None else period.limit / 1000)
            for period in periods
        ]
        self._limits_until = start + timedelta(seconds=HORIZON_S)


def _replaces(connector_id: int, profile: ChargingProfile, kept: Installed) -> bool:
    if profile.profile_id is not None and kept.profile.profile_id == profile.profile_id:
        return True
    place = (connector_id, profile.purpose, profile.stack_level)
    return place == (kept.connector_id, kept.profile.purpose, kept.profile.stack_level)


def _refuses_transaction_profile(car: Car, profile: ChargingProfile) -> str | None:
    """Why a charger rejects a TxProfile; None if it takes it, or it is another profile."""
    if profile.purpose != "TxProfile":
        return None
    if not car.spec.takes_transaction_profiles:
        return "no transaction profiles"
    if transaction_of(car) is None:
        return "no transaction"
    return "another transaction" if profile.transaction_id not in {None, transaction_of(car)} else None


def transaction_of(car: Car) -> int | None:
    """The id of the transaction that runs on a charger; None while nothing is plugged in."""
    return int(car.plugged_at.timestamp()) if car.plugged and car.plugged_at is not None else None


def _named(one: Installed, wanted: dict[str, Any]) -> bool:
    if wanted.get("id") is not None:
        return bool(one.profile.profile_id == wanted["id"])
    own = {
        "connectorId": one.connector_id,
        "chargingProfilePurpose": one.profile.purpose,
        "stackLevel": one.profile.stack_level,
    }
    return all(wanted.get(name) in {None, value} for name, value in own.items())


class Ocpp:
    """The central system: its routes, and the app's observations."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        """Connect to a world of chargers and the outbox of observations."""
        self.world = world
        self.outbox = outbox
        outbox.packers["ocpp"] = self.pack
        world.reporters["ocpp"] = self.report

    @property
    def settings(self) -> OcppSettings:
        """The settings in force."""
        return self.world.settings.ocpp

    def good(self, request: HttpRequest, _now: datetime) -> bool:
        """Whether a request carries the configured token."""
        return request.headers.get("authorization") == f"Bearer {self.settings.token}"

    def pack(self, messages: Sequence[Message]) -> Request:
        """Observations as the app back end posts them."""
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.settings.observations_token}"}
        return encode({"observations": [message.body for message in messages]}), headers

    def report(self, car: Car, before: View | None, view: View) -> None:
        """Post what the charger shows to the app's asset."""
        del before
        if self.settings.webhook_url is None or car.spec.asset is None:
            return
        url = f"{self.settings.webhook_url.rstrip('/')}/assets/{car.spec.asset}/observations"
        body = {"at": stamp(view.at), "at_home": True} | readings(car.spec, view)
        self.outbox.report(Message("ocpp", car.spec.vehicle_id, "observation", body, url), view.at, car)

    def _charger(self, ask: Ask) -> Response:
        view = ask.car.view()
        if not view.plugged:
            status = "Available"
        elif view.charging:
            status = "Charging"
        else:
            status = "SuspendedEV" if view.complete else "SuspendedEVSE"
        body = {"connected": ask.car.spec.reachable, "status": status, "at": stamp(view.at)}
        return answer(body | readings(ask.car.spec, view))

    def _set(self, ask: Ask) -> Response:
        return self._operate(ask, "SetChargingProfile")

    def _clear(self, ask: Ask) -> Response:
        return self._operate(ask, "ClearChargingProfile")

    def _operate(self, ask: Ask, operation: str) -> Response:
        car = ask.car
        if ask.body is None:
            return answer({"title": "Bad Request", "detail": "The body is not a JSON object."}, 400)
        entry: dict[str, Any] = {"at": ask.now.isoformat(), "command": operation, "params": ask.body, "obeyed_at": None}
        car.commands.append(entry)
        if car.spec.asleep or not car.spec.reachable:
            return answer({"title": "Not connected", "detail": "The charger is not connected."}, 503)
        if car.spec.action_fault == "fails":
            return answer({"status": "Rejected" if operation == "SetChargingProfile" else "Unknown"})
        if car.spec.action_fault is not None:
            return answer({"status": "Accepted"})
        status = self._install(ask, entry) if operation == "SetChargingProfile" else self._drop(ask, entry)
        running = transaction_of(car) if self.settings.names_transactions else None
        return answer({"status": status} | ({} if running is None else {"transaction_id": running}))

    def _install(self, ask: Ask, entry: dict[str, Any]) -> str:
        body = ask.body or {}
        try:
            profile = anchored(parse_charging_profile(body.get("csChargingProfiles") or {}), ask.now)
            connector_id = int(body.get("connectorId", 1))
        except (ProfileError, TypeError, ValueError) as problem:
            entry["refused"] = str(problem)
            return "Rejected"
        refused = _refuses_transaction_profile(ask.car, profile)
        if refused is not None:
            entry["refused"] = refused
            return "Rejected"

        def obey(at: datetime) -> None:
            entry["obeyed_at"] = at.isoformat()
            ask.car.advance(at)
            plan_of(ask.car).install(ask.car, connector_id, profile)
            ask.car.change(at)
            self.world.touch(ask.car, at)

        self.world.later(ask.now + timedelta(seconds=ask.car.spec.command_delay_s), obey)
        return "Accepted"

    def _drop(self, ask: Ask, entry: dict[str, Any]) -> str:
        cleared = plan_of(ask.car).clear(ask.car, ask.body or {})
        entry["obeyed_at"] = ask.now.isoformat()
        ask.car.change(ask.now)
        self.world.touch(ask.car, ask.now)
        return "Accepted" if cleared else "Unknown"

    def routes(self) -> list[Route]:
        """The central system's endpoint."""
        door = Door(
            self.world,
            "ocpp",
            self.good,
            refused=answer({"title": "Unauthorized", "detail": "The bearer token is missing or wrong."}, 401),
            unknown=answer({"title": "Not Found", "detail": "No such charger."}, 404),
        )
        one = "/chargers/{vehicle_id}"
        return [
            door.guarded("GET", one, self._charger),
            door.guarded("POST", one + "/SetChargingProfile", self._set),
            door.guarded("POST", one + "/ClearChargingProfile", self._clear),
        ]


def plan_of(car: Car) -> ChargerPlan:
    """The charger's profiles, made when there are none yet."""
    if not isinstance(car.plan, ChargerPlan):
        car.plan = ChargerPlan()
    return car.plan


def readings(spec: CarSpec, view: View) -> dict[str, Any]:
    """Plug, power and the charger's two energy registers, as far as they are reported."""
    values = {
        "plugged_in": view.plugged,
        "charging": view.charging,
        "power_kw": round(view.power_kw, 6),
        "energy_session_kwh": round(view.register_wh / 1000, 6),
        "energy_lifetime_kwh": round(view.meter_wh / 1000, 6),
    }
    left_out = {
        "plugged_in": not spec.reports_cable,
        "charging": not spec.reports_charging,
        "power_kw": not spec.reports_power,
    }
    return {name: value for name, value in values.items() if not left_out.get(name)}
