"""The energy in what was seen, recorded in the half-hours of the asset."""

from collections.abc import Sequence

from driveway.domain.metering.plug_facts import session_samples
from driveway.domain.metering.recording import Metered
from driveway.domain.metering.samples import rating_of
from driveway.domain.presence.observation import Observation
from driveway.domain.reports.apply_observations import samples_to_record
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime


def meter_twin(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> None:
    """Record the plug facts of the twin's sessions, and the samples in observations that were taken into it.

    Recording the same again changes nothing. The sessions are recorded every time, changed or not. If a
    function stored the twin and died before its half-hours, the next delivery records what is missing.
    """
    now, link = runtime.now(), twin.link
    plugs = runtime.slots.unrecorded(link.asset, session_samples(twin.presence))
    samples = (*plugs, *samples_to_record(twin, observations, now))
    if samples:
        metered = Metered(
            asset=link.asset,
            axle_asset_id=link.axle_asset_id,
            rating=rating_of(link),
            grace=runtime.readings_grace,
            lifetime_rows=runtime.lifetime_rows,
        )
        runtime.slots.record(metered, samples, now=now)
