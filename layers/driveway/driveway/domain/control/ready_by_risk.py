"""The ready-by guard: it notices in time that the car will not have enough energy at the departure. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from driveway.domain.axle_sync.differences import wanted_intent
from driveway.domain.control.desired import is_stop_respected
from driveway.domain.control.required_command import is_full, observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.preferences.charge_now import ESCALATION
from driveway.domain.schedules.effective_schedule import effective_schedule
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import AxleIntent, ChargeNow, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason, local_hhmm

SHORTFALL_KWH = 0.5
LOOK_EVERY = timedelta(minutes=30)
LONGEST_CHARGE_NOW = timedelta(hours=24)


def with_ready_by_guard(twin: Twin, now: datetime, schedule: ScheduleWindow, rules: ControlRules) -> Twin:
    """The twin with a warning (once a departure) if the plan delivers less than was asked for.

    With ``rules.escalate`` the car also charges at once, until it has the missing energy or until the departure.
    """
    link = twin.link
    if twin.presence.session is None or not link.enrolled or link.leaving or link.snoozed_until is not None:
        return twin
    if twin.charge_now is not None or twin.control.released_by_operator_at is not None or is_stop_respected(twin):
        return twin
    intent = wanted_intent(twin, now)
    if intent is None or twin.control.at_risk_for == intent.ready_by:
        return twin
    shortfall_kwh = expected_shortfall_kwh(twin, intent, now, schedule, rules)
    if shortfall_kwh <= SHORTFALL_KWH:
        return twin
    by = local_hhmm(intent.ready_by, link.timezone)
    text = f"By {by} about {shortfall_kwh:.1f} kWh of the energy that you asked for will be missing."
    detail = {"shortfall_kwh": round(shortfall_kwh, 1), "ready_by": intent.ready_by.isoformat()}
    warned = replace(twin, control=replace(twin.control, at_risk_for=intent.ready_by)).tell(
        Entry(now, Event.READY_BY_AT_RISK, Reason.READY_BY_AT_RISK, text, detail)
    )
    if not rules.escalate:
        return warned
    session_wh = twin.meter.session_wh(twin.presence.session.id)
    charge_now = ChargeNow(
        id=f"{ESCALATION}{intent.ready_by.isoformat()}",
        started_at=now,
        until=min(intent.ready_by, now + LONGEST_CHARGE_NOW),
        kwh=round(remaining_kwh(twin, intent), 3),
        metered_wh=session_wh,
    )
    entry = Entry(now, Event.CHARGE_NOW_SET, Reason.READY_BY_ESCALATION, "It charges at once, to be ready in time.")
    return replace(warned, charge_now=charge_now).tell(entry)


def expected_shortfall_kwh(
    twin: Twin, intent: AxleIntent, now: datetime, schedule: ScheduleWindow, rules: ControlRules
) -> float:
    """The energy (kWh) that will be missing at the departure if the plan is carried out; never negative.

    A car that does not charge and is left alone after failed commands is not expected to charge before that is over.
    """
    if is_full(twin):
        return 0.0
    since, by = now, intent.ready_by
    if twin.control.breaker_until is not None and not observed_state_matches(twin, "start"):
        since = max(now, twin.control.breaker_until)
    if by <= schedule.stretches[-1].end:
        parts = schedule.stretches
    else:
        parts = effective_schedule(twin, now, by, spread_s=rules.default_spread_s)
    spans = ((part.limit_kw, (min(part.end, by) - max(part.start, since)).total_seconds()) for part in parts)
    deliverable_kwh = sum(limit_kw * max(0.0, span_s) / 3600 for limit_kw, span_s in spans)
    return max(0.0, remaining_kwh(twin, intent) - deliverable_kwh)


def remaining_kwh(twin: Twin, intent: AxleIntent) -> float:
    """The energy (kWh) of the request that is still missing; a target counts from the present state of charge."""
    required_kwh = intent.energy_required_kwh
    if intent.target_soc_pct is None and twin.presence.session is not None:
        required_kwh -= twin.meter.session_wh(twin.presence.session.id) / 1000
    return max(0.0, required_kwh)


def next_risk_look(twin: Twin, now: datetime) -> datetime | None:
    """When to compare the delivered energy with the needed energy again: at the next UTC half-hour of a session."""
    if twin.presence.session is None:
        return None
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return next(at for n in range(1, 4) if (at := hour + n * LOOK_EVERY) > now)
