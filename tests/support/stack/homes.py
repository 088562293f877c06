"""A home on the running stack: its site, its asset, its car, and what Axle knows of it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import requests

from driveway.runtime.clock import Clock
from driveway.vehicles.ocpp.profiles import COMMAND_PROFILE_ID
from local.stack import REGION
from tests.support.stack.waiting import until

POSITION = {"latitude": 51.5034, "longitude": -0.1276}
KINDS = ("enode", "smartcar", "tesla", "ocpp")
ORDERS = {"START": "start", "STOP": "stop", "charge_start": "start", "charge_stop": "stop"}
PLUGGED_AT_ONCE = 25
_MPANS = count(1)


@dataclass
class Stack:
    """The running stack, and how to inspect it."""

    values: dict[str, Any]
    clock: Clock
    folder: Path
    http: requests.Session = field(default_factory=requests.Session)

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A call of the app's back end."""
        sent = {"Authorization": f"Bearer {self.values['app_token']}"} | headers
        return self.http.request(method, self.values["api_url"] + path, json=body, headers=sent, timeout=30)

    def aws(self, service: str) -> Any:
        """A client of the local AWS with its root credentials."""
        return boto3.client(  # type: ignore[call-overload]  # the service is named at run time
            service,
            endpoint_url=self.values["aws_endpoint_url"],
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def items(self) -> list[dict[str, Any]]:
        """Everything in the table."""
        pages = self.aws("dynamodb").get_paginator("scan").paginate(TableName=self.values["table_name"])
        return [item for page in pages for item in page["Items"]]

    def logged(self) -> str:
        """Everything the functions logged."""
        events = self.aws("logs").get_paginator("filter_log_events").paginate(logGroupName="/driveway/local")
        return "\n".join(event["message"] for page in events for event in page["events"])

    def simulator(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """A call of a simulator's control API."""
        url = f"{self.values['simulators'][name]}/_sim{path}"
        answer = self.http.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def hhmm(self, minutes: float) -> str:
        """The UTC wall time in so many minutes, cut to the minute."""
        return f"{self.clock.now() + timedelta(minutes=minutes):%H:%M}"

    def off_peak(self, *spans: tuple[float, float]) -> dict[str, Any]:
        """A tariff that is off-peak from and until so many minutes from now."""
        windows = [{"start": self.hhmm(start), "end": self.hhmm(end)} for start, end in spans]
        return {"off_peak": windows, "timezone": "UTC"}

    def instant(self, hhmm: str) -> datetime:
        """The next instant with this UTC wall time."""
        hour, minute = map(int, hhmm.split(":"))
        now = self.clock.now()
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return at if at > now else at + timedelta(days=1)


@dataclass
class Home:
    """One site with one asset and its car or charger, at one provider."""

    running: Stack
    name: str
    provider: str = "enode"
    tariff: dict[str, Any] = field(default_factory=lambda: {"off_peak": "00:00-24:00", "timezone": "UTC"})
    intent: dict[str, Any] = field(default_factory=lambda: {"kwh": 40, "ready_by": "07:00"})
    timezone: str = "UTC"
    battery_kwh: float = 64
    mpan: str = field(default_factory=lambda: f"12000{next(_MPANS):08d}")

    @property
    def vehicle_id(self) -> str:
        """The car's id at its provider."""
        return f"{self.name}-vehicle"

    def spec(self) -> dict[str, Any]:
        """The simulated car."""
        spec: dict[str, Any] = {"provider": self.provider, "vehicle_id": self.vehicle_id, "soc_pct": 5}
        spec |= {"battery_kwh": self.battery_kwh, "auto_start": False, "user_id": self.user_id, "home": POSITION}
        if self.provider == "enode":
            spec["home_location_id"] = f"{self.name}-location"
        if self.provider == "ocpp":
            spec["asset"] = self.name
        return spec

    @property
    def user_id(self) -> str:
        """The driver at the provider."""
        return f"{self.name}-driver"

    @cached_property
    def refresh_token(self) -> str:
        """The refresh token of the driver, who signs in at Tesla once."""
        answer = self.running.simulator("cars", "POST", f"/tesla/sign-in/{self.user_id}")
        return str(answer["refresh_token"])

    def body(self) -> dict[str, Any]:
        """The body that onboards it."""
        vehicle: dict[str, Any] = {"provider": self.provider, "vehicle_id": self.vehicle_id, "user_id": self.user_id}
        if self.provider == "enode":
            vehicle["home_location_id"] = f"{self.name}-location"
        if self.provider == "tesla":
            vehicle["refresh_token"] = self.refresh_token
        charger = self.provider == "ocpp"
        return {
            "site": {
                "mpan": self.mpan,
                "postcode": "EC1A 1BB",
                "email": f"{self.name}@example.com",
                "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
            },
            "timezone": self.timezone,
            "home": POSITION,
            "assets": [
                {
                    "asset": self.name,
                    "type": "charger" if charger else "electric_vehicle",
                    "asset_model": "axle_charger_v1" if charger else "axle_ev_v1",
                    "installation_date": "2025-06-15",
                    "power_kw": 7.4,
                    "battery_kwh": self.battery_kwh,
                    "vehicle": {name: value for name, value in vehicle.items() if value is not None},
                    "tariff": self.tariff,
                    "intent": self.intent,
                }
            ],
        }

    def join(self, **spec: Any) -> "Home":
        """Make the car (with further properties) and onboard the site."""
        self.running.simulator("cars", "POST", "/cars", self.spec() | spec)
        answer = self.running.api("PUT", f"/sites/{self.name}", self.body())
        assert answer.status_code == 201, answer.text
        return self

    def asset(self) -> dict[str, Any]:
        """The asset as the app sees it."""
        answer = self.running.api("GET", f"/assets/{self.name}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def car(self) -> dict[str, Any]:
        """The real state of the car, from its simulator."""
        shown: dict[str, Any] = self.running.simulator("cars", "GET", f"/cars/{self.vehicle_id}")
        return shown

    def charging(self) -> bool:
        """Whether the car really charges."""
        return bool(self.car()["charging"])

    def at_axle(self) -> dict[str, Any]:
        """The asset as Axle sees it."""
        shown: dict[str, Any] = self.running.simulator("axle", "GET", f"/assets/{self.name}")
        return shown

    def orders(self) -> list[tuple[datetime, str]]:
        """When the provider got a start or a stop of the car, and which."""
        orders = [(datetime.fromisoformat(entry["at"]), _order(entry)) for entry in self.car()["commands"]]
        return [(at, order) for at, order in orders if order is not None]

    def accepted_wh(self) -> dict[str, int]:
        """The half-hours that Axle accepted, by their start, in whole watt-hours."""
        asset_id = self.at_axle()["asset_id"]
        rows = self.running.simulator("axle", "GET", f"/readings?asset_id={asset_id}")["rows"]
        wanted = [row for row in rows if row["label"] == "charger_consumption_energy_kwh"]
        return {row["start_timestamp"]: round(row["value"] * 1000) for row in wanted}

    def all_reported(self) -> bool:
        """Whether Axle accepted what the car's own meter shows, to the watt-hour."""
        meter_wh = self.car()["meter_wh"]
        return bool(meter_wh > 0 and abs(sum(self.accepted_wh().values()) - meter_wh) <= 1)

    def in_sync(self) -> bool:
        """Whether Axle has acknowledged everything."""
        return bool(self.asset()["axle"]["in_sync"])

    def timeline(self) -> list[dict[str, Any]]:
        """The latest hundred lines, oldest first."""
        entries: list[dict[str, Any]] = self.running.api("GET", f"/assets/{self.name}/timeline").json()["entries"]
        return entries[::-1]

    def reasons(self) -> list[str]:
        """The reason codes of the timeline, oldest first."""
        return [entry["reason"] for entry in self.timeline()]

    def story(self) -> str:
        """The latest of the timeline as lines, for people."""
        return "\n".join(f"{e['at']} {e['event']} {e['reason']} {e['text']}" for e in self.timeline()[-25:])

    def move(self, move: str, **body: Any) -> None:
        """Do something to the car."""
        self.running.simulator("cars", "POST", f"/cars/{self.vehicle_id}/{move}", body)

    def set(self, **changes: Any) -> None:
        """Change the car or its faults."""
        self.running.simulator("cars", "POST", f"/cars/{self.vehicle_id}/set", changes)

    def put(self, what: str, body: dict[str, Any]) -> None:
        """The app posts an observation of the asset."""
        answer = self.running.api("PUT", f"/assets/{self.name}/{what}", body)
        assert answer.status_code == 202, answer.text

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition; a failure shows this home's timeline."""
        try:
            until(condition, f"{self.name}: {what}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story()}") from None


def _order(entry: dict[str, Any]) -> str | None:
    profile = entry.get("params", {}).get("csChargingProfiles", {})
    if profile.get("chargingProfileId") == COMMAND_PROFILE_ID:
        return "start" if profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] > 0 else "stop"
    return ORDERS.get(entry["command"])


def join_all(homes: Sequence[Home], *, patience_s: float) -> None:
    """Onboard many homes and wait until Axle has acknowledged everything."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda home: home.join(), homes))
    until_in_sync(homes[0].running, patience_s=patience_s)


def until_in_sync(running: Stack, *, patience_s: float) -> None:
    """Wait until Axle has acknowledged everything."""
    until(
        lambda: not any(one["unreported_since_enrolment"] for one in assets_at_axle(running)),
        "Axle has acknowledged everything",
        patience_s=patience_s,
    )


def plug_in_all(homes: Sequence[Home]) -> None:
    """Plug many cars in, some at once, until Axle has acknowledged all."""
    for first in range(0, len(homes), PLUGGED_AT_ONCE):
        some = {home.name: home for home in homes[first : first + PLUGGED_AT_ONCE]}
        for home in some.values():
            home.move("plug-in")
        until(
            lambda some=some: all(  # type: ignore[misc]  # mypy does not type defaults of lambdas
                one["plugged_in"] for one in assets_at_axle(homes[0].running) if one["external_id"] in some
            ),
            f"Axle acknowledged plug-ins {first} and on",
        )


def assets_at_axle(running: Stack) -> list[dict[str, Any]]:
    """The assets as Axle sees them."""
    return list(running.simulator("axle", "GET", "/state")["assets"].values())
