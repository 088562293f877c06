"""Whether a car charges, by its power, where its state does not decide it (rules in ``observe``).

Some cars' state sticks at "starting" while they charge, and some sources report plug and power but no state. There
the power decides: 1 kW and more is charging, and none for two minutes is not. A state that says "stopped" outranks it,
as a car that is preconditioned draws 3 to 5 kW. So does a state that says "charging".
"""

from datetime import timedelta

from driveway.domain.presence.plug import CHARGING_KW
from driveway.domain.presence.rules import FLOWING_KW, ObservationContext, Ruled
from driveway.domain.presence.signals import take_charging
from driveway.domain.twin import Presence
from driveway.values import replace

IDLE_AFTER = timedelta(minutes=2)
"""After this time of zero power the car counts as not charging."""


def take_charging_by_power(presence: Presence, context: ObservationContext) -> Ruled:
    """Take in the state that a source reports, or derive it from the power where it reports none."""
    seen, known = context.seen, presence.charging
    if seen.charging is not None and known is not None and known.at == context.at:
        return replace(presence, starting_at=None, idle_since=None, charging_inferred=False), ()
    if seen.starting and (presence.starting_at is None or context.at > presence.starting_at):
        presence = replace(presence, starting_at=presence.starting_at or context.at)
    unknown_at = presence.charging_unknown_at
    if seen.charging_unknown and (unknown_at is None or context.at > unknown_at):
        presence = replace(presence, charging_unknown_at=context.at)
    power = presence.power_kw
    reported_now = seen.power_kw is not None and power is not None and power.at == context.at
    return _by_power(presence, context, power.value) if power is not None and reported_now else (presence, ())


def _by_power(presence: Presence, context: ObservationContext, power_kw: float) -> Ruled:
    """The presence by the power that the observation reports, where the power decides."""
    known = presence.charging
    if not power_decides(presence):
        return presence, ()
    if power_kw >= CHARGING_KW:
        after, effects = take_charging(replace(presence, idle_since=None), context, charging=True)
        return replace(after, charging_inferred=True), effects
    if power_kw < FLOWING_KW and presence.idle_since is None and (known is None or known.value):
        return replace(presence, idle_since=context.at), ()
    return presence, ()


def power_decides(presence: Presence) -> bool:
    """Whether no known state decides if the car charges: none was ever reported, or it is "starting" or unknown."""
    charging, starting_at = presence.charging, presence.starting_at
    if charging is None or presence.charging_inferred or is_charging_unknown(presence):
        return True
    return starting_at is not None and starting_at > charging.at


def is_charging_unknown(presence: Presence) -> bool:
    """Whether the source reported, after the last known state, that it does not know whether the car charges."""
    charging, unknown_at = presence.charging, presence.charging_unknown_at
    return unknown_at is not None and (charging is None or unknown_at > charging.at)


def settle_idle(presence: Presence, context: ObservationContext) -> Ruled:
    """The presence of a car that reported zero power for ``IDLE_AFTER``: it does not charge."""
    after, effects = take_charging(replace(presence, idle_since=None), context, charging=False)
    return replace(after, charging_inferred=True), effects
