"""An Enode-like provider: vehicles, asynchronous charge actions, signed webhooks in arrays."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import Route

from simulators.cars.car import Car, View
from simulators.cars.door import Ask, Door
from simulators.cars.enode_actions import Action, Actions
from simulators.cars.enode_link import LinkSessions
from simulators.cars.enode_users import Users
from simulators.cars.outbox import Message, Outbox, Request
from simulators.cars.settings import EnodeSettings
from simulators.cars.tokens import Tokens, basic_credentials
from simulators.cars.wire import answer, encode, hmac_hex, stamp
from simulators.cars.world import World

TOKEN_LIFETIME_S = 3599
MOST_PER_PAGE = 50
FIRST_UPDATE_AFTER = timedelta(seconds=20)
CAPABILITIES = (
    "information", "chargeState", "location", "odometer", "setMaxCurrent", "startCharging", "stopCharging",
    "smartCharging",
)  # fmt: skip


def problem(status: int, title: str, detail: str) -> Response:
    """A problem document of Enode's."""
    kind = f"https://developers.enode.com/api/problems/{title.lower().replace(' ', '-')}"
    response = answer({"type": kind, "title": title, "detail": detail, "issues": []}, status)
    response.headers["content-type"] = "application/problem+json"
    return response


def charge_state(car: Car, view: View) -> dict[str, Any]:
    """The vehicle's ``chargeState``; ``lastUpdated`` is the instant the state was observed at."""
    if not view.plugged:
        delivery = "UNPLUGGED"
    elif view.charging:
        delivery = "PLUGGED_IN:CHARGING"
    else:
        delivery = "PLUGGED_IN:COMPLETE" if view.complete else "PLUGGED_IN:STOPPED"
    charging = view.plugged and view.charging
    if charging and car.spec.starting_sticks:
        delivery = "PLUGGED_IN:INITIALIZING"
    if not car.spec.reports_cable:
        delivery = "UNKNOWN"
    return {
        "batteryLevel": round(view.soc_pct),
        "range": round(view.soc_pct / 100 * car.spec.battery_kwh * 6),
        "isPluggedIn": view.plugged if car.spec.reports_cable else None,
        "isCharging": None if car.spec.starting_sticks or not car.spec.reports_charging else charging,
        "isFullyCharged": view.complete,
        "batteryCapacity": car.spec.battery_kwh,
        "chargeLimit": car.spec.charge_limit_pct,
        "chargeRate": round(view.power_kw * view.efficiency, 6) if charging and car.spec.reports_power else None,
        "chargeTimeRemaining": None,
        "lastUpdated": car.spec.no_time or stamp(view.at),
        "maxCurrent": None,
        "powerDeliveryState": delivery,
        "pluggedInChargerId": None,
    }


def vehicle(car: Car, view: View, version: str) -> dict[str, Any]:
    """The vehicle object in the shape of an API version."""
    shares = car.spec.reports_place
    location_id = car.spec.home_location_id if shares and view.at_home else None
    odometer_at = None if view.odometer_km is None else stamp(view.at)
    measured = car.spec.no_time or stamp(view.place_at)
    location: dict[str, Any] = {
        "latitude": view.latitude if shares else None,
        "longitude": view.longitude if shares else None,
        "lastUpdated": measured if shares else None,
    }
    body: dict[str, Any] = {
        "id": car.spec.vehicle_id,
        "userId": car.spec.user_id,
        "vendor": car.spec.vendor,
        "lastSeen": stamp(view.at),
        "isReachable": car.spec.reachable,
        "information": {
            "vin": None, "brand": "BMW", "model": "i4", "year": 2024, "displayName": car.spec.vehicle_id,
        },
        "chargeState": charge_state(car, view),
        "smartChargingPolicy": {"isEnabled": False, "deadline": None, "minimumChargeLimit": None},
        "odometer": {"distance": view.odometer_km, "lastUpdated": odometer_at},
        "location": location,
        "capabilities": {name: {"isCapable": name != "setMaxCurrent", "interventionIds": []} for name in CAPABILITIES},
        "scopes": ["vehicle:read:data", "vehicle:read:location", "vehicle:control:charging"],
    }  # fmt: skip
    if version == "2023-08-01":
        body["locationId"] = location_id
    else:
        location["id"] = location_id
    return body


