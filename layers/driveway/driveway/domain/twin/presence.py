"""What was observed of the car, and its home session."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """One signal and the provider's own time for it."""

    value: bool | float
    at: datetime


@dataclass(frozen=True, slots=True)
class NamedVehicle:
    """The car that was last said to be the one plugged in: its id, and the latest time (``at``) it was said for.

    What was seen of a car before ``since`` was seen of another one; None: no other was named before.
    """

    vehicle_id: str
    at: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A home charging session: plugged in and at home, from ``opened_at`` until ``closed_at``.

    ``metered_from`` is when metering begins, where that is not the plug-in: home became known too late to tell for what
    was charged before. ``false_ends`` are the latest plug-outs that were believed and turned out to have been none.
    """

    id: str
    opened_at: datetime
    plugged_at: datetime
    closed_at: datetime | None = None
    metered_from: datetime | None = None
    false_ends: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldPlugOut:
    """A plug-out that was reported and is not believed yet; it counts from ``until`` on unless it is cancelled.

    ``seen_at`` is the latest time at which the source repeated it.
    """

    reported_at: datetime
    until: datetime
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """What was observed of the car. Written by ``vehicle_events`` (and by time passing, through ``charge_control``).

    ``plugged_in`` stays true while a plug-out is held. ``plugged_at`` and ``unplugged_at`` are when the latest plugged
    and unplugged periods began, ``moved_at`` when the car was last seen moving or away. A plug seen before
    ``reopen_before`` shows that ``last_session`` never ended.
    """

    plugged_in: Observed | None = None
    at_home: Observed | None = None
    charging: Observed | None = None
    power_kw: Observed | None = None
    soc_pct: Observed | None = None
    reachable: Observed | None = None
    session: Session | None = None
    last_session: Session | None = None
    held_plug_out: HeldPlugOut | None = None
    needs_user: str | None = None
    battery_full: Observed | None = None
    plugged_at: datetime | None = None
    unplugged_at: datetime | None = None
    moved_at: datetime | None = None
    reopen_before: datetime | None = None
    vehicle: NamedVehicle | None = None
