"""Charge control: the next step from the twin and the time. Pure.

``step`` lets time act, judges the command under way by observations of the car, and plans the next command if the
desired and the observed state differ. ``control_due`` gives the time of the next reconcile. A command is planned, sent,
and then confirmed by an observation, or failed, superseded or expired; every open state has a time that leaves it.
"""

from datetime import datetime

from driveway.domain.control.account_trial import next_hourly_trial
from driveway.domain.control.charge_test import charge_test_due, with_charge_test
from driveway.domain.control.command_lifecycle import judged, planned
from driveway.domain.control.command_states import OPEN
from driveway.domain.control.default_schedule_sync import default_schedule_due, with_default_schedule_sync
from driveway.domain.control.giving_up import with_comeback
from driveway.domain.control.interference import with_interference
from driveway.domain.control.late_stop import with_late_stop_over
from driveway.domain.control.operator_switch import switch_due
from driveway.domain.control.plug_unknown import plug_unknown_due, with_plug_unknown_reported
from driveway.domain.control.protection import guard
from driveway.domain.control.ready_by_risk import next_risk_look, with_ready_by_guard
from driveway.domain.control.release_trials import with_release_trials
from driveway.domain.control.required_command import instruction_due, required_command, schedule_window
from driveway.domain.control.respected_stop import with_unasked_stop
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.trial_start import may_be_held_unplugged
from driveway.domain.control.vehicle_requests import vehicle_request_due, with_vehicle_request
from driveway.domain.presence.observe import presence_due, settle
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.reports.session_energy import sessions_due, with_sessions_reported
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace


def step(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str = "next", spread: float = 0.5) -> Twin:
    """The twin reconciled at ``now`` (aware UTC); the same object when there is nothing to do.

    Args:
        rules: how cars are commanded and protected.
        new_id: the id that a newly planned command gets.
        spread: jitter for pauses, evenly in [0, 1).
    """
    return _looked(twin, now, rules, new_id=new_id, spread=spread)[0]


def control_due(twin: Twin, now: datetime, rules: ControlRules) -> datetime | None:
    """When charge control has to reconcile the twin again (aware UTC); None when nothing is ahead."""
    after, schedule = _looked(twin, now, rules, new_id="next", spread=0.5)
    if after is not twin:
        return now
    due = [
        presence_due(twin.presence),
        sessions_due(twin),
        twin.charge_now.until if twin.charge_now else None,
        twin.link.snoozed_until,
        default_schedule_due(twin, now, rules),
        switch_due(twin, now),
        charge_test_due(twin),
        twin.control.late_stop.until if twin.control.late_stop else None,
        vehicle_request_due(twin, now),
        next_hourly_trial(twin) if twin.presence.needs_user is not None else None,
    ]
    due += _command_due(twin, now, rules, schedule)
    if twin.link.enrolled and not twin.link.leaving and twin.control.released_by_operator_at is None:
        if twin.presence.session is not None or may_be_held_unplugged(twin, now):
            due.append(_next_change(twin, now, rules, schedule))
        due += [next_risk_look(twin, now, schedule, rules), plug_unknown_due(twin, now, schedule)]
    return min((at for at in due if at is not None and at > now), default=None)


def _command_due(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> list[datetime | None]:
    """The times at which the open command needs a reconcile; with none open, when the next one may be sent."""
    command = twin.control.command
    if command is not None and command.state == "planned":
        return [command.confirm_by, command.expires_at, schedule.edge_after(max(now, command.not_before))]
    if command is not None and command.state in OPEN:
        # At the next edge it may be out of date before it is confirmed.
        return [command.confirm_by, schedule.edge_after(now)]
    wanted = required_command(twin, now, rules, schedule)
    held_back = guard(twin, wanted, now, rules) if wanted else None
    return [held_back.until if held_back else None, instruction_due(twin, rules)]


def _next_change(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> datetime | None:
    """When to reconcile because the schedule changes.

    The command for an edge is planned ``ahead`` of it, or ``lead`` before it if something else came first. An edge that
    follows within that time is looked at from the edge before it on.
    """
    edge, ahead = schedule.edge_after(now), rules.ahead(twin.link.asset)
    if edge is None:
        return None
    if now < edge - ahead:
        return edge - ahead
    command = twin.control.command
    is_planned = command is not None and command.state == "planned" and command.not_before == edge
    if now < edge - rules.lead and not is_planned:
        return edge - rules.lead
    following = schedule.edge_after(edge)
    return max(edge, following - ahead) if following is not None else None


def _looked(
    twin: Twin, now: datetime, rules: ControlRules, *, new_id: str, spread: float
) -> tuple[Twin, ScheduleWindow]:
    """The reconciled twin, and the schedule window that was used for it."""
    after = _passed(twin, now)
    schedule = schedule_window(after, now, rules)
    warned = with_ready_by_guard(after, now, schedule, rules)
    if warned.charge_now is not after.charge_now:
        schedule = schedule_window(warned, now, rules)
    after = with_charge_test(warned, now, rules, schedule)
    after = judged(
        with_comeback(with_late_stop_over(after, now), now), now, rules, schedule, new_id=new_id, spread=spread
    )
    after = with_interference(after, now, rules, schedule)
    after = with_unasked_stop(after, now, rules, schedule)
    after = planned(with_release_trials(after, now), now, rules, schedule, new_id=new_id)
    after = with_vehicle_request(after, now, rules, new_id=f"{new_id}-request")
    after = with_plug_unknown_reported(after, now, schedule)
    after = with_default_schedule_sync(after, now, rules, new_id=f"{new_id}-default")
    return (twin if after == twin else after), schedule


def _passed(twin: Twin, now: datetime) -> Twin:
    """The twin once time has acted: a held plug-out counts, a session is reported, a charge-now or a snooze ends.

    The entry of a snooze that is over has the time of its end, so that it stands before what followed from it.
    """
    settled = settle(twin.presence, now=now)
    after = apply_presence_step(twin, settled) if settled.changed else twin
    after = with_sessions_reported(after, now)
    charge_now = after.charge_now
    if charge_now is not None and (
        now >= charge_now.until or _unplugged_since(after, charge_now.started_at) or _charge_now_filled(after)
    ):
        text = "Charge now is over. The plan goes on."
        after = replace(after, charge_now=None).tell(Entry(now, Event.CHARGE_NOW_ENDED, Reason.CHARGE_NOW_ENDED, text))
    until = after.link.snoozed_until
    if until is not None and now >= until:
        text = "The snooze is over. Smart charging goes on."
        link = replace(after.link, snoozed_until=None)
        after = replace(after, link=link).tell(Entry(until, Event.SNOOZE_ENDED, Reason.SNOOZE_ENDED, text))
    return after


def _unplugged_since(twin: Twin, instant: datetime) -> bool:
    last = twin.presence.last_session
    return last is not None and last.closed_at is not None and last.closed_at > instant


def _charge_now_filled(twin: Twin) -> bool:
    charge_now = twin.charge_now
    if charge_now is None or charge_now.kwh is None or charge_now.metered_wh is None:
        return False
    session = twin.presence.session
    if session is None:
        return False
    return twin.meter.session_wh(session.id) - charge_now.metered_wh >= round(charge_now.kwh * 1000)
