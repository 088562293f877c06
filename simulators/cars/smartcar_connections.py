"""The connections and webhook subscriptions of the simulated Smartcar, as its API v3 lists and deletes them."""

from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import Route

from simulators.cars.car import Car
from simulators.cars.door import Ask, Door
from simulators.cars.wire import answer, stamp
from simulators.cars.world import World

Kind = Literal["connection", "subscription"]
FLAGS: dict[Kind, Literal["linked", "subscribed"]] = {"connection": "linked", "subscription": "subscribed"}
PAGE_SIZE = 10


class Connections:
    """One connection and one subscription for each vehicle. A subscription does not outlive its connection."""

    def __init__(self, world: World, unknown: Response) -> None:
        """The connections to the cars in a world; ``unknown`` answers for one that is not there."""
        self._world, self._unknown = world, unknown

    def vehicle_ids(self, kind: Kind) -> list[str]:
        """The vehicles with a connection, or with a subscription."""
        return sorted(car.spec.vehicle_id for car in self._held(kind))

    def routes(self, door: Door) -> list[Route]:
        """The routes: those of connections are the vehicle API's, those of subscriptions the management API's."""
        return [route for kind in FLAGS for route in self._routes(kind, door)]

    def _routes(self, kind: Kind, door: Door) -> list[Route]:
        return [
            door.guarded("GET", f"/{kind}s", lambda ask: self._listed(kind, ask)),
            door.guarded("DELETE", f"/{kind}s/{{id}}", lambda ask: self._delete(kind, ask)),
        ]

    def _held(self, kind: Kind) -> list[Car]:
        cars = [car for car in self._world.cars.values() if car.spec.provider == "smartcar" and car.spec.linked]
        return [car for car in cars if getattr(car.spec, FLAGS[kind])]

    def _listed(self, kind: Kind, ask: Ask) -> Response:
        query = ask.request.query_params
        wanted = {"vehicle_id": query.get("filter[vehicleId]"), "user_id": query.get("filter[userId]")}
        cars = [
            car
            for car in self._held(kind)
            if all(value in {None, getattr(car.spec, name)} for name, value in wanted.items())
        ]
        size = int(query.get("page[size]", PAGE_SIZE))
        first = (int(query.get("page[number]", "1")) - 1) * size
        data = [self._resource(kind, car) for car in cars[first : first + size]]
        return answer({"data": data, "meta": {"totalCount": len(cars)}, "links": {}})

    def _resource(self, kind: Kind, car: Car) -> dict[str, Any]:
        at = stamp(self._world.clock.now())
        related = {"vehicle": car.spec.vehicle_id, "user": car.spec.user_id}
        return {
            "id": f"{kind}-{car.spec.vehicle_id}",
            "type": kind,
            "attributes": {"vehicle": {"make": "VOLVO", "model": "EX30", "year": 2025, "mode": "live"}},
            "relationships": {name: {"data": {"id": id_, "type": name}} for name, id_ in related.items()},
            "meta": {"createdAt": at, "updatedAt": at},
        }

    def _delete(self, kind: Kind, ask: Ask) -> Response:
        found = [car for car in self._held(kind) if f"{kind}-{car.spec.vehicle_id}" == ask.request.path_params["id"]]
        for car in found:
            setattr(car.spec, FLAGS[kind], False)
        return Response(status_code=204) if found else self._unknown
