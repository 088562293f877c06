"""The plug: a plug-in, a plug-out and how it is held, cancelled, confirmed or undone (rules in ``observe``)."""

from datetime import datetime, timedelta
from math import isfinite

from driveway.domain.presence.rules import FLOWING_KW, Effect, EffectKind, ObservationContext, Ruled, seconds
from driveway.domain.twin import HeldPlugOut, Observed, Presence, Session
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

# A car's clock may run a little behind ours, so its plug-out may seem to come before the stop that caused it.
STOP_SKEW_S = 60
MOST_FALSE_ENDS = 4
CHARGING_KW = 1.0
"""The lowest power that counts as charging, where no state contradicts it."""

LATEST_PLUG_IN = timedelta(days=1)
"""For about a day, clouds repeat reports that they could not deliver."""

MILLISECOND = timedelta(milliseconds=1)


def with_movement(presence: Presence, at: datetime) -> Presence:
    """The presence of a car seen moving or away: a session that ended before then cannot be reopened."""
    left = presence.unplugged_at is None or at >= presence.unplugged_at
    reopen_before = None if left else presence.reopen_before
    return replace(presence, moved_at=max(at, presence.moved_at or at), reopen_before=reopen_before)


def is_plugged(presence: Presence) -> bool:
    """Whether the car counts as plugged in; a held plug-out does not change that."""
    return presence.plugged_in is not None and bool(presence.plugged_in.value)


