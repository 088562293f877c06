"""The bodies that integrators send to Axle, as strict as Axle's API description (1.4.6) or stricter.

Stricter, so that an integrator's slip shows here first: unknown keys, explicit nulls, numbers as text, instants
without an offset and negative energies are refused.
"""

from datetime import date, time
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StrictBool,
    StrictStr,
    model_validator,
)
from pydantic_core import PydanticCustomError

Proposition = Literal["limited_pause", "full_asset_schedule_control"]
AssetKind = Literal["charger", "battery", "heat pump", "electric_vehicle", "hot water tank"]
TariffType = Literal["single_rate", "dual_rate", "dynamic", "smart", "unknown"]
ChargingMode = Literal["maximise_charging_time", "minimise_charging_time"]
EventType = Literal["plug_in", "plug_out", "intent_update", "charge_now", "charge_now_deleted"]
EventStatus = Literal["RECEIVED", "ACCEPTED", "REJECTED", "FAILED", "EXECUTED"]
EligibilityCode = Literal[
    "asset_model_not_set",
    "asset_model_not_found",
    "asset_model_not_cop11_qualified",
    "asset_installation_date_not_set",
    "asset_model_enrol_eligibility_override",
    "non_domestic_site",
]
ReadingLabel = Literal[
    "boundary_import_kw",
    "battery_inverter_import_kw",
    "charger_consumption_energy_kwh",
    "charger_lifetime_consumption_energy_kwh",
    "boundary_lifetime_import_energy_kwh",
    "boundary_lifetime_export_energy_kwh",
    "provisional_consumption_kwh",
    "solar_power_kw",
    "battery_state_of_charge_pct",
    "battery_stored_energy_kwh",
]
READING_LABELS: tuple[str, ...] = get_args(ReadingLabel)


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    return value


def _full_time(value: Any) -> Any:
    if len(_text(value)) < len("07:00:00"):
        raise PydanticCustomError("time_parsing", "Input should be in a valid time format HH:MM:SS (RFC 3339)")
    return value


def _rfc3339(value: Any) -> Any:
    if "T" not in _text(value).upper():
        raise PydanticCustomError("datetime_parsing", "Input should be an RFC 3339 date-time")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
WallTime = Annotated[time, BeforeValidator(_full_time)]
Date = Annotated[date, BeforeValidator(_text)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]


class Body(BaseModel):
    """A request body: no unknown keys, and a key that is optional may be left out but not null."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, data: Any) -> Any:
        nulls = sorted(key for key, value in data.items() if value is None) if isinstance(data, dict) else []
        if nulls:
            raise PydanticCustomError("none_not_allowed", "none is not an allowed value: {keys}", {"keys": nulls})
        return data


class MpanBody(Body):
    """``POST /validation/mpan``."""

    mpan: StrictStr


class EligibilityBody(Body):
    """``POST /entities/site/check-eligibility``."""

    mpan: StrictStr
    asset_model: StrictStr | None = None


class SiteBody(Body):
    """A site to register."""

    mpan: StrictStr
    postcode: StrictStr
    street_address: StrictStr | None = None
    email: StrictStr | None = None
    gave_boundary_meter_consent_at: Instant | None = None


class AssetProperties(Body):
    """Ratings of an asset."""

    power_kw: NotNegative | None = None
    capacity_kwh: NotNegative | None = None


class AssetBody(Body):
    """An asset to register at a site."""

    external_id: StrictStr
    type: AssetKind
    properties: AssetProperties | None = None
    asset_model: StrictStr | None = None
    installation_date: Date | None = None


class AssetUpdateBody(Body):
    """``PATCH /entities/asset/{asset_id}``."""

    properties: AssetProperties | None = None
    asset_model: StrictStr | None = None
    installation_date: Date | None = None


class OnboardBody(Body):
    """``POST /entities/site/onboard``."""

    site: SiteBody
    assets: list[AssetBody]
    proposition: Proposition
    override_withdrawal: StrictBool = False


class EnrolBody(Body):
    """``POST /entities/site/{site_id}/enrol``."""

    proposition: Proposition
    override_withdrawal: StrictBool = False
    gave_boundary_meter_consent_at: Instant | None = None


class UnenrolBody(Body):
    """``POST /entities/site/{site_id}/unenrol``."""

    proposition: Proposition


class Intent(Body):
    """What the driver wants; the date of ``ready_by`` does not count."""

    energy_required_kwh: NotNegative
    ready_by: Instant
    ready_by_local_time: WallTime | None = None
    energy_estimated: StrictBool | None = None
    may_charge_peak: StrictBool = False
    charging_mode: ChargingMode = "maximise_charging_time"


class Vehicle(Body):
    """The car that was plugged in."""

    charging_rate_kw: Positive


class Tariff(Body):
    """Off-peak times, the same every day."""

    off_peak_times: StrictStr
    timezone: StrictStr
    tariff_type: TariffType | None = None


class PlugInBody(Body):
    """``POST …/event/plug-in``."""

    intent: Intent | None = None
    vehicle: Vehicle | None = None
    tariff: Tariff | None = None


class IntentBody(Body):
    """``POST …/event/intent``."""

    intent: Intent


class TariffBody(Body):
    """``POST …/event/tariff-update``."""

    tariff: Tariff


class ChargeNowBody(Body):
    """``POST …/event/charge-now``."""

    end_at: Instant


class EventStatusBody(Body):
    """``POST /entities/asset/{asset_id}/callback/{event_id}``."""

    timestamp: Instant
    status: EventStatus


class EmptyBody(Body):
    """An event without a body."""


class EventBody(Body):
    """``POST …/event``: any event by its type."""

    event_type: EventType
    intent: Intent | None = None
    vehicle: Vehicle | None = None
    tariff: Tariff | None = None
    end_at: Instant | None = None


class Reading(Body):
    """One value of one asset over one interval."""

    asset_id: Annotated[UUID, BeforeValidator(_text)]
    start_timestamp: Instant
    end_timestamp: Instant
    value: Number
    label: ReadingLabel


class ReadingsBody(Body):
    """``POST /data/readings``."""

    readings: list[Reading]


def as_json(body: Body) -> dict[str, Any]:
    """The body as it was sent: JSON values, defaults left out."""
    dumped: dict[str, Any] = body.model_dump(mode="json", exclude_unset=True)
    return dumped
