"""A night of a car as samples: plug-in, charging at one rate, plug-out."""

from datetime import UTC, datetime, timedelta

from driveway.domain.metering.samples import Sample

PLUG_IN = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
PLUG_OUT = Sample(PLUG_IN + timedelta(hours=4), "unplugged")
MORNING = PLUG_IN + timedelta(hours=9)


def plugged_in_idle(at: datetime = PLUG_IN) -> list[Sample]:
    """A plug-in, after which the car is idle; its source would report a change."""
    return [Sample(at, "plugged"), Sample(at, "stopped", tells_every_change=True)]


def a_night_at(power_w: int, *, hours: float = 6, start: datetime = PLUG_IN + timedelta(hours=1.5)) -> list[Sample]:
    """Plug-in, charging at one rate with a report every ten minutes, and the stop; every change is reported."""
    minutes = range(0, int(hours * 60), 10)
    return [
        *plugged_in_idle(),
        *(Sample(start + timedelta(minutes=m), "power", power_w, tells_every_change=True) for m in minutes),
        Sample(start + timedelta(hours=hours), "stopped", tells_every_change=True),
    ]
