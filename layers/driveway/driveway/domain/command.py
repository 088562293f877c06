"""The life of one command: planned, sent, then confirmed, failed, superseded or expired. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.control_rules import ControlRules
from driveway.domain.desired import desired
from driveway.domain.reasons import Reason
from driveway.domain.twin import Command, CommandAction, CommandState, Control, Entry, Twin
from driveway.domain.wish import day_of, guard, shows, wish

OPEN: frozenset[CommandState] = frozenset({"planned", "sent"})
LONGEST_BREAKER_PAUSE = timedelta(hours=4)
CLOCK_SLACK = timedelta(seconds=1)
TAKEN = frozenset({"ACCEPTED", "CONFIRMED", "ALREADY_IN_STATE"})
HOPELESS = frozenset({"UNSUPPORTED", "NEEDS_USER"})

_SHOWN: dict[CommandAction, str] = {
    "start": "The car shows that it is charging.",
    "stop": "The car shows that it has stopped.",
}
_ASKED: dict[CommandAction, str] = {"start": "Asked the car to charge.", "stop": "Asked the car to stop charging."}


def planned(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str) -> Twin:
    """The twin with a new command if one is wanted, none is under way and nothing speaks against it."""
    if twin.control.command is not None and twin.control.command.state in OPEN:
        return twin
    twin = _with_interference(twin, now, rules)
    wanted = wish(twin, now, rules)
    if wanted is None or guard(twin, wanted, now, rules) is not None:
        return twin
    until = wanted.desired.until
    expires_at = wanted.not_before + rules.command_ttl
    command = Command(
        id=new_id,
        action=wanted.action,
        reason=Reason.RELEASED if wanted.release else wanted.desired.reason,
        state="planned",
        planned_at=now,
        not_before=wanted.not_before,
        expires_at=min(expires_at, until) if until and until > wanted.not_before else expires_at,
        doubt_at=wanted.not_before + rules.lost_after,
        limit_kw=wanted.limit_kw,
        edge_at=wanted.edge_at,
        release=wanted.release,
    )
    text = f"Letting the car charge. {wanted.desired.text}" if wanted.release else wanted.desired.text
    return replace(twin, control=replace(twin.control, command=command)).tell(
        Entry(now, "CommandPlanned", command.reason, text, _told(command))
    )


def _with_interference(twin: Twin, now: datetime, rules: ControlRules) -> Twin:
    """Notice charging outside the plan that we did not start: after our stop was confirmed, the car charges again."""
    command, session, charging = twin.control.command, twin.presence.session, twin.presence.charging
    if not rules.respect_interference or session is None or command is None or charging is None:
        return twin
    stopped = command.action == "stop" and command.state == "confirmed" and command.ended_at is not None
    if not stopped or command.planned_at < session.opened_at or not charging.value:
        return twin
    if command.ended_at is None or charging.at <= command.ended_at or _noticed(twin, charging.at):
        return twin
    if desired(twin, now, spread_s=rules.default_spread_s).want != "hold":
        return twin
    control = replace(twin.control, interference=session.id, interference_at=now)
    text = "The car charges outside the plan though we did not start it: the driver or another system did."
    return replace(twin, control=control).tell(
        Entry(now, "NeedsAttention", Reason.THIRD_PARTY_INTERFERENCE, text, {"session_id": session.id})
    )


def _noticed(twin: Twin, charging_at: datetime) -> bool:
    noticed_at = twin.control.interference_at
    return noticed_at is not None and noticed_at >= charging_at


def judged(twin: Twin, now: datetime, rules: ControlRules, *, new_id: str, spread: float) -> Twin:
    """The twin with the command under way judged by what the car shows and by the time."""
    command = twin.control.command
    if command is None or command.state not in OPEN:
        return twin
    if command.state == "sent" and _confirmed(twin, command):
        return ended(twin, "confirmed", Reason.COMMAND_CONFIRMED, now, _SHOWN[command.action])
    if not _still_wanted(twin, command, now, rules):
        return ended(twin, "superseded", Reason.COMMAND_SUPERSEDED, now, "Something else is wanted now.")
    if command.state == "planned" and now >= command.expires_at:
        return ended(twin, "expired", Reason.COMMAND_EXPIRED, now, "The command was not sent while it mattered.")
    if command.doubt_at is not None and now >= command.doubt_at:
        return _doubted(twin, command, now, rules, new_id=new_id, spread=spread)
    return twin


def _confirmed(twin: Twin, command: Command) -> bool:
    charging = twin.presence.charging
    if command.outcome == "ALREADY_IN_STATE":
        return True
    if charging is None or command.sent_at is None or not shows(twin, command.action):
        return False
    taken = command.shown_before and command.outcome in TAKEN
    return taken or command.outcome == "CONFIRMED" or charging.at >= command.sent_at - CLOCK_SLACK


def _still_wanted(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> bool:
    if twin.presence.session is None:
        return False
    want = desired(twin, max(now, command.not_before), spread_s=rules.default_spread_s)
    if want.want == "leave" or command.release:
        return command.release and want.want == "leave"
    if (want.want == "charge") != (command.action == "start"):
        return False
    return command.action == "stop" or command.limit_kw is None or command.limit_kw == want.limit_kw


def _doubted(twin: Twin, command: Command, now: datetime, rules: ControlRules, *, new_id: str, spread: float) -> Twin:
    """An open command whose time is up: sent again after a look, or given up."""
    if command.outcome in HOPELESS or command.attempts >= rules.max_attempts:
        return _given_up(twin, command, now, rules, new_id=new_id)
    control = twin.control
    spent = control.commands_today if control.budget_day == day_of(now) else 0
    if spent >= rules.daily_commands:
        return ended(twin, "failed", Reason.DAILY_BUDGET_SPENT, now, "The day's commands for this car are used up.")
    again = replace(
        command,
        id=new_id,
        state="planned",
        planned_at=now,
        not_before=now,
        doubt_at=now + rules.lost_after,
        expires_at=max(command.expires_at, now + rules.command_ttl),
        outcome=None,
    )
    text = "The car does not show it yet; looking and trying again."
    return replace(twin, control=replace(control, command=again)).tell(
        Entry(now, "CommandRetried", Reason.NOT_CONFIRMED_IN_TIME, text, _told(again))
    )


def _given_up(twin: Twin, command: Command, now: datetime, rules: ControlRules, *, new_id: str) -> Twin:
    """The command failed for good: leave the car alone for a while, and leave it able to charge."""
    pause = min(rules.breaker_pause * 2 ** min(twin.control.failures, 8), LONGEST_BREAKER_PAUSE)
    after = ended(twin, "failed", Reason.COMMAND_FAILED, now, command.detail or "The car did not follow.")
    control = replace(after.control, failures=after.control.failures + 1, breaker_until=now + pause)
    text = "The car did not follow, so it is left to charge by itself for a while."
    after = replace(after, control=control).tell(
        Entry(now, "NeedsAttention", Reason.GAVE_UP_RELEASED, text, _told(command))
    )
    if command.action == "start" or command.release or command.outcome in HOPELESS:
        return after
    release = Command(
        id=new_id,
        action="start",
        reason=Reason.GAVE_UP_RELEASED,
        state="planned",
        planned_at=now,
        not_before=now,
        expires_at=now + rules.command_ttl,
        doubt_at=now + rules.lost_after,
        release=True,
        attempts=rules.max_attempts - 1,
    )
    return replace(after, control=replace(after.control, command=release))


def ended(twin: Twin, state: CommandState, reason: Reason, now: datetime, text: str) -> Twin:
    """The twin with its command in a final state."""
    command = twin.control.command
    if command is None:
        return twin
    control: Control = replace(twin.control, command=replace(command, state=state, ended_at=now, doubt_at=None))
    if state == "confirmed":
        control = replace(control, failures=0, breaker_until=None)
    return replace(twin, control=control).tell(Entry(now, f"Command{state.title()}", reason, text, _told(command)))


def claimed(twin: Twin, command_id: str, now: datetime, rules: ControlRules) -> Twin | None:
    """The twin with the command marked as being sent; None when it is not to be sent (any more)."""
    command, control, session = twin.control.command, twin.control, twin.presence.session
    if command is None or command.id != command_id or command.state != "planned" or now >= command.expires_at:
        return None
    if session is None or not _still_wanted(twin, command, now, rules):
        return None
    same_day = control.budget_day == day_of(now)
    same_session = control.pairs_session_id == session.id
    doubt = rules.start_doubt if command.action == "start" else rules.stop_doubt
    sent = replace(
        command,
        state="sent",
        sent_at=now,
        attempts=command.attempts + 1,
        doubt_at=now + doubt,
        shown_before=shows(twin, command.action),
    )
    counted = replace(
        control,
        command=sent,
        budget_day=day_of(now),
        commands_today=(control.commands_today if same_day else 0) + 1,
        wakes_today=control.wakes_today if same_day else 0,
        pairs_session_id=session.id,
        pairs=(control.pairs if same_session else 0) + (command.action == "stop" and command.attempts == 0),
        last_start_at=now if command.action == "start" else control.last_start_at,
        last_limit_kw=command.limit_kw if command.action == "start" else control.last_limit_kw,
        last_stop_at=now if command.action == "stop" else control.last_stop_at,
    )
    return replace(twin, control=counted).tell(
        Entry(now, "CommandSent", Reason.COMMAND_SENT, _ASKED[command.action], _told(sent))
    )


def answered(
    twin: Twin,
    command_id: str,
    *,
    outcome: str,
    detail: str,
    now: datetime,
    rules: ControlRules,
    spread: float,
    retry_after_s: float | None = None,
    provider_ref: str | None = None,
    woken: bool = False,
) -> Twin:
    """The twin with the provider's answer to a sent command noted."""
    command = twin.control.command
    control = replace(twin.control, wakes_today=twin.control.wakes_today + woken)
    if command is None or command.id != command_id or command.state != "sent":
        return replace(twin, control=control)
    doubt_at = command.doubt_at
    if outcome not in TAKEN:
        pause = rules.first_retry * 2 ** min(command.attempts - 1, 6) * (0.5 + 0.5 * spread)
        doubt_at = now if outcome in HOPELESS else now + max(pause, timedelta(seconds=min(retry_after_s or 0, 3600)))
    noted = replace(command, outcome=outcome, detail=detail or None, provider_ref=provider_ref, doubt_at=doubt_at)
    after = replace(twin, control=replace(control, command=noted))
    if outcome in TAKEN:
        return after
    text = f"The car maker answered: {detail}" if detail else "The car maker could not carry it out now."
    return after.tell(Entry(now, "CommandRefused", Reason.RETRY_WAIT, text, {**_told(noted), "outcome": outcome}))


def _told(command: Command) -> dict[str, str | int | None]:
    return {
        "command_id": command.id,
        "action": command.action,
        "attempts": command.attempts,
        "edge_at": command.edge_at.isoformat() if command.edge_at else None,
    }
