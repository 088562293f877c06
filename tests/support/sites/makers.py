"""The simulated car makers in the memory of a world: which cars are connected, and whether one was ended in use."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import requests

from simulators.cars.app import build_app
from simulators.cars.simulator import CarSimulator
from simulators.cars.spec import CarSpec
from tests.support.functions.rig import NOW, RigClock
from tests.support.sites.in_process import InProcess

CARS_URL = "http://cars.test"
CARS = {"enode-vehicle-1": "enode-user-1", "enode-vehicle-2": "enode-user-1", "sc-1": "sc-user-1"}
CLIENT = {"client_id": "client-id", "client_secret": "client-secret"}
SETTINGS = {
    "ENODE_BASE_URL": f"{CARS_URL}/enode",
    "ENODE_TOKEN_URL": f"{CARS_URL}/enode/oauth2/token",
    "SMARTCAR_BASE_URL": f"{CARS_URL}/smartcar",
    "SMARTCAR_TOKEN_URL": f"{CARS_URL}/smartcar/oauth2/token",
    "SMARTCAR_MANAGEMENT_URL": f"{CARS_URL}/smartcar",
}


def provider_of(vehicle_id: str) -> str:
    """The provider of one of the cars."""
    return "smartcar" if vehicle_id.startswith("sc-") else "enode"


class Makers(InProcess):
    """The makers as a transport. Whatever a request ends is noted if an asset of ours has it then."""

    def __init__(self, clock: RigClock) -> None:
        self._simulator = CarSimulator(clock)
        super().__init__(build_app(self._simulator))
        self.has: Callable[[str, str], bool] = lambda *_: False
        self.ended_in_use: list[str] = []

    def begin(self, has: Callable[[str, str], bool]) -> None:
        """Connect every car; ``has`` says whether an asset of ours has a vehicle of a provider."""
        world = self._simulator.world
        self._simulator.reset(NOW, settings=True)
        world._ran_until = NOW  # a new world begins at the same time again
        for vehicle_id, user_id in CARS.items():
            spec = {"provider": provider_of(vehicle_id), "vehicle_id": vehicle_id, "user_id": user_id}
            world.add(CarSpec.model_validate(spec), NOW)
        self.has, self.ended_in_use = has, []

    def connected(self) -> frozenset[str]:
        """The cars that are connected."""
        return frozenset(name for name, car in self._simulator.world.cars.items() if car.spec.linked)

    def put_back(self, connected: Iterable[str]) -> None:
        """Let only these cars be connected."""
        for name, car in self._simulator.world.cars.items():
            car.spec.linked = car.spec.subscribed = name in connected

    def connect_again(self, vehicle_id: str) -> None:
        """The driver connects a car again."""
        self.put_back({*self.connected(), vehicle_id})

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        before = self.connected()
        answer = super().send(request, *args, **kwargs)
        ended = before - self.connected()
        self.ended_in_use += [name for name in ended if self.has(provider_of(name), name)]
        return answer


@cache
def makers(clock: RigClock) -> Makers:
    """The makers of all worlds on a clock."""
    return Makers(clock)
