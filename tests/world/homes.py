"""Homes and their cars as a seed draws them, with the behaviours that cars and their clouds are known for."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from tests.world.distributions import energy_kwh, soc_pct
from tests.world.width import axle_settings, maker_settings, spec_of

PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")
HOME = {"latitude": 51.5034, "longitude": -0.1276}
POSTCODE, STREET = "SW1A 1AA", "10 Example Street"
MPANS = ("1200001234566", "1100000000008", "1300000000006", "1400000000001", "1500000000006")
TARIFFS: tuple[list[dict[str, str]], ...] = (
    [{"start": "23:30", "end": "05:30"}],
    [{"start": "00:30", "end": "04:30"}],
    [{"start": "22:00", "end": "23:00"}, {"start": "02:00", "end": "06:00"}],
)


@dataclass(frozen=True)
class Home:
    """A site with one car or charger. ``behaviours`` are names, ``spec`` is the simulated car."""

    site: str
    asset: str
    provider: str
    vehicle_id: str
    user_id: str
    mpan: str
    tariff: list[dict[str, str]]
    kwh: float
    spec: dict[str, Any]
    behaviours: tuple[str, ...] = ()
    zone: str = "Europe/London"
    tariff_zone: str = "Europe/London"

    @property
    def email(self) -> str:
        """The driver's address."""
        return f"driver-of-{self.site}@example.com"

    def bought(self) -> "Home":
        """The home of the one who buys the car."""
        return replace(self, site=f"{self.site}-buyer", asset=f"{self.asset}-bought", mpan=MPANS[-1])

    def body(self, refresh_token: str | None = None, **changes: Any) -> dict[str, Any]:
        """The body of the ``PUT`` that onboards it."""
        vehicle: dict[str, Any] = {"provider": self.provider, "vehicle_id": self.vehicle_id, "user_id": self.user_id}
        if self.provider == "enode":
            vehicle["home_location_id"] = self.spec["home_location_id"]
        if self.provider == "ocpp":
            vehicle |= {"connector_id": 1, "phases": 1}
        if refresh_token is not None:
            vehicle["refresh_token"] = refresh_token
        charger = self.provider == "ocpp"
        asset = {
            "asset": self.asset,
            "type": "charger" if charger else "electric_vehicle",
            "asset_model": "axle_charger_v1" if charger else "axle_ev_v1",
            "installation_date": "2025-06-15",
            "power_kw": 7.4,
            "battery_kwh": self.spec.get("battery_kwh", 64.0),
            "vehicle": vehicle,
            "tariff": {"off_peak": self.tariff, "timezone": self.tariff_zone},
            "intent": {"kwh": self.kwh, "ready_by": "07:00"},
            **changes,
        }
        return {
            "site": {
                "mpan": self.mpan,
                "postcode": POSTCODE,
                "street_address": STREET,
                "email": self.email,
                "gave_boundary_meter_consent_at": "2026-01-15T10:30:00Z",
            },
            "timezone": self.zone,
            "home": HOME,
            "assets": [asset],
        }


@dataclass(frozen=True)
class Neighbourhood:
    """The homes of a night, and the settings of Axle and of the car makers."""

    homes: tuple[Home, ...]
    axle: dict[str, Any] = field(default_factory=dict)
    makers: dict[str, dict[str, Any]] = field(default_factory=dict)


def home(number: int, provider: str, **spec: Any) -> Home:
    """A home whose car behaves well, but for what ``spec`` changes."""
    vehicle_id = f"5YJ3000000000000{number}" if provider == "tesla" else f"{provider}-vehicle-{number}"
    user_id, asset = f"driver-{number}", f"car-{number}"
    fields: dict[str, Any] = {"provider": provider, "vehicle_id": vehicle_id, "user_id": user_id, "home": HOME}
    fields |= {"soc_pct": 20, "auto_start": False}
    if provider == "enode":
        fields["home_location_id"] = f"location-{number}"
    if provider == "ocpp":
        fields["asset"] = asset
    site = f"home-{number}"
    return Home(site, asset, provider, vehicle_id, user_id, MPANS[number - 1], TARIFFS[0], 30.0, {**fields, **spec})


def drawn_home(number: int, provider: str, rng: random.Random, zone: str) -> Home:
    """A home with a car that behaves in any of the known ways, and a driver who needs what drivers need."""
    spec, names = spec_of(provider, rng)
    made = home(number, provider, soc_pct=soc_pct(rng), timezone=zone, **spec)
    return replace(
        made,
        tariff=rng.choice(TARIFFS),
        kwh=energy_kwh(rng),
        behaviours=names,
        zone=zone,
        tariff_zone="UTC" if zone == "Europe/London" and rng.random() < 0.2 else zone,
    )


def neighbourhood(rng: random.Random, zone: str = "Europe/London") -> Neighbourhood:
    """Three homes of one or two providers, or one of each, with an Axle and car makers of the seed's settings."""
    every = rng.random() < 0.2
    providers = list(PROVIDERS) if every else rng.sample(PROVIDERS, rng.choice([1, 2]))
    chosen = providers if every else [rng.choice(providers) for _ in range(3)]
    homes = tuple(drawn_home(number, provider, rng, zone) for number, provider in enumerate(chosen, 1))
    return Neighbourhood(homes, axle_settings(rng), {name: maker_settings(name, rng) for name in providers})
