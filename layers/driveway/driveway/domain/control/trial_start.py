"""One start for a car that is reported unplugged but may be held by our own stop. Pure.

Several car makers report "unplugged" for as long as charging is stopped (field notes 35). Such a plug-out is believed
after a while, and the session ends. If the car stayed plugged in after all, nobody would start it again. So each of our
own stops may be followed by one trial start, at the next time at which the car should charge or when we release it. The
provider's answer decides: "not plugged in" confirms the plug-out, and a car that shows its plug or power reopens its
session.
"""

from datetime import datetime, timedelta

from driveway.domain.control.desired import Desired, desired_if_plugged
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Command, Control, Twin
from driveway.values import replace

TRIED_WITHIN = timedelta(hours=12)
"""How long after our own stop a trial is made, counted in time in which the provider answered."""

STOP_OBEYED_WITHIN = timedelta(minutes=5)
"""A car that is seen charging later than this after our stop was not held by it."""

REOPENED_WITHIN = timedelta(minutes=65)
"""How long after a trial start was sent a plug or power shows that the last session never ended.

Some makes are polled once an hour.
"""


def may_be_held_unplugged(twin: Twin, now: datetime) -> bool:
    """Whether a car without a session may be plugged in and held by our last stop, which no trial has followed yet."""
    last, stopped_at = twin.presence.last_session, twin.control.last_stop_at
    if twin.presence.session is not None or last is None or stopped_at is None or stopped_at < last.opened_at:
        return False
    if twin.control.tried_stop_at == stopped_at or _was_freed(twin, stopped_at):
        return False
    return now < stopped_at + TRIED_WITHIN + _unanswered(twin.control, now) and not has_left(twin)


def as_if_plugged(twin: Twin) -> Twin:
    """The twin with its last session still open, as it is if the reported plug-out turns out to be false."""
    last = twin.presence.last_session
    session = replace(last, closed_at=None) if last is not None else None
    return replace(twin, presence=replace(twin.presence, session=session, last_session=None))


def has_left(twin: Twin) -> bool:
    """Whether the car was seen moving or away since our last stop, has driven, or another car was named."""
    presence, stopped_at = twin.presence, twin.control.last_stop_at
    if stopped_at is None:
        return False
    named_since = presence.vehicle.since if presence.vehicle is not None else None
    signs = (presence.moved_at, presence.away_seen_at, presence.driven_after, named_since)
    return presence.doubt is not None or any(at is not None and at > stopped_at for at in signs)


def _was_freed(twin: Twin, stopped_at: datetime) -> bool:
    """Whether the car was seen charging after our stop had time to work, or a start of ours worked since."""
    last_start_confirmed_at, charged_at = twin.control.last_start_confirmed_at, twin.presence.charged_at
    charged = charged_at is not None and charged_at > stopped_at + STOP_OBEYED_WITHIN
    return charged or (last_start_confirmed_at is not None and last_start_confirmed_at > stopped_at)


def _unanswered(control: Control, now: datetime) -> timedelta:
    """The time since our last stop in which the provider did not answer."""
    since = control.unanswered_since
    return timedelta(seconds=control.unanswered_s) + (now - since if since is not None else timedelta(0))


def desired_by_trial(twin: Twin, at: datetime, schedule: ScheduleWindow) -> Desired | None:
    """The desired action that a trial start at ``at`` serves; None where even a plugged-in car would not charge."""
    want = desired_if_plugged(twin, at, schedule)
    return want if want is not None and want.want == "charge" else None


def trial_is_wanted(twin: Twin, command: Command, now: datetime, schedule: ScheduleWindow, *, leaving: bool) -> bool:
    """Whether an open trial start may still be sent, or its effect awaited."""
    if has_left(twin):
        return False
    if command.release:
        return leaving
    return command.state == "sent" or desired_by_trial(twin, max(now, command.not_before), schedule) is not None


def with_reopening(twin: Twin, now: datetime) -> Twin:
    """The twin whose trial start is being sent: a plug or power that is seen soon reopens the last session."""
    return replace(twin, presence=replace(twin.presence, reopen_before=now + REOPENED_WITHIN))


def without_answer(control: Control, since: datetime) -> Control:
    """The control group while the provider does not answer a trial start."""
    return control if control.unanswered_since is not None else replace(control, unanswered_since=since)


def trial_done(control: Control, now: datetime) -> Control:
    """The control group once the provider answered a trial start: none follows for the same stop."""
    unanswered_s = _unanswered(control, now).total_seconds()
    return replace(control, tried_stop_at=control.last_stop_at, unanswered_since=None, unanswered_s=unanswered_s)
