"""An asset that draws more than it was onboarded with: shown on the asset, and reported once. Pure."""

import math
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from driveway.domain.metering.activity import POWER_TOLERANCE_PCT
from driveway.domain.twin import Entry, ExcessPower, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

SEEN_TIMES = 3
"""A power counts once it was seen so often: one value may be a fault of the meter."""


class SuggestedPower(Struct, frozen=True):
    """The power that an asset was seen to draw at least ``SEEN_TIMES`` times, since ``since`` (aware UTC)."""

    power_kw: float
    since: datetime


def suggested_power(twin: Twin) -> SuggestedPower | None:
    """The power with which the asset should be onboarded; None while its own is enough."""
    excess = [one for one in twin.meter.excess if _is_above(one, twin)]
    if len(excess) < SEEN_TIMES:
        return None
    least_w = min(one.power_w for one in excess)
    return SuggestedPower(math.ceil(least_w / 100) / 10, min(one.at for one in excess))


def _is_above(one: ExcessPower, twin: Twin) -> bool:
    return one.power_w * 100 > twin.link.power_kw * 1000 * (100 + POWER_TOLERANCE_PCT)


def with_excess_powers(twin: Twin, found: Iterable[ExcessPower], now: datetime) -> Twin:
    """The twin with the latest powers that were too much for it, and a report the first time they suggest another."""
    known = {one.at: one for one in (*twin.meter.excess, *found) if _is_above(one, twin)}
    excess = tuple(known[at] for at in sorted(known))[-SEEN_TIMES:]
    after = twin if excess == twin.meter.excess else replace(twin, meter=replace(twin.meter, excess=excess))
    suggested = suggested_power(after)
    if suggested is None or after.meter.excess_reported_for_kw == after.link.power_kw:
        return after
    onboarded_kw = after.link.power_kw
    text = (
        f"The car draws {suggested.power_kw:g} kW, but it was set up with {onboarded_kw:g} kW, so its energy is not"
        f" counted. Set its power to {suggested.power_kw:g} kW."
    )
    detail = {"onboarded_kw": onboarded_kw, "suggested_kw": suggested.power_kw}
    entry = Entry(now, Event.NEEDS_ATTENTION, Reason.POWER_ABOVE_ONBOARDED, text, detail)
    return replace(after, meter=replace(after.meter, excess_reported_for_kw=onboarded_kw)).tell(entry)
