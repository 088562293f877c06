"""The schedule that a car or charger keeps itself: whether it may be ours, and its effect on charging. Pure."""

from datetime import datetime

from driveway.domain.control.settings import ControlRules
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import Observed, Twin


def can_keep(twin: Twin) -> bool:
    """Whether the asset's provider can keep a schedule in the car or charger."""
    return twin.link.vehicle is not None and twin.link.vehicle.capabilities.keeps_schedules


def may_hold_our_schedule(twin: Twin) -> bool:
    """Whether a schedule of ours is, or may be, in the car or charger."""
    control = twin.control
    under_way = control.schedule_command is not None and control.schedule_command.state == "sent"
    return can_keep(twin) and (control.default_schedule is not None or control.installed_schedule_unknown or under_way)


def edge_that_switched(twin: Twin, charging: Observed, rules: ControlRules) -> datetime | None:
    """The edge (aware UTC) at which the kept schedule may have begun this charging, or ended it; None if it did not."""
    if not may_hold_our_schedule(twin):
        return None
    # Clocks differ, so it may seem to have been a little before its edge.
    since, until = charging.at - rules.kept_schedule_grace, charging.at + rules.kept_schedule_grace
    windows = off_peak_intervals(twin.tariff, since, until)
    edges = [start if charging.value else end for start, end in windows]
    return next((edge for edge in edges if since < edge < until), None)
