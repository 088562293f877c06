"""Trial commands for a car whose account is out of order: the account may work again without a report. Pure.

While ``needs_user`` stands and the plan needs a command for a plugged-in car, one trial is made whenever the car should
begin to charge, and one each hour for a day. The trial reads the state of the car first, and sends the command if that
read is answered. A trial that is refused because of the account does not count as a failure of the car.
"""

from datetime import datetime, timedelta

from driveway.domain.control.settings import ControlRules
from driveway.domain.reports.account_connection import ACCOUNT_TRIED_EVERY
from driveway.domain.schedules.effective_schedule import effective_schedule
from driveway.domain.twin import Twin

TRIED_HOURLY_FOR = timedelta(days=1)


def account_trial_due(twin: Twin, at: datetime, rules: ControlRules) -> bool:
    """Whether a trial of the account is due at ``at`` (aware UTC)."""
    last = _last(twin)
    hourly = next_hourly_trial(twin)
    if last is None or (hourly is not None and at >= hourly):
        return True
    since = max(last, at - TRIED_HOURLY_FOR)
    if since >= at:
        return False
    spread_s = rules.default_spread_s
    first, *later = effective_schedule(twin, since, at + timedelta(seconds=1), spread_s=spread_s)
    previous = first
    for stretch in later:
        if stretch.limit_kw > 0 and previous.limit_kw <= 0:
            return True
        previous = stretch
    return False


def next_hourly_trial(twin: Twin) -> datetime | None:
    """When the next hourly trial is due (aware UTC); None once the account has been out of order for a day."""
    since, last = twin.presence.needs_user_at, _last(twin)
    if since is None or last is None:
        return None
    due = last + ACCOUNT_TRIED_EVERY
    return due if due <= since + TRIED_HOURLY_FOR else None


def _last(twin: Twin) -> datetime | None:
    """The time of the last trial, or of the report that the account is out of order."""
    known = (twin.presence.needs_user_at, twin.control.account_tried_at)
    return max((at for at in known if at is not None), default=None)
