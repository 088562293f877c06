"""What the simulated Axle knows: sites, assets and their events. It is in memory, guarded by one lock."""

import threading
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import HTTPException
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from simulators.axle.models import AssetKind, EligibilityCode, Intent, Proposition, Tariff
from simulators.axle.planner import UNLIMITED_W, ScheduleForm, Stretch

SMART_CHARGING: Proposition = "full_asset_schedule_control"
DEFAULT_CHARGING_RATE_KW = 7.4

DeliveryMode = Literal["profile", "set_charging_profile_request", "envelope"]


class DeliveryFaults(BaseModel):
    """Faults of deliveries to the integrator.

    Attributes:
        drop: this many of the next schedules are never sent.
        duplicate: copies sent of each schedule besides the first.
        delay_s: each schedule is held back so long (seconds of the clock).
        reorder_s: every other schedule is held back so long, so that later ones overtake it.
        lose_answers: the answers to this many of the next attempts are lost, so that what was taken is sent again.
    """

    model_config = ConfigDict(extra="forbid")

    drop: int = Field(default=0, ge=0)
    duplicate: int = Field(default=0, ge=0)
    delay_s: float = Field(default=0, ge=0)
    reorder_s: float = Field(default=0, ge=0)
    lose_answers: int = Field(default=0, ge=0)


class Config(BaseModel):
    """How the simulator reaches the integrator and how it behaves; changed through ``POST /_sim/config``.

    Retry times are seconds of the clock, ``timeout_s`` is real seconds.

    Attributes:
        rate_unit: the unit of the limits in schedules; ``number_phases`` is what they state (None: nothing). OCPP's own
            default is three, also for a car on one.
        clock_ahead_s: how far the clock is ahead that dates envelopes; negative, behind.
        readings_of_unenrolled: whether rows of an asset that is not enrolled are accepted. That is unconfirmed at Axle.
        unknown_fields: answers about eligibility and rewards have fields that the API description does not.
        charging_limit: in that unit, while a schedule lets the car charge; also one that no car can draw.
    """

    model_config = ConfigDict(extra="forbid")

    driveway_url: str | None = None
    bearer_token: str | None = None
    webhook_secret: str | None = None
    delivery: DeliveryMode = "profile"
    connector_id: int = 1
    timeout_s: float = 10
    retry_base_s: float = 30
    retry_cap_s: float = 4 * 3600
    retry_for_s: float = 24 * 3600
    rate_unit: Literal["W", "A"] = "W"
    number_phases: int | None = Field(default=1, ge=1, le=3)
    clock_ahead_s: float = 0
    charging_limit: float = Field(default=UNLIMITED_W, ge=0)
    unknown_fields: bool = False
    delivery_faults: DeliveryFaults = DeliveryFaults()
    events_of_unenrolled: Literal["refuse", "accept"] = "refuse"
    readings_of_unenrolled: Literal["refuse", "accept"] = "refuse"
    mpan_check_digit: bool = False
    asset_models: dict[str, bool] = {
        "axle_ev_v1": True,
        "axle_charger_v1": True,
        "zappi": True,
        "unqualified_charger_v1": False,
    }

    @property
    def schedule_form(self) -> ScheduleForm:
        """How schedules are written."""
        return ScheduleForm(self.rate_unit, self.number_phases, self.charging_limit)


class MpanFacts(BaseModel):
    """What the industry's registers, and Axle's past, have on an MPAN.

    Attributes:
        withdrew: propositions that the household left before.
        issues: makes the MPAN ineligible with these codes, whatever the assets.
    """

    model_config = ConfigDict(extra="forbid")

    connected: bool = True
    half_hourly_settled: bool = True
    withdrew: list[Proposition] = []
    issues: list[EligibilityCode] = []


class Rewards(BaseModel):
    """Balance and transactions of a site, in the shape of Axle's answers."""

    model_config = ConfigDict(extra="forbid")

    current_balance_pence: int = 0
    total_earnings_pence: int = 0
    minimum_withdrawal_threshold_pence: int = 500
    withdrawal_min_wait_days: int = 30
    can_withdraw: bool | None = None
    transactions: list[dict[str, Any]] = []


