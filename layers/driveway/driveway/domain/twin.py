"""The twin: everything Driveway knows of one asset, as plain frozen values.

This module is the dictionary of the state; the rules that change it live in the modules beside it. Instants are
aware UTC. Energies are kWh and powers kW, except in metering, where energies are whole watt-hours.
"""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal

from driveway.domain.charging_profile import ChargingProfile

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TariffType = Literal["single_rate", "dual_rate", "dynamic", "smart", "unknown"]
ChargingMode = Literal["maximise_charging_time", "minimise_charging_time"]
AssetType = Literal["charger", "electric_vehicle"]


@dataclass(frozen=True, slots=True)
class Home:
    """Where the site's home is (WGS 84 degrees) and how near counts as being there."""

    latitude: float
    longitude: float
    radius_m: float = 200.0


@dataclass(frozen=True, slots=True)
class Vehicle:
    """The car, or the charger, at its provider.

    ``home_location_id`` is the provider's own id of the home, where it has one (Enode); ``connector_id`` and ``phases``
    are a charger's.
    """

    provider: str
    vehicle_id: str
    home_location_id: str | None = None
    user_id: str | None = None
    connector_id: int | None = None
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """What ties the asset to its site, to Axle and to its vehicle. Written by ``onboarding``."""

    site: str
    asset: str
    type: AssetType
    power_kw: float
    timezone: str
    axle_site_id: str
    axle_asset_id: str
    enrolled: bool
    onboarded_at: datetime
    asset_model: str | None = None
    installation_date: str | None = None
    battery_kwh: float | None = None
    vehicle: Vehicle | None = None
    home: Home | None = None
    snoozed_until: datetime | None = None
    leaving: bool = False
    leaving_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A daily wall-time window in minutes after local midnight, ``0 <= start_min < end_min <= 1440``."""

    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """Off-peak windows, the same every day: split at midnight, sorted, merged. Written by ``preferences``."""

    off_peak: tuple[Window, ...]
    timezone: str
    tariff_type: TariffType = "unknown"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the driver wants: one of ``kwh``, ``hours``, ``target_soc_pct``, or none of them (the default hours).

    ``ready_by`` gives ``HH:MM`` wall time in the site's zone by weekday (a day left out has no departure);
    ``exceptions`` gives it by ISO date. Written by ``preferences``.
    """

    ready_by: dict[Weekday, str]
    kwh: float | None = None
    hours: float | None = None
    target_soc_pct: float | None = None
    exceptions: dict[str, str] = field(default_factory=dict)
    may_charge_peak: bool = False
    charging_mode: ChargingMode = "maximise_charging_time"
    minimum_soc_pct: float | None = None


@dataclass(frozen=True, slots=True)
class VehicleIntent:
    """What the driver of one of several cars wants, and that car's battery where it is not the asset's.

    Written by ``preferences``.
    """

    intent: Intent
    battery_kwh: float | None = None


@dataclass(frozen=True, slots=True)
class ChargeNow:
    """A boost: charge at once, whatever the plan. Always bounded. Written by ``preferences``.

    ``metered_wh`` is the meter's total when it began; with ``kwh`` it ends once so much more is metered.
    """

    id: str
    started_at: datetime
    until: datetime
    kwh: float | None = None
    metered_wh: int | None = None


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


@dataclass(frozen=True, slots=True)
class InstalledProfile:
    """A charging profile and how it came to us. ``created_at`` orders deliveries, ``session_id`` bounds a TxProfile."""

    profile: ChargingProfile
    received_at: datetime
    created_at: datetime | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxleTariff:
    """A tariff as Axle is told it."""

    off_peak_times: str
    timezone: str
    tariff_type: TariffType


