"""What Axle planned and what it acknowledged, and the state of the calls that report to it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from driveway.domain.charging_profiles import ChargingProfile
from driveway.domain.charging_profiles.profile import Purpose
from driveway.domain.twin.preferences import ChargeNow, ChargingMode, TariffType


class InstalledProfile(Struct, frozen=True):
    """A charging profile, and how and when it was received.

    ``created_at`` orders it among the schedules of its place where its sender dated it; otherwise ``received_at`` does.
    ``session_id`` bounds a TxProfile.
    """

    profile: ChargingProfile
    received_at: datetime
    created_at: datetime | None = None
    session_id: str | None = None


class ScheduleMark(Struct, frozen=True):
    """The time of a schedule that is no longer stored. An older one for its place changes nothing.

    Without ``purpose`` and ``stack_level`` it is a clear, and counts for every place.
    """

    at: datetime
    purpose: Purpose | None = None
    stack_level: int | None = None


class AxleTariff(Struct, frozen=True):
    """A tariff in the form that Axle is sent."""

    off_peak_times: str
    timezone: str
    tariff_type: TariffType


class AxleIntent(Struct, frozen=True):
    """An intent in the form that Axle is sent: for the one departure at ``ready_by`` (aware UTC).

    Two fields are not sent. ``target_soc_pct`` is the target that the energy follows from, if there is one, and
    distinguishes a new target from a new state of charge. ``vehicle_id`` is the car that was named as plugged in.
    """

    energy_required_kwh: float
    ready_by: datetime
    ready_by_local_time: str
    energy_estimated: bool
    may_charge_peak: bool
    charging_mode: ChargingMode
    target_soc_pct: float | None = None
    vehicle_id: str | None = None


class AxlePlug(Struct, frozen=True):
    """The plug state Axle acknowledged: plugged in with this session, or (``session_id`` None) plugged out."""

    session_id: str | None = None


class AxleRefusal(Struct, frozen=True):
    """A call that Axle refused for good (400, 404, 422), with Axle's own text and the refused value."""

    call: str
    status: int
    detail: str
    fingerprint: str
    at: datetime


AxleSubject = Literal["tariff", "intent", "plug", "charging_rate", "charge_now"]


class AxleDoubt(Struct, frozen=True):
    """A value that was sent without an answer: Axle may have it or not.

    ``session_id`` is that of a plug-in; None for a plug-out and all else.
    """

    subject: AxleSubject
    session_id: str | None = None


class AxleCallClaim(Struct, frozen=True):
    """A call under way: whose it is, what it reports, and until when no other instance may call for this asset."""

    id: str
    since: datetime
    until: datetime
    reports: tuple[AxleDoubt, ...] = ()


class AxleLost(Struct, frozen=True):
    """A digest of what a call without an answer reported. Axle may carry it out until then, also after later calls."""

    reported: AxleDoubt
    value: str
    until: datetime


class AxleState(Struct, frozen=True):
    """What Axle acknowledged and the state of the calls to it. Written by ``axle_sync``.

    ``charging_rate_kw`` is that of the plugged-in car; None if Axle acknowledged the plug-in without it.
    """

    tariff: AxleTariff | None = None
    intent: AxleIntent | None = None
    plug: AxlePlug | None = None
    charging_rate_kw: float | None = None
    charge_now: ChargeNow | None = None
    attempts: int = 0
    retry_at: datetime | None = None
    last_error: str | None = None
    refusals: tuple[AxleRefusal, ...] = ()
    unacknowledged_since: datetime | None = None
    doubts: tuple[AxleDoubt, ...] = ()
    lost: tuple[AxleLost, ...] = ()
    call_claim: AxleCallClaim | None = None
