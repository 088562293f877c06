"""The life of a command to charge or to stop: planned, sent, then confirmed, failed, superseded or expired. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.control.desired import desired_in
from driveway.domain.control.protection import HeldBack, allowance, commands_spent, day_of, guard
from driveway.domain.control.required_command import (
    Wish,
    charges_since_stop,
    does_it,
    holds_car,
    is_full,
    is_instructed,
    shows,
    wanted_limit_kw,
    wish,
)
from driveway.domain.control.settings import ControlRules
from driveway.domain.schedules.schedule_window import Outlook
from driveway.domain.twin import Command, CommandAction, CommandState, Control, Entry, Twin
from driveway.domain.twin.reasons import Reason

OPEN: frozenset[CommandState] = frozenset({"planned", "sent"})
TAKEN = frozenset({"ACCEPTED", "CONFIRMED", "ALREADY_IN_STATE"})
HOPELESS = frozenset({"UNSUPPORTED", "NEEDS_USER"})
REFUSED = HOPELESS | {"FAILED"}
LONGEST_BREAKER_PAUSE = timedelta(hours=1)
BREAKER_JITTER = 0.1

_SHOWN: dict[CommandAction, str] = {
    "start": "The car shows that it is charging.",
    "stop": "The car shows that it has stopped.",
}
_HOPELESS_REASONS: dict[str | None, Reason] = {
    "UNSUPPORTED": Reason.PROVIDER_UNSUPPORTED,
    "NEEDS_USER": Reason.PROVIDER_NEEDS_USER,
}

Ending = tuple[CommandState, Reason, str]


def planned(twin: Twin, now: datetime, rules: ControlRules, ahead: Outlook, *, new_id: str) -> Twin:
    """The twin with a new command if one is wanted, none is under way and nothing speaks against it."""
    if twin.control.command is not None and twin.control.command.state in OPEN:
        return twin
    wanted = wish(twin, now, rules, ahead)
    if wanted is None:
        return twin
    held_back = guard(twin, wanted, now, rules)
    if held_back is not None:
        return _told_if_spent(twin, wanted, held_back, now)
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
        Entry(now, "CommandPlanned", command.reason, text, told(command))
    )


def _told_if_spent(twin: Twin, wanted: Wish, held_back: HeldBack, now: datetime) -> Twin:
    """The twin whose driver is told, once a UTC day, that the day's commands are used up and the car should charge."""
    spent = held_back.reason is Reason.DAILY_BUDGET_SPENT and held_back.until is not None
    if not spent or wanted.action != "start" or twin.control.budget_told == day_of(now):
        return twin
    text = f"The car should charge. {held_back.text(twin.link.timezone)}"
    return replace(twin, control=replace(twin.control, budget_told=day_of(now))).tell(
        Entry(now, "NeedsAttention", Reason.DAILY_BUDGET_SPENT, text)
    )


def judged(twin: Twin, now: datetime, rules: ControlRules, ahead: Outlook, *, new_id: str, spread: float) -> Twin:
    """The twin with the command under way judged by what the car shows and by the time."""
    command = twin.control.command
    if command is None or command.state not in OPEN:
        return twin
    if command.state == "sent" and command.outcome in HOPELESS:
        return _doubted(twin, command, now, rules, new_id=new_id, spread=spread)
    ending = ending_of(twin, command, now, rules, ahead)
    if ending is not None:
        return ended(twin, *ending, now=now)
    if command.doubt_at is None or now < command.doubt_at:
        return twin
    if command.state == "planned":
        return _announced_again(twin, command, now, rules)
    return _doubted(twin, command, now, rules, new_id=new_id, spread=spread)


def ending_of(twin: Twin, command: Command, now: datetime, rules: ControlRules, ahead: Outlook) -> Ending | None:
    """How an open command ends by what the car shows, by what is wanted now or by the time; None if it goes on."""
    by_car = _ending_by_car(twin, command)
    if by_car is not None:
        return by_car
    if not _is_wanted(twin, command, now, ahead):
        return "superseded", Reason.COMMAND_SUPERSEDED, "Something else is wanted now."
    if command.state == "sent":
        return None
    if command.attempts == 0 and _is_done_already(twin, command, now, rules):
        return "superseded", Reason.ALREADY_IN_STATE, "The car does it already."
    if now >= command.expires_at:
        return "expired", Reason.COMMAND_EXPIRED, "The command was not sent while it mattered."
    return None


def _ending_by_car(twin: Twin, command: Command) -> Ending | None:
    if command.attempts > 0 and _is_confirmed(twin, command):
        return "confirmed", Reason.COMMAND_CONFIRMED, _SHOWN[command.action]
    if command.action == "start" and _is_filled(twin, command):
        over: CommandState = "confirmed" if command.attempts > 0 else "superseded"
        return over, Reason.BATTERY_FULL, "The battery is full: there is nothing more to charge."
    return None