@dataclass(frozen=True, slots=True)
class AxleIntent:
    """An intent as Axle is told it: for the one departure at ``ready_by`` (aware UTC).

    Two are not told. ``target_soc_pct`` is the target the energy was derived from, if it was, and tells a new target
    from a new state of charge; ``vehicle_id``, the car that was named as plugged in, tells it from another car's.
    """

    energy_required_kwh: float
    ready_by: datetime
    ready_by_local_time: str
    energy_estimated: bool
    may_charge_peak: bool
    charging_mode: ChargingMode
    target_soc_pct: float | None = None
    vehicle_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxlePlug:
    """The plug state Axle acknowledged: plugged in with this session, or (``session_id`` None) plugged out."""

    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxleRefusal:
    """A call Axle refused for good (400, 404, 422), in Axle's words, and the value it refused."""

    call: str
    status: int
    detail: str
    fingerprint: str
    at: datetime


AxleSubject = Literal["tariff", "intent", "plug", "charge_now"]


@dataclass(frozen=True, slots=True)
class AxleDoubt:
    """Something that a call told Axle and that was never answered: Axle may know it or not.

    ``session_id`` is that of a plug-in; None for a plug-out and all else.
    """

    subject: AxleSubject
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class AxleLost:
    """What a call without an answer said, in short: Axle may still carry it out ``until`` then, after later calls."""

    told: AxleDoubt
    said: str
    until: datetime


@dataclass(frozen=True, slots=True)
class AxleTelling:
    """A call under way: whose it is, what it tells, and until when nobody else may call for this asset."""

    id: str
    since: datetime
    until: datetime
    tells: tuple[AxleDoubt, ...] = ()


@dataclass(frozen=True, slots=True)
class AxleState:
    """What Axle acknowledged and how the telling goes. Written by ``axle_sync``."""

    tariff: AxleTariff | None = None
    intent: AxleIntent | None = None
    plug: AxlePlug | None = None
    charge_now: ChargeNow | None = None
    attempts: int = 0
    retry_at: datetime | None = None
    last_error: str | None = None
    refusals: tuple[AxleRefusal, ...] = ()
    unacknowledged_since: datetime | None = None
    doubts: tuple[AxleDoubt, ...] = ()
    lost: tuple[AxleLost, ...] = ()
    telling: AxleTelling | None = None


CommandState = Literal["planned", "sent", "confirmed", "failed", "superseded", "expired"]
CommandAction = Literal["start", "stop", "install_default", "remove_default"]


@dataclass(frozen=True, slots=True)
class Command:
    """One instruction to the car. ``limit_kw`` None means no limit; every open state has a time that leaves it.

    Attributes:
        reason: why it was planned (a Reason).
        not_before: when it may be sent; at an edge this is the edge itself.
        expires_at: when it is not worth sending any more.
        doubt_at: when an open command that shows no effect is tried again or given up.
        first_sent_at, attempts: when it was sent first, and how often it has been sent.
        release: it lets the car charge because we let go of it.
        shown_before: the car showed the wanted state when it was sent.
        outcome: the provider's last answer (an OutcomeKind) and, in ``detail``, its words.
        schedule: for ``install_default``, what is to be installed, in short.
        unrefused: an earlier attempt was not definitely refused, so it may have been obeyed.
        paired: it is counted as a stop of its session, having been taken.
        put_off_until: until when it was last put off because its provider is out of service.
    """

    id: str
    action: CommandAction
    reason: str
    state: CommandState
    planned_at: datetime
    not_before: datetime
    expires_at: datetime
    limit_kw: float | None = None
    edge_at: datetime | None = None
    sent_at: datetime | None = None
    doubt_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 0
    provider_ref: str | None = None
    outcome: str | None = None
    detail: str | None = None
    release: bool = False
    shown_before: bool = False
    schedule: str | None = None
    paired: bool = False
    put_off_until: datetime | None = None
    first_sent_at: datetime | None = None
    unrefused: bool = False

    @property
    def waits_for_provider(self) -> bool:
        """Whether it is put off because its provider is out of service, and not made known again yet."""
        return self.put_off_until is not None and self.doubt_at == self.put_off_until


