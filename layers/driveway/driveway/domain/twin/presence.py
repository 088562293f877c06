"""What was observed of the car, and its home session."""

from datetime import datetime

from msgspec import Struct


class Observed(Struct, frozen=True):
    """One signal and the provider's own time for it."""

    value: bool | float
    at: datetime


class NamedVehicle(Struct, frozen=True):
    """The car that was named as plugged in: its id, and the latest time (``at``) for which it was named.

    Before ``since`` another car was named, so earlier observations are of that one; None: no other was named.
    """

    vehicle_id: str
    at: datetime
    since: datetime | None = None


class Session(Struct, frozen=True):
    """A home charging session: plugged in and at home, from ``opened_at`` until ``closed_at``.

    ``metered_from`` is when metering begins, if that is not the plug-in: home became known too late to count what was
    charged before. The latest corrected mistakes are kept: ``false_ends`` are plug-outs that counted and turned out
    to be false, ``false_starts`` are instants that counted as the plug-in until an earlier one was reported,
    ``strays`` are the first reports of places away from home that turned out to be wrong. ``lower_at``: within the hour
    before the plug-in the car may have had a lower state of charge, so it may have charged here unseen.
    """

    id: str
    opened_at: datetime
    plugged_at: datetime
    closed_at: datetime | None = None
    metered_from: datetime | None = None
    false_ends: tuple[datetime, ...] = ()
    false_starts: tuple[datetime, ...] = ()
    strays: tuple[datetime, ...] = ()
    lower_at: datetime | None = None


class HeldPlugOut(Struct, frozen=True):
    """A plug-out that was reported and is being checked. It counts from ``until`` on, unless it is cancelled.

    ``seen_at`` is the latest time at which the source repeated it.
    """

    reported_at: datetime
    until: datetime
    seen_at: datetime | None = None


class AwayDoubt(Struct, frozen=True):
    """A plugged-in car in an open home session was reported away from home, once and not clearly.

    ``since`` is the time of the first such report, ``measured_at`` when the place was measured, ``home_at`` when the
    car was last seen at home. The doubt ends at ``until`` at the latest: as away if the car had time to drive off and
    plug in before ``since`` (``may_have_left``), else as a stray fix.
    """

    since: datetime
    measured_at: datetime
    home_at: datetime
    until: datetime
    may_have_left: bool


class FullBattery(Struct, frozen=True):
    """The state of charge and the charge limit (percent) at which a battery was found full; None: not known.

    ``reported``: the car's state shows it, and not only the answer to a command. ``since``: when it was first found so.
    """

    soc_pct: float | None = None
    charge_limit_pct: float | None = None
    reported: bool = False
    since: datetime | None = None


class Presence(Struct, frozen=True):
    """What was observed of the car. Written by ``vehicle_events`` (and by time passing, through ``charge_control``).

    Plug. ``plugged_in`` stays true while a plug-out is held. ``plugged_at`` and ``unplugged_at`` are when the latest
    plugged and unplugged periods began; ``unplugged_seen_at`` is when the car was last seen unplugged before it was
    plugged in. A plug seen before ``reopen_before`` shows that ``last_session`` never ended.

    Place. ``at_home`` has the time of the report, ``place_measured_at`` is when that place was measured, ``home_since``
    when the place at which the unbroken row of home reports began was measured. ``moved_at`` is when the car was last
    seen moving, or its place away from home was measured; ``driven_after`` is a time after which the odometer grew,
    ``undriven_since`` the first time at which it showed what it shows now; ``away_seen_at`` is the time of the latest
    report away from home. ``stray_measured_at`` is when a place was measured that turned out to be wrong,
    and ``stray_home_at`` when the car had been seen at home before.
    ``seen_until`` ends the reports of home and plug without a gap in which the car could have left.

    ``pending_soc`` is a state of charge that is too far from the known one to be believed yet, ``soc_at_unplug`` is the
    one that was known at the latest plug-out. ``look_wanted_at``: the car may have been driven since its place was
    measured, so it is looked at before the first command of the session that began then.

    ``charged_at`` is when the car was last seen charging before ``charging`` became false.

    Account. ``needs_user`` is what only the driver can put right, since ``needs_user_at``. ``unreported_since`` is when
    the account was lost, since when the car maker reports nothing of the car. ``needs_user_reported`` is the latest
    text that was sent to the driver, at ``needs_user_reported_at``. ``vendor`` is the car's make as its provider names
    it.

    Power. Where no state says so, ``charging`` is inferred from the power (``charging_inferred``). ``starting_at`` is
    since when the state says "starting", ``charging_unknown_at`` the latest time at which the source did not know
    whether the car charges; ``idle_since`` is since when no power flows, until that counts.

    Battery. ``soc_since`` is when the present state of charge was first reported, ``lower_at`` when the one from which
    it rose was last reported; ``rose_at`` is when it last rose while the car charged. ``full`` is what
    was known of the battery when it was found full, while it counts as full.
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
    charging_fault: Observed | None = None
    plugged_at: datetime | None = None
    unplugged_at: datetime | None = None
    unplugged_seen_at: datetime | None = None
    moved_at: datetime | None = None
    driven_after: datetime | None = None
    away_seen_at: datetime | None = None
    place_measured_at: datetime | None = None
    home_since: datetime | None = None
    stray_measured_at: datetime | None = None
    stray_home_at: datetime | None = None
    seen_until: datetime | None = None
    doubt: AwayDoubt | None = None
    odometer_km: Observed | None = None
    undriven_since: datetime | None = None
    pending_soc: Observed | None = None
    soc_at_unplug: Observed | None = None
    look_wanted_at: datetime | None = None
    reopen_before: datetime | None = None
    vehicle: NamedVehicle | None = None
    charged_at: datetime | None = None
    needs_user_at: datetime | None = None
    unreported_since: datetime | None = None
    needs_user_reported: str | None = None
    needs_user_reported_at: datetime | None = None
    vendor: str | None = None
    soc_since: datetime | None = None
    lower_at: datetime | None = None
    rose_at: datetime | None = None
    starting_at: datetime | None = None
    charging_unknown_at: datetime | None = None
    idle_since: datetime | None = None
    charging_inferred: bool = False
    charge_limit_pct: Observed | None = None
    full: FullBattery | None = None
