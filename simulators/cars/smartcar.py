"""A Smartcar-like provider (v3): signals, slow commands, one signed webhook per event."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Any

import requests
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from simulators.cars.billing import Usage
from simulators.cars.car import Car, Mode, View
from simulators.cars.door import Ask, Door
from simulators.cars.outbox import Message, Outbox, Request
from simulators.cars.settings import SmartcarSettings
from simulators.cars.sign_in import sign_in
from simulators.cars.smartcar_connections import Connections
from simulators.cars.tokens import Tokens
from simulators.cars.wire import answer, encode, epoch_ms, hmac_hex, stamp
from simulators.cars.world import World

TOKEN_LIFETIME_S = 3600
TRIGGERS = {
    "charge-ischargingcableconnected", "charge-ischarging", "charge-detailedchargingstatus",
    "location-preciselocation", "connectivitystatus-isasleep",
}  # fmt: skip
NAMES = {
    "charge-ischargingcableconnected": "IsChargingCableConnected",
    "charge-ischarging": "IsCharging",
    "charge-detailedchargingstatus": "DetailedChargingStatus",
    "charge-wattage": "Wattage",
    "charge-chargelimits": "ChargeLimits",
    "charge-energyadded": "EnergyAdded",
    "tractionbattery-stateofcharge": "StateOfCharge",
    "odometer-traveleddistance": "TraveledDistance",
    "location-preciselocation": "PreciseLocation",
    "location-isathome": "IsAtHome",
    "connectivitystatus-isonline": "IsOnline",
    "connectivitystatus-isasleep": "IsAsleep",
}
PLACES = {"location-preciselocation", "location-isathome"}
GROUPS = {"charge": "Charge", "location": "Location", "odometer": "Odometer", "tractionbattery": "TractionBattery"}


def error(status: int, kind: str, code: str | None, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A v3 error body."""
    item: dict[str, Any] = {
        "status": str(status),
        "type": kind,
        "code": code,
        "title": kind,
        "detail": detail,
        "meta": {},
    }
    return answer({"errors": [item]}, status, headers)


def signal_bodies(car: Car, view: View, *, home_flag_capable: bool) -> dict[str, dict[str, Any] | None]:
    """The body of every signal by its code; None where the car cannot say."""
    charging = view.plugged and view.charging
    detailed = "CHARGING" if charging else "FULLY_CHARGED" if view.complete else "NOT_CHARGING"
    if charging and car.spec.starting_sticks:
        detailed = "STARTING"
    watts = round(view.power_kw * 1000, 3) if charging else 0
    home_flag_capable = home_flag_capable and car.spec.home_flag and car.spec.reports_place
    is_reported = car.spec.reports_charging and not (charging and car.spec.starting_sticks)
    return {
        "charge-ischargingcableconnected": {"value": view.plugged} if car.spec.reports_cable else None,
        "charge-ischarging": {"value": charging} if is_reported else None,
        "charge-detailedchargingstatus": {"value": detailed} if car.spec.reports_charging else None,
        "charge-wattage": {"value": watts} if car.spec.reports_power else None,
        "charge-chargelimits": {"values": [], "activeLimit": car.spec.charge_limit_pct},
        "charge-energyadded": {"value": round(view.register_wh * view.efficiency / 1000, 6)},
        "tractionbattery-stateofcharge": {"value": round(view.soc_pct, 1)},
        "odometer-traveleddistance": None if view.odometer_km is None else {"value": view.odometer_km},
        "location-preciselocation": {
            "latitude": view.latitude,
            "longitude": view.longitude,
            "heading": 90,
            "direction": "E",
            "locationType": "CURRENT" if view.driving else "LAST_PARKED",
        }
        if car.spec.reports_place
        else None,
        "location-isathome": {"value": view.at_home} if home_flag_capable else None,
        "connectivitystatus-isonline": {"value": view.reachable},
        "connectivitystatus-isasleep": {"value": view.asleep},
    }


