"""Home and the signals beside the plug: which of them become known (rules in ``presence``)."""

from dataclasses import replace
from datetime import datetime
from math import isfinite

from driveway.domain.presence.plug import close, with_movement
from driveway.domain.presence.rules import FLOWING_KW, Effect, EffectKind, ObservationContext, Ruled, is_newer
from driveway.domain.presence.vehicle import is_of_another_vehicle
from driveway.domain.twin import Observed, Presence, Session
from driveway.domain.twin.reasons import Reason


def take_home(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in whether the car is at home, which a plugged car cannot cease to be."""
    home = context.seen.at_home
    if home is None:
        return presence, ()
    if not is_newer(context.at, presence.at_home):
        same = presence.at_home is not None and presence.at_home.value == home
        return presence, () if same else (context.ignored("at_home", Reason.OBSERVED_TOO_LATE),)
    if home:
        return replace(presence, at_home=Observed(True, context.at)), ()
    held = presence.held_plug_out
    effects: tuple[Effect, ...] = ()
    if held is not None and context.at >= held.reported_at:
        presence, effects = close(presence, held, Reason.PLUG_OUT_CONFIRMED_AWAY)
    elif presence.session is not None or _within(presence.last_session, context.at):
        return presence, (context.ignored("at_home", Reason.AWAY_WHILE_PLUGGED),)
    return with_movement(replace(presence, at_home=Observed(False, context.at)), context.at), effects


def _within(session: Session | None, at: datetime) -> bool:
    return session is not None and session.closed_at is not None and session.opened_at <= at < session.closed_at


def take_signals(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in charging, power, state of charge, reachability and a full battery, each if it is newer than known."""
    seen = context.seen
    presence, effects = _charging(presence, context)
    other = is_of_another_vehicle(context.at, presence)
    for name, value, step in (("power_kw", seen.power_kw, FLOWING_KW), ("soc_pct", seen.soc_pct, 1.0)):
        if value is None or (other and name == "soc_pct"):
            continue
        if not isfinite(value) or (name == "soc_pct" and not 0 <= value <= 100):
            effects += (context.ignored(name, Reason.OBSERVED_VALUE_ABSURD),)
            continue
        known: Observed | None = getattr(presence, name)
        if is_newer(context.at, known):
            presence = _with(presence, name, Observed(_told_apart(known, value, step), context.at))
    for name, flag in (("reachable", seen.reachable), ("battery_full", seen.battery_full)):
        if other and name == "battery_full":
            continue
        if flag is not None and is_newer(context.at, getattr(presence, name)):
            presence = _with(presence, name, Observed(flag, context.at))
    return _no_longer_full(presence, context), effects


def _no_longer_full(presence: Presence, context: ObservationContext) -> Presence:
    """A car that charges is not full, though its source does not say so."""
    full, charging = presence.battery_full, presence.charging
    if full is None or not full.value or context.seen.battery_full is not None:
        return presence
    if charging is None or not charging.value or not is_newer(charging.at, full):
        return presence
    return replace(presence, battery_full=Observed(False, charging.at))


def _with(presence: Presence, name: str, signal: Observed) -> Presence:
    changes: dict[str, Observed] = {name: signal}
    return replace(presence, **changes)  # type: ignore[arg-type]  # every name given here is an Observed field


def _told_apart(known: Observed | None, value: float, step: float) -> float:
    """The known value while the new one is within a step of it and on the same side of the step about zero."""
    if known is None:
        return value
    if abs(value - known.value) >= step or (abs(value) >= step) != (abs(known.value) >= step):
        return value
    return known.value


def _charging(presence: Presence, context: ObservationContext) -> Ruled:
    charging, known = context.seen.charging, presence.charging
    if charging is None or not is_newer(context.at, known):
        return presence, ()
    after = replace(presence, charging=Observed(charging, context.at))
    was = known is not None and bool(known.value)
    if presence.session is None or charging == was:
        return after, ()
    kind, reason = (
        (EffectKind.CHARGING_STARTED, Reason.OBSERVED_CHARGING)
        if charging
        else (EffectKind.CHARGING_STOPPED, Reason.OBSERVED_STOPPED)
    )
    return after, (Effect(kind, context.at, reason, session_id=presence.session.id),)