def _is_confirmed(twin: Twin, command: Command) -> bool:
    """Whether the car shows what was asked, and shows it because of the command or since.

    A car that showed it when it was asked (to keep another limit, or beforehand) has to have taken the command.
    """
    taken = command.outcome in TAKEN
    if twin.presence.session is None:
        return command.release and taken
    return shows(twin, command.action) and (taken or not command.shown_before)


def _is_filled(twin: Twin, command: Command) -> bool:
    """Whether the car was found to be full since the start was planned; a charger has to have taken it all the same."""
    full = twin.presence.battery_full
    if full is None or not is_full(twin):
        return False
    if is_instructed(twin):
        return command.attempts > 0 and command.outcome in TAKEN
    return not command.shown_before or (command.sent_at is not None and full.at >= command.sent_at)


def _is_wanted(twin: Twin, command: Command, now: datetime, ahead: Outlook) -> bool:
    if twin.link.vehicle is None:
        return False
    if command.action == "start" and command.state == "planned" and twin.presence.held_plug_out is not None:
        return False
    want = desired_in(twin, max(now, command.not_before), ahead)
    if command.release:
        return _release_is_wanted(twin, command, now, leaving=want.want == "leave")
    if want.want == "leave" or (want.want == "charge") != (command.action == "start"):
        return False
    return command.action == "stop" or command.limit_kw == wanted_limit_kw(twin, want)


def _release_is_wanted(twin: Twin, command: Command, now: datetime, *, leaving: bool) -> bool:
    if twin.presence.session is None:
        return leaving and is_instructed(twin) and (command.state == "sent" or holds_car(twin, now))
    return leaving or command.reason == Reason.GAVE_UP_RELEASED


def _is_done_already(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> bool:
    if command.release:
        return not holds_car(twin, now)
    return does_it(twin, command.action, command.limit_kw, now, rules)


def _announced_again(twin: Twin, command: Command, now: datetime, rules: ControlRules) -> Twin:
    """A planned command that nobody sent, or that waited for its provider: made known again."""
    again = repeated(command, now, rules)
    if command.waits_for_provider:
        return replace(twin, control=replace(twin.control, command=again))
    text = "The command was not sent yet; it is announced again."
    return replace(twin, control=replace(twin.control, command=again)).tell(
        Entry(now, "CommandRetried", Reason.RETRY_WAIT, text, told(again))
    )


def repeated(command: Command, now: datetime, rules: ControlRules) -> Command:
    """A planned command as it is made known again.

    It keeps its id, so that a message which is only late, behind many others, is still good; whichever comes first
    is carried out. The waits double, so that a queue which cannot keep up is not filled with repetitions.
    """
    if command.waits_for_provider:
        return replace(command, not_before=now, doubt_at=now + rules.lost_after)
    return replace(command, doubt_at=now + max(rules.lost_after, now - command.not_before))


def _doubted(twin: Twin, command: Command, now: datetime, rules: ControlRules, *, new_id: str, spread: float) -> Twin:
    """A sent command whose time is up: sent again after a look, or given up."""
    spent = commands_spent(twin, now) >= allowance(twin, command.action, rules)
    last = not _may_be_repeated(twin, command, rules)
    if (spent or last) and _is_believed(twin, command):
        text = "The car maker says that the car does it already, and nothing shows otherwise."
        return ended(twin, "confirmed", Reason.ALREADY_IN_STATE, text, now=now)
    if command.outcome in HOPELESS or last:
        reason = _HOPELESS_REASONS.get(command.outcome, Reason.COMMAND_FAILED)
        return _given_up(twin, command, reason, now, rules, new_id=new_id, spread=spread)
    if spent:
        return _given_up(twin, command, Reason.DAILY_BUDGET_SPENT, now, rules, new_id=new_id, spread=spread)
    again = replace(
        command,
        id=new_id,
        state="planned",
        planned_at=now,
        not_before=now,
        doubt_at=now + rules.lost_after,
        expires_at=now + rules.command_ttl,
        outcome=None,
        unrefused=command.unrefused or command.outcome not in REFUSED,
    )
    refused = command.outcome is not None and command.outcome not in TAKEN
    text = "Trying again." if refused else "The car does not show it yet; looking and trying again."
    reason = Reason.RETRY_WAIT if refused else Reason.NOT_CONFIRMED_IN_TIME
    return replace(twin, control=replace(twin.control, command=again)).tell(
        Entry(now, "CommandRetried", reason, text, told(again))
    )


def _may_be_repeated(twin: Twin, command: Command, rules: ControlRules) -> bool:
    """Whether a command may be sent once more for all the times it was.

    A car that did not follow before is only tried, so that a fault of a whole day leaves it some of the day's commands;
    but not where the driver asks for it, or the first release after it was given up.
    """
    failures = twin.control.failures - (1 if command.release else 0)
    if failures <= 0 or command.reason == Reason.CHARGE_NOW:
        return command.attempts < rules.max_attempts
    refused = command.outcome is not None and command.outcome not in TAKEN
    return not refused and command.attempts < min(rules.trial_attempts, rules.max_attempts)


def _is_believed(twin: Twin, command: Command) -> bool:
    """Whether the provider says that the car does it already, and the car was not seen otherwise since it was asked."""
    charging, asked_at = twin.presence.charging, command.first_sent_at
    seen = charging is not None and asked_at is not None and charging.at > asked_at
    return command.outcome == "ALREADY_IN_STATE" and not seen


def _given_up(
    twin: Twin,
    command: Command,
    reason: Reason,
    now: datetime,
    rules: ControlRules,
    *,
    new_id: str,
    spread: float,
) -> Twin:
    """The command failed for good: leave the car alone for a while, and leave it able to charge."""
    pause = min(rules.breaker_pause * 2 ** min(twin.control.failures, 8), LONGEST_BREAKER_PAUSE)
    pause *= 1 + BREAKER_JITTER * spread
    words = command.detail if command.outcome not in TAKEN else None
    after = ended(twin, "failed", reason, words or "The car did not follow.", now=now)
    reachable = twin.presence.reachable
    control = replace(
        after.control,
        failures=after.control.failures + 1,
        breaker_until=now + pause,
        out_of_reach=reachable is not None and not reachable.value,
    )
    after = replace(after, control=control)
    if _is_news(twin, command, reason):
        text = "The car did not follow, so it is left to charge by itself for a while."
        why = reason if reason is Reason.PROVIDER_UNSUPPORTED else Reason.GAVE_UP_RELEASED
        after = after.tell(Entry(now, "NeedsAttention", why, text, told(command)))
    refused = command.outcome in REFUSED and not command.unrefused and control.taken != "stop"
    never_stopped = command.action == "start" or refused
    if never_stopped or (charges_since_stop(twin) and not is_instructed(twin)):
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
    )
    return replace(after, control=replace(after.control, command=release)).tell(
        Entry(now, "CommandPlanned", Reason.GAVE_UP_RELEASED, "Letting the car charge.", told(release))
    )


