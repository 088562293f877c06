"""The provider's answer to a trial start of a car that is reported unplugged (see ``trial_start``). Pure."""

from datetime import datetime

from driveway.domain.control.command_states import TAKEN, ended
from driveway.domain.control.trial_start import trial_done, without_answer
from driveway.domain.presence.confirmed_plug_out import confirm_plug_out
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.twin import Command, OutcomeKind, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

PROVIDERS_OWN = frozenset({OutcomeKind.RETRYABLE, OutcomeKind.NEEDS_USER, OutcomeKind.NEEDS_OPERATOR})
"""Answers that may show nothing about the car: a rate limit, a fault of the provider, an account out of order."""


def is_trial(twin: Twin, command: Command) -> bool:
    """Whether the command is a trial start whose car has not shown its plug yet."""
    return command.trial == "unplugged" and twin.presence.session is None


def trial_answered(twin: Twin, command: Command, outcome: OutcomeKind, now: datetime, *, is_asleep: bool) -> Twin:
    """The twin after a provider's answer to a trial start.

    Any answer about the car uses up the trial. An answer that the car sleeps counts too, because a trial does not wake
    a car. A trial that is refused for the provider's own reasons is sent again, like any command.
    """
    settled = outcome not in PROVIDERS_OWN or is_asleep or command.outcome in TAKEN
    if not settled:
        return replace(twin, control=without_answer(twin.control, command.first_sent_at or now))
    return replace(twin, control=trial_done(twin.control, now))


def trial_refused(twin: Twin, now: datetime) -> Twin:
    """The twin whose trial start was refused: the plug-out stands, and the car did not fail to follow."""
    text = "The car could not be started, so the reported plug-out stands."
    closed = replace(twin, presence=replace(twin.presence, reopen_before=None))
    return ended(closed, "superseded", Reason.TRIAL_START_ENDED, text, now=now)


def trial_unseen(twin: Twin, now: datetime) -> Twin:
    """The twin whose trial start was accepted and has shown no effect yet.

    The plug-out stands. A car that is reported rarely may still show its plug or power, and reopens its session then.
    """
    text = "No report shows that the car charges, so the reported plug-out stands until one does."
    return ended(twin, "superseded", Reason.TRIAL_START_ENDED, text, now=now)


def plug_out_confirmed(twin: Twin, now: datetime) -> Twin:
    """The twin whose provider answered a command with "not plugged in": its session is over, and nothing failed."""
    after = apply_presence_step(twin, confirm_plug_out(twin.presence, now=now))
    after = replace(after, control=trial_done(after.control, now))
    text = "The car maker confirmed that the car is not plugged in."
    return ended(after, "superseded", Reason.PLUG_OUT_CONFIRMED_BY_PROVIDER, text, now=now)
