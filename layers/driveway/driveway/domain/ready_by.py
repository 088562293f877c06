"""Whether the driver will have what was asked for at the departure, noticed while there is still time. Pure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from driveway.domain.axle_sync import wanted_intent
from driveway.domain.effective_schedule import effective_schedule
from driveway.domain.reasons import Reason, local_hhmm
from driveway.domain.twin import AxleIntent, ChargeNow, Entry, Twin

SHORTFALL_KWH = 0.5
LOOK_EVERY = timedelta(minutes=30)
LONGEST_BOOST = timedelta(hours=24)


def with_ready_by_guard(twin: Twin, now: datetime, *, escalate: bool, spread_s: int = 0) -> Twin:
    """The twin with a warning (once a departure) if the plan delivers less than was asked for.

    With ``escalate`` the car also charges at once, until the departure.
    """
    if twin.presence.session is None or not twin.link.enrolled or twin.link.snoozed_until is not None:
        return twin
    intent = wanted_intent(twin, now)
    if intent is None or twin.control.at_risk_for == intent.ready_by or twin.charge_now is not None:
        return twin
    shortfall_kwh = expected_shortfall_kwh(twin, intent, now, spread_s=spread_s)
    if shortfall_kwh <= SHORTFALL_KWH:
        return twin
    by = local_hhmm(intent.ready_by, twin.link.timezone)
    text = f"By {by} about {shortfall_kwh:.1f} kWh of what was asked for will be missing."
    detail = {"shortfall_kwh": round(shortfall_kwh, 1), "ready_by": intent.ready_by.isoformat()}
    warned = replace(twin, control=replace(twin.control, at_risk_for=intent.ready_by)).tell(
        Entry(now, "ReadyByAtRisk", Reason.READY_BY_AT_RISK, text, detail)
    )
    if not escalate:
        return warned
    boost = ChargeNow(f"ready-by-{intent.ready_by.isoformat()}", now, min(intent.ready_by, now + LONGEST_BOOST))
    entry = Entry(now, "ChargeNowSet", Reason.READY_BY_ESCALATION, "It charges at once, to be ready in time.")
    return replace(warned, charge_now=boost).tell(entry)


def expected_shortfall_kwh(twin: Twin, intent: AxleIntent, now: datetime, *, spread_s: int = 0) -> float:
    """The energy (kWh) that will be missing at the departure if the plan is carried out; never negative."""
    remaining_kwh = intent.energy_required_kwh
    if intent.target_soc_pct is None and twin.meter.session_started_wh is not None:
        remaining_kwh -= (twin.meter.total_wh - twin.meter.session_started_wh) / 1000
    ahead = effective_schedule(twin, now, intent.ready_by, spread_s=spread_s) if intent.ready_by > now else []
    deliverable_kwh = sum(part.limit_kw * (part.end - part.start).total_seconds() / 3600 for part in ahead)
    return max(0.0, remaining_kwh - deliverable_kwh)


def next_risk_look(twin: Twin, now: datetime) -> datetime | None:
    """When to compare delivered with needed again: at the next UTC half-hour of a session."""
    if twin.presence.session is None:
        return None
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return next(at for n in range(1, 4) if (at := hour + n * LOOK_EVERY) > now)
