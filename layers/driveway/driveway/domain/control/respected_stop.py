"""A stop that we did not cause while the car should charge: we undo it once, and respect it after that. Pure.

A driver's stop in the car and a pause of the car's own arrive as the same bytes. So the first one is undone half an
hour later, or at the next time at which the car should charge, or once a car that was reported unplugged as it stopped
is seen plugged in. The next one in the session counts as the driver's. The
car is then left as it is until it is plugged in again or started in the car, until the driver asks for charging or for
another energy, or until Axle's schedule differs from the one at the stop.
"""

import hashlib
from datetime import datetime, timedelta

from driveway.domain.control.desired import desired_in
from driveway.domain.control.required_command import is_full, last_sent_action
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_schedules import edge_that_switched
from driveway.domain.preferences.charge_now import is_escalation
from driveway.domain.preferences.vehicle_intent import intent_in_force
from driveway.domain.presence.rules import POLLED
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Entry, Observed, Session, Twin, UnaskedStops
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

START_FAILS_WITHIN = timedelta(minutes=2)
"""A car that stops this soon after its start failed to start: no driver is so quick."""

PLUG_OUT_NEAR = timedelta(minutes=2)
"""A plug-out that is reported for a time this near to the stop came with it."""

COMPARED_FOR = timedelta(hours=24)
"""For how long after a stop Axle's schedule is compared with the one at the stop."""

_HOW_TO_GO_ON = "To charge, choose charge now. To be left alone for longer, snooze smart charging."

Intervals = tuple[tuple[datetime, datetime], ...]


