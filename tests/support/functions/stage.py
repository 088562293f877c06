"""A stage with the simulated car makers as real HTTP servers: the table, the functions and their commands."""

import json
from datetime import datetime, timedelta
from typing import Any

from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.settings import Settings
from driveway.values import replace
from driveway.vehicles.registry import capabilities
from simulators.cars.simulator import CarSimulator
from tests.support.functions.assets import a_twin, all_acknowledged, keep_refresh_token, place, plugged_in, set_secret
from tests.support.functions.rig import NOW, Rig, function
from tests.support.vehicles.car_rig import Receiver, SteppedClock
from tests.support.vehicles.car_rig import Rig as CarRig

CLIENT = {"client_id": "client-id", "client_secret": "client-secret"}
TOKEN_PATHS = {"enode": "/oauth2/token", "smartcar": "/oauth2/token", "tesla": "/oauth2/v3/token"}
HOURS_AGO = NOW - timedelta(hours=1)
ALL = ("enode", "smartcar", "tesla", "ocpp")


class Stage:
    """A stage with its car makers: ``run`` lets time pass minute by minute, with everything that is due."""

    def __init__(self, rig: Rig, simulator: CarSimulator, url: str) -> None:
        clock = SteppedClock(NOW)
        self.rig, self.cars = rig, CarRig(url, simulator, clock, Receiver(clock), "")
        self.delivered = 0
        environ = dict(rig.runtime.settings.environ) | {f"{p.upper()}_BASE_URL": f"{url}/{p}" for p in ALL}
        environ |= {f"{p.upper()}_TOKEN_URL": f"{url}/{p}{path}" for p, path in TOKEN_PATHS.items()}
        environ |= {"TESLA_REVOKE_URL": f"{url}/tesla/oauth2/v3/revoke", "SMARTCAR_MANAGEMENT_URL": f"{url}/smartcar"}
        rig.runtime.settings = Settings(environ)
        set_secret(rig, "PROVIDERS_SECRET", {**dict.fromkeys(TOKEN_PATHS, CLIENT), "ocpp": {"token": "ocpp-token"}})
        self.cars.ok("POST", "/_sim/reset", {"settings": True})
        self.cars.configure("smartcar", hold_open_s=0)
        self.break_nothing()

    def park(self, provider: str, *, number: int = 1, **spec: Any) -> Twin:
        """A car (or charger) that is plugged in at home, at the car maker and on the stage."""
        vehicle_id, asset = f"5YJ3000000000000{number}", f"car-{number}"
        if provider == "smartcar":
            spec = {"user_id": f"user-{number}", **spec}
        self.cars.car(provider, vehicle_id=vehicle_id, **spec)
        self.cars.do("plug-in", vehicle_id)
        vehicle = Vehicle(provider, vehicle_id, user_id=f"user-{number}", capabilities=capabilities(provider))
        twin = a_twin(HOURS_AGO, asset=asset, axle_asset_id=f"axle-{asset}", vehicle=vehicle)
        twin = all_acknowledged(plugged_in(twin, HOURS_AGO), NOW)
        place(self.rig, twin)
        if provider == "tesla":
            keep_refresh_token(self.rig, f"user-{number}", "refresh-1")
        return twin

    def break_service(self, path: str, **fault: Any) -> None:
        """A fault at a provider, or at the paths of it that match an expression."""
        self.cars.ok("POST", "/_sim/faults", {"path": rf"^/{path}\b", **fault})

    def break_nothing(self) -> None:
        self.cars.call("DELETE", "/_sim/faults")

    def hits(self) -> int:
        return sum(fault["hits"] for fault in self.cars.ok("GET", "/_sim/faults"))

    def truth(self, number: int = 1) -> dict[str, Any]:
        return self.cars.truth(f"5YJ3000000000000{number}")

    def settle(self) -> None:
        """Run charge control and send its commands, until nothing is left to do now. Nothing is sent to Axle."""
        for _ in range(20):
            self.rig.looks.clear()
            self.rig.publish()
            new = self.rig.bus.events[self.delivered :]
            self.delivered = len(self.rig.bus.events)
            looks = [asset for reconciler, asset in self.rig.looks if reconciler == "control"]
            for asset in looks:
                self.rig.look("control", asset)
            for kind, detail in new:
                if kind == "ChargingCommand":
                    self.send(detail)
            if not (new or looks):
                return
        raise AssertionError("the stage does not come to rest")

    def send(self, detail: dict[str, Any]) -> None:
        record = {"messageId": "1", "body": json.dumps(detail), "eventSource": "aws:sqs"}
        assert function("vehicle_commands").handler({"Records": [record]}, None) == {"batchItemFailures": []}

    def run(self, minutes: int) -> None:
        for _ in range(minutes):
            self.rig.clock.move(minutes=1)
            for asset, _ in list(self.rig.runtime.table.due("ControlDue", self.rig.clock.now())):
                self.rig.look("control", asset)
            self.settle()

    def see(self, number: int = 1) -> None:
        """Report what the car shows, as the app's own telematics would."""
        shown = {"at": self.rig.clock.now().isoformat(), "plugged_in": self.truth(number)["plugged"]}
        body = {"observations": [shown | {"charging": self.truth(number)["charging"]}]}
        answer = self.rig.serve("vehicle_events", "POST /assets/{asset}/observations", body, asset=f"car-{number}")
        assert answer.status == 202
        self.settle()

    def shown(self, number: int = 1) -> Any:
        return self.rig.serve("status", "GET /assets/{asset}", asset=f"car-{number}").body

    def reasons(self, event: str, number: int = 1) -> list[str]:
        answer = self.rig.serve("status", "GET /assets/{asset}/timeline", asset=f"car-{number}")
        return [entry["reason"] for entry in answer.body["entries"] if entry["event"] == event]

    def ask(self, number: int = 1) -> None:
        """Read the car's state through its provider, true or false."""
        vehicle = self.rig.twin(f"car-{number}").link.vehicle
        assert vehicle is not None
        self.send({"asset": f"car-{number}", "provider": vehicle.provider, "action": "look"})
        self.settle()

    def jump(self, at: datetime, number: int = 1) -> None:
        """Put the clock to that instant and run charge control."""
        self.rig.clock.put(at)
        self.rig.look("control", f"car-{number}")
        self.settle()

    def link(self, number: int = 1, **changes: Any) -> None:
        """Change the asset's link, as onboarding does."""
        self.rig.change(f"car-{number}", lambda twin: replace(twin, link=replace(twin.link, **changes)))
        self.settle()

    def commands(self, number: int = 1) -> list[str]:
        """The commands that the car got, refused or not."""
        return [command["command"] for command in self.truth(number)["commands"]]
