"""Whether a released car can charge as its driver chose, and which settings stay in it if it cannot. Pure."""

from datetime import datetime, timedelta

from driveway.domain.control.command_states import HOPELESS, REFUSED, TAKEN
from driveway.domain.control.giving_up import is_effect_unknown
from driveway.domain.control.late_stop import came_before_stop
from driveway.domain.control.required_command import is_held_by_command, is_instructed, keeps_current
from driveway.domain.control.vehicle_schedules import may_hold_our_schedule
from driveway.domain.twin import Command, Entry, Presence, Session, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

LONGEST_RELEASE = timedelta(hours=1)
"""How long an erasure, a removal or a swap waits for a car that cannot be reached or does not follow."""


def is_released(twin: Twin, now: datetime) -> bool:
    """Whether a twin's car can charge as its driver chose, as far as we can bring it about at ``now`` (aware UTC).

    A start that was accepted counts once the car shows it. A command that was refused for good does not keep a release
    waiting.
    """
    if twin.link.vehicle is None:
        return True
    return _is_free_to_charge(twin, now) and _keeps_no_schedule(twin) and _keeps_no_limit(twin)


def _is_free_to_charge(twin: Twin, now: datetime) -> bool:
    """A command that was not sent does not count: an asset that leaves gets no command but a release."""
    command = twin.control.command
    if twin.control.late_stop is not None:
        return False
    held = is_held_by_command(twin, now)
    if command is None or not command.release:
        under_way = command is not None and command.state == "sent" and command.outcome is None
        return not under_way and not held
    if _has_to_show(twin, command):
        return False
    return not held or (_is_taken_or_hopeless(command) and not came_before_stop(command, twin.control))


def _has_to_show(twin: Twin, command: Command) -> bool:
    """Whether a start was accepted and a plugged-in car has not shown yet that it followed, as it can."""
    session = twin.presence.session
    if session is None or command.state != "sent" or command.outcome not in TAKEN:
        return False
    return not is_effect_unknown(twin, command) and _shows_charging(twin.presence, session)


def _shows_charging(presence: Presence, session: Session) -> bool:
    """Whether a source reports if the car charges, or has reported its power since the plug-in."""
    if not presence.charging_inferred:
        return True
    shown = (presence.charging, presence.power_kw)
    return any(one is not None and one.at > session.plugged_at for one in shown)


def _is_taken_or_hopeless(command: Command) -> bool:
    if command.state == "failed":
        return command.outcome in HOPELESS
    return command.state == "confirmed" or (command.state == "sent" and command.outcome in TAKEN)


def _keeps_no_schedule(twin: Twin) -> bool:
    command = twin.control.schedule_command
    if command is not None and command.action == "remove_default" and command.state == "failed":
        return command.outcome in REFUSED
    return not may_hold_our_schedule(twin)


def _keeps_no_limit(twin: Twin) -> bool:
    if twin.control.standing_limit is None or not keeps_current(twin):
        return True
    command = twin.control.schedule_command
    given_up = command is not None and command.action == "restore_current" and command.outcome in HOPELESS
    return given_up and command is not None and command.state == "failed"


def with_leftovers_reported(twin: Twin, now: datetime) -> Twin:
    """The twin with a notice of the settings that stay in an unreleased car; the same twin if there are none."""
    stays = leftovers(twin, now)
    if not stays:
        return twin
    command = twin.control.command
    ignored = command is not None and command.release and command.outcome in TAKEN
    text = " ".join(("The car did not follow our command." if ignored else "The car could not be reached.", *stays))
    return twin.tell(Entry(now, Event.NEEDS_ATTENTION, Reason.RELEASE_GIVEN_UP, text))


def leftovers(twin: Twin, now: datetime) -> tuple[str, ...]:
    """The settings that may stay in the car or charger at ``now`` (aware UTC), each with a remedy for the driver."""
    standing, charger = twin.control.standing_limit, is_instructed(twin)
    found = []
    if twin.link.vehicle is not None and is_held_by_command(twin, now):
        found.append(
            "The charger may hold charging for up to twelve hours."
            if charger
            else "It may not start to charge by itself: start it in the car, or plug it in again."
        )
    if standing is not None and keeps_current(twin) and standing.driver_amps is not None:
        found.append(
            f"It may charge with less than the {standing.driver_amps} A that you chose: set the current in the car."
        )
    if may_hold_our_schedule(twin):
        found.append(
            "The charger may keep our charging times: ask its operator to clear its charging profiles."
            if charger
            else "It may keep our charging times: delete them in the car's charging schedules."
        )
    return tuple(found)
