"""Where instants, energies and powers lie in the picture of a session, and what its body means to every part. Pure.

The body is that of ``GET /assets/{asset}/sessions/{session}``; its instants are ISO texts with an offset.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.twin.events import Event

WIDE, NARROW = 960, 480
"""The usual widths of a picture: for a desk, and for a phone."""

WIDTHS = range(320, 2001)

MARGIN = timedelta(minutes=30)
LONGEST = timedelta(hours=48)
"""Of a longer session the latest part is drawn."""

NEAR = timedelta(hours=12)
"""A departure further ahead than this is drawn only if there is no other."""

LEFT, RIGHT_MARGIN = 52, 48
PLOT, RIBBON = 210, 12
MARK, MARK_ROWS = 13, 3
CHARACTER = 6.4
"""The mean width of a character."""

SHAPES = {
    "start": ("M0 5L-5 -4L5 -4Z", "start"),
    "stop": ("M-4 -4H4V4H-4Z", "stop"),
    "failed": ("M-5 -3L-3 -5L0 -2L3 -5L5 -3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0Z", "failed command"),
    "warning": ("M0 -6L6 5H-6Z", "warning"),
}
"""The marks by kind: the path of the shape, and its name."""


class Scale(Struct, frozen=True):
    """Where instants, energies and powers lie: one kWh in a half-hour stands as high as 2 kW."""

    start: datetime
    end: datetime
    most_kwh: float
    width: int
    top: float

    @property
    def right(self) -> float:
        """The right edge of the plot."""
        return self.width - RIGHT_MARGIN

    @property
    def bottom(self) -> float:
        """The lower edge of the plot."""
        return self.top + PLOT

    def x(self, at: datetime) -> float:
        """Where an instant lies."""
        share = (at - self.start) / (self.end - self.start)
        return round(LEFT + min(1.0, max(0.0, share)) * (self.right - LEFT), 1)

    def y(self, kwh: float) -> float:
        """Where the energy of a half-hour lies."""
        return round(self.bottom - min(1.0, max(0.0, kwh / self.most_kwh)) * PLOT, 1)

    def y_of_kw(self, power_kw: float) -> float:
        """Where a power lies."""
        return self.y(power_kw / 2)

    def y_of_pct(self, pct: float) -> float:
        """Where a state of charge lies; 100 % is the top."""
        return self.y(pct / 100 * self.most_kwh)


def instant(text: str) -> datetime:
    """An instant of the body."""
    return datetime.fromisoformat(text)


def window(body: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """From when until when the picture reaches: to the end of the session, or to a departure that is near."""
    over = instant(body["closed_at"] or body["asked_at"])
    departures = [instant(one["ready_by"]) for one in body["departures"] if one["ready_by"] is not None]
    near = [ready_by for ready_by in departures if ready_by <= over + NEAR] or departures[:1]
    begun = min(instant(body["plugged_in_at"]), instant(body["opened_at"]))
    end = max([over, begun + HALF_HOUR, *near]) + MARGIN
    return max(begun - MARGIN, end - LONGEST), end


def most_kwh(body: Mapping[str, Any]) -> float:
    """The energy of a half-hour at the top of the picture."""
    energies = [one["energy_kwh"] or 0.0 for one in body["half_hours"]]
    powers = [part["limit_kw"] or 0.0 for part in body["in_force"]]
    powers += [one["power_kw"] or 0.0 for one in body["measured"]]
    return float(max([1.0, *energies, *(power_kw / 2 for power_kw in powers)])) * 1.05


def clock(text: str, zone: ZoneInfo) -> str:
    """The weekday and wall time of an instant of the body."""
    return f"{instant(text).astimezone(zone):%a %H:%M}"


def acceptance(one: Mapping[str, Any]) -> tuple[str, str]:
    """Whether Axle accepted the energy of a half-hour: the class of its bar, and a phrase."""
    if one["axle_rejected"] is not None:
        return "refused", f"Axle refused it: {one['axle_rejected']}"
    accepted_kwh = one["axle_accepted_kwh"]
    return ("waiting", "not accepted by Axle yet") if accepted_kwh is None else ("accepted", "accepted by Axle")


def mark_kind(entry: Mapping[str, Any]) -> str | None:
    """The shape of a command or warning; None where it has no mark."""
    if entry["event"] in {Event.COMMAND_FAILED, Event.COMMAND_EXPIRED}:
        return "failed"
    if entry["event"] == Event.COMMAND_SENT:
        action = (entry["detail"] or {}).get("action")
        return action if action in SHAPES else None
    return None if entry["event"].startswith("Command") else "warning"


def marked(body: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The commands and warnings that have a mark, in order."""
    entries = sorted([*body["commands"], *body["warnings"]], key=lambda entry: str(entry["at"]))
    return [(kind, entry) for entry in entries if (kind := mark_kind(entry)) is not None]


def latest_of_axle(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The limits of Axle's schedule in the latest plan that has any."""
    with_axle = [plan for plan in body["plans"] if any(limit["source"] == "axle" for limit in plan["limits"])]
    return [limit for limit in with_axle[-1]["limits"] if limit["source"] == "axle"] if with_axle else []