def with_unasked_stop(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> Twin:
    """The twin with the stops that we did not cause, as its car's charging shows them at ``now`` (aware UTC)."""
    session, charging = twin.presence.session, twin.presence.charging
    if session is None or charging is None or charging.at < session.opened_at:
        return twin
    known = twin.control.unasked_stops
    stops = known if known is not None and known.session_id == session.id else UnaskedStops(session.id)
    if stops.respected_at is not None:
        return _with(twin, _while_respected(twin, stops, charging, now, rules, schedule))
    if charging.value:
        return _with(twin, _seen_charging(twin, stops, charging, now, schedule))
    if stops.charging_since is None:
        return _with(twin, _with_plug_out(twin, stops))
    if not _is_unasked(twin, session, stops.charging_since, charging, now, rules, schedule):
        return _with(twin, replace(stops, charging_since=None))
    stops = replace(stops, charging_since=None, stopped_at=charging.at)
    respected = rules.respect_stops == "first" or (rules.respect_stops == "second" and stops.undone > 0)
    return _respected(twin, stops, now, schedule) if respected else _with(twin, _with_plug_out(twin, stops))


def _with_plug_out(twin: Twin, stops: UnaskedStops) -> UnaskedStops:
    held = twin.presence.held_plug_out
    if held is None or stops.stopped_at is None or abs(held.reported_at - stops.stopped_at) > PLUG_OUT_NEAR:
        return stops
    return replace(stops, with_plug_out=True)


def _while_respected(
    twin: Twin,
    stops: UnaskedStops,
    charging: Observed,
    now: datetime,
    rules: ControlRules,
    schedule: ScheduleWindow,
) -> UnaskedStops:
    """The stops while one is respected; they are cleared after that. A start by the kept schedule counts as ours."""
    by_schedule = bool(charging.value) and edge_that_switched(twin, charging, rules) is not None
    if by_schedule or (charging.value and stops.charging_since is not None):
        return replace(stops, charging_since=stops.charging_since or charging.at)
    stops = replace(stops, charging_since=None)
    over = _respect_is_over(twin, stops, stops.respected_at or now, now, rules, schedule)
    return UnaskedStops(stops.session_id) if over else stops


def _with(twin: Twin, stops: UnaskedStops) -> Twin:
    known = twin.control.unasked_stops
    of_another_session = known is None or known.session_id != stops.session_id
    if stops == known or (of_another_session and stops == UnaskedStops(stops.session_id)):
        return twin
    return replace(twin, control=replace(twin.control, unasked_stops=stops))


def _seen_charging(
    twin: Twin, stops: UnaskedStops, charging: Observed, now: datetime, schedule: ScheduleWindow
) -> UnaskedStops:
    """The stops once the car charges. If our start undid an open one it counts; without a start it was not a stop."""
    started_at = twin.control.last_start_at
    if stops.stopped_at is not None:
        by_us = started_at is not None and started_at > stops.stopped_at
        stops = replace(stops, stopped_at=None, with_plug_out=False, undone=stops.undone + by_us)
    if desired_in(twin, now, schedule).want != "charge":
        return replace(stops, charging_since=None)
    rejoined_at, since = twin.link.rejoined_at, stops.charging_since
    if since is None or (rejoined_at is not None and since < rejoined_at):
        return replace(stops, charging_since=charging.at)
    return stops


def _may_have_stopped_before_rejoining(twin: Twin, charging_since: datetime, stopped_at: datetime) -> bool:
    """Whether no report since its home joined again showed it charging, and one may have been due only now."""
    rejoined_at = twin.link.rejoined_at
    return rejoined_at is not None and charging_since < rejoined_at and stopped_at < rejoined_at + POLLED


def _is_unasked(
    twin: Twin,
    session: Session,
    charging_since: datetime,
    charging: Observed,
    now: datetime,
    rules: ControlRules,
    schedule: ScheduleWindow,
) -> bool:
    """Whether the car stopped although it should charge, and neither we nor any known cause stopped it."""
    if desired_in(twin, now, schedule).want != "charge" or last_sent_action(twin.control, session) == "stop":
        return False
    if _may_have_stopped_before_rejoining(twin, charging_since, charging.at):
        return False
    fault = twin.presence.charging_fault
    faulty = fault is not None and bool(fault.value) and fault.at >= charging.at
    if is_full(twin) or faulty or edge_that_switched(twin, charging, rules) is not None:
        return False
    started_at = max(charging_since, twin.control.last_start_at or charging_since)
    return charging.at - started_at > START_FAILS_WITHIN


def _respected(twin: Twin, stops: UnaskedStops, now: datetime, schedule: ScheduleWindow) -> Twin:
    """The twin whose car is left as it is from ``now`` on. A charge-now of the ready-by guard ends."""
    noted = replace(
        stops,
        stopped_at=None,
        respected_at=now,
        intent=_intent(twin),
        wanted=_charging_wanted(schedule, now, now + COMPARED_FOR),
    )
    after = _with(twin, noted)
    if twin.charge_now is not None and is_escalation(twin.charge_now):
        text = "We no longer charge early for your ready-by time, because charging was stopped in the car."
        ended = Entry(now, Event.CHARGE_NOW_ENDED, Reason.DRIVER_STOP_RESPECTED, text)
        after = replace(after, charge_now=None).tell(ended)
    what = "twice, and we started it again once" if stops.undone else "once"
    text = f"Charging was stopped in the car {what}. We leave it off until you plug in again. {_HOW_TO_GO_ON}"
    return after.tell(Entry(now, Event.NEEDS_ATTENTION, Reason.DRIVER_STOP_RESPECTED, text))


def _respect_is_over(
    twin: Twin,
    stops: UnaskedStops,
    respected_at: datetime,
    now: datetime,
    rules: ControlRules,
    schedule: ScheduleWindow,
) -> bool:
    charge_now = twin.charge_now
    if charge_now is not None and not is_escalation(charge_now) and charge_now.started_at >= respected_at:
        return True
    if rules.respect_stops == "never" or _intent(twin) != stops.intent or _started_by_others(twin, respected_at):
        return True
    if not any(installed.received_at > respected_at for installed in twin.profiles):
        return False
    until = respected_at + COMPARED_FOR
    return _charging_wanted(schedule, now, until) != _clipped(stops.wanted, now, until)


def _started_by_others(twin: Twin, respected_at: datetime) -> bool:
    """Whether the car charges although we did not start it since: the driver wants it to charge again."""
    charging, started_at = twin.presence.charging, twin.control.last_start_at
    if charging is None or not charging.value or charging.at <= respected_at:
        return False
    return started_at is None or started_at <= respected_at


def _intent(twin: Twin) -> str:
    """A short text of the intent in force: equal for equal intents, whatever the order of their weekdays and dates."""
    intent = intent_in_force(twin).intent
    days = (sorted(intent.ready_by.items()), sorted(intent.exceptions.items()))
    return hashlib.sha256(repr((days, replace(intent, ready_by={}, exceptions={}))).encode()).hexdigest()[:16]


def _charging_wanted(schedule: ScheduleWindow, since: datetime, until: datetime) -> Intervals:
    """The times at which the car should charge, by the schedule alone."""
    spans: list[tuple[datetime, datetime]] = []
    for part in schedule.stretches:
        if part.limit_kw <= 0:
            continue
        if spans and spans[-1][1] == part.start:
            spans[-1] = (spans[-1][0], part.end)
        else:
            spans.append((part.start, part.end))
    return _clipped(tuple(spans), since, until)


def _clipped(spans: Intervals, since: datetime, until: datetime) -> Intervals:
    return tuple((max(start, since), min(end, until)) for start, end in spans if end > since and start < until)
