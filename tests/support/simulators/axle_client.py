"""A client of one running Axle simulator, and the partner that it calls."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import requests

from driveway.runtime.clock import Clock
from simulators.axle.app import DEFAULT_PASSWORD, DEFAULT_USERNAME, AxleSimulator

TARIFF = {"off_peak_times": "00:00-05:30, 23:30-24:00", "timezone": "UTC", "tariff_type": "dual_rate"}
INTENT = {"energy_required_kwh": 30, "ready_by": "2026-01-16T07:00:00Z", "ready_by_local_time": "07:00:00"}


class Axle:
    """A client of one running simulator."""

    def __init__(self, url: str, simulator: AxleSimulator) -> None:
        self.url = url
        self.simulator = simulator
        self.http = requests.Session()

    def log_in(self) -> None:
        credentials = {"username": DEFAULT_USERNAME, "password": DEFAULT_PASSWORD}
        token = self.http.post(f"{self.url}/auth/token-form", data=credentials).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.http.post(self.url + path, json=body, timeout=10)

    def get(self, path: str) -> Any:
        return self.http.get(self.url + path, timeout=10).json()

    def event(self, asset_id: str, event: str, body: Any) -> requests.Response:
        return self.post(f"/entities/asset/{asset_id}/event/{event}", body)

    def asset(self, asset_id: str) -> Any:
        return self.get(f"/_sim/assets/{asset_id}")

    def onboarded(self, number: int = 1, **changes: Any) -> tuple[str, str]:
        answer = self.post("/entities/site/onboard", onboarding(number, **changes))
        assert answer.status_code == 200, answer.text
        return answer.json()["site"]["site_id"], answer.json()["assets"][0]["asset_id"]


def onboarding(number: int = 1, *, site: Any = None, asset: Any = None, **changes: Any) -> dict[str, Any]:
    the_site = {
        "mpan": f"12000000{number:05}",
        "postcode": "SW1A 1AA",
        "email": "driver@example.com",
        "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
    }
    the_asset = {
        "external_id": f"car-{number}",
        "type": "electric_vehicle",
        "asset_model": "axle_ev_v1",
        "installation_date": "2025-06-15",
        "properties": {"power_kw": 7.4},
    }
    return {
        "site": the_site | (site or {}),
        "assets": [the_asset | (asset or {})],
        "proposition": "full_asset_schedule_control",
    } | changes


class MovableClock(Clock):
    """A clock that a test can put forward."""

    ahead: ClassVar[timedelta] = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + MovableClock.ahead


class Driveway:
    """The integrator that Axle calls: keeps the requests and answers with ``statuses`` in turn, then 200."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str, dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.received.append((self.command, self.path, headers, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        for method in ("POST", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


def until(condition: Callable[[], Any], timeout_s: float = 5) -> Any:
    give_up_at = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < give_up_at, "the condition was not met in time"
        time.sleep(0.01)
    return found


def delivery_states(axle: Axle) -> list[str]:
    return [delivery["state"] for delivery in axle.get("/_sim/deliveries")["deliveries"]]


def tell_all(axle: Axle, asset_id: str) -> None:
    assert axle.event(asset_id, "tariff-update", {"tariff": TARIFF}).status_code == 200
    assert axle.event(asset_id, "intent", {"intent": INTENT}).status_code == 200
    assert axle.event(asset_id, "plug-in", {}).status_code == 200
