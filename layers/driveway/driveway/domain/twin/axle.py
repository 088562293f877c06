"""What Axle planned, what it acknowledged, and how the telling goes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from driveway.domain.charging_profiles import ChargingProfile
from driveway.domain.charging_profiles.profile import Purpose
from driveway.domain.twin.preferences import ChargeNow, ChargingMode, TariffType


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A charging profile and how it came to us.

    ``created_at`` orders it among the schedules of its place where its sender dated it; otherwise ``received_at`` does.
    ``session_id`` bounds a TxProfile.
    """

    profile: ChargingProfile
    received_at: datetime
    created_at: datetime | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleMark:
    """How new a schedule was that is not held any more: an older one for its place changes nothing.

    Without ``purpose`` and ``stack_level`` it is a clear, and counts for every place.
    """

    at: datetime
    purpose: Purpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True)
class AxleTariff:
    """A tariff as Axle is told it."""

    off_peak_times: str
    timezone: str
    tariff_type: TariffType


@dataclass(frozen=True, slots=True)
class AxleIntent:
    """An intent as Axle is told it: for the one departure at ``ready_by`` (aware UTC).

    Two are not told. ``target_soc_pct`` is the target the energy was derived from, if it was, and tells a new target
    from a new state of charge; ``vehicle_id``, the car that was named as plugged in, tells it from another car's.
    """

    energy_required_kwh: float
    ready_by: datetime
    ready_by_local_time: str
    energy_estimated: bool
    may_charge_peak: bool
    charging_mode: ChargingMode
    target_soc_pct: float | None = None
    vehicle_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxlePlug:
    """The plug state Axle acknowledged: plugged in with this session, or (``session_id`` None) plugged out."""

    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxleRefusal:
    """A call Axle refused for good (400, 404, 422), in Axle's words, and the value it refused."""

    call: str
    status: int
    detail: str
    fingerprint: str
    at: datetime


AxleSubject = Literal["tariff", "intent", "plug", "charge_now"]


@dataclass(frozen=True, slots=True)
class AxleDoubt:
    """Something that a call told Axle and that was never answered: Axle may know it or not.

    ``session_id`` is that of a plug-in; None for a plug-out and all else.
    """

    subject: AxleSubject
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxleLost:
    """What a call without an answer said, in short: Axle may still carry it out ``until`` then, after later calls."""

    told: AxleDoubt
    said: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AxleTelling:
    """A call under way: whose it is, what it tells, and until when nobody else may call for this asset."""

    id: str
    since: datetime
    until: datetime
    tells: tuple[AxleDoubt, ...] = ()


@dataclass(frozen=True, slots=True)
class AxleState:
    """What Axle acknowledged and how the telling goes. Written by ``axle_sync``."""

    tariff: AxleTariff | None = None
    intent: AxleIntent | None = None
    plug: AxlePlug | None = None
    charge_now: ChargeNow | None = None
    attempts: int = 0
    retry_at: datetime | None = None
    last_error: str | None = None
    refusals: tuple[AxleRefusal, ...] = ()
    unacknowledged_since: datetime | None = None
    doubts: tuple[AxleDoubt, ...] = ()
    lost: tuple[AxleLost, ...] = ()
    telling: AxleTelling | None = None
