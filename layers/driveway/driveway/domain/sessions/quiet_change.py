"""Changes of a twin that nobody has to be informed of. Pure."""

from datetime import datetime

from driveway.domain.sessions.kept_session import sessions_to_keep
from driveway.domain.sessions.plan import is_plan_changed
from driveway.domain.twin import Twin, changed_groups


def concerns_nobody(before: Twin, after: Twin, at: datetime) -> bool:
    """Whether a change at ``at`` (aware UTC) that leaves the due times as they are has nothing to announce.

    That is a change of what was observed and metered only, without news, that decides no plan and changes no kept
    session.
    """
    if after.news or not {"presence", "meter"}.issuperset(changed_groups(before, after)):
        return False
    return not is_plan_changed(before, after, at) and sessions_to_keep(before, after) == ((), ())
