"""A Tesla-like provider: the vehicle-command proxy, the part of the Fleet API behind it, telemetry through a relay."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from simulators.cars.billing import Usage
from simulators.cars.car import Car, Mode, View
from simulators.cars.door import Ask, Door
from simulators.cars.outbox import Message, Outbox, Request
from simulators.cars.settings import TeslaSettings
from simulators.cars.sign_in import sign_in
from simulators.cars.spec import CarSpec
from simulators.cars.tesla_schedules import ChargeSchedules, ScheduleError, parse_schedule
from simulators.cars.tokens import RefreshTokens, Tokens
from simulators.cars.wire import answer, encode, epoch_ms, stamp, timestamped_signature
from simulators.cars.world import World

COMMANDS = {"charge_start", "charge_stop", "set_charging_amps", "add_charge_schedule", "remove_charge_schedule"}
PRICES_USD = {"command": 0.001, "wake_up": 0.02, "data": 0.002}
ASLEEP = "vehicle unavailable: vehicle is offline or asleep"
KM_PER_MILE = 1.609344
PROTO_VALUES = {
    "DetailedChargeState": "detailedChargeStateValue",
    "LocatedAtHome": "booleanValue",
    "Location": "locationValue",
}


def error(status: int, text: str) -> Response:
    """An error body of the proxy or the Fleet API."""
    return answer({"response": None, "error": text, "error_description": ""}, status)


def result(reason: str | None) -> Response:
    """The car's own answer: taken, or refused for a reason, with status 200 either way."""
    return answer({"response": {"result": reason is None, "reason": reason or ""}})


def charging_state(spec: CarSpec, view: View) -> str:
    """The car's charging state by its short name."""
    if not view.plugged:
        return "Disconnected"
    if view.charging:
        return "Starting" if spec.starting_sticks else "Charging"
    return "Complete" if view.complete else "Stopped"


def telemetry(spec: CarSpec, view: View) -> dict[str, Any]:
    """Every telemetry field with its present value."""
    fields = {
        "DetailedChargeState": f"DetailedChargeState{charging_state(spec, view)}",
        "LocatedAtHome": view.at_home,
        "Location": {"latitude": view.latitude, "longitude": view.longitude},
        "Odometer": None if view.odometer_km is None else round(view.odometer_km / KM_PER_MILE, 3),
        "VehicleSpeed": 50.0 if view.driving else 0.0,
        "ACChargingPower": round(view.power_kw, 6) if view.plugged and view.charging else 0.0,
        "ACChargingEnergyIn": round(view.register_wh / 1000, 6),
        "Soc": round(view.soc_pct, 1),
        "ChargeLimitSoc": spec.charge_limit_pct,
    }
    left_out = {
        "LocatedAtHome": not (spec.home_flag and spec.reports_place),
        "Location": not spec.reports_place,
        "Odometer": view.odometer_km is None,
        "DetailedChargeState": not (spec.reports_cable and spec.reports_charging),
        "ACChargingPower": not spec.reports_power,
    }
    return {name: value for name, value in fields.items() if not left_out.get(name)}


