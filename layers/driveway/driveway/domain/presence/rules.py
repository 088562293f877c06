"""The settings and the effects of presence (see ``observe``)."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Entry, Observed, Presence
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason

FLOWING_KW = 0.1
POLLED = timedelta(hours=1)
"""A source that polls reports a car at least this often."""


class PresenceRules(Struct, frozen=True):
    """How far a source is trusted. All in seconds; each provider may have its own values.

    Attributes:
        debounce_s: how long a plug-out is held before it counts.
        own_stop_debounce_s: the same for a plug-out within ``own_stop_window_s`` of our own stop. Several car makers
            report our stop as a plug-out.
        own_stop_window_s: see above.
        home_stands_s: the greatest age, at the plug-in, of a place that a report before the plug-in gave as home, with
            no sign of leaving since. A place that is reported with the plug-in or after it has no such limit.
        departure_s: a car seen at home sooner than this after a plug-out may be about to leave.
        vouches_s: if the car is first seen at home within this time of the plug-in, its energy since the plug-in
            counts. In so short a time it was not unplugged, driven home and plugged in again without any report.
        at_once_s: no car can leave home and be plugged in elsewhere within this time.
        reports_home_changes: the source reports whenever home becomes true or false (Tesla's stream does), so its last
            report of home is valid until the car is seen moving or away.
        flow_lag_s: power with a time this soon after a plug-out may be an average from before it.
        refresh_s: a repeated value is stored again only if its stored time is at least this old. A source that reports
            changes only never repeats itself; there 0 costs nothing and orders its reports exactly.
        late_s: a plug-out that arrives this long after its time may have been contradicted before it arrived. If that
            report was perhaps not stored, the plug-out is held for ``late_debounce_s`` from its arrival.
        late_debounce_s: see above.
        doubt_s: how long a report of being away may leave a session in doubt.
        leaving_s: within a gap in the reports of this length a car may be unplugged, driven off and plugged in again.
        arrival_s: a car that is seen moving for this long after its first report of home may still be arriving.
    """

    debounce_s: int = 120
    own_stop_debounce_s: int = 1200
    own_stop_window_s: int = 900
    home_stands_s: int = 4 * 3600
    departure_s: int = 900
    vouches_s: int = 3600
    at_once_s: int = 300
    reports_home_changes: bool = False
    flow_lag_s: int = 5
    refresh_s: int = 120
    late_s: int = 30
    late_debounce_s: int = 900
    doubt_s: int = 3600
    leaving_s: int = 600
    arrival_s: int = 300


class EffectKind(StrEnum):
    """The events that an observation or time causes. The values are the event names of the timeline and the bus."""

    PLUGGED_IN = Event.PLUGGED_IN
    PLUGGED_OUT = Event.PLUGGED_OUT
    PLUG_OUT_HELD = Event.PLUG_OUT_HELD
    PLUG_OUT_CANCELLED = Event.PLUG_OUT_CANCELLED
    CHARGING_STARTED = Event.CHARGING_STARTED
    CHARGING_STOPPED = Event.CHARGING_STOPPED
    NO_SESSION = Event.NO_SESSION
    VEHICLE_NAMED = Event.VEHICLE_NAMED
    HOME_DOUBTED = Event.HOME_DOUBTED
    HOME_CONFIRMED = Event.HOME_CONFIRMED
    IGNORED = "ObservationIgnored"


TEXTS: dict[Reason, str] = {
    Reason.PLUGGED_AND_HOME: "Plugged in at home: a charging session begins.",
    Reason.HOME_UNKNOWN: "Your car is plugged in, but nothing shows yet that it is at home.",
    Reason.NOT_AT_HOME: "Plugged in away from home: we do not control charging there.",
    Reason.PLUG_OUT_HELD: "Your car reported that it was unplugged. We are checking for two minutes.",
    Reason.PLUG_OUT_HELD_AFTER_STOP: "Your car reported that it was unplugged. We are checking, because cars often "
    "report this by mistake after we stop charging.",
    Reason.PLUG_OUT_INFERRED: "Your car was seen moving, so it is probably unplugged. We are checking.",
    Reason.PLUG_OUT_DEBOUNCED: "No report contradicted the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_BY_MOVEMENT: "The car was seen moving after the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_AWAY: "The car was seen away from home after the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_BY_VEHICLE: "Another car was plugged in after the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_BY_PROVIDER: "The car maker confirmed that the car is unplugged: the session is over.",
    Reason.PLUG_OUT_CANCELLED_BY_POWER: "Power flowed after the reported plug-out: the session goes on.",
    Reason.PLUG_OUT_CANCELLED_BY_PLUG: "The car is still plugged in: the session goes on.",
    Reason.PLUGGED_OUT: "The car is unplugged, so it is not charging.",
    Reason.OBSERVED_CHARGING: "The car shows that it is charging.",
    Reason.OBSERVED_STOPPED: "The car shows that it is not charging.",
    Reason.OBSERVED_TOO_LATE: "The report is older than a known one.",
    Reason.OBSERVED_TIME_ABSURD: "The time of the report is too far from the present.",
    Reason.OBSERVED_VALUE_ABSURD: "The value of the report is impossible.",
    Reason.VEHICLE_NAMED: "You told us which car is plugged in. We use that car's plan.",
    Reason.AWAY_WHILE_PLUGGED: "The report contradicts what is known of the car at that time.",
    Reason.HOME_IN_DOUBT: "Your car reports that it is not at home. We send it no command until that is clear, "
    "for an hour at most.",
    Reason.HOME_SEEN_AGAIN: "Your car reports that it is at home: the session goes on.",
    Reason.PLACE_WAS_STRAY: "The report of being away was wrong: the car had no time to leave. The session goes on.",
    Reason.LEFT_HOME_UNSEEN: "Your car is away from home, so the session is over. It did not report the plug-out.",
    Reason.PLACE_BEFORE_MOVE: "This place was measured before the car moved.",
    Reason.OBSERVED_JUMP: "The state of charge changed faster than a car can charge. We wait for a second report.",
}


class Effect(Struct, frozen=True):
    """One thing that happened, when (aware UTC, observed time) and why.

    ``signal`` names the signal of an ignored observation. Ignored observations are for counting: they are many, and
    ``is_news`` is false for them.
    """

    kind: EffectKind
    at: datetime
    reason: Reason
    session_id: str | None = None
    signal: str | None = None
    vehicle_id: str | None = None

    @property
    def is_news(self) -> bool:
        """Whether the timeline should have an entry for it."""
        return self.kind is not EffectKind.IGNORED

    @property
    def text(self) -> str:
        """The reason in a sentence."""
        return TEXTS[self.reason]

    def entry(self) -> Entry:
        """The timeline entry for it."""
        ids = {"session_id": self.session_id, "vehicle_id": self.vehicle_id}
        detail = {name: value for name, value in ids.items() if value}
        return Entry(at=self.at, event=self.kind.value, reason=self.reason.value, text=self.text, detail=detail)


class PresenceStep(Struct, frozen=True):
    """The state after a step, and the effects of the step.

    ``presence`` is the given object if there is nothing to write. ``changed`` is also false if only the times of known
    values moved on: they are written, because they order late reports, but need no reconcile.
    """

    presence: Presence
    effects: tuple[Effect, ...] = ()
    changed: bool = False

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The timeline entries of this step."""
        return tuple(effect.entry() for effect in self.effects if effect.is_news)


Ruled = tuple[Presence, tuple[Effect, ...]]
"""The result of a rule: the presence after it and its effects."""


class ObservationContext(Struct, frozen=True):
    """An observation whose time is trusted, and the rules and times that judge it."""

    seen: Observation
    at: datetime
    now: datetime
    rules: PresenceRules
    own_stop_at: datetime | None

    def ignored(self, signal: str, reason: Reason) -> Effect:
        """The effect that counts a signal as ignored."""
        return Effect(EffectKind.IGNORED, self.at, reason, signal=signal)


def seconds(count: float) -> timedelta:
    """A duration of so many seconds."""
    return timedelta(seconds=count)


def is_newer(instant: datetime, known: Observed | None) -> bool:
    """Whether a signal's time is after its known time. An equal time is not newer: a duplicate adds nothing."""
    return known is None or instant > known.at


def utc(instant: datetime) -> datetime:
    """The same instant in UTC, where durations may be added to it."""
    return instant.astimezone(UTC)
