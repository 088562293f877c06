"""The energy in what was seen, recorded in the half-hours of the asset."""

from collections.abc import Sequence
from datetime import timedelta

from driveway.domain.observation import Observation
from driveway.domain.samples import rating_of
from driveway.domain.sight import samples_seen
from driveway.domain.slot_record import Metered
from driveway.runtime.context import Runtime
from driveway.store.table import Change


def meter_change(change: Change, observations: Sequence[Observation], current: Runtime) -> None:
    """Record the samples that observations, and the plug-ins and plug-outs they or time brought, hold.

    Recording the same again changes nothing.
    """
    now, link = current.now(), change.after.link
    samples = samples_seen(change.before.presence, change.after, observations, now)
    if samples:
        metered = Metered(
            asset=link.asset,
            axle_asset_id=link.axle_asset_id,
            rating=rating_of(link),
            grace=timedelta(seconds=current.settings.number("READINGS_GRACE_S", 600)),
        )
        current.slots.record(metered, samples, now=now)
