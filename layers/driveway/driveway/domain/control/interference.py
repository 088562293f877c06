"""Charging outside the plan that the driver or another system started: we respect it. Pure."""

from datetime import datetime

from driveway.domain.control.desired import desired_in
from driveway.domain.control.required_command import last_sent_action
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_schedules import edge_that_switched
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Entry, Observed, Session, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace


def with_interference(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> Twin:
    """The twin with a note of charging that began although the plan held the car, it was seen to hold, and we sent no
    start.

    Every car begins to charge when it is plugged in, so that does not count. Charging that begins with an off-peak
    window does not count either while the car keeps our default schedule.
    """
    session, charging, control = twin.presence.session, twin.presence.charging, twin.control
    if not rules.respect_interference or session is None:
        return twin
    if desired_in(twin, now, schedule).want != "hold" or last_sent_action(control, session) == "start":
        return _seen_to_hold(twin, None)
    if charging is None or charging.at < session.opened_at:
        return twin
    if not charging.value:
        # What was seen before our last start does not show that the car holds after it.
        outdated = control.last_start_at is not None and charging.at < control.last_start_at
        return twin if outdated else _seen_to_hold(twin, session.id)
    seen_to_hold = control.hold_observed_session == session.id
    return _judged(twin, session, charging, now, rules) if seen_to_hold else twin


def _judged(twin: Twin, session: Session, charging: Observed, now: datetime, rules: ControlRules) -> Twin:
    """The twin of a car that charges after it was seen to hold."""
    if not _began_later(twin, session, charging, rules):
        return twin
    if edge_that_switched(twin, charging, rules) is not None:
        # Charging that goes on does not count either: the car has to be seen to hold first.
        return _seen_to_hold(twin, None)
    noted = replace(twin.control, interference=session.id, interference_at=now, hold_observed_session=None)
    text = "Your car charges outside the plan. You or another app started it, so we let it go on."
    return replace(twin, control=noted).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.THIRD_PARTY_INTERFERENCE, text, {"session_id": session.id})
    )


def _seen_to_hold(twin: Twin, session_id: str | None) -> Twin:
    control = twin.control
    return (
        twin
        if control.hold_observed_session == session_id
        else replace(twin, control=replace(control, hold_observed_session=session_id))
    )


def _began_later(twin: Twin, session: Session, charging: Observed, rules: ControlRules) -> bool:
    """Whether charging began long after the plug-in or after our confirmed stop, so it has another cause."""
    command = twin.control.command
    stopped = command is not None and command.action == "stop" and command.state == "confirmed"
    return stopped or charging.at >= session.opened_at + rules.interference_grace