class Smartcar:
    """The provider: its routes, its webhooks."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        """Connect to a world of cars and the outbox of webhooks."""
        self.world = world
        self.outbox = outbox
        self.tokens = Tokens("smartcar")
        self.usage = Usage()
        self.connections = Connections(world, error(404, "RESOURCE_NOT_FOUND", None, "There is no such resource."))
        self._sequence = 0
        outbox.packers["smartcar"] = self.pack
        world.reporters["smartcar"] = self.report

    @property
    def settings(self) -> SmartcarSettings:
        """The settings in force."""
        return self.world.settings.smartcar

    def pack(self, messages: Sequence[Message]) -> Request:
        """One event as a signed request; each attempt has a delivery id of its own."""
        event = messages[0].body
        meta = event["meta"] | {"deliveryId": str(uuid.uuid4()), "deliveredAt": self._time(self.world.clock.now())}
        body = encode(event | {"meta": meta})
        headers = {"content-type": "application/json", "user-agent": "Smartcar/3.0"}
        return body, headers | {"SC-Signature": hmac_hex(self.settings.webhook_secret, body, "sha256")}

    def report(self, car: Car, before: View | None, view: View) -> None:
        """Send ``VEHICLE_STATE`` with all signals and what triggered it."""
        capable = self.settings.home_flag_capable
        now = signal_bodies(car, view, home_flag_capable=capable)
        then = signal_bodies(car, before, home_flag_capable=capable) if before else {}
        triggers = [code for code in now if code in TRIGGERS and now[code] != then.get(code)] if before else []
        codes: list[dict[str, Any]] = [describe(code) for code in triggers] or [{"code": "FIRST_DELIVERY"}]
        if before and not triggers:
            codes = [describe("charge-wattage")]
        signals = [self._signal(car, view, code, body) for code, body in now.items()]
        data = {
            "user": {"id": car.spec.user_id, "externalId": car.spec.user_id},
            "vehicle": {
                "id": car.spec.vehicle_id, "make": "VOLVO", "model": "EX30", "year": 2025,
                "mode": self.settings.mode.lower(), "powertrainType": "BEV",
            },
            "triggers": codes,
            "signals": signals,
        }  # fmt: skip
        self._emit("VEHICLE_STATE", car, data, view.at, signal_count=len(signals))

    def vehicle_error(
        self, car: Car, kind: str, code: str | None, state: str, at: datetime, *, signals: Sequence[str] = ()
    ) -> None:
        """Send ``VEHICLE_ERROR`` (``state`` is ``ERROR`` or ``RESOLVED``), about these signals if any are given."""
        item = {"type": kind, "code": code, "state": state, "description": kind, "resolution": {"type": None}}
        data = {
            "user": {"id": car.spec.user_id, "externalId": car.spec.user_id},
            "vehicle": {"id": car.spec.vehicle_id},
            "errors": [item | {"suggestedUserMessage": "", "docURL": None, "signals": list(signals)}],
        }
        self._emit("VEHICLE_ERROR", car, data, at)

    def verify(self, challenge: str, http: requests.Session) -> bool:
        """Challenge the webhook; whether it proved that it knows the key.

        Raises:
            requests.RequestException: the webhook cannot be reached.
        """
        meta = {"version": "4.0", "webhookId": "w1", "webhookName": "plug-events", "deliveryId": str(uuid.uuid4())}
        event = {
            "eventId": str(uuid.uuid4()),
            "eventType": "VERIFY",
            "data": {"challenge": challenge},
            "meta": meta | {"deliveredAt": stamp(self.world.clock.now())},
        }
        headers = {"content-type": "application/json", "user-agent": "Smartcar/3.0"}
        reply = http.post(self.settings.webhook_url or "", data=encode(event), headers=headers, timeout=15)
        if reply.status_code != 200 or not reply.headers.get("content-type", "").startswith("application/json"):
            return False
        expected = hmac_hex(self.settings.webhook_secret, challenge.encode(), "sha256")
        return bool(reply.json().get("challenge") == expected)

    def _emit(self, kind: str, car: Car, data: dict[str, Any], at: datetime, *, signal_count: int = 0) -> None:
        if self.settings.webhook_url is None:
            return
        self._sequence += 1
        meta = {
            "version": "4.0", "webhookId": "w1", "webhookName": "plug-events", "sequence": self._sequence,
            "signalCount": signal_count, "mode": self.settings.mode,
        }  # fmt: skip
        event = {
            "eventId": str(uuid.uuid4()),
            "eventType": kind,
            "vehicleId": car.spec.vehicle_id,
            "data": data,
            "meta": meta,
        }
        self.outbox.report(Message("smartcar", car.spec.vehicle_id, kind, event, self.settings.webhook_url), at, car)

    def _time(self, at: datetime) -> int | str:
        if self.settings.timestamps == "epoch_s":
            return int(at.timestamp())
        return epoch_ms(at) if self.settings.timestamps == "epoch_ms" else stamp(at)

    def _measured(self, car: Car, view: View, code: str) -> int | str:
        """When the car maker measured a signal, or what the maker gives for that."""
        if car.spec.no_time is not None:
            return 0 if car.spec.no_time == "0" else car.spec.no_time
        return self._time(view.place_at if code in PLACES else view.at)

    def _signal(self, car: Car, view: View, code: str, body: dict[str, Any] | None) -> dict[str, Any]:
        signal = describe(code) | {"body": body}
        if body is None:
            problem = {"type": "COMPATIBILITY", "code": "VEHICLE_NOT_CAPABLE"}
            return signal | {"status": {"value": "ERROR", "error": problem}}
        read = {"meta": {"oemUpdatedAt": self._measured(car, view, code), "retrievedAt": self._time(view.at)}}
        return signal | read if self.settings.leaves_out_status else signal | {"status": {"value": "SUCCESS"}} | read

    def _token(self, ask: Ask) -> Response:
        if ask.fields.get("grant_type") != "client_credentials":
            return answer({"error": "invalid_request"}, 400)
        credentials = (ask.fields.get("client_id"), ask.fields.get("client_secret"))
        if credentials != (self.settings.client_id, self.settings.client_secret):
            return answer({"error": "invalid_client"}, 401)
        access = self.tokens.issue(ask.now, TOKEN_LIFETIME_S)
        return answer({"access_token": access, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_S})

    def _connect(self, ask: Ask) -> Response:
        client = ("application_id", self.settings.application_id)
        return sign_in(self.world, "smartcar", ask, client, lambda _user: uuid.uuid4().hex)

    def _signals(self, ask: Ask) -> Response:
        view, capable = ask.car.view(), self.settings.home_flag_capable
        bodies = signal_bodies(ask.car, view, home_flag_capable=capable)
        resources = {code: self._resource(ask.car, view, code, body, ask.now) for code, body in bodies.items()}
        code = ask.request.path_params.get("code")
        if code is None:
            return self._page(ask, list(resources.values()))
        if code not in resources:
            return error(404, "RESOURCE_NOT_FOUND", None, f"No signal {code}.")
        return answer({"data": resources[code]})

    def _page(self, ask: Ask, resources: list[dict[str, Any]]) -> Response:
        size = self.settings.signals_per_page or len(resources)
        number = int(ask.request.query_params.get("page[number]", "1"))
        shown, links = resources[(number - 1) * size : number * size], {}
        if number * size < len(resources):
            links = {"next": f"{ask.request.url.path}?page%5Bnumber%5D={number + 1}"}
        return answer({"data": shown, "links": links, "meta": {"totalCount": len(resources)}})

    def _resource(self, car: Car, view: View, code: str, body: dict[str, Any] | None, now: datetime) -> dict[str, Any]:
        signal = self._signal(car, view, code, body)
        signal.pop("meta", None)
        measured = car.spec.no_time or stamp(view.place_at if code in PLACES else view.at)
        meta = {"oemUpdatedAt": measured, "retrievedAt": stamp(view.at), "ingestedAt": stamp(now)}
        return {"id": code, "type": "signal", "attributes": signal, "meta": meta}

    def _command(self, ask: Ask) -> Response | Awaitable[Response]:
        kind = ask.request.path_params["kind"]
        if kind not in {"start", "stop"}:
            return error(404, "RESOURCE_NOT_FOUND", None, f"No command {kind}.")
        if not ask.request.headers.get("sc-user-id"):
            return error(400, "VALIDATION", "MISSING_PARAMETER", "The header sc-user-id is missing.")
        if ask.request.headers["sc-user-id"] != ask.car.spec.user_id:
            return error(403, "PERMISSION", None, "The user has not granted this vehicle.")
        mode: Mode = "start" if kind == "start" else "stop"
        refusal = refused(ask.car, mode)
        entry: dict[str, Any] = {"at": ask.now.isoformat(), "command": mode.upper(), "obeyed_at": None}
        ask.car.commands.append(entry | {"refused": refusal[1]} if refusal else entry)
        if refusal is not None:
            return error(409, *refusal)
        held = timedelta(seconds=self.settings.hold_open_s)
        done_at = ask.now + held
        obeyed_at = ask.now + min(held, timedelta(seconds=ask.car.spec.command_delay_s))
        if ask.car.spec.action_fault not in {"fails", "confirmed_without_effect"}:
            self.world.later(obeyed_at, lambda at: self._obey(ask.car, mode, entry, at))
        return self._held_open(ask.car, mode, ask.now, done_at)

    def _obey(self, car: Car, mode: Mode, entry: dict[str, Any], at: datetime) -> None:
        entry["obeyed_at"] = at.isoformat()
        car.command(at, mode)
        self.world.touch(car, at)

    async def _held_open(self, car: Car, mode: Mode, since: datetime, until: datetime) -> Response:
        async def outcome() -> bytes:
            await asyncio.sleep(self.world.clock.real_s(until - self.world.clock.now()))
            with self.world.present() as now:
                self.world.touch(car, now)
                return encode(self._execution(car, mode, since, until))

        if self.settings.hold_open_s <= self.settings.early_202_after_s:
            return Response(await outcome(), media_type="application/json")

        async def late() -> AsyncIterator[bytes]:
            yield await outcome()

        early_at = since + timedelta(seconds=self.settings.early_202_after_s)
        await asyncio.sleep(self.world.clock.real_s(early_at - self.world.clock.now()))
        return StreamingResponse(late(), status_code=202, media_type="application/json")

    def _execution(self, car: Car, mode: Mode, since: datetime, until: datetime) -> dict[str, Any]:
        status = "SUCCESS" if car.charging == (mode == "start") else "FAILURE"
        faulty = {"fails": "FAILURE", "confirmed_without_effect": "SUCCESS", "never_confirmed": "PENDING"}
        if car.spec.action_fault is not None:
            status = faulty[car.spec.action_fault]
        meta = {
            "executedAt": stamp(since),
            "completedAt": stamp(until),
            "durationInSeconds": (until - since).total_seconds(),
        }
        attributes = {"status": {"value": status}, "executionMode": "SYNC"}
        data = {"id": str(uuid.uuid4()), "type": "command-execution", "attributes": attributes, "meta": meta}
        return {"data": data}

    def _over_plan(self, ask: Ask) -> Response | None:
        settings = self.settings
        if self.usage.bucket_is_empty(ask.now, settings.bucket_requests, settings.bucket_refill_per_min):
            return error(429, "RATE_LIMIT", "SMARTCAR_API", "Too many requests of this application.")
        if ask.found and self.usage.month_is_used_up(ask.car.spec.vehicle_id, ask.now, settings.car_month_requests):
            return error(430, "BILLING", "VEHICLE_REQUEST_LIMIT", "The plan's requests for this vehicle are used up.")
        return None

    def routes(self) -> list[Route]:
        """Smartcar's vehicle API and management API, and its token endpoint."""
        door = Door(
            self.world,
            "smartcar",
            self.tokens.good,
            refused=error(401, "AUTHENTICATION", None, "The access token is missing, wrong or expired."),
            unknown=error(404, "RESOURCE_NOT_FOUND", None, "No such vehicle."),
            disconnected=error(400, "CONNECTED_SERVICES_ACCOUNT", "AUTHENTICATION_FAILED", "Connect the account."),
            gate=self._over_plan,
        )
        return [
            door.open("POST", "/oauth2/token", self._token),
            door.open("GET", "/oauth/authorize", self._connect),
            door.guarded("GET", "/vehicles/{vehicle_id}/signals", self._signals),
            door.guarded("GET", "/vehicles/{vehicle_id}/signals/{code}", self._signals),
            door.guarded("POST", "/vehicles/{vehicle_id}/commands/charge/{kind}", self._command),
            *self.connections.routes(door),
        ]


def describe(code: str) -> dict[str, Any]:
    """A signal's code, name and group."""
    group = code.partition("-")[0]
    return {"code": code, "name": NAMES[code], "group": GROUPS.get(group, "ConnectivityStatus")}


def refused(car: Car, mode: Mode) -> tuple[str, str, str] | None:
    """Why the car will not take a command: type, code and a sentence; None when it will."""
    view = car.view()
    code = None
    if not car.spec.reachable:
        code = "UNREACHABLE"
    elif car.spec.asleep:
        code = "ASLEEP"
    elif not car.takes_commands:
        code = "CHARGING_PLUG_NOT_CONNECTED"
    elif mode == "start" and view.complete:
        code = "FULLY_CHARGED"
    elif mode == "start" and view.charging:
        code = "CHARGING_IN_PROGRESS"
    elif mode == "stop" and not view.charging:
        code = "NOT_CHARGING"
    return ("VEHICLE_STATE", code, f"The vehicle answered {code}.") if code else None