class Enode:
    """The provider: its routes, its webhooks."""

    def __init__(self, world: World, outbox: Outbox) -> None:
        """Connect to a world of cars and the outbox of webhooks."""
        self.world = world
        self.outbox = outbox
        self.tokens = Tokens("enode")
        self.actions = Actions(world, self._action_ended)
        self.users = Users(world)
        self.link_sessions = LinkSessions(world, self.discovered)
        self._beats = 0
        outbox.packers["enode"] = self.pack
        world.reporters["enode"] = self.report

    @property
    def settings(self) -> EnodeSettings:
        """The settings in force."""
        return self.world.settings.enode

    def pack(self, messages: Sequence[Message]) -> Request:
        """Events as one signed request: HMAC-SHA1 of the raw body."""
        body = encode([message.body for message in messages])
        signature = hmac_hex(self.settings.webhook_secret, body, "sha1")
        return body, {
            "content-type": "application/json",
            "x-enode-signature": f"sha1={signature}",
            "x-enode-delivery": str(uuid.uuid4()),
        }

    def report(self, car: Car, before: View | None, view: View) -> None:
        """Send ``user:vehicle:updated`` for what changed or was sampled."""
        fields = ["chargeState"] if view.reachable else ["isReachable"]
        if before is not None and before.at_home != view.at_home:
            fields.append("location")
        body = {"vehicle": vehicle(car, view, self.settings.version), "updatedFields": fields}
        self.emit(
            "user:vehicle:updated", view.at if view.reachable else self.world.clock.now(), car.spec.user_id, body, car
        )

    def emit(self, event: str, at: datetime, user_id: str | None, body: dict[str, Any], car: Car | None = None) -> None:
        """Send an event, if there is a webhook to send it to."""
        if self.settings.webhook_url is None:
            return
        envelope: dict[str, Any] = {"event": event, "createdAt": stamp(at), "version": self.settings.version}
        if user_id is not None:
            envelope |= {"user": {"id": user_id}}
        key = car.spec.vehicle_id if car else user_id or "system"
        self.outbox.report(Message("enode", key, event, envelope | body, self.settings.webhook_url), at, car)

    def invalidate_credentials(self, user_id: str, at: datetime, vendor: str = "BMW") -> None:
        """Tell that a user's account at a vendor no longer works."""
        self.emit("user:credentials:invalidated", at, user_id, {"vendor": vendor})

    def discovered(self, car: Car, at: datetime) -> None:
        """Tell that a vehicle is new: only its description is there. An update with its state follows."""
        full = vehicle(car, car.view(), self.settings.version)
        shown = {name: full[name] for name in ("id", "userId", "vendor", "information")}
        blank = dict.fromkeys(("chargeState", "location", "odometer", "smartChargingPolicy"))
        self.emit("user:vehicle:discovered", at, car.spec.user_id, {"vehicle": shown | blank}, car)
        self.world.later(at + FIRST_UPDATE_AFTER, lambda _: self.world.report(car, car.reported, car.view()))

    def deleted(self, car: Car, at: datetime) -> None:
        """Tell that a vehicle is gone."""
        body = {"vehicle": vehicle(car, car.view(), self.settings.version)}
        self.emit("user:vehicle:deleted", at, car.spec.user_id, body, car)

    def heartbeat(self, at: datetime) -> None:
        """Send one heartbeat."""
        self.emit("system:heartbeat", at, None, {"pendingEvents": self.outbox.pending()})

    def configured(self, at: datetime) -> None:
        """Start beating as the settings now say."""
        self._beats += 1
        series = self._beats
        if self.settings.heartbeat_every_s > 0:
            self._beat_later(at, series)

    def _beat_later(self, at: datetime, series: int) -> None:
        def beat(then: datetime) -> None:
            if series == self._beats:
                self.heartbeat(then)
                self._beat_later(then, series)

        self.world.later(at + timedelta(seconds=self.settings.heartbeat_every_s), beat)

    def _action_ended(self, action: Action, car: Car | None) -> None:
        at = action.updated_at
        body = {"vendorAction": action.as_json(), "updatedFields": ["state", "completedAt"]}
        self.emit("user:vendor-action:updated", at, action.user_id, body, car)

    def charge(self, car: Car, kind: Literal["START", "STOP"], now: datetime) -> Response:
        """Answer a request to start or stop."""
        if car.spec.governed:
            return problem(422, "Unprocessable", "The vehicle is controlled by a schedule or a smart charging plan.")
        view = car.view()
        if not car.takes_commands:
            return problem(400, "Bad Request", "The vehicle is not plugged in.")
        if self.actions.pending(car) is None:
            if kind == "START" and view.complete:
                return problem(400, "Bad Request", "The vehicle is fully charged.")
            if view.charging == (kind == "START"):
                if self.settings.unnecessary == "cancelled_action":
                    return answer(self.actions.unnecessary(car, kind, now).as_json())
                return problem(400, "Bad Request", "The vehicle is already in the requested state.")
        return answer(self.actions.begin(car, kind, now).as_json())

    def _token(self, ask: Ask) -> Response:
        if basic_credentials(ask.request) != (self.settings.client_id, self.settings.client_secret):
            return answer({"error": "invalid_client", "error_description": "Client authentication failed"}, 401)
        if ask.fields.get("grant_type") != "client_credentials":
            return answer({"error": "unsupported_grant_type"}, 400)
        access = self.tokens.issue(ask.now, TOKEN_LIFETIME_S)
        return answer({"access_token": access, "expires_in": TOKEN_LIFETIME_S, "scope": "", "token_type": "bearer"})

    def _vehicles(self, ask: Ask) -> Response:
        user_id = ask.request.path_params.get("user_id")
        query = ask.request.query_params
        try:
            start = max(0, int(query.get("after", "0")))
            size = min(MOST_PER_PAGE, max(1, int(query.get("pageSize", str(MOST_PER_PAGE)))))
        except ValueError:
            return problem(400, "Bad Request", "after or pageSize is malformed.")
        mine = [car for car in self.world.cars.values() if car.spec.provider == "enode" and car.spec.linked]
        mine = [car for car in mine if user_id in {None, car.spec.user_id}]
        shown = mine[start : start + size]
        for car in shown:
            self.world.touch(car, ask.now)
        data = [vehicle(car, car.view(), self.settings.version) for car in shown]
        after = str(start + size) if start + size < len(mine) else None
        before = str(max(0, start - size)) if start > 0 else None
        return answer({"data": data, "pagination": {"after": after, "before": before}})

    def _vehicle(self, ask: Ask) -> Response:
        return answer(vehicle(ask.car, ask.car.view(), self.settings.version))

    def _charging(self, ask: Ask) -> Response:
        kind = (ask.body or {}).get("action")
        if kind not in {"START", "STOP"}:
            return problem(400, "Bad Request", "action must be START or STOP.")
        return self.charge(ask.car, "START" if kind == "START" else "STOP", ask.now)

    def _user(self, ask: Ask) -> Response:
        found = self.users.shown(ask.request.path_params["user_id"])
        return answer(found) if found is not None else problem(404, "Not Found", "No such user.")

    def _delete_user(self, ask: Ask) -> Response:
        gone = self.users.delete(ask.request.path_params["user_id"])
        return Response(status_code=204) if gone else problem(404, "Not Found", "No such user.")

    def _link(self, ask: Ask) -> Response:
        made = self.link_sessions.make(ask, None)
        return made if made is not None else problem(400, "Bad Request", "The link session is malformed.")

    def _relink(self, ask: Ask) -> Response:
        asset_id = ask.request.path_params["asset_id"]
        car = self.world.cars.get(asset_id)
        if car is None or car.spec.provider != "enode":
            return problem(404, "Not Found", "No such asset.")
        made = self.link_sessions.make(ask, asset_id)
        return made if made is not None else problem(400, "Bad Request", "The link session is malformed.")

    def _disconnect_vendor(self, ask: Ask) -> Response:
        user_id, vendor = ask.request.path_params["user_id"], ask.request.path_params["vendor"]
        gone = self.users.disconnect(user_id, vendor)
        return Response(status_code=204) if gone else problem(404, "Not Found", "The vendor is not connected.")

    def _refresh_hint(self, ask: Ask) -> Response:
        self.world.report(ask.car, ask.car.reported, ask.car.view())
        return Response(status_code=204)

    def _action(self, ask: Ask) -> Response:
        found = self.actions.by_id.get(ask.request.path_params["action_id"])
        return answer(found.as_json()) if found else problem(404, "Not Found", "No such action.")

    def _cancel(self, ask: Ask) -> Response:
        found = self.actions.by_id.get(ask.request.path_params["action_id"])
        if found is None:
            return problem(404, "Not Found", "No such action.")
        if not self.actions.cancel(found, ask.now):
            return problem(409, "Conflict", "The action has already finished.")
        return answer(found.as_json())

    def routes(self) -> list[Route]:
        """Enode's API."""
        door = Door(
            self.world,
            "enode",
            self.tokens.good,
            refused=problem(401, "Unauthorized", "The access token is missing, wrong or expired."),
            unknown=problem(404, "Not Found", "No such vehicle."),
            disconnected=problem(403, "Forbidden", "The vendor account of this user has to be connected again."),
        )
        return [
            door.open("POST", "/oauth2/token", self._token),
            door.open("GET", "/link-ui/{token}", self.link_sessions.open_page),
            door.guarded("POST", "/users/{user_id}/link", self._link),
            door.guarded("POST", "/assets/{asset_id}/relink", self._relink),
            door.guarded("GET", "/vehicles", self._vehicles),
            door.guarded("GET", "/users/{user_id}", self._user),
            door.guarded("DELETE", "/users/{user_id}", self._delete_user),
            door.guarded("DELETE", "/users/{user_id}/vendors/{vendor}/vehicle", self._disconnect_vendor),
            door.guarded("GET", "/users/{user_id}/vehicles", self._vehicles),
            door.guarded("GET", "/vehicles/actions/{action_id}", self._action),
            door.guarded("POST", "/vehicles/actions/{action_id}/cancel", self._cancel),
            door.guarded("GET", "/vehicles/{vehicle_id}", self._vehicle),
            door.guarded("POST", "/vehicles/{vehicle_id}/charging", self._charging),
            door.guarded("POST", "/vehicles/{vehicle_id}/refresh-hint", self._refresh_hint),
        ]
