"""The energy in what was observed, recorded in the half-hours of the asset, and in its sessions on the twin."""

from collections.abc import Sequence

from driveway.domain.half_hours import half_hour_of
from driveway.domain.metering.excess_power import FLAGS, excess_powers
from driveway.domain.metering.plug_facts import session_samples
from driveway.domain.metering.recording import Metered, final_before
from driveway.domain.metering.samples import rating_of
from driveway.domain.metering.slot import Slot
from driveway.domain.presence.observation import Observation
from driveway.domain.reports.apply_observations import samples_to_record
from driveway.domain.reports.power_above_onboarded import with_excess_powers
from driveway.domain.reports.session_energy import metered_sessions, session_energies, with_session_energy
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.vehicles.registry import METERS


def meter_twin(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> None:
    """Record the plug facts of the twin's sessions, and the samples in observations that were taken into it.

    Recording the same again changes nothing. The sessions are recorded every time, changed or not. If a
    function stored the twin and died before its half-hours, the next delivery records what is missing.
    """
    now, link = runtime.now(), twin.link
    facts = (fact for fact in session_samples(twin.presence) if fact.at >= final_before(now))
    plugs = runtime.slots.unrecorded(link.asset, facts)
    samples = (*plugs, *samples_to_record(twin, observations, now, METERS))
    changed: tuple[Slot, ...] = ()
    if samples:
        metered = Metered(
            asset=link.asset,
            axle_asset_id=link.axle_asset_id,
            rating=rating_of(link),
            grace=runtime.readings_grace,
            lifetime_rows=runtime.lifetime_rows,
        )
        changed = runtime.slots.record(metered, samples, now=now)
    if changed:
        _meter_sessions(link.asset, changed, runtime)


def _meter_sessions(asset: str, changed: Sequence[Slot], runtime: Runtime) -> None:
    """Put the energy of the sessions of changed half-hours on the twin, and powers that were too much for the asset."""
    now, changed_from = runtime.now(), min(slot.start for slot in changed)
    flagged = any(FLAGS & set(slot.flags) for slot in changed)

    def rule(twin: Twin) -> Twin:
        # Read after the twin: who stores a later sample changes the twin after this, or reads what this has stored.
        sessions = [s for s in metered_sessions(twin) if s.closed_at is None or s.closed_at >= changed_from]
        first = min((session.begun_at for session in sessions), default=now)
        slots = runtime.slots.read(asset, half_hour_of(first)) if sessions else ()
        energies_wh = session_energies(sessions, slots)
        after = with_session_energy(twin, energies_wh, now=now)
        return with_excess_powers(after, excess_powers(changed, rating_of(twin.link)), now) if flagged else after

    change = runtime.table.change_twin(asset, rule, now=now)
    if any(entry.reason == Reason.POWER_ABOVE_ONBOARDED for entry in change.after.news):
        runtime.logger.warning("an asset draws more than it was onboarded with", extra={"asset": asset})
        emit({"PowersAboveOnboarded": 1}, runtime)
