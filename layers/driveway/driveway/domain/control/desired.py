"""The action that the car should take at an instant, and its reason. Pure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from driveway.domain.presence.rules import TEXTS as PRESENCE_TEXTS
from driveway.domain.schedules.effective_schedule import Stretch
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Presence, Twin
from driveway.domain.twin.reasons import Reason, local_hhmm

Want = Literal["charge", "hold", "leave"]
UNLIMITED_MARGIN_KW = 0.05


class Desired(Struct, frozen=True):
    """``charge`` (at ``limit_kw``; None: no limit), ``hold``, or ``leave`` the car alone, from ``source`` and why."""

    want: Want
    reason: Reason
    text: str
    source: str | None = None
    limit_kw: float | None = None
    until: datetime | None = None


def desired(twin: Twin, at: datetime, *, spread_s: int = 0) -> Desired:
    """The desired action of the car at ``at`` (aware UTC).

    In order: not enrolled, not plugged in, not surely at home, not controllable (leave it alone) > charge-now > snoozed
    (leave it alone) > a test charge > minimum state of charge > Axle's schedule > default off-peak schedule. A car that
    somebody else started is not held, but is charged when the plan asks for it.
    """
    return desired_in(twin, at, ScheduleWindow(twin, at, spread_s=spread_s))


def desired_in(twin: Twin, at: datetime, schedule: ScheduleWindow) -> Desired:
    """``desired`` at an instant within the schedule window."""
    alone = left_alone(twin, at)
    if alone is not None:
        return Desired("leave", alone, LEFT_ALONE_TEXTS[alone])
    return _by_schedule(twin, at, schedule)


def desired_if_plugged(twin: Twin, at: datetime, schedule: ScheduleWindow) -> Desired | None:
    """The desired action at ``at`` if the car were plugged in at home and its account were in order.

    None where the asset is not managed or has no vehicle.
    """
    if _not_managed(twin, at) is not None or twin.link.vehicle is None:
        return None
    return _by_schedule(twin, at, schedule)


def _by_schedule(twin: Twin, at: datetime, schedule: ScheduleWindow) -> Desired:
    tested = _by_charge_test(twin, at)
    if tested is not None:
        return tested
    stretch = schedule.at(at)
    if stretch.source not in {"charge_now", "minimum_soc"} and is_stop_respected(twin):
        return _left_stopped(twin, stretch)
    text = describe(stretch, timezone=twin.link.timezone)
    if stretch.limit_kw <= 0:
        if _respected(twin):
            other = Reason.THIRD_PARTY_INTERFERENCE
            return Desired("leave", other, LEFT_ALONE_TEXTS[other])
        return Desired("hold", stretch.reason, text, stretch.source, 0.0, stretch.end)
    limited = stretch.limit_kw < twin.link.power_kw - UNLIMITED_MARGIN_KW
    return Desired("charge", stretch.reason, text, stretch.source, stretch.limit_kw if limited else None, stretch.end)


def is_testing(twin: Twin, at: datetime) -> bool:
    """Whether a step of a test charge commands the car at ``at``; the driver's own charging outranks it."""
    test = twin.charge_test
    if test is None or test.ended_at is not None or at >= test.until or test.step not in {"start", "stop"}:
        return False
    charging_now = twin.charge_now is not None and at < twin.charge_now.until
    return not charging_now and not (test.step == "stop" and _respected(twin))


def _by_charge_test(twin: Twin, at: datetime) -> Desired | None:
    test = twin.charge_test
    if test is None or not is_testing(twin, at):
        return None
    if test.step == "start":
        text = "A test charge runs: we start your car, and stop it once it charges."
        return Desired("charge", Reason.TEST_CHARGE, text, "test_charge", None, test.until)
    text = "A test charge runs: we stop your car, and then its plan counts again."
    return Desired("hold", Reason.TEST_CHARGE, text, "test_charge", 0.0, test.until)


def is_stop_respected(twin: Twin) -> bool:
    """Whether the driver stopped charging in the car in this session and we respect that (``respected_stop``)."""
    stops, session = twin.control.unasked_stops, twin.presence.session
    return stops is not None and session is not None and stops.session_id == session.id and bool(stops.respected_at)


def _left_stopped(twin: Twin, stretch: Stretch) -> Desired:
    """Leave the car as it is, but end charging that we or its own schedule started since."""
    reason, stops, started_at = Reason.DRIVER_STOP_RESPECTED, twin.control.unasked_stops, twin.control.last_start_at
    respected_at = stops.respected_at if stops is not None else None
    by_schedule = stops is not None and stops.charging_since is not None
    ours = by_schedule or (started_at is not None and respected_at is not None and started_at > respected_at)
    if ours:
        return Desired("hold", reason, LEFT_ALONE_TEXTS[reason], None, 0.0, stretch.end)
    return Desired("leave", reason, LEFT_ALONE_TEXTS[reason])


def left_alone(twin: Twin, at: datetime) -> Reason | None:
    """The reason to leave the car alone at ``at`` (aware UTC), whatever the schedule asks; None if there is none."""
    return _not_managed(twin, at) or _out_of_reach(twin, at)


