"""When a battery that was found full stops counting as full (rules in ``observe``).

"Full" means full at the charge limit that was set then (field notes 37). It ends when the car charges, when a state
that can report full reports something else, when the state of charge is lower, and when another charge limit is
reported.
"""

from driveway.domain.presence.rules import ObservationContext, Ruled, is_newer
from driveway.domain.twin import FullBattery, Observed, Presence
from driveway.values import replace

LOWER_BY_PCT = 2.0
"""A state of charge that is this much lower than the full one shows that there is room again."""


def take_fullness(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in the charge limit, and record when a battery is found full or is full no longer."""
    limit_pct = context.seen.charge_limit_pct
    if limit_pct is not None and is_newer(context.at, presence.charge_limit_pct):
        presence = replace(presence, charge_limit_pct=Observed(limit_pct, context.at))
    found = presence.battery_full
    if found is None or not found.value:
        return presence if presence.full is None else replace(presence, full=None), ()
    if presence.full is None:
        return replace(presence, full=_found_full(presence, context)), ()
    if context.seen.battery_full and found.at == context.at:
        reported = presence.full.reported or not context.seen.answered
        return replace(presence, full=replace(presence.full, reported=reported)), ()
    if context.at > found.at and _has_room(presence, presence.full, context):
        return replace(presence, battery_full=Observed(False, context.at), full=None), ()
    return presence, ()


def _found_full(presence: Presence, context: ObservationContext) -> FullBattery:
    soc, limit = presence.soc_pct, presence.charge_limit_pct
    return FullBattery(
        soc_pct=soc.value if soc is not None else None,
        charge_limit_pct=limit.value if limit is not None else None,
        reported=not context.seen.answered,
        since=context.at,
    )


def _has_room(presence: Presence, full: FullBattery, context: ObservationContext) -> bool:
    soc, limit = presence.soc_pct, presence.charge_limit_pct
    lower = soc is not None and full.soc_pct is not None and soc.value <= full.soc_pct - LOWER_BY_PCT
    other_limit = limit is not None and full.charge_limit_pct is not None and limit.value != full.charge_limit_pct
    return lower or other_limit or (full.reported and context.seen.not_full is True)
