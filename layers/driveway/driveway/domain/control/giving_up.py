"""A sent command without effect is sent again, or it is given up and the car is released. Pure."""

from datetime import datetime, timedelta

from driveway.domain.control.budgets import budget_spent
from driveway.domain.control.command_states import HOPELESS, HOPELESS_REASONS, REFUSED, TAKEN, command_detail, ended
from driveway.domain.control.longest_pauses import LEAVING_PAUSE
from driveway.domain.control.required_command import charges_since_stop, is_full, is_instructed
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.trial_answers import is_trial, trial_unseen
from driveway.domain.presence.charging_by_power import is_charging_unknown
from driveway.domain.twin import Command, Entry, OutcomeKind, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason, local_hhmm
from driveway.values import replace

LONGEST_BREAKER_PAUSE = timedelta(hours=1)
BREAKER_JITTER = 0.1

_BUDGETS = frozenset({Reason.DAILY_BUDGET_SPENT, Reason.MONTHLY_BUDGET_SPENT})
_REPORTED_ELSEWHERE = frozenset({Reason.PROVIDER_NEEDS_USER, Reason.PROVIDER_NEEDS_OPERATOR})


def unconfirmed(
    twin: Twin, command: Command, now: datetime, rules: ControlRules, *, new_id: str, spread: float
) -> Twin:
    """The twin once the time of a sent command is up: it is sent again after a state read, or given up."""
    tried = _trial_over(twin, command, now)
    if tried is not None:
        return tried
    spent = budget_spent(twin, command.action, now, rules)
    last = not _may_be_repeated(twin, command, rules)
    if (spent is not None or last) and _is_believed(twin, command):
        text = "The car maker reports that the car already does it, and no report contradicts that."
        return ended(twin, "confirmed", Reason.ALREADY_IN_STATE, text, now=now)
    if command.outcome in HOPELESS or last:
        reason = HOPELESS_REASONS.get(command.outcome, Reason.COMMAND_FAILED)
        return _given_up(twin, command, reason, now, rules, new_id=new_id, spread=spread)
    if spent is not None:
        return _given_up(twin, command, spent.reason, now, rules, new_id=new_id, spread=spread)
    again = replace(
        command,
        id=new_id,
        state="planned",
        planned_at=now,
        not_before=now,
        confirm_by=now + rules.lost_after,
        expires_at=now + rules.command_ttl,
        outcome=None,
        may_have_been_obeyed=command.may_have_been_obeyed or command.outcome not in REFUSED,
    )
    refused = command.outcome is not None and command.outcome not in TAKEN
    text = "We try again." if refused else "Your car does not show it yet. We check its state and try again."
    reason = Reason.RETRY_WAIT if refused else Reason.NOT_CONFIRMED_IN_TIME
    return replace(twin, control=replace(twin.control, command=again)).tell(
        Entry(now, Event.COMMAND_RETRIED, reason, text, {**command_detail(again), "outcome": command.outcome})
    )


def _trial_over(twin: Twin, command: Command, now: datetime) -> Twin | None:
    """The twin whose trial ended without effect, which is no failure of the car; None if the command goes on."""
    if is_trial(twin, command) and command.outcome in TAKEN:
        return trial_unseen(twin, now)
    # The car may have obeyed an earlier stop, so a stop refused because of the account is given up with a release.
    if command.trial == "account" and command.action == "start" and command.outcome == OutcomeKind.NEEDS_USER:
        return ended(twin, "failed", Reason.PROVIDER_NEEDS_USER, _failure(command), now=now)
    if command.outcome in TAKEN and is_effect_unknown(twin, command) and twin.presence.session is not None:
        return _with_notice_if_unknown(twin, now)
    if command.trial == "full" and command.outcome in TAKEN and is_full(twin):
        text = "The battery is full, so the car does not charge."
        return ended(twin, "confirmed", Reason.BATTERY_FULL, text, now=now)
    return None


def is_effect_unknown(twin: Twin, command: Command) -> bool:
    """Whether no source reports if the car charges: none ever did, or it became unknown after the command was sent."""
    presence, sent_at = twin.presence, command.first_sent_at
    if presence.charging is None or not is_charging_unknown(presence):
        return presence.charging is None
    return sent_at is not None and presence.charging_unknown_at is not None and presence.charging_unknown_at > sent_at


def _with_notice_if_unknown(twin: Twin, now: datetime) -> Twin:
    """The twin whose accepted command cannot be confirmed, as no source reports whether the car charges."""
    text = "The car maker accepted the command. Your car does not report whether it charges, so we cannot confirm it."
    after = ended(twin, "confirmed", Reason.CHARGING_UNKNOWN, text, now=now)
    if twin.control.charging_unknown_reported:
        return after
    text = "Your car does not report whether it charges. We command it, but cannot see whether it follows."
    return replace(after, control=replace(after.control, charging_unknown_reported=True)).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.CHARGING_UNKNOWN, text)
    )


