"""The command that the plan requires now, if any. Pure; ``protection.guard`` may hold it back."""

from datetime import datetime, timedelta

from msgspec import Struct

from driveway.domain.control.account_trial import account_trial_due
from driveway.domain.control.desired import Desired, desired_if_plugged, desired_in, disconnected_at
from driveway.domain.control.release import release_is_due
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.trial_start import as_if_plugged, desired_by_trial, may_be_held_unplugged
from driveway.domain.presence.charging_by_power import is_charging_unknown
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import CommandAction, Control, Session, Trial, Twin
from driveway.domain.twin.reasons import Reason

HELD_FOR = timedelta(hours=12)
"""How long a stop may bind beyond its session: a charger keeps it this long (``command_valid_s`` of the OCPP provider),
and a false plug-out may have ended the session."""


class RequiredCommand(Struct, frozen=True):
    """A command that the plan requires: the action, its limit, its earliest time, and the desired action then."""

    action: CommandAction
    limit_kw: float | None
    not_before: datetime
    edge_at: datetime | None
    desired: Desired
    release: bool = False
    trial: Trial | None = None


def observed_state_matches(twin: Twin, action: CommandAction) -> bool:
    """Whether the car shows what the action (``start`` or ``stop``) asks for.

    A state that is not newer than an accepted command shows nothing once the source does not know the state.
    """
    charging, accepted_at = twin.presence.charging, twin.control.last_acknowledged_at
    if charging is None:
        return False
    is_outdated = accepted_at is not None and charging.at <= accepted_at and is_charging_unknown(twin.presence)
    return not is_outdated and bool(charging.value) == (action == "start")


def schedule_window(twin: Twin, now: datetime, rules: ControlRules) -> ScheduleWindow:
    """The effective schedule that charge control reads from ``now`` on.

    While our own stop may hold a car that is reported unplugged, the schedule of its last session counts: a trial start
    against it would reopen the session, and be followed by the next stop.
    """
    followed = as_if_plugged(twin) if may_be_held_unplugged(twin, now) else twin
    return ScheduleWindow(followed, now, spread_s=rules.default_spread_s)


def is_full(twin: Twin) -> bool:
    """Whether the car was seen to be full since it was plugged in, and takes no power.

    A charger reports the same of any car while it holds, so there it counts only since the last start.
    """
    full, session = twin.presence.battery_full, twin.presence.session
    if full is None or not full.value or session is None or observed_state_matches(twin, "start"):
        return False
    if not is_instructed(twin):
        return full.at >= session.plugged_at
    started_at = twin.control.last_start_at
    return last_sent_action(twin.control, session) == "start" and started_at is not None and full.at >= started_at


def required_command(
    twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow | None = None
) -> RequiredCommand | None:
    """The command for ``now``, or for an edge ahead; None when the car does what is desired.

    A start or stop for an edge is planned ahead once the car does what is desired until then.
    """
    schedule = schedule or schedule_window(twin, now, rules)
    sooner = required_now(twin, now, rules, schedule)
    edge = _edge_within(rules.ahead(twin.link.asset), twin, now, schedule)
    if sooner is not None or edge is None or edge - now <= rules.lead:
        return sooner
    later = _required_at(twin, edge, edge, now, rules, schedule)
    return later if later is not None and not later.release and later.trial is None else None


def required_now(twin: Twin, now: datetime, rules: ControlRules, schedule: ScheduleWindow) -> RequiredCommand | None:
    """The command for ``now``, or for an edge within the lead."""
    edge = _edge_within(rules.lead, twin, now, schedule)
    return _required_at(twin, edge or now, edge, now, rules, schedule)


def _required_at(
    twin: Twin, at: datetime, edge: datetime | None, now: datetime, rules: ControlRules, schedule: ScheduleWindow
) -> RequiredCommand | None:
    want = desired_in(twin, at, schedule)
    trial: Trial | None = None
    if want.reason is Reason.PROVIDER_NEEDS_USER and account_trial_due(twin, at, rules):
        want, trial = desired_if_plugged(twin, at, schedule) or want, "account"
    if want.want == "leave":
        return _required_release(twin, at, want) or _start_of_unplugged(twin, at, edge, rules, schedule)
    action: CommandAction = "start" if want.want == "charge" else "stop"
    limit_kw = wanted_limit_kw(twin, want)
    if not is_unseen(twin, action, trial) and is_satisfied(twin, action, limit_kw, now, rules):
        return None
    return RequiredCommand(action, limit_kw, at, edge, want, trial=trial)


