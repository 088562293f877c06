"""The release: a car that we may hold is left able to charge when we stop commanding it. Pure.

It is due after an opt-out, a removal, an erasure, a snooze, and when the operator releases every car;
``required_command`` turns it into a start without a limit, and ``released`` says whether it is done.
"""

from driveway.domain.control.desired import RELEASING, Desired
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason

IN_VAIN = frozenset({Reason.THIRD_PARTY_INTERFERENCE, Reason.PROVIDER_NEEDS_USER, Reason.DRIVER_STOP_RESPECTED})
"""With these reasons a release changes nothing, or starts a car that must stay as it is."""


def release_is_due(twin: Twin, want: Desired, *, held: bool) -> bool:
    """Whether a car that is left alone for the reason of ``want`` must be released.

    ``held``: a command of ours may keep it from charging. A charger is released with nothing plugged in, too.
    """
    presence = twin.presence
    if twin.link.vehicle is None or want.reason in IN_VAIN or presence.doubt is not None or not held:
        return False
    return presence.session is not None or want.reason in RELEASING
