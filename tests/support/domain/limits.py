"""The limit of an asset at one instant."""

from datetime import datetime

from driveway.domain.schedules.effective_schedule import Stretch
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Twin


def limit_at(twin: Twin, at: datetime) -> Stretch:
    """The stretch of the effective schedule at an instant."""
    return ScheduleWindow(twin, at).at(at)