class Meter(BaseModel):
    """A meter at an address, whose last part is its postcode."""

    model_config = ConfigDict(extra="forbid")

    mpan: str
    address: str
    supplier_name: str = "Example Energy"


class FlexEvent(BaseModel):
    """A flex event of a site, in the shape of Axle's answer. The final revenue comes later."""

    model_config = ConfigDict(extra="forbid")

    start_at: AwareDatetime
    end_at: AwareDatetime
    estimated_gross_revenue_gbp: float
    final_gross_revenue_gbp: float | None = None


@dataclass(slots=True)
class Site:
    """A property."""

    id: UUID
    mpan: str
    postcode: str
    street_address: str | None = None
    email: str | None = None
    gave_boundary_meter_consent_at: datetime | None = None
    asset_ids: list[UUID] = field(default_factory=list)
    propositions: set[Proposition] = field(default_factory=set)
    rewards: Rewards = field(default_factory=Rewards)
    flex_events: list[FlexEvent] = field(default_factory=list)


@dataclass(slots=True)
class Asset:
    """A charger, a car or another asset, and the events that Axle received of it.

    ``plugged_in`` is None until the first plug event; ``unreported`` is what Axle still expects since the enrolment.
    """

    id: UUID
    external_id: str
    type: AssetKind
    site_id: UUID
    power_kw: float | None = None
    capacity_kwh: float | None = None
    asset_model: str | None = None
    installation_date: date | None = None
    plugged_in: bool | None = None
    plugged_in_at: datetime | None = None
    tariff: Tariff | None = None
    intent: Intent | None = None
    intent_at: datetime | None = None
    vehicle_kw: float | None = None
    charge_now_until: datetime | None = None
    unreported: set[str] = field(default_factory=set)
    history: list[dict[str, Any]] = field(default_factory=list)
    schedule: list[Stretch] = field(default_factory=list)
    planned_kwh: float = 0.0
    schedules_issued: int = 0

    @property
    def charging_rate_kw(self) -> float:
        """The power at which this asset charges: the car's, else the asset's, else a common one."""
        return self.vehicle_kw or self.power_kw or DEFAULT_CHARGING_RATE_KW


class World:
    """All sites and assets. Hold ``lock`` while reading or changing anything in it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.config = Config()
        self.reset()

    def reset(self) -> None:
        """Forget everything but the configuration."""
        with self.lock:
            self.sites: dict[UUID, Site] = {}
            self.assets: dict[UUID, Asset] = {}
            self.site_by_mpan: dict[str, UUID] = {}
            self.asset_by_external_id: dict[str, UUID] = {}
            self.mpans: dict[str, MpanFacts] = {}
            self.meters: list[Meter] = []
            self.component_users: dict[str, UUID] = {}
            self.event_statuses: list[dict[str, Any]] = []

    def site(self, site_id: UUID) -> Site:
        """The site, or 404."""
        site = self.sites.get(site_id)
        if site is None:
            raise HTTPException(404, f"Site {site_id} not found")
        return site

    def asset(self, asset_id: UUID) -> Asset:
        """The asset, or 404."""
        asset = self.assets.get(asset_id)
        if asset is None:
            raise HTTPException(404, f"Asset {asset_id} not found")
        return asset

    def asset_by_any_id(self, text: str) -> Asset:
        """The asset with this UUID or external id, or 404."""
        asset_id = self.asset_by_external_id.get(text)
        if asset_id is None:
            try:
                asset_id = UUID(text)
            except ValueError:
                raise HTTPException(404, f"Asset {text} not found") from None
        return self.asset(asset_id)

    def facts(self, mpan: str) -> MpanFacts:
        """What is known of the MPAN."""
        return self.mpans.get(mpan) or MpanFacts()

    def is_scheduled(self, asset: Asset) -> bool:
        """Whether Axle may control the asset: its site is enrolled in smart charging."""
        return SMART_CHARGING in self.sites[asset.site_id].propositions

    def remove_asset(self, asset: Asset) -> None:
        """Delete the asset."""
        del self.assets[asset.id]
        del self.asset_by_external_id[asset.external_id]
        self.sites[asset.site_id].asset_ids.remove(asset.id)
