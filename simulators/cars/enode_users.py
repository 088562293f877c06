"""The users of the simulated Enode: whose vehicles are connected, by vendor."""

from typing import Any

from simulators.cars.car import Car
from simulators.cars.wire import stamp
from simulators.cars.world import World


class Users:
    """A user is there from the first vehicle on until it is deleted. What ends raises no webhook, as at Enode."""

    def __init__(self, world: World) -> None:
        """The users of the cars in a world."""
        self._world = world
        self._deleted: set[str] = set()

    def clear(self) -> None:
        """Forget which users were deleted."""
        self._deleted.clear()

    def ids(self) -> list[str]:
        """The users that are there."""
        known = {car.spec.user_id for car in self._world.cars.values() if car.spec.provider == "enode"}
        return sorted(user for user in known if user not in self._deleted or self._connected(user))

    def shown(self, user_id: str) -> dict[str, Any] | None:
        """The user as Enode shows it; None if there is none."""
        if user_id not in self.ids():
            return None
        vendors = sorted({car.spec.vendor for car in self._connected(user_id)})
        linked = [{"vendor": vendor, "vendorType": "vehicle", "isValid": True} for vendor in vendors]
        return {"id": user_id, "createdAt": stamp(self._world.clock.now()), "linkedVendors": linked}

    def delete(self, user_id: str) -> bool:
        """Delete a user with every connection; False if there is none."""
        if user_id not in self.ids():
            return False
        for car in self._connected(user_id):
            car.spec.linked = False
        self._deleted.add(user_id)
        return True

    def disconnect(self, user_id: str, vendor: str) -> bool:
        """End a user's connection to a vendor, with all its vehicles; False if there is none."""
        cars = [car for car in self._connected(user_id) if car.spec.vendor == vendor]
        for car in cars:
            car.spec.linked = False
        return bool(cars)

    def _connected(self, user_id: str) -> list[Car]:
        cars = (car for car in self._world.cars.values() if car.spec.provider == "enode" and car.spec.linked)
        return [car for car in cars if car.spec.user_id == user_id]
