"""The limits and the plans of a session from outside."""

from datetime import datetime, timedelta

from driveway.domain.sessions.plan import InForce, Plan, limit_ends, plan_changes
from driveway.runtime.answer_types import utc
from driveway.status.session_answers import LimitInForce, PlannedLimit, PlannedNeed, SessionPlan


def limit_in_force(part: InForce) -> LimitInForce:
    """The limit that was in force for a time, or that it is not known."""
    return LimitInForce(
        start=utc(part.start),
        end=utc(part.end),
        limit_kw=part.limit_kw,
        source=part.source,
        reason=part.reason,
        left_alone=part.left_alone,
    )


def session_plan(before: Plan | None, plan: Plan, reach: datetime) -> SessionPlan:
    """A plan as far as the session's last departure (aware UTC), and what it changed."""
    starts = [plan.at + timedelta(seconds=limit.start_s) for limit in plan.limits]
    return SessionPlan(
        at=utc(plan.at),
        changed=list(plan_changes(before, plan)),
        left_alone=plan.left_alone,
        needs=[
            PlannedNeed(
                ready_by=utc(need.ready_by),
                energy_kwh=need.energy_kwh,
                is_estimated=need.is_estimated,
                target_soc_pct=need.target_soc_pct,
            )
            for need in plan.needs
            if need.ready_by <= reach
        ],
        limits=[
            PlannedLimit(start=utc(start), end=utc(end), limit_kw=limit.limit_kw, source=limit.source)
            for start, limit, end in zip(starts, plan.limits, limit_ends(plan), strict=True)
            if start < reach
        ],
    )