class Tesla:
    """The provider: its routes, its telemetry."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        """Connect to a world of cars and the outbox of telemetry records."""
        self.world = world
        self.outbox = outbox
        self.tokens = Tokens("tesla")
        self.refresh_tokens = RefreshTokens()
        self.usage = Usage()
        self._sent: dict[str, dict[str, Any]] = {}
        self._codes: dict[str, str] = {}
        outbox.packers["tesla"] = self.pack
        world.reporters["tesla"] = self.report
        self.forget_sign_ins()

    @property
    def settings(self) -> TeslaSettings:
        """The settings in force."""
        return self.world.settings.tesla

    def configured(self) -> None:
        """Restart telemetry. Where the settings of tokens changed, all sign-ins end, too."""
        self._sent.clear()
        if self._token_settings != _token_settings(self.settings):
            self.forget_sign_ins()

    def forget_sign_ins(self) -> None:
        """Make the configured refresh token the only valid one."""
        settings = self.settings
        self._token_settings = _token_settings(settings)
        self.refresh_tokens = RefreshTokens(
            settings.refresh_tokens,
            lifetime=timedelta(days=settings.refresh_token_days),
            sign_in_ends_older=settings.sign_in_ends_older,
        )
        self.refresh_tokens.sign_in("owner", self.world.clock.now(), settings.refresh_token)

    def pack(self, messages: Sequence[Message]) -> Request:
        """One record as a request with a timestamped signature."""
        body = encode(messages[0].body)
        signature = timestamped_signature(self.settings.webhook_secret, body, self.world.clock.now())
        return body, {"content-type": "application/json", "x-driveway-signature": signature}

    def report(self, car: Car, before: View | None, view: View) -> None:
        """Send a record of the fields that changed; of all fields when the cable was put in or taken out."""
        if self.settings.webhook_url is None:
            return
        vin, fields = car.spec.vehicle_id, telemetry(car.spec, view)
        sent = self._sent.get(vin, {}) if before is None or before.plugged == view.plugged else {}
        changed = {name: value for name, value in fields.items() if sent.get(name) != value}
        self._sent[vin] = fields
        if before is not None and before.asleep != view.asleep:
            self._connectivity(car, view)
        if changed:
            self._send(car, "V", self._record(vin, view.at, changed), view.at)

    def _connectivity(self, car: Car, view: View) -> None:
        record = {
            "vin": car.spec.vehicle_id,
            "connection_id": f"connection-{car.spec.vehicle_id}",
            "status": "DISCONNECTED" if view.asleep else "CONNECTED",
            "network_interface": "wifi",
            "created_at": stamp(view.at),
        }
        self._send(car, "connectivity", record, view.at)

    def _record(self, vin: str, at: datetime, fields: dict[str, Any]) -> dict[str, Any]:
        if self.settings.form == "decoded":
            return {"Vin": vin, "CreatedAt": stamp(at), "IsResend": False, **fields}
        data = [
            {"key": name, "value": {PROTO_VALUES.get(name, "doubleValue"): value}} for name, value in fields.items()
        ]
        return {"data": data, "createdAt": stamp(at), "vin": vin, "isResend": False}

    def _send(self, car: Car, name: str, record: dict[str, Any], at: datetime) -> None:
        url = self.settings.webhook_url
        if url is not None:
            self.outbox.report(Message("tesla", car.spec.vehicle_id, name, record, url), at, car)

    def _authorize(self, ask: Ask) -> Response:
        return sign_in(self.world, "tesla", ask, ("client_id", self.settings.client_id), self._code_for)

    def _code_for(self, user: str) -> str:
        code = uuid.uuid4().hex
        self._codes[code] = user
        return code

    def _token(self, ask: Ask) -> Response:
        if ask.fields.get("client_id") != self.settings.client_id:
            return answer({"error": "invalid_client"}, 401)
        match ask.fields.get("grant_type"):
            case "refresh_token":
                fresh = self.refresh_tokens.exchange(ask.fields.get("refresh_token", ""), ask.now)
            case "authorization_code":
                user = self._codes.pop(ask.fields.get("code", ""), None)
                if user is None or ask.fields.get("client_secret") != self.settings.client_secret:
                    return answer({"error": "invalid_grant"}, 400)
                fresh = self.refresh_tokens.sign_in(user, ask.now)
            case _:
                return answer({"error": "unsupported_grant_type"}, 400)
        if fresh is None:
            return answer({"error": "login_required", "error_description": "The refresh_token is invalid"}, 401)
        lifetime_s = self.settings.access_token_s
        access = self.tokens.issue(ask.now, lifetime_s)
        return answer(
            {"access_token": access, "refresh_token": fresh, "expires_in": int(lifetime_s), "token_type": "Bearer"}
        )

    def _revoke(self, ask: Ask) -> Response:
        if ask.fields.get("client_id") != self.settings.client_id:
            return answer({"error": "invalid_client"}, 401)
        self.refresh_tokens.end(ask.fields.get("token", ""))
        return answer({})

    def _telemetry_config(self, ask: Ask) -> Response:
        fields = sorted(telemetry(ask.car.spec, ask.car.view())) if ask.car.spec.telemetry else None
        return answer({"response": {"synced": fields is not None, "config": fields and {"fields": fields}}})

    def _delete_telemetry_config(self, ask: Ask) -> Response:
        had, ask.car.spec.telemetry = ask.car.spec.telemetry, False
        return answer({"response": {"updated_vehicles": int(had)}})

    def _command(self, ask: Ask) -> Response:
        name, car = ask.request.path_params["name"], ask.car
        if name not in COMMANDS:
            return error(404, f"unknown command {name}")
        if ask.body is None:
            return error(400, "the body is not a JSON object")
        entry: dict[str, Any] = {"at": ask.now.isoformat(), "command": name, "params": ask.body, "obeyed_at": None}
        car.commands.append(entry)
        if car.spec.asleep or not car.spec.reachable:
            return error(self.settings.asleep_status, ASLEEP)
        if name in {"charge_start", "charge_stop"}:
            return self._start_or_stop(car, "start" if name == "charge_start" else "stop", entry, ask.now)
        if name == "set_charging_amps":
            return self._set_amps(car, entry, ask)
        return self._schedule(car, name, entry, ask)

    def _start_or_stop(self, car: Car, mode: Mode, entry: dict[str, Any], now: datetime) -> Response:
        refusal = refused(car, mode)
        if car.spec.action_fault == "fails":
            refusal = "could_not_wake_buses"
        if refusal is not None:
            entry["refused"] = refusal
            return result(refusal)
        # Without an action to follow, an order that is never confirmed is one without effect.
        if car.spec.action_fault is None:
            self.world.later(
                now + timedelta(seconds=car.spec.command_delay_s), lambda at: self._obey(car, mode, entry, at)
            )
        return result(None)

    def _obey(self, car: Car, mode: Mode, entry: dict[str, Any], at: datetime) -> None:
        entry["obeyed_at"] = at.isoformat()
        car.command(at, mode)
        self.world.touch(car, at)

    def _set_amps(self, car: Car, entry: dict[str, Any], ask: Ask) -> Response:
        amps = (ask.body or {}).get("charging_amps")
        if isinstance(amps, bool) or not isinstance(amps, int | float) or amps < 0:
            return error(400, "charging_amps must be a number")
        if car.spec.action_fault == "fails":
            entry["refused"] = "could_not_wake_buses"
            return result(entry["refused"])
        if car.spec.ignores_amps or car.spec.action_fault is not None:
            return result(None)
        entry["obeyed_at"] = ask.now.isoformat()
        car.amps = float(amps)
        car.change(ask.now)
        self.world.touch(car, ask.now)
        return result(None)

    def _schedule(self, car: Car, name: str, entry: dict[str, Any], ask: Ask) -> Response:
        plan = car.plan if isinstance(car.plan, ChargeSchedules) else ChargeSchedules()
        body = ask.body or {}
        if name == "remove_charge_schedule":
            if plan.by_id.pop(body.get("id", 0), None) is None:
                return result("schedule_not_found")
        else:
            try:
                schedule = parse_schedule(body, default_id=int(ask.now.timestamp()))
            except ScheduleError as problem:
                return error(400, str(problem))
            if schedule is None:
                plan.by_id.pop(body.get("id", 0), None)
            else:
                plan.by_id[schedule.id] = schedule
        entry["obeyed_at"] = ask.now.isoformat()
        car.plan = plan if plan.by_id else None
        car.change(ask.now)
        self.world.touch(car, ask.now)
        return result(None)

    def _wake_up(self, ask: Ask) -> Response:
        car = ask.car
        car.commands.append({"at": ask.now.isoformat(), "command": "wake_up", "obeyed_at": None})
        if car.spec.asleep and car.spec.reachable:
            self.world.later(ask.now + timedelta(seconds=self.settings.wake_s), lambda at: self._awake(car, at))
        return answer({"response": self._summary(car.spec)})

    def _awake(self, car: Car, at: datetime) -> None:
        car.spec.asleep = False
        self.world.touch(car, at)

    def _summary(self, spec: CarSpec) -> dict[str, Any]:
        state = "offline" if not spec.reachable else "asleep" if spec.asleep else "online"
        return {"id": spec.vehicle_id, "vin": spec.vehicle_id, "display_name": spec.vehicle_id, "state": state}

    def _vehicle(self, ask: Ask) -> Response:
        return answer({"response": self._summary(ask.car.spec)})

    def _vehicles(self, ask: Ask) -> Response:
        mine = [self._summary(car.spec) for car in self.world.cars.values() if car.spec.provider == "tesla"]
        return answer({"response": mine, "count": len(mine)})

    def _vehicle_data(self, ask: Ask) -> Response:
        car, view = ask.car, ask.car.view()
        if car.spec.asleep or not car.spec.reachable:
            return error(408, ASLEEP)
        asked = set(ask.request.query_params.get("endpoints", "").replace("%3B", ";").split(";"))
        timestamp = epoch_ms(view.at)
        amps = view.power_kw * 1000 / car.spec.voltage_v / car.spec.phases
        charge = {
            "charging_state": charging_state(car.spec, view),
            "charge_energy_added": round(view.register_wh * view.efficiency / 1000, 2),
            "charger_power": round(view.power_kw),
            "charger_voltage": car.spec.voltage_v if view.charging else 0,
            "charger_actual_current": round(amps, 3),
            "charger_phases": car.spec.phases if view.charging else None,
            "charge_amps": car.set_amps,
            "charge_current_request": car.set_amps,
            "battery_level": int(view.soc_pct),
            "charge_limit_soc": car.spec.charge_limit_pct,
            "timestamp": timestamp,
        }
        drive: dict[str, Any] = {"shift_state": "D" if view.driving else None, "timestamp": timestamp}
        if "location_data" in asked and car.spec.reports_place:
            drive |= {"latitude": view.latitude, "longitude": view.longitude}
        response = self._summary(car.spec) | {"charge_state": charge, "drive_state": drive}
        if "charge_schedule_data" in asked:
            kept = car.plan.by_id.values() if isinstance(car.plan, ChargeSchedules) else []
            response["charge_schedule_data"] = {"charge_schedules": [schedule.body for schedule in kept]}
        return answer({"response": response})

    def _over_billing_limit(self, ask: Ask) -> Response | None:
        path = ask.request.url.path
        kind = "command" if "/command/" in path else "wake_up" if path.endswith("/wake_up") else "data"
        over = self.usage.bill_is_over(PRICES_USD[kind], ask.now, self.settings.billing_limit_usd)
        return error(402, "payment_required: the account is over its billing limit") if over else None

    def routes(self) -> list[Route]:
        """The proxy's commands, the Fleet API's vehicles, and the token endpoint."""
        door = Door(
            self.world,
            "tesla",
            self.tokens.good,
            refused=error(401, "token expired (401)"),
            unknown=error(404, "not_found"),
            disconnected=error(403, "Unauthorized missing scopes"),
            gate=self._over_billing_limit,
        )
        one = "/api/1/vehicles/{vehicle_id}"
        return [
            door.open("GET", "/oauth2/v3/authorize", self._authorize),
            door.open("POST", "/oauth2/v3/token", self._token),
            door.open("POST", "/oauth2/v3/revoke", self._revoke),
            door.guarded("GET", "/api/1/vehicles", self._vehicles),
            door.guarded("GET", one + "/fleet_telemetry_config", self._telemetry_config),
            door.guarded("DELETE", one + "/fleet_telemetry_config", self._delete_telemetry_config),
            door.guarded("GET", one, self._vehicle),
            door.guarded("GET", one + "/vehicle_data", self._vehicle_data),
            door.guarded("POST", one + "/wake_up", self._wake_up),
            door.guarded("POST", one + "/command/{name}", self._command),
        ]


def refused(car: Car, mode: Mode) -> str | None:
    """The reason the car gives for not taking a command; None when it takes it."""
    view = car.view()
    if not car.takes_commands:
        return "disconnected"
    if mode == "start" and view.charging:
        return "is_charging"
    if mode == "start" and view.complete:
        return "complete"
    if mode == "stop" and not view.charging:
        return "not_charging"
    return None


def _token_settings(settings: TeslaSettings) -> tuple[object, ...]:
    names = ("refresh_tokens", "refresh_token_days", "sign_in_ends_older", "refresh_token")
    return tuple(getattr(settings, name) for name in names)
