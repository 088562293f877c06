"""What ties an asset to its site, to Axle and to its vehicle."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AssetType = Literal["charger", "electric_vehicle"]


@dataclass(frozen=True, slots=True)
class Home:
    """Where the site's home is (WGS 84 degrees) and how near counts as being there."""

    latitude: float
    longitude: float
    radius_m: float = 200.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """The car, or the charger, at its provider.

    ``home_location_id`` is the provider's own id of the home, where it has one (Enode); ``connector_id`` and ``phases``
    are a charger's.
    """

    provider: str
    vehicle_id: str
    home_location_id: str | None = None
    user_id: str | None = None
    connector_id: int | None = None
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What ties the asset to its site, to Axle and to its vehicle. Written by ``onboarding``."""

    site: str
    asset: str
    type: AssetType
    power_kw: float
    timezone: str
    axle_site_id: str
    axle_asset_id: str
    enrolled: bool
    onboarded_at: datetime
    asset_model: str | None = None
    installation_date: str | None = None
    battery_kwh: float | None = None
    vehicle: Vehicle | None = None
    home: Home | None = None
    snoozed_until: datetime | None = None
    leaving: bool = False
    leaving_since: datetime | None = None