def _may_be_repeated(twin: Twin, command: Command, rules: ControlRules) -> bool:
    """Whether the number of attempts allows one more.

    A car that did not follow before gets fewer attempts, so that a fault of a whole day leaves some of the day's
    commands. A charge-now of the driver and the first release after giving up get all attempts.
    """
    failures = twin.control.failures - (1 if command.release else 0)
    if failures <= 0 or command.reason == Reason.CHARGE_NOW:
        return command.attempts < rules.max_attempts
    refused = command.outcome is not None and command.outcome not in TAKEN
    return not refused and command.attempts < min(rules.trial_attempts, rules.max_attempts)


def _is_believed(twin: Twin, command: Command) -> bool:
    """Whether the provider reports that the car already does it, and no observation since has contradicted that."""
    charging, asked_at = twin.presence.charging, command.first_sent_at
    seen = charging is not None and asked_at is not None and charging.at > asked_at
    return command.outcome == OutcomeKind.ALREADY_IN_STATE and not seen


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
    """The command failed for good: leave the car alone for some time, and leave it able to charge."""
    longest = LEAVING_PAUSE if twin.link.leaving else LONGEST_BREAKER_PAUSE
    pause = min(rules.breaker_pause * 2 ** min(twin.control.failures, 8), longest)
    pause *= 1 + BREAKER_JITTER * spread
    after = ended(twin, "failed", reason, _failure(command), now=now)
    reachable = twin.presence.reachable
    control = replace(
        after.control,
        failures=after.control.failures + 1,
        breaker_until=now + pause,
        out_of_reach=reachable is not None and not reachable.value,
    )
    after = replace(after, control=control)
    if not is_trial(twin, command) and _is_news(twin, command, reason):
        text = _advice(after, command)
        why = reason if reason is Reason.PROVIDER_UNSUPPORTED else Reason.GAVE_UP_RELEASED
        after = after.tell(Entry(now, Event.NEEDS_ATTENTION, why, text, command_detail(command)))
    refused = (
        command.outcome in REFUSED and not command.may_have_been_obeyed and control.last_acknowledged_action != "stop"
    )
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
        confirm_by=now + rules.lost_after,
        release=True,
    )
    return replace(after, control=replace(after.control, command=release)).tell(
        Entry(
            now,
            Event.COMMAND_PLANNED,
            Reason.GAVE_UP_RELEASED,
            "We release your car to charge.",
            command_detail(release),
        )
    )


def _failure(command: Command) -> str:
    """Why the command failed: the car accepted it and did not follow, or it had no effect at all."""
    if command.outcome in TAKEN:
        return "Your car did not follow our command."
    answer = f" The car maker answered: {command.detail}" if command.detail else " The car maker did not answer."
    return f"Our command had no effect.{answer}"


def _advice(twin: Twin, command: Command) -> str:
    """What the driver of a car that does not follow has to know: whether it charges, and what to do if it does not.

    What the car showed last may be hours old, so the text gives its time.
    """
    charging, timezone = twin.presence.charging, twin.link.timezone
    problem = "Your car did not follow our commands" if command.outcome in TAKEN else "Our commands had no effect"
    text = f"{problem}, and we try again later."
    if charging is None:
        return f"{text} We cannot see whether your car charges: please check."
    since = local_hhmm(charging.at, timezone)
    if charging.value:
        return f"{text} Your car was charging at {since}, and we leave it charging."
    return f"{text} Your car was not charging at {since}. Start it in its own app, or unplug it and plug it in again."


def _is_news(twin: Twin, command: Command, reason: Reason) -> bool:
    """Whether the driver is informed of a command that is given up: only of the first in a row.

    Two causes are reported elsewhere: a broken account in ``disconnected``, a spent budget in
    ``_report_spent_budget``. A fault of this deployment raises an alarm for the operator.
    """
    kept_back = reason in _BUDGETS and command.action == "start"
    return twin.control.failures == 0 and not kept_back and reason not in _REPORTED_ELSEWHERE


def with_comeback(twin: Twin, now: datetime) -> Twin:
    """The twin whose car can be reached again after it was left alone for being out of reach: it is tried at once."""
    control, reachable = twin.control, twin.presence.reachable
    left_alone = control.breaker_until is not None and now < control.breaker_until
    given_up = control.release_given_up_at is not None
    if not (left_alone or given_up) or reachable is None or twin.presence.needs_user is not None:
        return twin
    if not reachable.value:
        return twin if control.out_of_reach else replace(twin, control=replace(control, out_of_reach=True))
    if not control.out_of_reach:
        return twin
    control = replace(control, release_since=None, release_given_up_at=None) if given_up else control
    return replace(twin, control=replace(control, breaker_until=now, out_of_reach=False))
