"""What is answered of an asset's sessions. The documented schemas are derived from these values."""

from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.metering.pieces import Quality
from driveway.domain.schedules.effective_schedule import Source
from driveway.domain.sessions.plan import KnownSource, PlanChange
from driveway.domain.twin.reasons import Reason
from driveway.runtime.answer_types import AppId, ConnectPath, Instant, Kwh, VerdictName
from driveway.status.command_runs import SessionCommand
from driveway.status.entries import TimelineEntry
from driveway.status.measured import MeasuredSample, OffPeakSpan

ReadyBy = Annotated[Instant, Meta(description="The departure.")]
Wanted = Annotated[float, Meta(ge=0, description="What was asked for.")]
IsEstimated = Annotated[bool, Meta(description="Whether that is an estimate.")]
Target = Annotated[float | None, Meta(description="The state of charge that was asked for.")]
VerdictText = Annotated[str, Meta(description="The verdict in a sentence.")]
LimitStart = Annotated[Instant, Meta(description="Inclusive.")]
LimitEnd = Annotated[Instant, Meta(description="Exclusive.")]


class SessionSummary(Struct, frozen=True, kw_only=True):
    """A session in a list, or a night without one."""

    session: Annotated[str | None, Meta(description="The session's id; null in a night without one.")]
    plugged_in_at: Annotated[Instant | None, Meta(description="When the car was plugged in.")]
    opened_at: Annotated[Instant | None, Meta(description="When it was known to be plugged in at home.")]
    closed_at: Annotated[Instant | None, Meta(description="When it was unplugged; null while the session runs.")]
    vehicle_id: Annotated[str | None, Meta(description="The car that the app named.")]
    energy_kwh: Annotated[Kwh | None, Meta(description="What the session took so far.")]
    ready_by: Annotated[Instant | None, Meta(description="The departure that the verdict is about.")]
    verdict: VerdictName
    text: VerdictText
    connect: ConnectPath | UnsetType = UNSET


class NightOfAsset(SessionSummary, frozen=True, kw_only=True):
    """A session of a night, or a night without one."""

    night: Annotated[date, Meta(description="The local date on which the night begins.")]


class Sessions(Struct, frozen=True, kw_only=True):
    """A week of nights, newest first."""

    timezone: Annotated[str, Meta(description="The site's zone, in which nights are counted.")]
    sessions: list[NightOfAsset]
    next: Annotated[date | None, Meta(description="Give it as `before` for the next page; null at the end.")]


class Departure(Struct, frozen=True, kw_only=True):
    """A departure of a session and its verdict."""

    ready_by: ReadyBy | None
    wanted_kwh: Wanted | None
    is_estimated: IsEstimated | None
    target_soc_pct: Target
    got_kwh: Annotated[Kwh, Meta(description="What the car had taken by then.")]
    missing_kwh: Annotated[Kwh, Meta(description="What was missing.")]
    missing_by_cause_kwh: Annotated[dict[str, Kwh], Meta(description="What was missing, by verdict.")]
    verdict: VerdictName
    text: VerdictText


class SessionHalfHour(Struct, frozen=True, kw_only=True):
    """A half-hour of a session."""

    start: Annotated[Instant, Meta(description="When it begins.")]
    energy_kwh: Annotated[Kwh | None, Meta(description="What the session took; null: not measured.")]
    quality: Quality | None
    flags: Annotated[list[str], Meta(description="See the readings of the asset.")]
    axle_accepted_kwh: Annotated[Kwh | None, Meta(description="What Axle accepted.")]
    axle_rejected: Annotated[str | None, Meta(description="Axle's own words.")]


class SessionEnergy(Struct, frozen=True, kw_only=True):
    """What a session took, by plan and by tariff."""

    in_plan_kwh: Annotated[Kwh, Meta(description="Within the limits in force.")]
    out_of_plan_kwh: Annotated[Kwh, Meta(description="Beyond them.")]
    off_peak_kwh: Annotated[Kwh, Meta(description="In the off-peak windows.")]
    peak_kwh: Annotated[Kwh, Meta(description="Outside of them.")]


class SessionCost(Struct, frozen=True, kw_only=True):
    """What the energy of a session cost the driver."""

    pence: Annotated[float | None, Meta(description="By the driver's prices; null where the app gave none.")]
    at_once_pence: Annotated[float | None, Meta(description="The same energy at full power from the plug-in on.")]


class LimitInForce(Struct, frozen=True, kw_only=True):
    """The limit that was in force for a time, or that it is not known."""

    start: LimitStart
    end: LimitEnd
    limit_kw: Annotated[Kwh | None, Meta(description="0 holds; null: not known.")]
    source: KnownSource
    reason: Reason
    left_alone: Reason | None


class PlannedLimit(Struct, frozen=True, kw_only=True):
    """A limit of a plan."""

    start: LimitStart
    end: LimitEnd
    limit_kw: Annotated[float, Meta(ge=0, description="0 holds.")]
    source: Source


class PlannedNeed(Struct, frozen=True, kw_only=True):
    """What a plan had to deliver by a departure."""

    ready_by: ReadyBy
    energy_kwh: Wanted
    is_estimated: IsEstimated
    target_soc_pct: Target


class SessionPlan(Struct, frozen=True, kw_only=True):
    """A plan as it was made."""

    at: Annotated[Instant, Meta(description="When it was made.")]
    changed: Annotated[
        list[PlanChange],
        Meta(description="What differs from the plan before it."),
    ]
    left_alone: Reason | None
    needs: Annotated[list[PlannedNeed], Meta(description="What was needed by each departure.")]
    limits: Annotated[list[PlannedLimit], Meta(description="Contiguous, ascending.")]


class Session(SessionSummary, frozen=True, kw_only=True):
    """A session whole: wanted, got, planned, commanded, and the verdict."""

    asset: AppId
    timezone: Annotated[str, Meta(description="The site's zone.")]
    asked_at: Annotated[Instant, Meta(description="When this was answered.")]
    soc_pct: Annotated[float | None, Meta(description="The latest state of charge in the session.")]
    battery_full: Annotated[bool | None, Meta(description="Whether it was full, or at its charge limit.")]
    charge_limit_pct: Annotated[float | None, Meta(description="The charge limit in the car.")]
    departures: Annotated[list[Departure], Meta(description="Each departure of the session and its verdict.")]
    half_hours: Annotated[list[SessionHalfHour], Meta(description="From the plug-in on.")]
    energy: SessionEnergy
    cost: SessionCost
    completeness: Annotated[float, Meta(ge=0, le=1, description="Half-hours that were measured over all, 0 to 1.")]
    off_peak: Annotated[list[OffPeakSpan], Meta(description="By the tariff of each time.")]
    measured: Annotated[
        list[MeasuredSample],
        Meta(
            description="Power and state of charge, at most one of each in five minutes. Samples are kept for 30 days."
        ),
    ]
    in_force: Annotated[
        list[LimitInForce],
        Meta(
            description="The limit in force over time, contiguous, up to the end of the session, or to the departure "
            "ahead."
        ),
    ]
    plans: Annotated[
        list[SessionPlan],
        Meta(description="Every plan as it was made, up to the last departure, in order of time."),
    ]
    commands: Annotated[
        list[TimelineEntry], Meta(description="What was commanded and what came of it, in order of time.")
    ]
    command_runs: Annotated[
        list[SessionCommand], Meta(description="The same by command: its attempts, its outcome and its delays.")
    ]
    warnings: Annotated[list[TimelineEntry], Meta(description="What the driver was warned of, in order of time.")]


ANSWERS = (Sessions, Session)
