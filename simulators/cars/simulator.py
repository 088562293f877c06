"""The parts of the car simulator, put together."""

from datetime import datetime

from driveway.runtime.clock import Clock
from simulators.cars.billing import Usage
from simulators.cars.enode import Enode
from simulators.cars.ocpp import Ocpp
from simulators.cars.outbox import Outbox
from simulators.cars.settings import Settings
from simulators.cars.smartcar import Smartcar
from simulators.cars.tesla import Tesla
from simulators.cars.world import World


class CarSimulator:
    """A world of cars, four providers, and the webhooks they send."""

    def __init__(self, clock: Clock, outbox: type[Outbox] = Outbox) -> None:
        """An empty world; time passes after ``start``. ``outbox`` is how webhooks are sent, by threads by default."""
        self.world = World(clock)
        self.outbox = outbox(self.world, {})
        self.enode = Enode(self.world, self.outbox)
        self.smartcar = Smartcar(self.world, self.outbox)
        self.tesla = Tesla(self.world, self.outbox)
        self.ocpp = Ocpp(self.world, self.outbox)

    def start(self) -> None:
        """Let time pass and webhooks be delivered, in threads that end with the process or with ``stop``."""
        self.outbox.start()
        self.world.start()

    def stop(self) -> None:
        """End the threads."""
        self.world.stop()
        self.outbox.stop()

    def configure(self, settings: Settings, providers: set[str], now: datetime) -> None:
        """Put settings in force; ``providers`` are those whose settings were given."""
        self.world.settings = settings
        if "enode" in providers:
            self.enode.configured(now)
        if "tesla" in providers:
            self.tesla.configured()

    def kept(self, now: datetime) -> dict[str, dict[str, list[str]]]:
        """What each maker still has: users, vehicles, connections, subscriptions, telemetry, sign-ins, profiles."""
        specs = [car.spec for car in self.world.cars.values()]
        profiles = {name for name, car in self.world.cars.items() if getattr(car.plan, "installed", None)}
        return {
            "enode": {
                "users": self.enode.users.ids(),
                "vehicles": sorted(spec.vehicle_id for spec in specs if spec.provider == "enode" and spec.linked),
            },
            "smartcar": {
                "connections": self.smartcar.connections.vehicle_ids("connection"),
                "subscriptions": self.smartcar.connections.vehicle_ids("subscription"),
            },
            "tesla": {
                "telemetry": sorted(spec.vehicle_id for spec in specs if spec.provider == "tesla" and spec.telemetry),
                "owners": self.tesla.refresh_tokens.users(now),
            },
            "ocpp": {"profiles": sorted(profiles)},
        }

    def reset(self, now: datetime, *, settings: bool) -> None:
        """Forget all cars, actions, deliveries and what is due; with ``settings`` those too."""
        self.world.clear()
        self.outbox.clear()
        self.enode.actions.clear()
        self.enode.users.clear()
        self.smartcar.usage, self.tesla.usage = Usage(), Usage()
        self.tesla.forget_sign_ins()
        self.configure(Settings() if settings else self.world.settings, {"enode", "tesla"}, now)
