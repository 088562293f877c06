"""What ties an asset to its site, to Axle and to its vehicle."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

AssetType = Literal["charger", "electric_vehicle"]


class Home(Struct, frozen=True):
    """Where the site's home is (WGS 84 degrees) and how near counts as being there."""

    latitude: float
    longitude: float
    radius_m: float = 200.0


class Capabilities(Struct, frozen=True):
    """What a car or charger can do through its provider, and how it reports. The registry of providers fills it.

    Attributes:
        takes_limits: it can be held at a part of its power, and keeps the limit until it gets another.
        keeps_current: a limit is a charging current that the car keeps, plugged in or not, until it is set another.
        obeys_last_instruction: it follows its last command, whatever is plugged in: a charger holds beforehand.
        keeps_schedules: it can keep a charging schedule itself.
        schedules_act_at_home_only: such a schedule acts near one place only.
        holds_calls_open: a command is answered only once its effect is known, which takes minutes.
        reports_leaving_home: it reports by itself that it leaves its home.
    """

    takes_limits: bool = False
    keeps_current: bool = False
    obeys_last_instruction: bool = False
    keeps_schedules: bool = False
    schedules_act_at_home_only: bool = False
    holds_calls_open: bool = False
    reports_leaving_home: bool = False


class Vehicle(Struct, frozen=True):
    """The car, or the charger, at its provider.

    ``home_location_id`` is the provider's own id of the home, where it has one (Enode). ``connector_id``, ``phases``,
    ``rate_unit`` and ``stack_level`` are a charger's; the last two stand in place of the stage's.
    """

    provider: str
    vehicle_id: str
    home_location_id: str | None = None
    user_id: str | None = None
    connector_id: int | None = None
    phases: int | None = None
    rate_unit: Literal["W", "A"] | None = None
    stack_level: int | None = None
    capabilities: Capabilities = Capabilities()


class Link(Struct, frozen=True):
    """What ties the asset to its site, to Axle and to its vehicle. Written by ``onboarding``.

    Attributes:
        leaving: the vehicle is being released, since ``leaving_since``, and nothing more of it is sent to Axle.
        swapping: another vehicle takes its place, and the asset stays.
        unenrolled_at: when the asset last stopped taking part: its site opted out, or the removal or erasure began.
        rejoined_at: when it began to take part again; None for one that never stopped.
    """

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
    swapping: bool = False
    unenrolled_at: datetime | None = None
    rejoined_at: datetime | None = None
