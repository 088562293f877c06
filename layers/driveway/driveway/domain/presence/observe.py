"""Presence: from the reports about a car to home charging sessions.

``observe`` takes one observation, ``settle`` lets time alone act, ``presence_due`` gives the time at which it has to
act. All are pure. Instants are aware UTC, and the source's own times wherever it gives one.

Order. Each signal has its own time, and a report that is not newer than the known one is dropped. So a plug-out that
arrives after a later plug-in is dropped: a short unplugging that is reported too late does not split a session. But a
late report of a car that was unplugged and away ends the session that it falls into. Flowing power also shows the
plug, at its time.

Sessions. A session opens once the car is plugged in and known to be at home, at the later of the two times. Its id
comes from the time of the plug-in, so a retry finds the same id. ``home_evidence_at`` decides which reports of home
belong to this plug, ``metered_from`` whether they also count for the time since the plug-in. A car that is seen moving
without a report of its plug begins a held plug-out, since that report may be lost. A plug-in that is reported late
moves the session's start back, under the same id, as long as the plug was unbroken since.

Place. A report of home counts at its own time, however long ago the place was measured, unless the car moved since: it
was seen moving or away, or its odometer grew. A report of being away from a plugged-in car is weighed. If it is clear
(a kilometre off, a fast charger, more power than a home has), or if another measurement was away before it, the session
ended at the last report of home. Otherwise, or where the odometer contradicts the first clear one of a session, the
session is in doubt: no command is sent and no energy counts. The next report of home ends the doubt, or else the time
does, see ``AwayDoubt``. Reports that repeat one measurement are one report.

Plug-outs. A reported plug-out is held. A newer plug or flowing power cancels it; movement or a report of being away
confirms it. Otherwise it counts once ``until`` has passed, as of when it was reported. An observation that comes after
``until`` finds it counted, so an unplug and a re-plug are two sessions however sparse the reports are. A plug or power
that was seen before ``until`` and is reported after it reopens the session under its own id.

Cars. Where several cars share a charger, a source may name the one that is plugged in. The name counts until another
car is named; for a plug-in it counts only if it was given for that time: see ``vehicle``. If another car is named and
plugged in while a plug-out is held, the plug-out is confirmed.

Clocks. A time up to five minutes ahead is used as it is; a time further ahead is replaced by now. An observation more
than a day ahead or more than 30 days old is dropped.

Volume. An observation that changes nothing returns the same object. The times of known values are stored when something
else changes or when they have become ``refresh_s`` old; reports are ordered to that precision. A late plug-out from
within that time is held until the source has had time to repeat its report.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from driveway.domain.presence.charging_by_power import IDLE_AFTER, settle_idle, take_charging_by_power
from driveway.domain.presence.evidence import (
    home_evidence_at,
    lower_before_plug_in,
    may_have_been_driven,
    metered_from,
)
from driveway.domain.presence.fullness import take_fullness
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.place import settle_doubt, take_departure, take_home, take_sight
from driveway.domain.presence.plug import close, is_plugged, take_flow, take_movement, take_plug
from driveway.domain.presence.rules import (
    Effect,
    EffectKind,
    ObservationContext,
    PresenceRules,
    PresenceStep,
    Ruled,
    seconds,
    utc,
)
from driveway.domain.presence.signals import JUMP_WAIT, settle_jump, take_signals
from driveway.domain.presence.vehicle import named_vehicle_id, take_other_vehicle, take_vehicle
from driveway.domain.twin import NamedVehicle, Observed, Presence, Session
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

CLOCK_SKEW = timedelta(minutes=5)
ABSURDLY_AHEAD = timedelta(days=1)
ABSURDLY_OLD = timedelta(days=30)


def observe(
    presence: Presence,
    observation: Observation,
    *,
    now: datetime,
    rules: PresenceRules,
    own_stop_at: datetime | None = None,
) -> PresenceStep:
    """The presence after an observation, and the effects.

    Args:
        presence: what is known.
        observation: the report of a source, with ``at_home`` decided (see ``home.resolve_home``).
        now: the present (aware UTC).
        rules: how sceptical to be of this source.
        own_stop_at: when we last stopped this car's charging (aware UTC), or None.
    """
    at = _trusted_time(observation.at, now)
    if at is None:
        return PresenceStep(presence, (Effect(EffectKind.IGNORED, utc(now), Reason.OBSERVED_TIME_ABSURD),))
    context = ObservationContext(observation, at, utc(now), rules, own_stop_at)
    step = settle(presence, now=min(at, utc(now)))
    after, effects = step.presence, step.effects
    for rule in _RULES:
        after, more = rule(after, context)
        effects += more
    after, more = _opened(take_sight(after, context), context, was_plugged=is_plugged(step.presence))
    effects += more
    return _weighed(presence, after, effects, rules)


def observe_all(
    presence: Presence,
    observations: Iterable[Observation],
    *,
    now: datetime,
    rules: PresenceRules,
    own_stop_at: datetime | None = None,
) -> PresenceStep:
    """The presence after several observations, taken in order of their times, and after time acted until ``now``."""
    after, changed = presence, False
    effects: tuple[Effect, ...] = ()
    for observation in sorted(observations, key=lambda seen: seen.at):
        step = observe(after, observation, now=now, rules=rules, own_stop_at=own_stop_at)
        after, effects, changed = step.presence, effects + step.effects, changed or step.changed
    step = settle(after, now=now)
    return PresenceStep(step.presence, effects + step.effects, changed or step.changed)


def settle(presence: Presence, *, now: datetime) -> PresenceStep:
    """The presence once time alone has acted until ``now`` (aware UTC).

    A held plug-out counts, a doubt ends, an unlikely state of charge is accepted.
    """
    step = PresenceStep(presence)
    while (due := presence_due(step.presence)) is not None and due <= now:
        after, effects = _at_due(step.presence, due)
        step = PresenceStep(after, step.effects + effects, changed=True)
    return step


def _at_due(presence: Presence, due: datetime) -> Ruled:
    held, doubt = presence.held_plug_out, presence.doubt
    if held is not None and held.until <= due:
        after, effects = close(presence, held, Reason.PLUG_OUT_DEBOUNCED)
        return replace(after, reopen_before=held.until), effects
    if doubt is not None and doubt.until <= due:
        return settle_doubt(presence, doubt)
    idle_since = presence.idle_since
    if idle_since is not None and idle_since + IDLE_AFTER <= due:
        return settle_idle(presence, ObservationContext(Observation(due, "time"), due, due, PresenceRules(), None))
    return settle_jump(presence), ()


def presence_due(presence: Presence) -> datetime | None:
    """When ``settle`` has to act (aware UTC); None if nothing waits for time."""
    held, doubt, jump = presence.held_plug_out, presence.doubt, presence.pending_soc
    waiting = [held.until if held else None, doubt.until if doubt else None, jump.at + JUMP_WAIT if jump else None]
    waiting.append(presence.idle_since + IDLE_AFTER if presence.idle_since else None)
    return min((at for at in waiting if at is not None), default=None)


def _trusted_time(at: datetime, now: datetime) -> datetime | None:
    ahead = at - now
    if ahead > ABSURDLY_AHEAD or -ahead > ABSURDLY_OLD:
        return None
    return utc(at) if ahead <= CLOCK_SKEW else utc(now)


def _opened(presence: Presence, context: ObservationContext, *, was_plugged: bool) -> Ruled:
    if presence.session is not None or not is_plugged(presence) or presence.plugged_at is None:
        return presence, ()
    home_at = home_evidence_at(presence, context.rules)
    if home_at is None:
        if was_plugged or context.seen.plugged_in is None:
            return presence, ()
        away = presence.at_home is not None and not presence.at_home.value
        reason = Reason.NOT_AT_HOME if away else Reason.HOME_UNKNOWN
        return presence, (Effect(EffectKind.NO_SESSION, context.at, reason),)
    plugged_at = presence.plugged_at
    session = Session(
        id=session_id(plugged_at),
        opened_at=max(plugged_at, home_at),
        plugged_at=plugged_at,
        metered_from=metered_from(presence, plugged_at, home_at, context.rules),
        lower_at=lower_before_plug_in(presence, plugged_at),
    )
    effects = [Effect(EffectKind.PLUGGED_IN, session.opened_at, Reason.PLUGGED_AND_HOME, session_id=session.id)]
    if presence.charging is not None and presence.charging.value:
        began = max(session.opened_at, presence.charging.at)
        effects.append(Effect(EffectKind.CHARGING_STARTED, began, Reason.OBSERVED_CHARGING, session_id=session.id))
    look_wanted_at = context.at if may_have_been_driven(presence) else None
    return replace(presence, session=session, reopen_before=None, look_wanted_at=look_wanted_at), tuple(effects)


def session_id(plugged_at: datetime) -> str:
    """The id of the session of the plug-in at this time: unique within its asset, the same at every retry."""
    at = utc(plugged_at)
    return at.strftime("%Y%m%dT%H%M%SZ" if at.microsecond == 0 else "%Y%m%dT%H%M%S.%fZ")


def _weighed(before: Presence, after: Presence, effects: tuple[Effect, ...], rules: PresenceRules) -> PresenceStep:
    """The step; it returns the given state if only times differ, by less than ``refresh_s``."""
    changed, aged = named_vehicle_id(before) != named_vehicle_id(after), False
    for name in Presence.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        gap = _time_gap(name, old, new)
        changed = changed or gap is None
        aged = aged or (gap is not None and gap >= seconds(rules.refresh_s))
    return PresenceStep(after if changed or aged else before, effects, changed)


def _time_gap(name: str, old: object, new: object) -> timedelta | None:
    """The change of a field's time; None if the field changed in another way."""
    if isinstance(old, Observed) and isinstance(new, Observed) and old.value == new.value:
        return new.at - old.at
    if isinstance(old, NamedVehicle) and isinstance(new, NamedVehicle) and replace(old, at=new.at) == new:
        return new.at - old.at
    if isinstance(old, Observed) and isinstance(new, Observed) and name == "odometer_km":
        return new.at - old.at
    if name in TIMES and isinstance(old, datetime) and isinstance(new, datetime):
        return new - old
    return None


TIMES = frozenset(
    {"moved_at", "driven_after", "undriven_since", "away_seen_at", "place_measured_at", "home_since", "seen_until"}
)
"""Fields that only order reports: a newer time in them changes no decision."""


_RULES: tuple[Callable[[Presence, ObservationContext], Ruled], ...] = (
    take_other_vehicle,
    take_departure,
    take_plug,
    take_flow,
    take_movement,
    take_home,
    take_vehicle,
    take_signals,
    take_charging_by_power,
    take_fullness,
)
