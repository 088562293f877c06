"""Which cars need somebody's attention, and why. Pure.

What counts is what does not mend itself: a person has to connect an account, look at a car, or ask Axle. A car that is
asleep or away needs nobody.
"""

from driveway.domain.enrolment import takes_part
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason

ADVICE: dict[Reason, str] = {
    Reason.RELEASE_GIVEN_UP: "The car could not be released, so something of ours may stay in it. Ask the driver to "
    "start the car in its own app.",
    Reason.PROVIDER_NEEDS_USER: "The account at the car maker is not connected. Ask the driver to connect it again in "
    "the app.",
    Reason.NO_VEHICLE_LINKED: "No car is linked, so nothing can be commanded. Ask the driver to link the car in the "
    "app.",
    Reason.GAVE_UP_RELEASED: "The car did not follow our commands, so it charges by itself. Ask the driver to check "
    "the timers in the car, and to plug it in again.",
    Reason.AXLE_REFUSED: "Axle refused what we reported. Read Axle's own words on the car's page, and ask Axle.",
    Reason.PLUG_UNKNOWN: "Nothing reports whether the car is plugged in. Ask the driver to share the car's state with "
    "the app.",
    Reason.HOME_UNKNOWN: "The car is plugged in, but nothing shows that it is at home. Ask the driver to let the car "
    "share its location.",
}
"""What is wrong and what helps, by the reason for which a car needs attention; the most serious one first."""


def attention(twin: Twin) -> Reason | None:
    """Why a car needs attention; None if it does not. It depends on no clock, so it is right until the next write."""
    control, presence, link = twin.control, twin.presence, twin.link
    if control.release_given_up_at is not None:
        return Reason.RELEASE_GIVEN_UP
    if not takes_part(link) or link.snoozed_until is not None or control.released_by_operator_at is not None:
        return None
    is_plugged_in = presence.plugged_in is not None and bool(presence.plugged_in.value)
    found = {
        Reason.PROVIDER_NEEDS_USER: presence.needs_user is not None,
        Reason.NO_VEHICLE_LINKED: link.vehicle is None,
        Reason.GAVE_UP_RELEASED: _does_not_follow(twin),
        Reason.AXLE_REFUSED: bool(twin.axle.refusals),
        Reason.PLUG_UNKNOWN: control.plug_unknown_reported and presence.plugged_in is None,
        Reason.HOME_UNKNOWN: is_plugged_in and presence.at_home is None,
    }
    return next((reason for reason, is_so in found.items() if is_so), None)


def _does_not_follow(twin: Twin) -> bool:
    """Whether commands of the running session were given up, and none was confirmed since."""
    session, command = twin.presence.session, twin.control.command
    if session is None or command is None or twin.control.failures == 0:
        return False
    return command.planned_at >= session.opened_at
