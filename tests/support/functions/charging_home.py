"""A home whose car charges evenly, from its register to the rows that Axle accepts."""

from datetime import datetime, timedelta
from typing import Any

from driveway.domain.presence.observation import Observation
from driveway.observations.webhook_intake import take_observations
from tests.support.aws.memory_table import MemoryTable
from tests.support.functions.rig import NOW, Rig, function
from tests.support.functions.sites import MPAN, VEHICLE, car, put, site_body

LABEL = "charger_consumption_energy_kwh"


class Context:
    """A run with ten minutes left."""

    def get_remaining_time_in_millis(self) -> int:
        return 600_000


def in_memory(rig: Rig) -> Rig:
    """The stage with its table in memory, which is many times as fast; before anything is in the table."""
    table, announced = MemoryTable(), 0

    def publish() -> None:
        nonlocal announced
        new, announced = table.records[announced:], len(table.records)
        twins = [record for record in new if record["dynamodb"]["Keys"]["sk"]["S"] == "TWIN"]
        assert function("announcer").handler({"Records": twins}, None) == {"batchItemFailures": []}

    rig.runtime.__dict__["dynamodb"] = table
    rig.__dict__["publish"] = publish
    return rig


class Charging:
    """A home whose car takes 2 kWh in every half-hour, as its charger's register shows every ten minutes."""

    def __init__(self, rig: Rig, name: str = "1", mpan: str = MPAN, **changes: Any) -> None:
        self.rig, self.register_kwh, self.asset, self.site = rig, 1000.0, f"car-{name}", f"home-{name}"
        vehicle = {**VEHICLE, "vehicle_id": f"enode-vehicle-{name}", "user_id": f"enode-user-{name}"}
        self.body = site_body(car(self.asset, plugged_in=True, vehicle=vehicle, **changes), mpan=mpan)
        assert put(rig, self.body, site=self.site).status == 201
        rig.pump()
        self.axle_asset_id = rig.twin(self.asset).link.axle_asset_id
        self.report()

    def report(self, **signals: Any) -> None:
        """The charger reports its register now, or what ``signals`` say in its place."""
        usual = {"at": self.rig.clock.now(), "energy_lifetime_kwh": self.register_kwh, "measuring_point": "charger"}
        seen = Observation(**{"source": "app", "plugged_in": True, "at_home": True, **usual, **signals})
        take_observations(self.asset, [seen], self.rig.runtime)

    def plug_out(self) -> None:
        """A minute later the car reports that it is unplugged, which counts after another twelve."""
        self.rig.clock.move(minutes=1)
        self.report(plugged_in=False)
        self.rig.clock.move(minutes=12)
        self.rig.look("control", self.asset)
        assert self.rig.twin(self.asset).presence.session is None

    def charge(self, minutes: float) -> None:
        """The register after so many minutes of charging, which have passed."""
        self.register_kwh += minutes / 15

    def go_on_to(self, minute: float, *, drains: bool = True) -> None:
        """Charge until so many minutes after 18:00; readings are drained every ten minutes."""
        end = NOW + timedelta(minutes=minute)
        while self.rig.clock.now() < end:
            at = min(end, self.rig.clock.now() + timedelta(minutes=10))
            self.charge((at - self.rig.clock.now()) / timedelta(minutes=1))
            self.rig.clock.put(at)
            self.report()
            if drains:
                self.drain()

    def drain(self) -> dict[str, Any]:
        answer: dict[str, Any] = function("meter_readings").handler({}, Context())
        return answer

    def at_axle(self) -> dict[str, float]:
        """The accepted rows by the wall time of their start."""
        rows = self.rig.axle.readings.report()["rows"]
        mine = [row for row in rows if row["asset_id"] == self.axle_asset_id and row["label"] == LABEL]
        return {datetime.fromisoformat(row["start_timestamp"]).strftime("%H:%M"): row["value"] for row in mine}

    def at_home(self) -> dict[str, float]:
        """The energy of the half-hours that we hold, by the wall time of their start."""
        return self.at_home_from(NOW - timedelta(days=1))

    def at_home_from(self, start: datetime) -> dict[str, float]:
        """The same of the half-hours from an instant on."""
        slots = self.rig.runtime.slots.read(self.asset, start)
        return {slot.start.strftime("%H:%M"): slot.energy_wh / 1000 for slot in slots}

    def refused(self) -> list[str]:
        return [row["error"] for row in self.rig.axle.readings.report()["rejected"]]

    def calls(self) -> list[str]:
        """The last parts of the paths that Axle was called on, but for tokens."""
        paths = [entry["path"].rsplit("/", 1)[-1] for entry in self.rig.axle.requests.list()]
        return [path for path in paths if path != "token-form"]

    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.rig.serve("status", "GET /assets/{asset}", asset=self.asset).body["readings"]
        return found

    def events(self) -> list[str]:
        self.rig.publish()
        return [item["event"] for item in self.rig.items() if item["sk"].startswith("LOG#")]