def is_unseen(twin: Twin, action: CommandAction, trial: Trial | None) -> bool:
    """Whether the last observation of the car does not show what a start asks for, as our stop came after it.

    A car that cannot be reached may have obeyed any stop of ours; another one, a stop that its provider accepted.
    """
    if action != "start":
        return False
    return not charges_since_stop(twin) if trial == "account" else _is_seen_before_stop(twin)


def _is_seen_before_stop(twin: Twin) -> bool:
    """Whether the car was last seen charging before a stop that its provider accepted, and not started since."""
    charging, control = twin.presence.charging, twin.control
    if charging is None or not charging.value or is_instructed(twin):
        return False
    stopped_at = control.last_acknowledged_at if control.last_acknowledged_action == "stop" else None
    return stopped_at is not None and charging.at < stopped_at


def _edge_within(span: timedelta, twin: Twin, now: datetime, schedule: ScheduleWindow) -> datetime | None:
    if twin.presence.session is None and not may_be_held_unplugged(twin, now):
        return None
    edge = schedule.edge_after(now)
    return edge if edge is not None and edge - now <= span else None


def wanted_limit_kw(twin: Twin, want: Desired) -> float | None:
    """The limit to command; None is no limit, or one that the provider cannot set."""
    vehicle = twin.link.vehicle
    return (
        want.limit_kw if want.want == "charge" and vehicle is not None and vehicle.capabilities.takes_limits else None
    )


def is_satisfied(twin: Twin, action: CommandAction, limit_kw: float | None, now: datetime, rules: ControlRules) -> bool:
    """Whether the car does what is asked, or confirmed the last command for it and has shown nothing else since."""
    session, command = twin.presence.session, twin.control.command
    if session is None or (action == "start" and not _limit_stands(twin, limit_kw)):
        return False
    if is_instructed(twin):
        return _instruction_stands(twin, session, action, now, rules)
    if observed_state_matches(twin, action):
        return True
    if command is None or command.state != "confirmed" or command.action != action or command.ended_at is None:
        return False
    charging = twin.presence.charging
    return command.ended_at >= session.opened_at and (charging is None or charging.at <= command.ended_at)


def _limit_stands(twin: Twin, limit_kw: float | None) -> bool:
    """Whether the car keeps this limit: the provider accepted it, and no other start was sent since.

    Where a car keeps its current, a command of its own gives it back (``standing_limit``).
    """
    control = twin.control
    if control.last_limit_kw != limit_kw:
        return False
    if limit_kw is None:
        return control.standing_limit is None or keeps_current(twin)
    return not _sent_after_taken(control.last_start_at, control)


def _sent_after_taken(sent_at: datetime | None, control: Control) -> bool:
    return sent_at is not None and control.last_acknowledged_at is not None and sent_at > control.last_acknowledged_at


def keeps_current(twin: Twin) -> bool:
    """Whether the asset's car keeps the charging current that was set last."""
    return twin.link.vehicle is not None and twin.link.vehicle.capabilities.keeps_current


def is_instructed(twin: Twin) -> bool:
    """Whether the car or charger keeps to its last command, whatever is plugged in."""
    return twin.link.vehicle is not None and twin.link.vehicle.capabilities.obeys_last_instruction


def _instruction_stands(
    twin: Twin, session: Session, action: CommandAction, now: datetime, rules: ControlRules
) -> bool:
    last_acknowledged_at, charging = twin.control.last_acknowledged_at, twin.presence.charging
    if (
        twin.control.last_acknowledged_action != action
        or last_acknowledged_at is None
        or last_acknowledged_at < session.opened_at
    ):
        return False
    other_sent_at = twin.control.last_start_at if action == "stop" else twin.control.last_stop_at
    if now >= last_acknowledged_at + rules.instruction_lasts or _sent_after_taken(other_sent_at, twin.control):
        return False
    if action == "start":
        # A start that was given up is sent again unless the car is full, and once on a new charge-now.
        charge_now = twin.charge_now
        is_new = charge_now is not None and last_acknowledged_at < charge_now.started_at
        was_given_up = twin.control.failures > 0 and not is_full(twin)
        return not ((is_new or was_given_up) and observed_state_matches(twin, "stop"))
    defied = observed_state_matches(twin, "start")
    return not (defied and charging is not None and charging.at > last_acknowledged_at + rules.confirm_stop_within)


