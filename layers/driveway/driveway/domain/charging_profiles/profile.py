"""The values of OCPP 1.6 smart charging: profiles with their schedules, and the periods of a composite schedule."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
Kind = Literal["Absolute", "Recurring", "Relative"]
Recurrency = Literal["Daily", "Weekly"]
RateUnit = Literal["W", "A"]


class SchedulePeriod(Struct, frozen=True):
    """A stretch of a schedule: from ``start_s`` seconds after its start at most ``limit`` (W or A)."""

    start_s: int
    limit: float
    number_phases: int | None = None


class ChargingProfile(Struct, frozen=True):
    """An OCPP 1.6 ChargingProfile (§7.8) with its ChargingSchedule (§7.13). Instants are aware UTC."""

    stack_level: int
    purpose: Purpose
    kind: Kind
    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    profile_id: int | None = None
    transaction_id: int | None = None
    recurrency: Recurrency | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    duration_s: int | None = None
    start_schedule: datetime | None = None
    min_charging_rate: float | None = None


class Period(Struct, frozen=True):
    """A stretch of a composite schedule, from ``start_s`` seconds after its start until the next one.

    ``limit`` is in the requested unit, None where no profile applies. ``number_phases`` is None where none is stated.
    """

    start_s: int
    limit: float | None
    number_phases: int | None = None
