"""What is answered of preferences. The documented schemas are derived from these values."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.twin import ChargingMode, TariffType

WallTime = Annotated[str, Meta(description="`HH:MM`")]


class OffPeakWindow(Struct, frozen=True, kw_only=True):
    """An off-peak window of every day."""

    start: WallTime
    end: WallTime


class TariffAnswer(Struct, frozen=True, kw_only=True):
    """The tariff, normalised; it can be sent back as it is."""

    off_peak: Annotated[list[OffPeakWindow], Meta(description="Sorted and merged.")]
    timezone: Annotated[str, Meta(description="IANA zone of the times.")]
    tariff_type: TariffType
    prices: (
        Annotated[
            list[Annotated[float, Meta(description="Pence per kWh.")]],
            Meta(description="The prices of the day's 48 half-hours."),
        ]
        | UnsetType
    ) = UNSET


class ReadyByDays(Struct, frozen=True, kw_only=True):
    """A time for each day with a departure."""

    mon: WallTime | UnsetType = UNSET
    tue: WallTime | UnsetType = UNSET
    wed: WallTime | UnsetType = UNSET
    thu: WallTime | UnsetType = UNSET
    fri: WallTime | UnsetType = UNSET
    sat: WallTime | UnsetType = UNSET
    sun: WallTime | UnsetType = UNSET


class IntentAnswer(Struct, frozen=True, kw_only=True):
    """The intent, normalised; it can be sent back as it is."""

    kwh: Annotated[float, Meta(description="Energy from the grid.")] | UnsetType = UNSET
    hours: Annotated[float, Meta(description="Hours at the asset's power.")] | UnsetType = UNSET
    target_soc_pct: Annotated[float, Meta(description="State of charge to reach.")] | UnsetType = UNSET
    minimum_soc_pct: Annotated[float, Meta(description="Charged at once up to here.")] | UnsetType = UNSET
    exceptions: Annotated[dict[str, WallTime], Meta(description="Times by date.")] | UnsetType = UNSET
    ready_by: Annotated[str, Meta(description="`HH:MM`, every day.")] | ReadyByDays
    may_charge_peak: Annotated[bool, Meta(description="Whether peak hours may be used.")]
    charging_mode: ChargingMode


class VehicleIntentAnswer(IntentAnswer, frozen=True, kw_only=True):
    """A car's own intent, normalised; it can be sent back as it is."""

    battery_kwh: Annotated[float, Meta(description="The car's own battery.")] | UnsetType = UNSET


class ChargeNowAnswer(Struct, frozen=True, kw_only=True):
    """A charge-now."""

    started_at: Annotated[datetime, Meta(tz=True, description="When it began.")]
    until: Annotated[datetime, Meta(tz=True, description="When it ends at the latest.")]
    kwh: Annotated[float, Meta(description="The amount, if one was asked for.")] | UnsetType = UNSET
