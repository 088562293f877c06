"""Sending a command: claimed on the twin before, answered on the twin after. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.control.command_lifecycle import HOPELESS, TAKEN, ending_of, told, with_pair
from driveway.domain.control.default_schedule_sync import upkeep_answered, upkeep_is_wanted
from driveway.domain.control.protection import allowance, commands_spent, day_of, may_wake
from driveway.domain.control.required_command import last_told, outlook, shows
from driveway.domain.control.settings import ControlRules
from driveway.domain.reports.account_connection import reconnected
from driveway.domain.reports.apply_observations import disconnected
from driveway.domain.twin import Command, CommandAction, Control, Entry, Twin
from driveway.domain.twin.reasons import Reason

LONGEST_PAUSE = timedelta(hours=1)

HOLD_CALLS_OPEN = frozenset({"smartcar"})
"""Providers that answer a command only when they know what became of it, which takes them minutes."""

_ASKED: dict[CommandAction, str] = {
    "start": "Asked the car to charge.",
    "stop": "Asked the car to stop charging.",
    "install_default": "Asked to keep the default schedule in the car or charger itself.",
    "remove_default": "Asked to remove the default schedule from the car or charger.",
}


def claimed(twin: Twin, command_id: str, now: datetime, rules: ControlRules) -> Twin | None:
    """The twin with the command of that id marked as being sent at ``now`` (aware UTC).

    None when it is not to be sent (any more): it is another by now, was sent, has expired or is not wanted, or the
    day's commands are used up. Either the command to charge or the upkeep of the default schedule may be meant.
    """
    upkeep, command = twin.control.upkeep, twin.control.command
    if upkeep is not None and upkeep.id == command_id:
        return _upkeep_claimed(twin, upkeep, now, rules)
    if command is None or command.id != command_id or command.state != "planned":
        return None
    if ending_of(twin, command, now, rules, outlook(twin, now, rules)) is not None:
        return None
    if commands_spent(twin, now) >= allowance(twin, command.action, rules):
        return None
    doubt = _doubt(command, rules)
    sent = replace(
        command,
        state="sent",
        sent_at=now,
        first_sent_at=command.first_sent_at or now,
        attempts=command.attempts + 1,
        doubt_at=now + (max(doubt, rules.answer_within) if _holds_calls_open(twin) else doubt),
        shown_before=shows(twin, command.action),
        provider_ref=None,
        put_off_until=None,
    )
    counted = _counted(_sent(twin, command, now), now)
    return replace(twin, control=replace(counted, command=sent)).tell(
        Entry(now, "CommandSent", Reason.COMMAND_SENT, _ASKED[command.action], told(sent))
    )


def _doubt(command: Command, rules: ControlRules) -> timedelta:
    """How long after it was sent the car may take to show it."""
    return rules.start_doubt if command.action == "start" else rules.stop_doubt


def _holds_calls_open(twin: Twin) -> bool:
    return twin.link.vehicle is not None and twin.link.vehicle.provider in HOLD_CALLS_OPEN


def _upkeep_claimed(twin: Twin, upkeep: Command, now: datetime, rules: ControlRules) -> Twin | None:
    if upkeep.state != "planned" or not upkeep_is_wanted(twin, upkeep, now):
        return None
    if commands_spent(twin, now) >= allowance(twin, upkeep.action, rules):
        return None
    sent = replace(
        upkeep,
        state="sent",
        sent_at=now,
        attempts=upkeep.attempts + 1,
        doubt_at=now + rules.start_doubt,
        put_off_until=None,
    )
    return replace(twin, control=replace(_counted(twin.control, now), upkeep=sent)).tell(
        Entry(now, "CommandSent", Reason.COMMAND_SENT, _ASKED[upkeep.action], told(sent))
    )


def put_off(twin: Twin, command_id: str, *, until: datetime, now: datetime, rules: ControlRules) -> Twin | None:
    """The twin with the planned command of that id waiting until ``until`` (aware UTC): its provider is out of service.

    It was not sent, so it counts neither as an attempt nor as one of the day's commands. None when it is not to be sent
    any more.
    """
    upkeep, command = twin.control.upkeep, twin.control.command
    if upkeep is not None and upkeep.id == command_id and upkeep.state == "planned":
        later = replace(upkeep, doubt_at=until, put_off_until=until)
        control, first = replace(twin.control, upkeep=later), upkeep.put_off_until is None
    elif command is not None and command.id == command_id and command.state == "planned":
        if ending_of(twin, command, now, rules, outlook(twin, now, rules)) is not None:
            return None
        expires_at = max(command.expires_at, until + rules.command_ttl)
        later = replace(command, doubt_at=until, put_off_until=until, expires_at=expires_at)
        control, first = replace(twin.control, command=later), command.put_off_until is None
    else:
        return None
    after = replace(twin, control=control)
    if not first:
        return after
    text = "The car maker's service does not answer, so the command waits until it is back."
    return after.tell(Entry(now, "CommandPutOff", Reason.PROVIDER_BREAKER_OPEN, text, told(later)))


def _counted(control: Control, now: datetime) -> Control:
    same_day = control.budget_day == day_of(now)
    return replace(
        control,
        budget_day=day_of(now),
        commands_today=(control.commands_today if same_day else 0) + 1,
        wakes_today=control.wakes_today if same_day else 0,
    )


def _sent(twin: Twin, command: Command, now: datetime) -> Control:
    """The control group with what was sent, and how often a car that stops by itself was started again."""
    control, session, first = twin.control, twin.presence.session, command.attempts == 0
    session_id = session.id if session else None
    same_session = control.pairs_session_id == session_id
    pairs, restarts = (control.pairs, control.restarts) if same_session else (0, 0)
    if command.action == "stop":
        return replace(control, pairs_session_id=session_id, pairs=pairs, restarts=0, last_stop_at=now)
    again = first and last_told(control, session) == "start" and not shows(twin, "start")
    return replace(control, pairs_session_id=session_id, pairs=pairs, restarts=restarts + again, last_start_at=now)


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
    asleep: bool = False,
    woken: bool = False,
) -> Twin:
    """The twin with the provider's answer to a sent command noted at ``now`` (aware UTC).

    Args:
        outcome: an OutcomeKind.
        detail: the provider's words.
        spread: jitter for pauses, evenly in [0, 1).
        retry_after_s: how long the provider asked to wait.
        provider_ref: the provider's own name for the command.
        asleep: whether the car was found asleep.
        woken: whether the car was woken for it.
    """
    twin = replace(twin, control=_with_wake(twin.control, now)) if woken else twin
    command, upkeep = twin.control.command, twin.control.upkeep
    known = command is not None and command.id == command_id
    if outcome in TAKEN and (known or (upkeep is not None and upkeep.id == command_id)):
        twin = reconnected(twin, now)
    if outcome == "NEEDS_USER":
        twin = disconnected(twin, detail, now)
    if upkeep is not None and upkeep.id == command_id:
        wait = timedelta(seconds=retry_after_s or 0)
        reason = _reason_to_wait(twin, upkeep.action, now, rules, asleep=asleep and not woken)
        return upkeep_answered(
            twin, upkeep, outcome, detail, reason=reason, now=now, rules=rules, spread=spread, wait=wait
        )
    if command is None or not known or command.state != "sent":
        return twin
    pause = rules.first_retry * 2 ** min(command.attempts - 1, 6)
    soon = pause * (0.5 + 0.5 * spread)
    if outcome in TAKEN:
        doubt_at = _taken_doubted_at(command, now, rules, pause * spread)
        if outcome == "ALREADY_IN_STATE" and not shows(twin, command.action):
            # It may be the answer that is wrong, or what is known of the car: a look tells.
            doubt_at = now + soon
        noted = replace(command, outcome=outcome, detail=detail or None, provider_ref=provider_ref, doubt_at=doubt_at)
        return replace(twin, control=_taken(twin.control, noted, now))
    asked = timedelta(seconds=retry_after_s or 0)
    wait = max(soon, min(asked, LONGEST_PAUSE))
    again_at = now if outcome in HOPELESS else now + wait
    noted = replace(command, outcome=outcome, detail=detail or None, provider_ref=provider_ref, doubt_at=again_at)
    reason = _reason_to_wait(twin, command.action, now, rules, asleep=asleep and not woken)
    text = f"The car maker answered: {detail}" if detail else "The car maker could not carry it out now."
    if reason is Reason.WAKE_BUDGET_SPENT:
        text = "The car sleeps, and the day's wake-ups are used up."
    return replace(twin, control=replace(twin.control, command=noted)).tell(
        Entry(now, "CommandRefused", reason, text, {**told(noted), "outcome": outcome})
    )


def _reason_to_wait(twin: Twin, action: CommandAction, now: datetime, rules: ControlRules, *, asleep: bool) -> Reason:
    """Why a refused command waits; ``asleep`` is whether the car was found asleep and left so."""
    return Reason.WAKE_BUDGET_SPENT if asleep and not may_wake(twin, action, now, rules) else Reason.RETRY_WAIT


def _taken_doubted_at(command: Command, now: datetime, rules: ControlRules, jitter: timedelta) -> datetime:
    """When a command that was taken is doubted: the longer and the more spread, the more often it was sent."""
    if command.outcome in TAKEN:
        return max(command.doubt_at or now, now)
    return (command.sent_at or now) + _doubt(command, rules) + jitter


def _taken(control: Control, command: Command, now: datetime) -> Control:
    limit_kw = command.limit_kw if command.action == "start" else control.last_limit_kw
    return with_pair(replace(control, taken=command.action, taken_at=now, last_limit_kw=limit_kw), command)


def _with_wake(control: Control, now: datetime) -> Control:
    if control.budget_day == day_of(now):
        return replace(control, wakes_today=control.wakes_today + 1)
    return replace(control, budget_day=day_of(now), commands_today=0, wakes_today=1)
