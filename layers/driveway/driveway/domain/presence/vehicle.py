"""The car that is plugged in, where several share a charger: its name from a source, and when the name counts."""

from datetime import datetime, timedelta

from driveway.domain.presence.plug import close, is_plugged
from driveway.domain.presence.rules import Effect, EffectKind, ObservationContext, Ruled
from driveway.domain.twin import NamedVehicle, Observed, Presence
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

NAMED_BEFORE = timedelta(minutes=15)
"""How long before a plug-in its car may have been named: a badge at the charger, a choice in the app."""


def named_vehicle_id(presence: Presence) -> str | None:
    """The car whose intent counts; None if it is not known.

    While a car is plugged in, it is the one that was named for this plug: after the plug-out before it, and at most
    ``NAMED_BEFORE`` ahead of the plug-in. While no car is plugged in, it is the one that was named last, because a
    departure does not change the intent that Axle gets.
    """
    vehicle, plugged_at = presence.vehicle, presence.plugged_at
    if vehicle is None or (plugged_at is not None and vehicle.at < plugged_at - NAMED_BEFORE):
        return None
    left_at = _left_at(presence)
    left_since = is_plugged(presence) and left_at is not None and vehicle.at <= left_at
    return None if left_since else vehicle.vehicle_id


def _left_at(presence: Presence) -> datetime | None:
    """The latest plug-out; None also if it turned out to be false."""
    plugged_at, left_at = presence.plugged_at, presence.unplugged_at
    undone = is_plugged(presence) and plugged_at is not None and left_at is not None and plugged_at < left_at
    return None if undone else left_at


def take_other_vehicle(presence: Presence, context: ObservationContext) -> Ruled:
    """Another car that is plugged in now confirms a held plug-out of the one before it."""
    held, known, seen = presence.held_plug_out, named_vehicle_id(presence), context.seen
    if held is None or known is None or seen.vehicle_id is None or not seen.plugged_in:
        return presence, ()
    if seen.vehicle_id == known or context.at <= (held.seen_at or held.reported_at):
        return presence, ()
    return close(presence, held, Reason.PLUG_OUT_CONFIRMED_BY_VEHICLE)


def take_vehicle(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in which car is plugged in. Values observed of the car before it are dropped."""
    vehicle_id, known = context.seen.vehicle_id, presence.vehicle
    if vehicle_id is None or context.seen.plugged_in is False or (known is not None and context.at <= known.at):
        return presence, ()
    before = named_vehicle_id(presence)
    named = NamedVehicle(vehicle_id, context.at, _seen_since(presence, context))
    after = replace(presence, vehicle=named)
    if named.since is not None:
        after = replace(
            after,
            soc_pct=_unless_before(named.since, after.soc_pct),
            pending_soc=_unless_before(named.since, after.pending_soc),
            battery_full=_unless_before(named.since, after.battery_full),
        )
    if before == vehicle_id:
        return after, ()
    session_id = after.session.id if after.session is not None else None
    effect = Effect(EffectKind.VEHICLE_NAMED, context.at, Reason.VEHICLE_NAMED, session_id, vehicle_id=vehicle_id)
    return after, (effect,)


def _seen_since(presence: Presence, context: ObservationContext) -> datetime | None:
    known = presence.vehicle
    if known is None or known.vehicle_id == context.seen.vehicle_id:
        return known.since if known is not None else None
    left_at = _left_at(presence)
    return left_at if left_at is not None and known.at <= left_at < context.at else context.at


def _unless_before(since: datetime, signal: Observed | None) -> Observed | None:
    return None if signal is None or signal.at < since else signal


def is_of_another_vehicle(at: datetime, presence: Presence) -> bool:
    """Whether an observation of this time is of a car that was named before the present one."""
    since = presence.vehicle.since if presence.vehicle is not None else None
    return since is not None and at < since
