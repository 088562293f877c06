"""The schedule that a car or charger keeps itself: whether it may be ours, and its effect on charging. Pure."""

import re
from datetime import datetime

from driveway.domain.control.settings import ControlRules
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import FormerSchedule, Observed, Tariff, Twin, Window

_IN_SHORT = re.compile(r" (?P<windows>[0-9,-]*) (?P<zone>\S+) [+-]\d+ [+-]\d+(?: \S+)?$")


def can_keep(twin: Twin) -> bool:
    """Whether the asset's provider can keep a schedule in the car or charger."""
    return twin.link.vehicle is not None and twin.link.vehicle.capabilities.keeps_schedules


def may_hold_our_schedule(twin: Twin) -> bool:
    """Whether a schedule of ours is, or may be, in the car or charger."""
    control = twin.control
    under_way = control.schedule_command is not None and control.schedule_command.state == "sent"
    return can_keep(twin) and (control.default_schedule is not None or control.installed_schedule_unknown or under_way)


def edge_that_switched(twin: Twin, charging: Observed, rules: ControlRules) -> datetime | None:
    """When (aware UTC) the kept schedule may have begun this charging, or ended it; None if it did not.

    That is at an edge of it, or when another one took its place: a car decides again by the new one.
    """
    if not may_hold_our_schedule(twin):
        return None
    # Clocks differ, so it may seem to have been a little before its edge.
    since, until = charging.at - rules.kept_schedule_grace, charging.at + rules.kept_schedule_grace
    windows = [window for tariff in _kept_tariffs(twin) for window in off_peak_intervals(tariff, since, until)]
    edges = [start if charging.value else end for start, end in windows]
    command = twin.control.schedule_command
    if command is not None and command.sent_at is not None and command.state in {"sent", "confirmed"}:
        edges.append(command.sent_at)
    return next((edge for edge in sorted(edges) if since < edge < until), None)


def former_schedule(twin: Twin) -> FormerSchedule | None:
    """What the car or charger may still follow in the open session once a change of its schedule is accepted."""
    session, control = twin.presence.session, twin.control
    if session is None:
        return None
    if control.former_schedule is not None and control.former_schedule.session_id == session.id:
        return control.former_schedule
    return None if control.default_schedule is None else FormerSchedule(session.id, control.default_schedule)


def tariff_of(schedule: str) -> Tariff:
    """The off-peak times of a schedule in short (see ``required_default_schedule``)."""
    found = _IN_SHORT.search(schedule)
    spans = found["windows"].split(",") if found and found["windows"] else []
    windows = (Window(*(int(minutes) for minutes in span.split("-"))) for span in spans)
    return Tariff(tuple(windows), found["zone"] if found else "UTC")


def _kept_tariffs(twin: Twin) -> list[Tariff]:
    """The tariffs whose times the car or charger may follow now."""
    control, session = twin.control, twin.presence.session
    former, command = control.former_schedule, control.schedule_command
    schedules = {control.default_schedule, command.schedule if command is not None else None}
    if former is not None and session is not None and former.session_id == session.id:
        schedules.add(former.schedule)
    return [twin.tariff, *(tariff_of(schedule) for schedule in sorted(filter(None, schedules)))]
