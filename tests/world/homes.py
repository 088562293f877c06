"""Homes and their cars as a seed draws them, with the behaviours that cars and their clouds are known for."""

import random
from dataclasses import dataclass, field
from typing import Any

PROVIDERS = ("enode", "smartcar", "tesla", "ocpp")
HOME = {"latitude": 51.5034, "longitude": -0.1276}
POSTCODE, STREET = "SW1A 1AA", "10 Example Street"
MPANS = ("1200001234566", "1100000000008", "1300000000006")
TARIFFS: tuple[list[dict[str, str]], ...] = (
    [{"start": "23:30", "end": "05:30"}],
    [{"start": "00:30", "end": "04:30"}],
    [{"start": "22:00", "end": "23:00"}, {"start": "02:00", "end": "06:00"}],
)

BEHAVIOURS: tuple[tuple[str, float, frozenset[str], dict[str, Any]], ...] = (
    ("starts by itself", 0.4, frozenset({"enode", "smartcar", "tesla"}), {"auto_start": True}),
    ("seems unplugged while stopped", 0.1, frozenset({"enode", "smartcar"}), {"seems_unplugged_while_stopped": True}),
    ("lies after a stop", 0.15, frozenset({"enode", "smartcar"}), {"lie_unplugged_after_stop_s": 240}),
    ("sticks at starting", 0.15, frozenset({"enode", "smartcar"}), {"starting_sticks": True}),
    ("leaves out the state", 0.15, frozenset({"enode", "smartcar"}), {"reports_charging": False}),
    ("leaves out the power", 0.15, frozenset({"enode", "smartcar"}), {"reports_power": False}),
    ("dates its place by parking", 0.3, frozenset({"enode", "smartcar"}), {"place_dated_by_parking": True}),
    ("loses a plug-out", 0.1, frozenset({"enode", "smartcar"}), {"loses_plug_out": True}),
    ("is polled", 0.3, frozenset({"enode", "smartcar"}), {"report_every_s": 900}),
    ("has no odometer", 0.3, frozenset({"enode", "smartcar", "tesla"}), {"reports_odometer": False}),
    ("obeys late", 0.3, frozenset({"enode"}), {"command_delay_s": 90}),
    ("register per charge", 0.3, frozenset({"enode", "smartcar"}), {"meter": {"register_kind": "per_charge"}}),
    ("last value late", 0.2, frozenset({"enode", "smartcar"}), {"meter": {"last_value_late_s": 120}}),
    ("zero while idle", 0.2, frozenset({"smartcar"}), {"meter": {"register_kind": "zero_while_idle"}}),
)
"""Name, chance, the providers whose cars may behave so, and the change of the car's specification."""


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

    @property
    def email(self) -> str:
        """The driver's address."""
        return f"driver-of-{self.site}@example.com"

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
            "battery_kwh": 64,
            "vehicle": vehicle,
            "tariff": {"off_peak": self.tariff, "timezone": self.zone},
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


def drawn_home(number: int, provider: str, rng: random.Random) -> Home:
    """A home with a car that behaves in any of the known ways."""
    spec: dict[str, Any] = {"soc_pct": rng.choice([10, 35, 60, 85])}
    names = []
    for name, chance, providers, change in BEHAVIOURS:
        if provider in providers and rng.random() < chance:
            names.append(name)
            meter = {**spec.get("meter", {}), **change.get("meter", {})}
            spec |= change | ({"meter": meter} if meter else {})
    made = home(number, provider, **spec)
    return Home(
        **{
            **vars(made),
            "tariff": rng.choice(TARIFFS),
            "kwh": rng.choice([8.0, 20.0, 40.0]),
            "behaviours": tuple(names),
        }
    )


def neighbourhood(rng: random.Random, cars: int = 3) -> Neighbourhood:
    """Three homes of one or two providers, an Axle and car makers with settings of the seed."""
    providers = rng.sample(PROVIDERS, rng.choice([1, 2]))
    homes = tuple(drawn_home(number, rng.choice(providers), rng) for number in range(1, cars + 1))
    axle = {
        "delivery": rng.choice(["profile", "set_charging_profile_request", "envelope"]),
        "rate_unit": rng.choice(["W", "A"]),
        "number_phases": rng.choice([1, 1, None]),
        "clock_ahead_s": rng.choice([0.0, 0.0, 2.0, -2.0]),
    }
    webhooks = {"duplicate": rng.choice([0.0, 0.1]), "late": rng.choice([0.0, 0.1]), "reorder": rng.choice([0.0, 0.05])}
    makers = {name: {"sample_every_s": rng.choice([600, 900, 1800]), "webhook_faults": webhooks} for name in providers}
    if "smartcar" in makers:
        makers["smartcar"] |= {
            "timestamps": rng.choice(["epoch_ms", "epoch_s", "iso"]),
            "leaves_out_status": rng.random() < 0.3,
            "hold_open_s": rng.choice([1.0, 5.0, 60.0]),
        }
    if "enode" in makers:
        makers["enode"] |= {"version": rng.choice(["2024-10-01", "2023-08-01"])}
        makers["enode"] |= {"unnecessary": rng.choice(["400", "cancelled_action"])}
    if "tesla" in makers:
        makers["tesla"] |= {
            "form": rng.choice(["decoded", "proto_json"]),
            "refresh_tokens": rng.choice(["strict", "24h"]),
        }
    return Neighbourhood(homes, axle, makers)
