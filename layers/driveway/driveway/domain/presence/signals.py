"""The signals beside plug and place, and the rules by which they become known (see ``observe``)."""

from datetime import datetime, timedelta
from math import isfinite

from driveway.domain.presence.rules import FLOWING_KW, Effect, EffectKind, ObservationContext, Ruled, is_newer
from driveway.domain.presence.vehicle import is_of_another_vehicle
from driveway.domain.twin import Observed, Presence
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

JUMP_WAIT = timedelta(minutes=30)
"""How long an unlikely state of charge waits for a second report before it counts."""

NOISE_PCT = 5.0


def take_signals(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in charging, power, state of charge, reachability and a full battery, each if it is newer than known."""
    seen = context.seen
    presence, effects = take_charging(presence, context, charging=seen.charging)
    other = is_of_another_vehicle(context.at, presence)
    presence, more = _power(presence, context)
    effects += more
    if not other:
        presence, more = _state_of_charge(presence, context)
        effects += more
    flags = {
        "reachable": seen.reachable,
        "battery_full": seen.battery_full,
        "charging_fault": seen.charging_fault,
    }
    for name, flag in flags.items():
        if other and name != "reachable":
            continue
        if flag is not None and is_newer(context.at, getattr(presence, name)):
            presence = _with(presence, name, Observed(flag, context.at))
    return _no_longer_full(presence, context), effects


def _power(presence: Presence, context: ObservationContext) -> Ruled:
    power_kw, known = context.seen.power_kw, presence.power_kw
    if power_kw is None:
        return presence, ()
    if not isfinite(power_kw):
        return presence, (context.ignored("power_kw", Reason.OBSERVED_VALUE_ABSURD),)
    if not is_newer(context.at, known):
        return presence, ()
    return replace(presence, power_kw=Observed(_distinct_value(known, power_kw, FLOWING_KW), context.at)), ()


def _state_of_charge(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in a state of charge; one that no car can have reached waits for a second report, or for ``JUMP_WAIT``."""
    soc_pct, known, pending = context.seen.soc_pct, presence.soc_pct, presence.pending_soc
    if soc_pct is None:
        return presence, ()
    if not isfinite(soc_pct) or not 0 <= soc_pct <= 100:
        return presence, (context.ignored("soc_pct", Reason.OBSERVED_VALUE_ABSURD),)
    if not is_newer(context.at, known) or not is_newer(context.at, pending):
        return presence, ()
    plugged = presence.session is not None
    seen_twice = pending is not None and _is_reachable(pending, soc_pct, context.at, plugged=plugged)
    if seen_twice or _is_likely(known, soc_pct, context.at, plugged=plugged):
        now_known = Observed(_distinct_value(known, soc_pct, 1.0), context.at)
        since = presence.soc_since if known is not None and known.value == now_known.value else context.at
        after = replace(presence, soc_pct=now_known, soc_since=since, pending_soc=None)
        return (after if known is None else _risen(after, known)), ()
    waits = replace(presence, pending_soc=Observed(soc_pct, context.at))
    return waits, (context.ignored("soc_pct", Reason.OBSERVED_JUMP),)


def _risen(presence: Presence, known: Observed) -> Presence:
    """The presence with when its state of charge was lower, and rose in a charge, if it rose now."""
    now, charging = presence.soc_pct, presence.charging
    if now is None or now.value == known.value:
        return presence
    if now.value < known.value:
        return replace(presence, lower_at=None)
    is_charge = charging is not None and charging.value and charging.at <= now.at
    return replace(presence, lower_at=known.at, rose_at=now.at if is_charge else presence.rose_at)


def _is_likely(known: Observed | None, soc_pct: float, at: datetime, *, plugged: bool) -> bool:
    """Whether a state of charge counts at once. Many cars report 0 % when they do not know it."""
    if known is None:
        return soc_pct > 0
    if soc_pct == 0 and known.value > NOISE_PCT:
        return False
    return _is_reachable(known, soc_pct, at, plugged=plugged)


def _is_reachable(known: Observed, soc_pct: float, at: datetime, *, plugged: bool) -> bool:
    hours = (at - known.at) / timedelta(hours=1)
    fall_pct, rise_pct = (5 * hours, 50 * hours) if plugged else (100 * hours, 300 * hours)
    return -fall_pct - NOISE_PCT <= soc_pct - known.value <= rise_pct + NOISE_PCT


def settle_jump(presence: Presence) -> Presence:
    """The presence once no report contradicted an unlikely state of charge for ``JUMP_WAIT``: it counts."""
    pending = presence.pending_soc
    if pending is None:
        return presence
    return replace(presence, soc_pct=pending, soc_since=pending.at, lower_at=None, pending_soc=None)


def _no_longer_full(presence: Presence, context: ObservationContext) -> Presence:
    """A car that charges is not full, even if its source does not report that."""
    full, charging = presence.battery_full, presence.charging
    if full is None or not full.value or context.seen.battery_full is not None:
        return presence
    if charging is None or not charging.value or not is_newer(charging.at, full):
        return presence
    return replace(presence, battery_full=Observed(False, charging.at))


def _with(presence: Presence, name: str, signal: Observed) -> Presence:
    changes: dict[str, Observed] = {name: signal}
    return replace(presence, **changes)  # type: ignore[arg-type]  # every name given here is an Observed field


def _distinct_value(known: Observed | None, value: float, step: float) -> float:
    """The known value while the new one is within a step of it and on the same side of the step about zero."""
    if known is None:
        return value
    if abs(value - known.value) >= step or (abs(value) >= step) != (abs(known.value) >= step):
        return value
    return known.value


def take_charging(presence: Presence, context: ObservationContext, *, charging: bool | None) -> Ruled:
    """Take in whether the car charges, if it is newer than known; None changes nothing."""
    known = presence.charging
    if charging is None or not is_newer(context.at, known):
        return presence, ()
    after = replace(presence, charging=Observed(charging, context.at))
    was = known is not None and bool(known.value)
    if known is not None and was and not charging:
        after = replace(after, charged_at=known.at)
    if presence.session is None or charging == was:
        return after, ()
    kind, reason = (
        (EffectKind.CHARGING_STARTED, Reason.OBSERVED_CHARGING)
        if charging
        else (EffectKind.CHARGING_STOPPED, Reason.OBSERVED_STOPPED)
    )
    return after, (Effect(kind, context.at, reason, session_id=presence.session.id),)
