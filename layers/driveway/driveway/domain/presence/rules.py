"""The settings, the effects and the evidence rule of presence (see ``presence``)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from driveway.domain.presence.observation import Observation
from driveway.domain.twin import Entry, Observed, Presence
from driveway.domain.twin.reasons import Reason

FLOWING_KW = 0.1


@dataclass(frozen=True, slots=True)
class PresenceRules:
    """How sceptical to be of a source. All in seconds; each provider may have its own.

    Attributes:
        debounce_s: how long a plug-out is held before it counts.
        own_stop_debounce_s: the same for one reported within ``own_stop_window_s`` of a stop of ours, which several
            car makers report as a plug-out.
        own_stop_window_s: see above.
        max_position_age_s: how old a position may be to tell whether the car is at home.
        home_stands_s: how long before the plug-in the car may have been seen at home, with no sign of leaving since.
        departure_s: a car seen at home sooner than this after a plug-out may be about to leave.
        vouches_s: how long after the plug-in the car may first be seen at home for what it charged since to count: so
            soon it has not been unplugged, driven home and plugged in there with nothing of that seen.
        at_once_s: no car can leave home and be plugged in elsewhere within this time.
        reports_home_changes: the source tells by itself whenever home becomes true or false (Tesla's stream does), so
            that its last word on home stands until the car is seen moving or away.
        flow_lag_s: power that is stamped this soon after a plug-out may be an average from before it.
        refresh_s: a value seen again is stored again only if its stored time is at least this old. A source that tells
            changes only never repeats itself; 0 costs nothing there and orders its reports exactly.
        late_s: a plug-out that arrives this long after its time may have been contradicted before it came; if that
            could have gone unstored, it is held for ``late_debounce_s`` from its arrival.
        late_debounce_s: see above.
    """

    debounce_s: int = 120
    own_stop_debounce_s: int = 600
    own_stop_window_s: int = 900
    max_position_age_s: int = 900
    home_stands_s: int = 4 * 3600
    departure_s: int = 900
    vouches_s: int = 3600
    at_once_s: int = 300
    reports_home_changes: bool = False
    flow_lag_s: int = 5
    refresh_s: int = 120
    late_s: int = 30
    late_debounce_s: int = 900


class EffectKind(StrEnum):
    """What an observation, or time, brought about. The values are the event names of the timeline and the bus."""

    PLUGGED_IN = "PluggedIn"
    PLUGGED_OUT = "PluggedOut"
    PLUG_OUT_HELD = "PlugOutHeld"
    PLUG_OUT_CANCELLED = "PlugOutCancelled"
    CHARGING_STARTED = "ChargingStarted"
    CHARGING_STOPPED = "ChargingStopped"
    NO_SESSION = "NoSession"
    VEHICLE_NAMED = "VehicleNamed"
    IGNORED = "ObservationIgnored"


TEXTS: dict[Reason, str] = {
    Reason.PLUGGED_AND_HOME: "Plugged in at home: a charging session begins.",
    Reason.HOME_UNKNOWN: "Plugged in, but nothing shows yet that the car is at home.",
    Reason.NOT_AT_HOME: "Plugged in away from home: nothing is done there.",
    Reason.PLUG_OUT_HELD: "A plug-out was reported; it counts if nothing contradicts it soon.",
    Reason.PLUG_OUT_HELD_AFTER_STOP: "A plug-out was reported just after our own stop, which is often a false one.",
    Reason.PLUG_OUT_INFERRED: "The car was seen moving while it was taken for plugged in.",
    Reason.PLUG_OUT_DEBOUNCED: "Nothing contradicted the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_BY_MOVEMENT: "The car was seen moving after the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_AWAY: "The car was seen away from home after the plug-out: the session is over.",
    Reason.PLUG_OUT_CONFIRMED_BY_VEHICLE: "Another car was plugged in after the plug-out: the session is over.",
    Reason.PLUG_OUT_CANCELLED_BY_POWER: "Power flowed after the reported plug-out: the session goes on.",
    Reason.PLUG_OUT_CANCELLED_BY_PLUG: "The car was plugged in after all: the session goes on.",
    Reason.PLUGGED_OUT: "Unplugged, so it is not charging.",
    Reason.OBSERVED_CHARGING: "The car shows that it is charging.",
    Reason.OBSERVED_STOPPED: "The car shows that it is not charging.",
    Reason.OBSERVED_TOO_LATE: "Older than what is known already.",
    Reason.OBSERVED_TIME_ABSURD: "Its time is too far from the present to be true.",
    Reason.OBSERVED_VALUE_ABSURD: "Its value is impossible.",
    Reason.VEHICLE_NAMED: "It was said which car is plugged in: what was said for that car counts.",
    Reason.AWAY_WHILE_PLUGGED: "A plugged car cannot leave: what says so must be wrong.",
}


@dataclass(frozen=True, slots=True)
class Effect:
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
        """Whether the timeline should tell it."""
        return self.kind is not EffectKind.IGNORED

    @property
    def text(self) -> str:
        """The reason in a sentence."""
        return TEXTS[self.reason]

    def entry(self) -> Entry:
        """The timeline entry that tells it."""
        ids = {"session_id": self.session_id, "vehicle_id": self.vehicle_id}
        detail = {name: value for name, value in ids.items() if value}
        return Entry(at=self.at, event=self.kind.value, reason=self.reason.value, text=self.text, detail=detail)


@dataclass(frozen=True, slots=True)
class PresenceStep:
    """The state after a step and what the step brought about.

    ``presence`` is the very object that went in if there is nothing to write. ``changed`` is false, too, if only the
    times of known values moved on: that is worth a write (it orders what comes late) but no new look by anyone.
    """

    presence: Presence
    effects: tuple[Effect, ...] = ()
    changed: bool = False

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The timeline entries of this step."""
        return tuple(effect.entry() for effect in self.effects if effect.is_news)


Ruled = tuple[Presence, tuple[Effect, ...]]
"""What a rule gives: the presence after it and its effects."""


@dataclass(frozen=True, slots=True)
class ObservationContext:
    """An observation whose time is trusted, and what it is judged by."""

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
    """Whether a signal's time is after what is known of it. Equal is not: a duplicate tells nothing."""
    return known is None or instant > known.at


def home_evidence_at(presence: Presence, rules: PresenceRules) -> datetime | None:
    """The time of the evidence that the present plug is at home; None if there is no evidence that counts.

    Evidence from the plugged period counts. If the car was seen away since it was plugged in, the plug must have been
    seen about when home was, or the plug-out was missed and the car drove home. Evidence from before the plug-in counts
    if it is newer than any sign of movement, and nothing suggests that the car left between: it must not be older than
    ``home_stands_s`` nor than the last plug-out, and must not come from just after that plug-out, when the car may
    have been about to leave, unless it was an arrival.
    """
    home, plug, moved_at = presence.at_home, presence.plugged_in, presence.moved_at
    plugged_at, unplugged_at = presence.plugged_at, presence.unplugged_at
    if home is None or plug is None or plugged_at is None or not home.value or not plug.value:
        return None
    if moved_at is not None and home.at <= moved_at:
        return None
    if home.at >= plugged_at:
        strayed = moved_at is not None and moved_at >= plugged_at and not rules.reports_home_changes
        lost_sight = home.at - plug.at > seconds(rules.at_once_s + rules.refresh_s)
        return None if strayed and lost_sight else home.at
    stands = rules.reports_home_changes or _stands(home.at, plugged_at, unplugged_at, moved_at, rules)
    return home.at if stands else None


def _stands(
    home_at: datetime,
    plugged_at: datetime,
    unplugged_at: datetime | None,
    moved_at: datetime | None,
    rules: PresenceRules,
) -> bool:
    """Whether evidence from before the plug-in still holds at the plug-in."""
    if plugged_at - home_at > seconds(rules.home_stands_s):
        return False
    if unplugged_at is None:
        return True
    arrived = moved_at is not None and moved_at >= unplugged_at
    may_leave = home_at - unplugged_at < seconds(rules.departure_s) and not arrived
    soon = plugged_at - home_at <= seconds(rules.at_once_s)
    return home_at >= unplugged_at and (soon or not may_leave)


def metered_from(presence: Presence, plugged_at: datetime, home_at: datetime, rules: PresenceRules) -> datetime | None:
    """When metering of a session begins that evidence of this time opens; None: with the plug-in.

    Evidence from soon after the plug-in tells for the time since, unless the car was seen away or moving meanwhile:
    then it may have been plugged in elsewhere first.
    """
    strayed = presence.moved_at is not None and presence.moved_at >= plugged_at
    vouches = not strayed and home_at - plugged_at <= seconds(rules.vouches_s)
    return None if vouches or home_at <= plugged_at else home_at


def utc(instant: datetime) -> datetime:
    """The same instant in UTC, where durations may be added to it."""
    return instant.astimezone(UTC)