def _not_managed(twin: Twin, at: datetime) -> Reason | None:
    """The reason for which we do not manage the car at ``at``; None where we manage it."""
    link = twin.link
    if not link.enrolled or link.leaving:
        return Reason.NOT_ENROLLED
    if twin.control.released_by_operator_at is not None:
        return Reason.RELEASED_BY_OPERATOR
    charging_now = twin.charge_now is not None and at < twin.charge_now.until
    if link.snoozed_until is not None and at < link.snoozed_until and not charging_now:
        return Reason.SNOOZED
    return None


def _out_of_reach(twin: Twin, at: datetime) -> Reason | None:
    """The reason for which a car that we manage cannot be commanded at ``at``; None if it can be."""
    if twin.presence.session is None or twin.presence.doubt is not None:
        return _not_surely_at_home(twin.presence)
    if twin.link.vehicle is None:
        return Reason.NO_VEHICLE_LINKED
    if disconnected_at(twin, at):
        return Reason.PROVIDER_NEEDS_USER
    return None


def disconnected_at(twin: Twin, at: datetime) -> bool:
    """Whether the car maker's account is out of order at ``at``, and no command or charge-now is a trial of it."""
    if twin.presence.needs_user is None:
        return False
    command = twin.control.command
    trying = command is not None and command.trial is not None and command.state in {"planned", "sent"}
    return not trying and not is_charge_now_to_try(twin, at)


def is_charge_now_to_try(twin: Twin, at: datetime) -> bool:
    """Whether there is a charge-now without a start so far, or with a start under way."""
    charge_now, command = twin.charge_now, twin.control.command
    if charge_now is None or at >= charge_now.until:
        return False
    tried = command is not None and command.action == "start" and command.planned_at >= charge_now.started_at
    return not tried or (command is not None and command.state in {"planned", "sent"})


def _respected(twin: Twin) -> bool:
    """Whether somebody else started the car in this session and Axle has sent no schedule since."""
    session, noticed_at = twin.presence.session, twin.control.interference_at
    if session is None or twin.control.interference != session.id or noticed_at is None:
        return False
    return not any(installed.received_at > noticed_at for installed in twin.profiles)


def _not_surely_at_home(presence: Presence) -> Reason:
    if presence.doubt is not None:
        return Reason.HOME_IN_DOUBT
    plugged, home = presence.plugged_in, presence.at_home
    if plugged is None:
        return Reason.PLUG_UNKNOWN
    if not plugged.value:
        return Reason.NOT_PLUGGED_IN
    return Reason.NOT_AT_HOME if home is not None and not home.value else Reason.HOME_UNKNOWN


RELEASING = frozenset({Reason.NOT_ENROLLED, Reason.RELEASED_BY_OPERATOR, Reason.SNOOZED})
"""The reasons for which we do not manage a car. A car that our commands hold is released."""

LEFT_ALONE_TEXTS: dict[Reason, str] = {
    Reason.NOT_ENROLLED: "The site is not enrolled, so the car charges as it likes.",
    Reason.RELEASED_BY_OPERATOR: "Smart charging is switched off for everybody, so the car charges as it likes.",
    Reason.SNOOZED: "Smart charging is snoozed, so the car charges as it likes.",
    Reason.NOT_PLUGGED_IN: "The car is not plugged in.",
    Reason.PLUG_UNKNOWN: "Your car has not reported yet whether it is plugged in.",
    Reason.NOT_AT_HOME: "The car is plugged in, but not at home.",
    Reason.HOME_UNKNOWN: "The car is plugged in, but nothing shows that it is at home.",
    Reason.HOME_IN_DOUBT: PRESENCE_TEXTS[Reason.HOME_IN_DOUBT],
    Reason.NO_VEHICLE_LINKED: "No car is linked here, so we cannot control charging. Link your car in the app.",
    Reason.PROVIDER_NEEDS_USER: "We cannot reach your car. Connect the car maker's account again.",
    Reason.DRIVER_STOP_RESPECTED: "You stopped charging in the car, so we leave it off. To charge, choose charge now.",
    Reason.THIRD_PARTY_INTERFERENCE: "You or another app started charging outside the plan, so we let it go on.",
}


def describe(stretch: Stretch, *, timezone: str) -> str:
    """A sentence about a stretch of the effective schedule, with its end in the site's wall time."""
    until = local_hhmm(stretch.end, timezone)
    charges = stretch.limit_kw > 0
    match stretch.source:
        case "charge_now":
            return f"Charge now was asked for, until {until}."
        case "minimum_soc":
            return "The battery is below the minimum the driver set, so it charges at once."
        case "axle" if charges:
            return f"Axle's schedule lets it charge until {until}."
        case "axle":
            return f"Axle's schedule holds charging until {until}."
        case _ if charges:
            return f"Off-peak until {until}, and Axle has no schedule for now: it charges."
        case _:
            return f"Peak until {until}, and Axle has no schedule for now: charging is held."
