"""The plan of an asset as it is kept: the limits ahead, why the car was left alone, and what the driver needs. Pure.

A plan is recorded when something that decides it changes. So the past is read from records, never projected from the
present settings.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Literal

from msgspec import Struct

from driveway.domain.axle_sync.differences import wanted_intent
from driveway.domain.control.desired import is_stop_respected, left_alone
from driveway.domain.schedules.effective_schedule import Source, effective_schedule, reason_of
from driveway.domain.schedules.minimum_soc import minimum_soc_until
from driveway.domain.twin import Twin, Window
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

REACH = timedelta(days=8)
"""How far ahead a plan is recorded. Later than this it is not known what was in force."""

MOST_LIMITS = 200
"""A plan with more limits is recorded up to that many."""

MOST_NEEDS = 8
ENDLESS = datetime.max.replace(tzinfo=UTC)

KnownSource = Literal[Source, "unknown"]
PlanChange = Literal["left_alone", "limits", "needs", "off_peak", "prices", "power_kw", "session"]


class Need(Struct, frozen=True):
    """What the driver needs by one ready-by (aware UTC), as it was known at ``as_of``.

    With a target state of charge ``energy_kwh`` counts from ``as_of`` on, else from the plug-in on.
    """

    ready_by: datetime
    as_of: datetime
    energy_kwh: float
    is_estimated: bool = False
    target_soc_pct: float | None = None


class PlannedLimit(Struct, frozen=True):
    """From ``start_s`` seconds after the plan's time at most ``limit_kw``, decided by ``source``."""

    start_s: int
    limit_kw: float
    source: Source


class Plan(Struct, frozen=True):
    """The plan of an asset from ``at`` (aware UTC) on, as far as ``until``, unless a later plan replaces it.

    Attributes:
        left_alone: why the car was not controlled, whatever the limits say; None where it was.
        off_peak: the off-peak windows of the tariff, and ``pence_per_kwh`` the driver's prices of the day's 48
            half-hours (empty where none are known), both by the wall clock of ``tariff_timezone``.
    """

    at: datetime
    until: datetime
    limits: tuple[PlannedLimit, ...]
    power_kw: float
    timezone: str
    left_alone: Reason | None = None
    needs: tuple[Need, ...] = ()
    session_id: str | None = None
    off_peak: tuple[Window, ...] = ()
    pence_per_kwh: tuple[float, ...] = ()
    tariff_timezone: str = "UTC"


class InForce(Struct, frozen=True):
    """From ``start`` until ``end`` (aware UTC): the limit that was in force and its source.

    ``limit_kw`` is None and ``source`` is ``unknown`` where no record says what was in force.
    """

    start: datetime
    end: datetime
    limit_kw: float | None
    source: KnownSource
    reason: Reason
    left_alone: Reason | None = None


def plan_of(twin: Twin, at: datetime, *, spread_s: int = 0) -> Plan:
    """The plan of the twin from ``at`` (aware UTC) on, in whole seconds, so that edges keep their wall time."""
    at = at.replace(microsecond=0)
    until = at + REACH
    stretches = effective_schedule(twin, at, until, spread_s=spread_s)
    session = twin.presence.session
    if len(stretches) > MOST_LIMITS:
        until = stretches[MOST_LIMITS].start
    return Plan(
        at=at,
        until=until,
        limits=tuple(
            PlannedLimit(round((stretch.start - at).total_seconds()), stretch.limit_kw, stretch.source)
            for stretch in stretches[:MOST_LIMITS]
        ),
        power_kw=twin.link.power_kw,
        timezone=twin.link.timezone,
        left_alone=_left_alone(twin, at),
        needs=tuple(_needs(twin, at)),
        session_id=None if session is None else session.id,
        off_peak=twin.tariff.off_peak,
        pence_per_kwh=twin.tariff.pence_per_kwh,
        tariff_timezone=twin.tariff.timezone,
    )


def _left_alone(twin: Twin, at: datetime) -> Reason | None:
    """Why the car is left alone at ``at``. A lost account stays the reason while a command tries whether it works."""
    if is_stop_respected(twin):
        return Reason.DRIVER_STOP_RESPECTED
    reason = left_alone(twin, at)
    return Reason.PROVIDER_NEEDS_USER if reason is None and twin.presence.needs_user is not None else reason


def _needs(twin: Twin, at: datetime) -> Iterator[Need]:
    since = at
    for _ in range(MOST_NEEDS):
        intent = wanted_intent(twin, since)
        if intent is None or not since < intent.ready_by <= at + REACH:
            return
        energy_kwh = intent.energy_required_kwh
        yield Need(intent.ready_by, at, energy_kwh, intent.energy_estimated, intent.target_soc_pct)
        since = intent.ready_by


def is_plan_changed(before: Twin | None, after: Twin, at: datetime) -> bool:
    """Whether something that decides the plan differs between two states of a twin at ``at`` (aware UTC).

    A new state of charge alone does not count: it changes the estimate at almost every report.
    """
    return before is None or _deciding(before, at) != _deciding(after, at)


def _deciding(twin: Twin, at: datetime) -> tuple[object, ...]:
    session, named = twin.presence.session, twin.presence.vehicle
    return (
        replace(twin.link, leaving_since=None, home=None),
        twin.tariff,
        twin.intent,
        twin.vehicle_intents,
        twin.profiles,
        twin.charge_now,
        None if session is None else session.id,
        None if named is None else named.vehicle_id,
        _left_alone(twin, at),
        minimum_soc_until(twin, session) is not None,
    )