def instruction_due(twin: Twin, rules: ControlRules) -> datetime | None:
    """When a charger needs its last command again; None where it needs none."""
    last_acknowledged_at = twin.control.last_acknowledged_at
    if last_acknowledged_at is None or not is_instructed(twin) or twin.presence.session is None:
        return None
    return last_acknowledged_at + rules.instruction_lasts


def last_sent_action(control: Control, session: Session | None) -> CommandAction | None:
    """The last action that we sent the car in this session, accepted or not; None when there is none."""
    start, stop = control.last_start_at, control.last_stop_at
    latest = max((at for at in (start, stop) if at is not None), default=None)
    if latest is None or session is None or latest < session.opened_at:
        return None
    return "start" if latest == start else "stop"


def charges_since_stop(twin: Twin) -> bool:
    """Whether the car was seen charging after our last stop was sent."""
    charging, stopped_at = twin.presence.charging, twin.control.last_stop_at
    if charging is None or not charging.value:
        return False
    return stopped_at is None or charging.at > stopped_at


def holds_car(twin: Twin, now: datetime) -> bool:
    """Whether our commands may keep the car from charging, or from charging at its full power.

    A current of ours that a car keeps counts with or without a session.
    """
    return is_held_by_command(twin, now) or (keeps_current(twin) and twin.control.standing_limit is not None)


def is_held_by_command(twin: Twin, now: datetime) -> bool:
    """Whether a command of ours may keep the car from charging, so that a start would release it."""
    control, session = twin.control, twin.presence.session
    if is_instructed(twin):
        return any(at is not None and now < at + HELD_FOR for at in _binding_since(control))
    if session is None:
        return may_be_held_unplugged(twin, now)
    return _stopped(twin, session, now)


def _binding_since(control: Control) -> tuple[datetime | None, ...]:
    """When we sent a charger the hold or limit that may still bind it."""
    last_acknowledged_at, stopped_at, standing = (
        control.last_acknowledged_at,
        control.last_stop_at,
        control.standing_limit,
    )
    unanswered = stopped_at is not None and (last_acknowledged_at is None or stopped_at > last_acknowledged_at)
    command = control.command
    cannot_stop = command is not None and command.action == "stop" and command.outcome == "UNSUPPORTED"
    unanswered = unanswered and not cannot_stop
    return (
        last_acknowledged_at if control.last_acknowledged_action == "stop" else None,
        stopped_at if unanswered else None,
        standing.since if standing is not None else None,
    )


def _stopped(twin: Twin, session: Session, now: datetime) -> bool:
    control, stopped_at = twin.control, twin.control.last_stop_at
    if stopped_at is None or charges_since_stop(twin):
        return False
    if control.last_start_confirmed_at is not None and control.last_start_confirmed_at > stopped_at:
        return False
    return stopped_at >= session.opened_at or now < stopped_at + HELD_FOR


def _required_release(twin: Twin, at: datetime, want: Desired) -> RequiredCommand | None:
    """The start that releases a car."""
    if not release_is_due(twin, want, held=is_held_by_command(twin, at)):
        return None
    trial: Trial | None = "unplugged" if twin.presence.session is None and not is_instructed(twin) else None
    return RequiredCommand("start", None, at, None, want, release=True, trial=trial)


def _start_of_unplugged(
    twin: Twin, at: datetime, edge: datetime | None, rules: ControlRules, schedule: ScheduleWindow
) -> RequiredCommand | None:
    """The start of a car that is reported unplugged but may be held by our own stop, when it should charge."""
    if is_instructed(twin) or not may_be_held_unplugged(twin, at):
        return None
    if disconnected_at(twin, at) and not account_trial_due(twin, at, rules):
        return None
    want = desired_by_trial(twin, at, schedule)
    if want is None:
        return None
    return RequiredCommand("start", wanted_limit_kw(twin, want), at, edge, want, trial="unplugged")