def take_plug(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in the plug of an observation."""
    plugged = context.seen.plugged_in
    if plugged is None:
        return presence, ()
    known = _plug_known(presence)
    if known is not None and context.at <= known.at:
        if _had_left(presence, context):
            return _left_before(presence, context, known)
        if plugged and _began_earlier(presence, context):
            return _with_earlier_start(presence, context.at), ()
        same = known.value == plugged
        return presence, () if same else (context.ignored("plugged_in", Reason.OBSERVED_TOO_LATE),)
    if plugged:
        return _plugged(presence, context)
    return _unplugged(presence, context)


def _plug_known(presence: Presence) -> Observed | None:
    """The newest report of the plug; a held plug-out is one."""
    held = presence.held_plug_out
    if held is not None:
        return Observed(False, held.seen_at or held.reported_at)
    return presence.plugged_in


def _had_left(presence: Presence, context: ObservationContext) -> bool:
    """Whether the car was unplugged and away at a time within the open session, which then ended."""
    seen, session = context.seen, presence.session
    gone = seen.plugged_in is False and (seen.at_home is False or seen.moving is True)
    return gone and session is not None and context.at > session.opened_at


def _left_before(presence: Presence, context: ObservationContext, known: Observed) -> Ruled:
    """The session ended by then; the plug that was seen since is another one."""
    held = HeldPlugOut(reported_at=context.at, until=context.at, seen_at=max(context.at, known.at))
    after, effects = close(presence, held, Reason.PLUG_OUT_CONFIRMED_AWAY)
    if known.value:
        after = replace(after, plugged_in=known, plugged_at=known.at)
    return with_movement(after, context.at), effects


def _began_earlier(presence: Presence, context: ObservationContext) -> bool:
    """Whether a late report shows that the present plug, unbroken since, began earlier than was known."""
    plugged_at, at = presence.plugged_at, context.at
    if not is_plugged(presence) or plugged_at is None or not plugged_at - LATEST_PLUG_IN <= at < plugged_at:
        return False
    between = (presence.unplugged_seen_at, presence.moved_at, presence.away_seen_at, presence.driven_after)
    if any(other is not None and other >= at for other in between):
        return False
    session, measured_at = presence.session, presence.place_measured_at
    if session is None or (measured_at is not None and measured_at <= at):
        return True
    return session.opened_at - at <= seconds(context.rules.vouches_s)


def _with_earlier_start(presence: Presence, at: datetime) -> Presence:
    """The same plug, and its session under its own id, as of an earlier plug-in."""
    session = presence.session
    if session is None:
        return replace(presence, plugged_at=at)
    counted_from = (session.plugged_at,) if session.metered_from is None else ()
    moved = replace(
        session,
        plugged_at=at,
        opened_at=at if session.opened_at == session.plugged_at else session.opened_at,
        false_starts=(*session.false_starts, *counted_from),
    )
    return replace(presence, plugged_at=at, session=moved)


def _shows_flow(signal: Observed) -> bool:
    """Whether a power or a charging signal shows that energy flows, in either direction."""
    return signal.value is True or abs(signal.value) >= FLOWING_KW


def _plugged(presence: Presence, context: ObservationContext) -> Ruled:
    now_plugged = Observed(True, context.at)
    if presence.held_plug_out is not None:
        return _cancelled(presence, context, Reason.PLUG_OUT_CANCELLED_BY_PLUG)
    if is_plugged(presence):
        return replace(presence, plugged_in=now_plugged), ()
    if _never_ended(presence, context.at):
        return _reopened(presence, context, Reason.PLUG_OUT_CANCELLED_BY_PLUG)
    unplugged = presence.plugged_in.at if presence.plugged_in is not None else None
    after = replace(
        presence, plugged_in=now_plugged, plugged_at=context.at, unplugged_seen_at=unplugged, reopen_before=None
    )
    return after, ()


def _unplugged(presence: Presence, context: ObservationContext) -> Ruled:
    if presence.session is not None:
        return _held(presence, context, None)
    out = replace(presence, plugged_in=Observed(False, context.at))
    if presence.plugged_in is not None and not presence.plugged_in.value:
        return out, ()
    return replace(_idle(out, context.at), unplugged_at=context.at, soc_at_unplug=presence.soc_pct), ()


def _held(presence: Presence, context: ObservationContext, inferred: Reason | None) -> Ruled:
    held, rules = presence.held_plug_out, context.rules
    if held is not None:
        return replace(presence, held_plug_out=replace(held, seen_at=context.at)), ()
    reason, wait_s = inferred or Reason.PLUG_OUT_HELD, rules.debounce_s
    if context.own_stop_at is not None and inferred is None:
        since_stop = context.at - context.own_stop_at
        if -seconds(STOP_SKEW_S) <= since_stop <= seconds(rules.own_stop_window_s):
            reason, wait_s = Reason.PLUG_OUT_HELD_AFTER_STOP, rules.own_stop_debounce_s
    until = context.at + seconds(wait_s)
    if _may_be_contradicted_already(presence, context):
        until = max(until, context.now + seconds(rules.late_debounce_s))
    held = HeldPlugOut(reported_at=context.at, until=until, seen_at=context.at)
    effect = Effect(EffectKind.PLUG_OUT_HELD, context.at, reason, session_id=_session_id(presence))
    return replace(presence, held_plug_out=held), (effect,)


def _may_be_contradicted_already(presence: Presence, context: ObservationContext) -> bool:
    """Whether a report that was not stored may have shown the plug after the time of this late plug-out."""
    plug, rules = presence.plugged_in, context.rules
    late = context.now - context.at > seconds(rules.late_s)
    return late and plug is not None and context.at < plug.at + seconds(rules.refresh_s)


def take_flow(presence: Presence, context: ObservationContext) -> Ruled:
    """Flowing power shows the plug: it cancels a held plug-out and reopens a session that never ended.

    It does not make an unplugged car plugged in, and may be an average of the few seconds before it. A car whose plug
    was never reported is plugged in if it charges.
    """
    power = context.seen.power_kw
    flowing = context.seen.charging is True or (power is not None and isfinite(power) and abs(power) >= FLOWING_KW)
    known, shown_at = _plug_known(presence), context.at - seconds(context.rules.flow_lag_s)
    if known is None:
        return _shown_by_charging(presence, context), ()
    if not flowing or shown_at < known.at:
        return presence, ()
    if presence.held_plug_out is not None:
        return _cancelled(presence, context, Reason.PLUG_OUT_CANCELLED_BY_POWER)
    if known.value:
        return replace(presence, plugged_in=Observed(True, shown_at)), ()
    if _never_ended(presence, context.at):
        return _reopened(presence, context, Reason.PLUG_OUT_CANCELLED_BY_POWER)
    return presence, ()


def _shown_by_charging(presence: Presence, context: ObservationContext) -> Presence:
    """The plug of a car that reports none: in while it charges. An unplugged car may draw power to precondition."""
    power, stopped = context.seen.power_kw, presence.charging is not None and not presence.charging.value
    drawn = power is not None and isfinite(power) and power >= CHARGING_KW and context.seen.charging is None
    if not (context.seen.charging or (drawn and not stopped)):
        return presence
    return replace(presence, plugged_in=Observed(True, context.at), plugged_at=context.at)


def _cancelled(presence: Presence, context: ObservationContext, reason: Reason) -> Ruled:
    effect = Effect(EffectKind.PLUG_OUT_CANCELLED, context.at, reason, session_id=_session_id(presence))
    return replace(presence, held_plug_out=None, plugged_in=Observed(True, context.at)), (effect,)


def _never_ended(presence: Presence, at: datetime) -> bool:
    return presence.reopen_before is not None and presence.last_session is not None and at < presence.reopen_before


def _reopened(presence: Presence, context: ObservationContext, reason: Reason) -> Ruled:
    last = presence.last_session
    if last is None:
        return presence, ()
    ends = last.false_ends if last.closed_at is None else (*last.false_ends, last.closed_at)
    session = replace(last, closed_at=None, false_ends=ends[-MOST_FALSE_ENDS:])
    after = replace(
        presence,
        session=session,
        last_session=None,
        plugged_in=Observed(True, context.at),
        plugged_at=session.plugged_at,
        reopen_before=None,
    )
    return after, (Effect(EffectKind.PLUGGED_IN, context.at, reason, session_id=session.id),)


def take_movement(presence: Presence, context: ObservationContext) -> Ruled:
    """Movement confirms a held plug-out, begins one if the plug was not reported, and voids evidence of home."""
    if not context.seen.moving:
        return presence, ()
    held = presence.held_plug_out
    if held is not None:
        if context.at < held.reported_at:
            return presence, ()
        after, effects = close(presence, held, Reason.PLUG_OUT_CONFIRMED_BY_MOVEMENT)
        return with_movement(after, context.at), effects
    if presence.session is None:
        return with_movement(presence, context.at), ()
    known = _plug_known(presence)
    if context.seen.plugged_in is None and known is not None and context.at > known.at:
        return _held(presence, context, Reason.PLUG_OUT_INFERRED)
    return presence, (context.ignored("moving", Reason.AWAY_WHILE_PLUGGED),)


def _session_id(presence: Presence) -> str | None:
    return presence.session.id if presence.session else None


def close(presence: Presence, held: HeldPlugOut, reason: Reason) -> Ruled:
    """The held plug-out counts: the session ended at its report, or at the last report of home before a doubt."""
    out_at, session, doubt = held.reported_at, presence.session, presence.doubt
    after = replace(
        presence,
        plugged_in=Observed(False, held.seen_at or out_at),
        unplugged_at=out_at,
        held_plug_out=None,
        reopen_before=None,
        session=None,
        doubt=None,
        soc_at_unplug=presence.soc_pct,
        look_wanted_at=None,
    )
    if session is None:
        return after, ()
    closed_at = _end(session, out_at if doubt is None else min(out_at, doubt.home_at))
    closed = replace(session, closed_at=closed_at)
    effects = [Effect(EffectKind.PLUGGED_OUT, closed_at, reason, session_id=session.id)]
    if presence.charging is not None and presence.charging.value:
        effects.insert(0, Effect(EffectKind.CHARGING_STOPPED, out_at, Reason.PLUGGED_OUT, session_id=session.id))
    return replace(_idle(after, out_at), last_session=closed), tuple(effects)


def _end(session: Session, out_at: datetime) -> datetime:
    """When a session ends, given the plug-out."""
    # A late plug-out can be older than the evidence of home that opened the session: the session ends where it began.
    end = max(out_at, session.opened_at)
    # Metering drops a plug-out that has the same millisecond as a plug-in, so move it on by one.
    goes_on = (session.metered_from or session.plugged_at, *session.false_ends)
    while any(abs(end - at) < MILLISECOND for at in goes_on):
        end += MILLISECOND
    return end


def _idle(presence: Presence, out_at: datetime) -> Presence:
    """An unplugged car neither charges nor draws power, whatever its last report was."""
    charging, power, charged_at = presence.charging, presence.power_kw, presence.charged_at
    is_inferred = charging is None or presence.charging_inferred
    if charging is not None and charging.value:
        charged_at = charging.at
    if charging is None or charging.value or charging.at < out_at:
        charging = Observed(False, max(out_at, charging.at) if charging else out_at)
    if power is None or _shows_flow(power) or power.at < out_at:
        power = Observed(0.0, max(out_at, power.at) if power else out_at)
    return replace(presence, charging=charging, charging_inferred=is_inferred, power_kw=power, charged_at=charged_at)