def plan_changes(before: Plan | None, after: Plan) -> tuple[PlanChange, ...]:
    """What differs in a plan from the one before it, of what was still ahead; nothing for the first one."""
    if before is None:
        return ()
    differs: dict[PlanChange, bool] = {
        "left_alone": before.left_alone != after.left_alone,
        "limits": _ahead(before, after.at) != _ahead(after, after.at),
        "needs": _needed(before, after.at) != _needed(after, after.at),
        "off_peak": (before.off_peak, before.tariff_timezone) != (after.off_peak, after.tariff_timezone),
        "prices": before.pence_per_kwh != after.pence_per_kwh,
        "power_kw": before.power_kw != after.power_kw,
        "session": before.session_id != after.session_id,
    }
    return tuple(name for name, is_different in differs.items() if is_different)


def _ahead(plan: Plan, at: datetime) -> list[tuple[datetime, float, str]]:
    """The limits ahead of ``at`` that both of two plans made within a day reach."""
    spans = zip(plan.limits, limit_ends(plan), strict=True)
    reach = at + REACH - timedelta(days=1)
    starts = ((max(at, plan.at + timedelta(seconds=limit.start_s)), end, limit) for limit, end in spans)
    return [(start, limit.limit_kw, limit.source) for start, end, limit in starts if start < min(end, reach)]


def _needed(plan: Plan, at: datetime) -> list[tuple[datetime, float]]:
    reach = at + REACH - timedelta(days=1)
    return [(need.ready_by, need.energy_kwh) for need in plan.needs if at < need.ready_by < reach]


def in_force(plans: Sequence[Plan], start: datetime, end: datetime) -> list[InForce]:
    """The limits in force over ``[start, end)`` (aware UTC) by the plans, contiguous, no two neighbours alike.

    Args:
        plans: those recorded, in order of time. The first may be older than ``start``.
        start: the first instant.
        end: the end of the last part.
    """
    parts: list[InForce] = []
    for part in _parts(plans, start, end):
        if parts and replace(parts[-1], start=part.start, end=part.end) == part:
            parts[-1] = replace(parts[-1], end=part.end)
        else:
            parts.append(part)
    return parts


def _parts(plans: Sequence[Plan], start: datetime, end: datetime) -> Iterator[InForce]:
    if start >= end:
        return
    first = plans[0].at if plans else end
    if start < first:
        yield _unknown(start, min(first, end))
    for plan, following in _with_following(plans):
        since, over = max(plan.at, start), min(end, following.at) if following is not None else end
        if since >= over:
            continue
        yield from _of_plan(plan, since, min(over, plan.until))
        if plan.until < over:
            yield _unknown(max(since, plan.until), over)


def _with_following(plans: Sequence[Plan]) -> Iterator[tuple[Plan, Plan | None]]:
    """Each plan with the one that replaces it; None after the last."""
    yield from zip_longest(plans, plans[1:])


def _of_plan(plan: Plan, since: datetime, until: datetime) -> Iterator[InForce]:
    for limit, ends in zip(plan.limits, limit_ends(plan), strict=True):
        begins = max(since, plan.at + timedelta(seconds=limit.start_s))
        if begins < min(ends, until):
            reason = reason_of(limit.source, limit.limit_kw)
            yield InForce(begins, min(ends, until), limit.limit_kw, limit.source, reason, plan.left_alone)


def limit_ends(plan: Plan) -> list[datetime]:
    """When each limit of a plan ends (aware UTC)."""
    return [*(plan.at + timedelta(seconds=limit.start_s) for limit in plan.limits[1:]), plan.until]


def _unknown(start: datetime, end: datetime) -> InForce:
    return InForce(start, end, None, "unknown", Reason.PLAN_NOT_KEPT)


def energy_allowed_kwh(
    parts: Iterable[InForce], start: datetime, end: datetime, *, power_kw: float, where_unknown: bool
) -> float:
    """The energy (kWh) that the limits let the car take between two instants.

    Where the car was left alone it may take its full power. Where no record says what was in force, it may if
    ``where_unknown``, else nothing.
    """
    total_kwh = 0.0
    for part in parts:
        hours = (min(part.end, end) - max(part.start, start)) / timedelta(hours=1)
        free = where_unknown if part.limit_kw is None else part.left_alone is not None
        total_kwh += max(0.0, hours) * (power_kw if free else min(power_kw, part.limit_kw or 0.0))
    return total_kwh


def needs_of(plans: Sequence[Plan], start: datetime, end: datetime | None) -> list[Need]:
    """What the driver needed of a session that was plugged in from ``start`` until ``end`` (None: it still is), by
    departure in order.

    Each has the values of the plan in force at its ready-by, as the driver may have changed them. Without a ready-by in
    the session it is the first one ahead of its end: an unplug does not remove it.
    """
    made = [(plan, following) for plan, following in _with_following(plans) if end is None or plan.at < end]
    reached = [
        need
        for plan, following in made
        for need in plan.needs
        if max(start, plan.at) < need.ready_by <= _last(end, following)
    ]
    if reached or end is None or not made:
        return reached
    ahead = next((need for need in made[-1][0].needs if need.ready_by > max(start, end)), None)
    return [] if ahead is None else [ahead]


def _last(end: datetime | None, following: Plan | None) -> datetime:
    """The last instant at which a plan was in force in a session that ended at ``end``."""
    bounds = [bound for bound in (end, following.at if following is not None else None) if bound is not None]
    return min(bounds, default=ENDLESS)
