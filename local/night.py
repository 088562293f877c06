"""One night at one home: Axle's documented scenario 1, played on the running local stack."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from driveway.runtime.clock import Clock

CAR, SITE, USER, HOME_LOCATION = "car-1", "home-1", "driver-1", "home-location-1"
OFF_PEAK = [{"start": "23:30", "end": "05:30"}]
INTENT = {"kwh": 30, "ready_by": "07:00", "charging_mode": "maximise_charging_time"}
VEHICLE = "0f5f1c0e-58a5-4a3b-9b0e-1d2c3b4a5f60"
PATIENCE_S = 45.0


class NightError(RuntimeError):
    """The night did not go as it should; the message says at which point."""


@dataclass(slots=True)
class Night:
    """The night's stage: the stack, its clock, and where lines are printed.

    ``date`` is the evening's date; all wall times are Europe/London in winter, which is UTC.
    """

    stack: dict[str, Any]
    clock: Clock
    date: datetime
    tell: Callable[[dict[str, Any]], None]
    http: requests.Session = field(default_factory=requests.Session)
    reported: set[str] = field(default_factory=set)

    def at(self, hhmm: str, *, next_day: bool = False) -> datetime:
        """The instant of a wall time of the evening, or of the morning after."""
        hour, minute = map(int, hhmm.split(":"))
        return self.date.replace(hour=hour, minute=minute) + timedelta(days=next_day)

    def play(self) -> None:
        """From onboarding to accepted readings. Raises NightError."""
        self._add_car()
        self._onboard()
        self._until(self._axle_knows_all, "Axle acknowledged tariff, intent and plug state")
        self._wait_for(self.at("22:00"))
        self._move("plug-in", self.at("22:00"))
        self._until(lambda: self.asset()["session"] is not None, "the plug-in reached the twin")
        self._wait_for(self.at("07:10", next_day=True))
        self._move("plug-out", self.at("07:10", next_day=True))
        self._until(lambda: self.asset()["session"] is None, "the plug-out ended the session")
        self._until(self._all_reported, "Axle accepted every half-hour")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            self.follow()
            if time.monotonic() > deadline:
                raise NightError(f"Waited {PATIENCE_S:.0f} s in vain until {what}.")
            time.sleep(0.1)
        self.follow()

    def _wait_for(self, instant: datetime) -> None:
        while (left_s := self.clock.real_s(instant - self.clock.now())) > 0:
            self.follow()
            time.sleep(min(0.5, left_s))

    def follow(self) -> None:
        """Print the new timeline entries, oldest first."""
        for entry in self.entries():
            key = f"{entry['at']}{entry['event']}{entry['detail']}"
            if key not in self.reported:
                self.reported.add(key)
                self.tell(entry)

    def entries(self) -> list[dict[str, Any]]:
        """The timeline, oldest first; empty while there is no asset."""
        answer = self._api("GET", f"/assets/{CAR}/timeline")
        return list(reversed(answer.json()["entries"])) if answer.ok else []

    def pictures(self) -> list[str]:
        """The sessions as SVG documents, the latest first."""
        listed = self._api("GET", f"/assets/{CAR}/sessions")
        rows = listed.json()["sessions"] if listed.ok else []
        paths = [f"/assets/{CAR}/sessions/{row['session']}" for row in rows if row["session"] is not None]
        found = (self._api("GET", path, accept="image/svg+xml") for path in paths)
        return [answer.text for answer in found if answer.ok]

    def _api(
        self, method: str, path: str, body: dict[str, Any] | None = None, accept: str = "application/json"
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.stack['app_token']}", "Accept": accept}
        return self.http.request(method, self.stack["api_url"] + path, json=body, headers=headers, timeout=20)

    def asset(self) -> dict[str, Any]:
        """The asset as the app sees it."""
        answer = self._api("GET", f"/assets/{CAR}")
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def _cars(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.http.request(method, f"{self.stack['simulators']['cars']}/_sim{path}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def axle(self, path: str) -> Any:
        """An inspection of the simulated Axle."""
        answer = self.http.get(f"{self.stack['simulators']['axle']}/_sim{path}", timeout=20)
        answer.raise_for_status()
        return answer.json()

    def car(self) -> dict[str, Any]:
        """The real state of the car, from its simulator."""
        truth: dict[str, Any] = self._cars("GET", f"/cars/{VEHICLE}")
        return truth

    def _add_car(self) -> None:
        spec = {
            "provider": "enode",
            "vehicle_id": VEHICLE,
            "user_id": USER,
            "battery_kwh": 64,
            "soc_pct": 25,
            "power_kw": 7.4,
            "home_location_id": HOME_LOCATION,
            "auto_start": False,
        }
        self._cars("POST", "/cars", spec)

    def _onboard(self) -> None:
        vehicle = {"provider": "enode", "vehicle_id": VEHICLE, "home_location_id": HOME_LOCATION, "user_id": USER}
        body = {
            "site": {
                "mpan": "1200001234566",
                "postcode": "SW1A 1AA",
                "street_address": "10 Example Street",
                "email": "driver@example.com",
                "gave_boundary_meter_consent_at": self.date.isoformat(),
            },
            "timezone": "Europe/London",
            "assets": [
                {
                    "asset": CAR,
                    "type": "electric_vehicle",
                    "asset_model": "axle_ev_v1",
                    "installation_date": "2025-06-15",
                    "power_kw": 7.4,
                    "battery_kwh": 64,
                    "vehicle": vehicle,
                    "plugged_in": False,
                    "tariff": {"off_peak": OFF_PEAK, "timezone": "Europe/London", "tariff_type": "dual_rate"},
                    "intent": INTENT,
                }
            ],
        }
        answer = self._api("PUT", f"/sites/{SITE}", body)
        if answer.status_code != requests.codes.created:
            raise NightError(f"The onboarding was answered {answer.status_code}: {answer.text}")

    def _move(self, move: str, instant: datetime) -> None:
        self._cars("POST", f"/cars/{VEHICLE}/{move}", {"at": instant.astimezone(UTC).isoformat()})

    def _axle_knows_all(self) -> bool:
        return bool(self.asset()["axle"]["in_sync"])

    def _all_reported(self) -> bool:
        readings = self.asset()["readings"]
        reported_wh = round(sum(row["kwh"] for row in self.accepted()) * 1000)
        whole = readings["completeness"] == 1.0 and readings["accepted"] >= self._plugged_half_hours()
        return bool(whole) and reported_wh > 0

    def _plugged_half_hours(self) -> int:
        plugged = self.at("07:10", next_day=True) - self.at("22:00")
        return -(-int(plugged.total_seconds()) // 1800)

    def accepted(self) -> list[dict[str, Any]]:
        """The half-hours that Axle accepted: start and kWh, in order."""
        rows = self.axle("/readings")["rows"]
        wanted = [row for row in rows if row["label"] == "charger_consumption_energy_kwh"]
        found = [{"start": row["start_timestamp"], "kwh": row["value"], "accepted": True} for row in wanted]
        return sorted(found, key=lambda row: str(row["start"]))
