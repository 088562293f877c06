"""The ready-by guard: the forecast for a departure, and a warning in time if too little will be delivered. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.axle_sync.differences import wanted_intent
from driveway.domain.control.desired import is_stop_respected
from driveway.domain.control.obstacles import ADVICE, Obstacle, follows, is_account_lost, room_kwh
from driveway.domain.control.required_command import is_full, observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.preferences.charge_now import ESCALATION
from driveway.domain.schedules.effective_schedule import Stretch, effective_schedule
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import AxleIntent, ChargeNow, Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason, local_hhmm
from driveway.values import replace

SHORTFALL_KWH = 0.5
"""A shortfall up to this is no risk."""

SAFE_KWH = 0.25
"""A warning is taken back once no more than this is missing."""

GROWS_BY_KWH = 2.0
"""A warning is given again once the shortfall has grown by this much."""

INFINITE_KWH = 1e6
PLAIN = timedelta(hours=18)
"""A departure that is nearer than this is named by its time alone."""

TOLERATED = timedelta(minutes=10)
"""How long after a threshold can be crossed the energy is compared: a report may be on its way."""

LONGEST_CHARGE_NOW = timedelta(hours=24)


class Forecast(Struct, frozen=True):
    """What the car will have at its next departure if the plan is carried out (kWh), and what will be missing.

    ``certain_kwh`` is the part of it that a late meter reading cannot explain. ``obstacle`` is what keeps the car from
    taking what the plan offers; None: nothing is known to.
    """

    as_of: datetime
    ready_by: datetime
    wanted_kwh: float
    missing_kwh: float
    certain_kwh: float
    obstacle: Obstacle | None = None

    def by(self, timezone: str) -> str:
        """The wall time of the departure in an IANA zone, with its day if that is not plain."""
        day = f" on {self.ready_by.astimezone(ZoneInfo(timezone)):%A}" if self.ready_by - self.as_of > PLAIN else ""
        return f"{local_hhmm(self.ready_by, timezone)}{day}"

    def text(self, timezone: str) -> str:
        """A sentence for the driver."""
        by = self.by(timezone)
        if self.missing_kwh > SHORTFALL_KWH:
            return f"By {by} about {self.missing_kwh:.1f} kWh will be missing. {ADVICE[self.obstacle]}"
        if self.obstacle is None:
            return f"By {by} your car will have what you asked for."
        return f"By {by} your car will have what you asked for, if it follows our commands again."


def forecast(twin: Twin, now: datetime, schedule: ScheduleWindow, rules: ControlRules) -> Forecast | None:
    """The forecast for a plugged-in car that takes part and has a departure ahead; None for any other."""
    link = twin.link
    if twin.presence.session is None or not link.enrolled or link.leaving or link.snoozed_until is not None:
        return None
    if twin.control.released_by_operator_at is not None:
        return None
    intent = wanted_intent(twin, now)
    if intent is None:
        return None
    by_plan_kwh = _missing_by_plan_kwh(twin, intent, now, schedule, rules)
    by_limit_kwh = _missing_by_limit_kwh(twin, intent)
    missing_kwh = max(by_plan_kwh, by_limit_kwh)
    # While energy flows, the state of charge is newer than the metered energy.
    flows = observed_state_matches(twin, "start")
    certain_kwh = by_plan_kwh if flows else missing_kwh
    obstacle = _obstacle(twin, now, is_limit=missing_kwh > by_plan_kwh)
    return Forecast(now, intent.ready_by, intent.energy_required_kwh, missing_kwh, certain_kwh, obstacle)


def _obstacle(twin: Twin, now: datetime, *, is_limit: bool) -> Obstacle | None:
    if is_account_lost(twin):
        return Obstacle.ACCOUNT
    if is_limit:
        return Obstacle.LIMIT
    return None if follows(twin, now) else Obstacle.CAR


def with_ready_by_guard(twin: Twin, now: datetime, schedule: ScheduleWindow, rules: ControlRules) -> Twin:
    """The twin with a warning if the plan delivers less than was asked for.

    The warning is given once, again if the shortfall grows by ``GROWS_BY_KWH``, and taken back when it is over. With
    ``rules.escalate`` the car also charges at once, until it has the missing energy or until the departure; once for
    each departure, so that a driver who ends it is not overruled.
    """
    expected = forecast(twin, now, schedule, rules)
    if expected is None or is_stop_respected(twin):
        return twin
    warned_kwh = _warned_kwh(twin, expected)
    if warned_kwh > 0 and expected.missing_kwh <= SAFE_KWH:
        return _taken_back(twin, expected, now)
    if expected.certain_kwh <= (warned_kwh + GROWS_BY_KWH if warned_kwh > 0 else SHORTFALL_KWH):
        return twin
    return _warned(twin, expected, now, rules)


def _warned_kwh(twin: Twin, expected: Forecast) -> float:
    """The shortfall of the warning that stands for this departure; 0 where none does."""
    return twin.control.at_risk_kwh if twin.control.at_risk_for == expected.ready_by else 0.0


def _taken_back(twin: Twin, expected: Forecast, now: datetime) -> Twin:
    by = expected.by(twin.link.timezone)
    text = f"By {by} your car will have the {expected.wanted_kwh:.1f} kWh that you asked for, after all."
    return replace(twin, control=replace(twin.control, at_risk_kwh=0.0)).tell(
        Entry(now, Event.READY_BY_SAFE, Reason.READY_BY_SAFE, text, {"ready_by": expected.ready_by.isoformat()})
    )


def _warned(twin: Twin, expected: Forecast, now: datetime, rules: ControlRules) -> Twin:
    link, ready_by = twin.link, expected.ready_by
    by = expected.by(link.timezone)
    missing = f"{expected.missing_kwh:.1f} kWh of the energy that you asked for"
    text = f"By {by} about {missing} will be missing. {ADVICE[expected.obstacle]}"
    detail = {"shortfall_kwh": round(expected.missing_kwh, 1), "ready_by": ready_by.isoformat()}
    control = replace(twin.control, at_risk_for=ready_by, at_risk_kwh=expected.missing_kwh)
    warned = replace(twin, control=control).tell(
        Entry(now, Event.READY_BY_AT_RISK, Reason.READY_BY_AT_RISK, text, detail)
    )
    intent, session = wanted_intent(twin, now), twin.presence.session
    escalated = twin.control.at_risk_for == ready_by or twin.charge_now is not None
    if not rules.escalate or escalated or intent is None or session is None or expected.obstacle is Obstacle.LIMIT:
        return warned
    charge_now = ChargeNow(
        id=f"{ESCALATION}{ready_by.isoformat()}",
        started_at=now,
        until=min(ready_by, now + LONGEST_CHARGE_NOW),
        kwh=round(remaining_kwh(twin, intent), 3),
        metered_wh=twin.meter.session_wh(session.id),
    )
    text = "It charges at once, to be ready in time."
    detail = {"by": "driveway", "until": charge_now.until.isoformat(), "kwh": charge_now.kwh}
    entry = Entry(now, Event.CHARGE_NOW_SET, Reason.READY_BY_ESCALATION, text, detail)
    return replace(warned, charge_now=charge_now).tell(entry)


def expected_shortfall_kwh(
    twin: Twin, intent: AxleIntent, now: datetime, schedule: ScheduleWindow, rules: ControlRules
) -> float:
    """The energy (kWh) that will be missing at the departure if the plan is carried out; never negative.

    A car that does not charge and is left alone after failed commands is not expected to charge before that is over,
    one whose account is lost not at all, and none beyond the charge limit in the car.
    """
    return max(_missing_by_plan_kwh(twin, intent, now, schedule, rules), _missing_by_limit_kwh(twin, intent))


def _missing_by_limit_kwh(twin: Twin, intent: AxleIntent) -> float:
    room = room_kwh(twin)
    return 0.0 if room is None else max(0.0, remaining_kwh(twin, intent) - room)


def _missing_by_plan_kwh(
    twin: Twin, intent: AxleIntent, now: datetime, schedule: ScheduleWindow, rules: ControlRules
) -> float:
    if is_full(twin):
        return 0.0
    deliverable_kwh = _deliverable_kwh(twin, intent.ready_by, now, schedule, rules)
    return max(0.0, remaining_kwh(twin, intent) - deliverable_kwh)


def _deliverable_kwh(twin: Twin, by: datetime, now: datetime, schedule: ScheduleWindow, rules: ControlRules) -> float:
    since = now
    if is_account_lost(twin):
        return 0.0
    if twin.control.breaker_until is not None and not observed_state_matches(twin, "start"):
        since = max(now, twin.control.breaker_until)
    if by <= schedule.stretches[-1].end:
        parts = schedule.stretches
    else:
        parts = effective_schedule(twin, now, by, spread_s=rules.default_spread_s)
    spans = ((part.limit_kw, (min(part.end, by) - max(part.start, since)).total_seconds()) for part in parts)
    return sum(limit_kw * max(0.0, span_s) / 3600 for limit_kw, span_s in spans)


def remaining_kwh(twin: Twin, intent: AxleIntent) -> float:
    """The energy (kWh) of the request that is still missing; a target counts from the present state of charge."""
    required_kwh = intent.energy_required_kwh
    if intent.target_soc_pct is None and twin.presence.session is not None:
        required_kwh -= twin.meter.session_wh(twin.presence.session.id) / 1000
    return max(0.0, required_kwh)


def start_by(twin: Twin, now: datetime) -> datetime | None:
    """When the car has to start at the latest, to have what was asked for by its next departure (aware UTC)."""
    intent = wanted_intent(twin, now)
    if intent is None:
        return None
    return intent.ready_by - timedelta(hours=remaining_kwh(twin, intent) / twin.link.power_kw)


def next_risk_look(twin: Twin, now: datetime, schedule: ScheduleWindow, rules: ControlRules) -> datetime | None:
    """When to compare the energy with what is needed again (aware UTC); None without a departure ahead.

    That is the instant at which a car that takes nothing from now on is short by so much that it is worth a warning, or
    another one; the departure at the latest, because then the next one counts. A report or a new plan changes the twin,
    which is compared at once.
    """
    expected = forecast(twin, now, schedule, rules)
    if expected is None:
        return None
    warned_kwh = _warned_kwh(twin, expected)
    limit_kwh = warned_kwh + GROWS_BY_KWH if warned_kwh > 0 else SHORTFALL_KWH
    spare_kwh = limit_kwh - _balance_kwh(twin, now, schedule, rules)
    at = _spent_at(schedule.stretches, now, expected.ready_by, spare_kwh)
    return expected.ready_by if at is None else min(expected.ready_by, max(now, at) + TOLERATED)


def _balance_kwh(twin: Twin, now: datetime, schedule: ScheduleWindow, rules: ControlRules) -> float:
    """The missing energy (kWh); negative by what the plan delivers beyond the need."""
    intent = wanted_intent(twin, now)
    if intent is None or is_full(twin):
        return -INFINITE_KWH
    return remaining_kwh(twin, intent) - _deliverable_kwh(twin, intent.ready_by, now, schedule, rules)


def _spent_at(stretches: Sequence[Stretch], now: datetime, until: datetime, spare_kwh: float) -> datetime | None:
    """When the plan has offered more than ``spare_kwh`` from ``now`` on; None if it does not until then."""
    for part in stretches:
        start, end = max(part.start, now), min(part.end, until)
        if start >= end or not part.limit_kw:
            continue
        offered_kwh = part.limit_kw * ((end - start) / timedelta(hours=1))
        if offered_kwh > spare_kwh:
            return start + timedelta(hours=max(0.0, spare_kwh) / part.limit_kw)
        spare_kwh -= offered_kwh
    return None
