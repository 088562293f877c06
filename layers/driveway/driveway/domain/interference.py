"""Charging outside the plan that we did not start: the driver or another system did, which is respected. Pure."""

from dataclasses import replace
from datetime import datetime

from driveway.domain.control_rules import ControlRules
from driveway.domain.desired import desired_in
from driveway.domain.outlook import Outlook
from driveway.domain.reasons import Reason
from driveway.domain.twin import Entry, Observed, Session, Twin
from driveway.domain.wish import last_told


def with_interference(twin: Twin, now: datetime, rules: ControlRules, ahead: Outlook) -> Twin:
    """The twin with charging noted that began while the car was to hold, was seen to, and was not told otherwise.

    A car that begins to charge when it is plugged in is not meant: all do.
    """
    session, charging, control = twin.presence.session, twin.presence.charging, twin.control
    if not rules.respect_interference or session is None:
        return twin
    if desired_in(twin, now, ahead).want != "hold" or last_told(control, session) == "start":
        return replace(twin, control=replace(control, held_seen=None)) if control.held_seen else twin
    if charging is None or charging.at < session.opened_at:
        return twin
    if not charging.value:
        seen = control.held_seen == session.id
        return twin if seen else replace(twin, control=replace(control, held_seen=session.id))
    if control.held_seen != session.id or not _began_later(twin, session, charging, rules):
        return twin
    noted = replace(control, interference=session.id, interference_at=now, held_seen=None)
    text = "The car charges outside the plan though we did not start it: the driver or another system did."
    return replace(twin, control=noted).tell(
        Entry(now, "NeedsAttention", Reason.THIRD_PARTY_INTERFERENCE, text, {"session_id": session.id})
    )


def _began_later(twin: Twin, session: Session, charging: Observed, rules: ControlRules) -> bool:
    """Whether it is not the plug-in that began it: long after it, or after our stop was confirmed."""
    command = twin.control.command
    stopped = command is not None and command.action == "stop" and command.state == "confirmed"
    return stopped or charging.at >= session.opened_at + rules.interference_grace
