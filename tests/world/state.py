"""What the world holds at a moment, read past every fault: twins, sites, half-hours, and Axle's and the cars' own."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from driveway.domain.metering.slot import Slot
from driveway.domain.sites.record import SiteRecord
from driveway.domain.twin import Twin
from driveway.store.items import TWIN, decode_item
from driveway.store.slot_items import SLOT, slot_of
from simulators.axle.world import Asset, Site
from simulators.cars.car import Car
from tests.world.world import World

Wire = Mapping[str, Any]


class State:
    """The state of a world now."""

    def __init__(self, world: World) -> None:
        self.world, self.now = world, world.clock.now()
        self.wire: list[Wire] = list(world.cloud.items())

    def rows(self, sk: str) -> Iterator[Wire]:
        """The items whose sort key begins so, in the form of the wire."""
        return (item for item in self.wire if item["sk"]["S"].startswith(sk))

    @cached_property
    def twins(self) -> dict[str, Twin]:
        """The twins by asset."""
        found = (msgspec.convert(decode_item(item), Twin) for item in self.wire if item["sk"]["S"] == TWIN)
        return {twin.link.asset: twin for twin in found}

    @cached_property
    def slots(self) -> list[Slot]:
        """Every half-hour."""
        return [slot_of(item) for item in self.rows(SLOT)]

    def record(self, site: str) -> SiteRecord | None:
        """The record of a site."""
        return self.world.host.runtime("OnboardingFunction").sites.get(site)

    def axle_site(self, axle_site_id: str | None) -> Site | None:
        """A site as Axle has it."""
        return self.world.axle.world.sites.get(UUID(axle_site_id)) if axle_site_id else None

    def axle_asset(self, asset: str) -> Asset | None:
        """An asset as Axle has it, by our id."""
        found = self.world.axle.world.asset_by_external_id.get(asset)
        return None if found is None else self.world.axle.world.assets[found]

    def car(self, vehicle_id: str) -> Car:
        """A car as it is."""
        with self.world.cars.world.present() as now:
            car = self.world.cars.world.cars[vehicle_id]
            car.advance(now)
            return car
