"""The car maker's account: it stops working, and it works again. Pure."""

from datetime import datetime, timedelta

from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

NEEDS_USER_REPORTED_EVERY = timedelta(days=1)
"""How often the driver gets the same notice about the car maker's account."""

ACCOUNT_TRIED_EVERY = timedelta(hours=1)
"""How often a command is tried although the account is out of order."""

_REFUSED = "NEEDS_USER"


def reconnected(twin: Twin, now: datetime) -> Twin:
    """The twin whose account works, as the provider accepted a command."""
    if twin.presence.needs_user is None:
        return twin
    entry = Entry(now, Event.RECONNECTED, Reason.RECONNECTED, "Your car can be commanded again.")
    presence = replace(twin.presence, needs_user=None, needs_user_at=None, unreported_since=None)
    control = twin.control
    if control.release_given_up_at is not None:
        control = replace(control, release_since=None, release_given_up_at=None)
    return replace(twin, presence=presence, control=control).tell(entry)


def clear_needs_user_after_observation(twin: Twin, now: datetime) -> Twin:
    """The twin once its provider reported on the car, which shows that the account works.

    A report does not show that commands are allowed. After a command was refused because of the account, an accepted
    command shows it, or a report after the breaker's pause and an hour after the last trial.
    """
    tried_at, until = twin.control.account_tried_at, twin.control.breaker_until
    paused = until is not None and now < until
    tried = tried_at is not None and now < tried_at + ACCOUNT_TRIED_EVERY
    return twin if paused or tried else reconnected(twin, now)


def is_of_another_account(twin: Twin, vendor: str | None) -> bool:
    """Whether a report about an account at ``vendor`` is about other cars, as this one is of another make."""
    own = twin.presence.vendor
    return vendor is not None and own is not None and own.casefold() != vendor.casefold()


def with_vendor(twin: Twin, vendor: str | None) -> Twin:
    """The twin with the car's make as its provider names it."""
    if vendor is None or twin.presence.vendor == vendor:
        return twin
    return replace(twin, presence=replace(twin.presence, vendor=vendor))


def granted_again(twin: Twin, now: datetime) -> Twin:
    """The twin once the driver has signed in again: the pauses that the lost account caused are over.

    A command that was refused for the account ends, and neither its pause nor that of the default schedule goes on.
    """
    control, command, schedule = twin.control, twin.control.command, twin.control.schedule_command
    if command is not None and command.outcome == _REFUSED:
        over = replace(command, state="failed", ended_at=now, confirm_by=None) if command.state == "sent" else command
        control = replace(control, command=replace(over, outcome=None), failures=0, breaker_until=None)
    if schedule is not None and schedule.outcome == _REFUSED and schedule.state == "failed":
        control = replace(control, schedule_command=replace(schedule, outcome=None, confirm_by=now))
    return reconnected(replace(twin, control=control) if control is not twin.control else twin, now)


def lost_again(twin: Twin, why: str, *, signed_in_at: datetime | None, now: datetime) -> Twin:
    """The twin whose account is lost. After a sign-in since an earlier loss, the driver is informed once more.

    Args:
        twin: as it is.
        why: the reason, as a sentence for the driver.
        signed_in_at: when the driver last signed in (aware UTC); None if that is not known.
        now: the present instant, aware UTC.
    """
    since = twin.presence.needs_user_at
    if signed_in_at is not None and since is not None and since < signed_in_at:
        twin = replace(twin, presence=replace(twin.presence, needs_user=None))
    return disconnected(twin, why, now, ends_reports=True)


def disconnected(twin: Twin, why: str, now: datetime, *, ends_reports: bool = False) -> Twin:
    """The twin whose car cannot be reached until the driver acts; the driver is informed once a day.

    ``ends_reports``: the account itself is lost. After a refused command alone the car may still be reported.
    """
    if ends_reports and twin.presence.unreported_since is None:
        twin = replace(twin, presence=replace(twin.presence, unreported_since=now))
    presence = twin.presence
    if presence.needs_user is not None:
        return twin
    after = replace(presence, needs_user=why, needs_user_at=now)
    reported_at = presence.needs_user_reported_at
    if (
        presence.needs_user_reported == why
        and reported_at is not None
        and now < reported_at + NEEDS_USER_REPORTED_EVERY
    ):
        return replace(twin, presence=after)
    text = f"Please connect your car again: {why}"
    return replace(twin, presence=replace(after, needs_user_reported=why, needs_user_reported_at=now)).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.PROVIDER_NEEDS_USER, text)
    )
