"""The notice to the driver that a car should charge and nothing reports whether it is plugged in. Pure.

Such a car is not commanded. Its state is read first (``vehicle_requests``); if that does not give the plug either, the
driver is informed once.
"""

from datetime import datetime

from driveway.domain.control.desired import desired_if_plugged
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

TEXT = (
    "Your car should charge now, but it does not report whether it is plugged in, so we cannot start it. "
    "Start charging in the car: once it charges at home, we follow your plan."
)


def with_plug_unknown_reported(twin: Twin, now: datetime, schedule: ScheduleWindow) -> Twin:
    """The twin with the notice if it is due at ``now`` (aware UTC)."""
    control = twin.control
    if not _is_unreported(twin) or control.request is not None or control.looked_at is None:
        return twin
    want = desired_if_plugged(twin, now, schedule)
    if want is None or want.want != "charge":
        return twin
    return replace(twin, control=replace(control, plug_unknown_reported=True)).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.PLUG_UNKNOWN, TEXT)
    )


def plug_unknown_due(twin: Twin, now: datetime, schedule: ScheduleWindow) -> datetime | None:
    """When the notice may become due (aware UTC): at the next edge of the schedule."""
    return schedule.edge_after(now) if _is_unreported(twin) else None


def _is_unreported(twin: Twin) -> bool:
    presence, reported = twin.presence, twin.control.plug_unknown_reported
    return presence.plugged_in is None and presence.needs_user is None and not reported
