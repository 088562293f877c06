"""``make play``: scenarios on the running local stack. Without a name it lists them."""

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from local.processes import ROOT

HOME = {"latitude": 51.5034, "longitude": -0.1276}

AXLE_REFUSALS = 6
"""Calls are repeated after growing pauses: the sixth comes some minutes after the first."""


class PlayError(RuntimeError):
    """No stack runs, or a call was refused; the message says which."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running stack as ``stack.json`` describes it."""

    stack: Mapping[str, Any]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the app's back end. Raises PlayError."""
        headers = {"Authorization": f"Bearer {self.stack['app_token']}"}
        return _checked(requests.request(method, self.stack["api_url"] + path, json=body, headers=headers, timeout=60))

    def sim(self, name: str, path: str, body: Any = None, *, method: str = "POST") -> Any:
        """A call of a simulator's control API. Raises PlayError."""
        url = self.stack["simulators"].get(name)
        if not url:
            raise PlayError(f"The {name} simulator does not run: another server stands in its place.")
        return _checked(requests.request(method, f"{url}/_sim{path}", json=body or {}, timeout=60))

    def home(self, asset: str, mpan_number: int, **spec: Any) -> None:
        """A car at the simulated Enode, onboarded with a site of its own. Axle answers; an earlier car is unplugged."""
        self.sim("axle", "/faults", method="DELETE")
        car: dict[str, Any] = {"provider": "enode", "vehicle_id": asset, "user_id": f"driver-of-{asset}", "home": HOME}
        car |= {"home_location_id": f"home-of-{asset}", "battery_kwh": 64, "soc_pct": 25, "auto_start": False}
        if any(one["vehicle_id"] == asset for one in self.sim("cars", "/cars", method="GET")["cars"]):
            self.sim("cars", f"/cars/{asset}/plug-out")
        else:
            self.sim("cars", "/cars", car | spec)
        self.api("PUT", f"/sites/site-of-{asset}", _site(asset, mpan_number))

    def plug_in(self, asset: str) -> None:
        """The driver plugs the car in at home."""
        self.sim("cars", f"/cars/{asset}/plug-in")


def _checked(answer: requests.Response) -> Any:
    if not answer.ok:
        raise PlayError(f"{answer.request.method} {answer.url} answered {answer.status_code}: {_detail(answer)}")
    return answer.json() if answer.content else None


def _detail(answer: requests.Response) -> str:
    """Why a call was refused: the sentence of a problem document, or else the beginning of the body."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:500]


def _site(asset: str, mpan_number: int) -> dict[str, Any]:
    vehicle = {"provider": "enode", "vehicle_id": asset, "user_id": f"driver-of-{asset}"}
    car = {
        "asset": asset,
        "type": "electric_vehicle",
        "asset_model": "axle_ev_v1",
        "installation_date": "2025-06-15",
        "power_kw": 7.4,
        "battery_kwh": 64,
        "vehicle": vehicle | {"home_location_id": f"home-of-{asset}"},
        "tariff": {"off_peak": "23:30-05:30", "timezone": "Europe/London"},
        "intent": {"kwh": 30, "ready_by": "07:00"},
    }
    details = {"mpan": f"12999{mpan_number:08d}", "postcode": "EC1A 1BB"}
    details |= {"gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z"}
    return {"site": details, "timezone": "Europe/London", "home": HOME, "assets": [car]}


def ready(stage: Stage) -> list[str]:
    """A car that is plugged in at home and follows Axle's schedule."""
    stage.home("ready", 1)
    stage.plug_in("ready")
    return ["ready"]


def asleep(stage: Stage) -> list[str]:
    """A car that cannot be reached: commands are tried again, and then the car is left able to charge."""
    stage.home("asleep", 2, reachable=False)
    stage.plug_in("asleep")
    stage.api("PUT", "/assets/asleep/charge-now", {"for_minutes": 60})
    return ["asleep"]


def axle_down(stage: Stage) -> list[str]:
    """Axle answers 503 for some minutes: the default schedule counts, and nothing is lost."""
    stage.home("axle-down", 3)
    stage.sim("axle", "/faults", {"path": "/entities/", "status": 503, "count": AXLE_REFUSALS})
    stage.plug_in("axle-down")
    return ["axle-down"]


def false_plug_outs(stage: Stage) -> list[str]:
    """A car that reports "unplugged" after each stop of ours: the session goes on."""
    stage.home("false-plug-outs", 4, auto_start=True, lie_unplugged_after_stop_s=120)
    stage.plug_in("false-plug-outs")
    return ["false-plug-outs"]


def two_cars(stage: Stage) -> list[str]:
    """Two homes: one car follows the schedule, the other charges now."""
    stage.home("first", 5)
    stage.home("second", 6)
    stage.plug_in("first")
    stage.plug_in("second")
    stage.api("PUT", "/assets/second/charge-now", {"for_minutes": 60})
    return ["first", "second"]


SCENARIOS: dict[str, Callable[[Stage], list[str]]] = {
    "ready": ready,
    "asleep": asleep,
    "axle-down": axle_down,
    "false-plug-outs": false_plug_outs,
    "two-cars": two_cars,
}


def listing() -> str:
    """The scenarios, one a line."""
    lines = (f"  {name:<16} {(play.__doc__ or '').rstrip('.')}" for name, play in SCENARIOS.items())
    return "\n".join(itertools.chain(["Scenarios, for make play SCENARIO=<name>:"], lines))


def main(arguments: list[str] | None = None) -> int:
    """List the scenarios, or start one and say what to look at."""
    parser = argparse.ArgumentParser(prog="python -m local.play", description=__doc__)
    parser.add_argument("scenario", nargs="?", choices=[*SCENARIOS, ""], default="")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local")
    wanted = parser.parse_args(arguments)
    if not wanted.scenario:
        print(listing())
        return 0
    try:
        stack = json.loads((wanted.folder / "stack.json").read_text())
    except FileNotFoundError:
        print("No local stack runs. Start it with: make up", file=sys.stderr)
        return 1
    try:
        assets = SCENARIOS[wanted.scenario](Stage(stack))
    except (PlayError, requests.RequestException) as error:
        print(error, file=sys.stderr)
        return 1
    for asset in assets:
        print(f"Follow it with: make why ASSET={asset}, or GET /assets/{asset} and /assets/{asset}/timeline")
    return 0


if __name__ == "__main__":
    sys.exit(main())
