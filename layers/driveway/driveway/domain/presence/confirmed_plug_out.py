"""A plug-out that the provider confirmed in its answer to a command: it counts at once."""

from datetime import datetime

from driveway.domain.presence.plug import close
from driveway.domain.presence.rules import PresenceStep
from driveway.domain.twin import HeldPlugOut, Presence
from driveway.domain.twin.reasons import Reason
from driveway.values import replace


def confirm_plug_out(presence: Presence, *, now: datetime) -> PresenceStep:
    """The presence once the provider answered that the car is not plugged in, at ``now`` (aware UTC).

    An open session ends when its plug-out was first reported. No later plug reopens it: that is a new session.
    """
    if presence.session is None:
        return PresenceStep(replace(presence, reopen_before=None))
    held = presence.held_plug_out or HeldPlugOut(reported_at=now, until=now, seen_at=now)
    after, effects = close(presence, held, Reason.PLUG_OUT_CONFIRMED_BY_PROVIDER)
    return PresenceStep(after, effects, changed=True)