def _is_news(twin: Twin, command: Command, reason: Reason) -> bool:
    """Whether the driver is to be told of a command that is given up: of the first in a row.

    Who has to connect the account again is told so where the account is found to be out of order, and what the day's
    commands do not suffice for is told where it is kept back.
    """
    kept_back = reason is Reason.DAILY_BUDGET_SPENT and command.action == "start"
    return twin.control.failures == 0 and not kept_back and reason is not Reason.PROVIDER_NEEDS_USER


def with_comeback(twin: Twin, now: datetime) -> Twin:
    """The twin of a car that was left alone while it could not be reached, and can be again: it is tried at once."""
    control, reachable = twin.control, twin.presence.reachable
    left_alone = control.breaker_until is not None and now < control.breaker_until
    if not left_alone or reachable is None or twin.presence.needs_user is not None:
        return twin
    if not reachable.value:
        return twin if control.out_of_reach else replace(twin, control=replace(control, out_of_reach=True))
    if not control.out_of_reach:
        return twin
    return replace(twin, control=replace(control, breaker_until=now, out_of_reach=False))


def ended(twin: Twin, state: CommandState, reason: Reason, text: str, *, now: datetime) -> Twin:
    """The twin with its command in a final state."""
    command, control = twin.control.command, twin.control
    if command is None:
        return twin
    over = replace(command, state=state, ended_at=now, doubt_at=None)
    if state == "confirmed" and not command.release:
        # A release says nothing of whether the car follows the plan, so the breaker stays as it is.
        control = replace(control, failures=0, breaker_until=None)
    if state == "confirmed" and command.outcome not in TAKEN and not command.shown_before:
        control = replace(control, taken=command.action, taken_at=now)
    charges = shows(twin, "start") or reason is Reason.BATTERY_FULL
    if state == "confirmed" and command.action == "start" and charges:
        control = replace(control, freed_at=now)
    control = with_pair(control, over) if state == "confirmed" else replace(control, command=over)
    return replace(twin, control=control).tell(Entry(now, f"Command{state.title()}", reason, text, told(command)))


def with_pair(control: Control, command: Command) -> Control:
    """The control group with this command, counted as a pair of its session if it stopped the car and is not yet."""
    if command.action != "stop" or command.paired or command.shown_before:
        return replace(control, command=command)
    return replace(control, command=replace(command, paired=True), pairs=control.pairs + 1)


def told(command: Command) -> dict[str, str | int | None]:
    """What a timeline entry says of a command beside its text."""
    return {
        "command_id": command.id,
        "action": command.action,
        "attempts": command.attempts,
        "edge_at": command.edge_at.isoformat() if command.edge_at else None,
    }