@dataclass(frozen=True, slots=True)
class Control:
    """What was commanded and what protects the car. Written by ``charge_control`` and ``vehicle_commands``.

    Attributes:
        failures: commands that were given up in a row; ``breaker_until`` is when the vehicle is tried again.
        out_of_reach: the car could not be reached at some time since it was left alone until then.
        budget_day: the UTC day that ``commands_today`` and ``wakes_today`` count for.
        budget_told: the UTC day for which the driver was told that they are used up.
        pairs: stops that were taken or seen to work in the session ``pairs_session_id``.
        last_start_at, last_stop_at: when we last sent each.
        taken: the last of them that the provider took, at ``taken_at``.
        last_limit_kw: the limit of the last start taken, or of one since that may have set it without being taken.
        freed_at: when a start of ours was last seen to work.
        restarts: how often in a row the car was started again because it had stopped by itself.
        held_seen: the session in which the car was seen not charging while it was to hold.
        interference: the session in which somebody else started the car, noticed at ``interference_at``.
        at_risk_for: the departure that the app was warned about.
        default_schedule: what is installed in the car or charger itself, in short.
        schedule_unsure: a change of it was sent and nobody knows what became of that: ours may be there, or be gone.
        upkeep: the command that installs or removes it, apart from the commands to charge.
    """

    command: Command | None = None
    failures: int = 0
    breaker_until: datetime | None = None
    out_of_reach: bool = False
    budget_day: str | None = None
    budget_told: str | None = None
    commands_today: int = 0
    wakes_today: int = 0
    pairs_session_id: str | None = None
    pairs: int = 0
    last_start_at: datetime | None = None
    last_limit_kw: float | None = None
    last_stop_at: datetime | None = None
    interference: str | None = None
    interference_at: datetime | None = None
    at_risk_for: datetime | None = None
    default_schedule: str | None = None
    schedule_unsure: bool = False
    taken: CommandAction | None = None
    taken_at: datetime | None = None
    freed_at: datetime | None = None
    restarts: int = 0
    held_seen: str | None = None
    upkeep: Command | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """The latest value of a cumulative energy register, in whole watt-hours."""

    energy_wh: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Meter:
    """Where metering stands: the latest sample of each kind. The half-hours themselves are items of their own.

    ``power_w`` is True when charging at an unknown rate and False when not charging. ``total_wh`` is all energy metered
    so far, corrections included; ``session_started_wh`` what it was at ``session_started_at``, when the session began.
    It is the sum of what the best register settled (``settled_wh``), what a session register added since
    (``session_wh``) and what power added since the last register (``power_units``, half watt-milliseconds).
    """

    power_w: Observed | None = None
    session: Register | None = None
    lifetime: Register | None = None
    session_started_wh: int | None = None
    session_started_at: datetime | None = None
    total_wh: int = 0
    settled_wh: int = 0
    session_wh: int = 0
    power_units: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the asset's timeline, which is also an event for the app."""

    at: datetime
    event: str
    reason: str
    text: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Twin:
    """One asset.

    ``vehicle_intents``, by vehicle id, count in place of ``intent`` while that car is plugged in. ``revision`` counts
    changes of what is wanted or observed; ``version`` counts every write and is the optimistic lock. ``news`` are the
    entries of the latest write only: the table's stream carries them to the ``announcer``.
    """

    link: Link
    tariff: Tariff
    intent: Intent
    presence: Presence = Presence()
    profiles: tuple[InstalledProfile, ...] = ()
    charge_now: ChargeNow | None = None
    axle: AxleState = AxleState()
    control: Control = Control()
    meter: Meter = Meter()
    revision: int = 0
    version: int = 0
    news: tuple[Entry, ...] = ()
    vehicle_intents: dict[str, VehicleIntent] = field(default_factory=dict)

    def tell(self, *entries: Entry) -> "Twin":
        """This twin with further timeline entries."""
        return replace(self, news=(*self.news, *entries))


WANTED_OR_OBSERVED = ("link", "tariff", "intent", "vehicle_intents", "presence", "profiles", "charge_now")


def changed_groups(before: Twin, after: Twin) -> tuple[str, ...]:
    """The names of the groups that differ between two states of one twin."""
    return tuple(
        f.name
        for f in fields(Twin)
        if f.name not in {"revision", "version", "news"} and getattr(before, f.name) != getattr(after, f.name)
    )
