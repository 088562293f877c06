"""The energy in what was observed, recorded in the half-hours of the asset, and in its sessions on the twin."""

from collections.abc import Callable, Sequence

from driveway.domain.half_hours import half_hour_of
from driveway.domain.metering.excess_power import FLAGS, excess_powers
from driveway.domain.metering.plug_facts import facts_mark, session_samples
from driveway.domain.metering.recording import Metered, Recorded, final_before
from driveway.domain.metering.samples import rating_of
from driveway.domain.presence.observation import Observation
from driveway.domain.reports.apply_observations import samples_to_record
from driveway.domain.reports.power_above_onboarded import with_excess_powers
from driveway.domain.reports.session_energy import (
    metered_sessions,
    session_energies,
    with_facts_recorded,
    with_session_energy,
)
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.store.table import Change
from driveway.vehicles.registry import METERS


def change_by_report(
    asset: str, rule: Callable[[Twin], Twin], observed: Callable[[], Sequence[Observation]], runtime: Runtime
) -> tuple[Change, bool]:
    """Change a twin by a report and record its samples; the change, and whether it changed a half-hour.

    ``observed`` gives the observations that the rule has taken in.

    A report that makes no plug facts goes into the half-hours first, and with their energy into the twin: one write. If
    another report comes between, both are decided again on what they find, so the twin's version orders them. Plug
    facts are recorded after the twin, because a fact is never taken back.

    Raises:
        UnknownAssetError: no such asset (any more).
        ContentionError: others kept changing it; the report may be repeated.
    """
    now, changed = runtime.now(), False

    def whole(twin: Twin) -> Twin:
        nonlocal changed
        after = rule(twin)
        if after.meter.facts != facts_mark(after.presence):
            return after
        samples = samples_to_record(after, observed(), now, METERS)
        recorded = runtime.slots.record_once(_metered(after, runtime), samples, now=now)
        changed = changed or bool(recorded.changed)
        return _with_energy(after, recorded, runtime) if recorded.changed else after

    change = runtime.table.change_twin(asset, whole, now=now)
    if change.written:
        _report_excess(change.after, runtime)
    if not change.written or change.after.meter.facts != facts_mark(change.after.presence):
        changed = meter_twin(change.after, observed(), runtime) or changed
    return change, changed


def meter_twin(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> bool:
    """Record the plug facts of the twin's sessions, and the samples in observations that were taken into it.

    Whether that changed a half-hour. Recording the same again changes nothing. A mark on the twin says which plug facts
    its half-hours hold. If a function stored the twin and died before its half-hours, charge control records what is
    missing.
    """
    now, mark = runtime.now(), facts_mark(twin.presence)
    is_marked = twin.meter.facts == mark
    facts = () if is_marked else [fact for fact in session_samples(twin.presence) if fact.at >= final_before(now)]
    plugs = runtime.slots.unrecorded(twin.link.asset, facts)
    samples = (*plugs, *samples_to_record(twin, observations, now, METERS))
    changed = runtime.slots.record(_metered(twin, runtime), samples, now=now) if samples else ()
    if changed or not is_marked:
        recorded = Recorded(changed)
        change = runtime.table.change_twin(
            twin.link.asset, lambda twin: with_facts_recorded(_with_energy(twin, recorded, runtime), mark), now=now
        )
        _report_excess(change.after, runtime)
    return bool(changed)


def _metered(twin: Twin, runtime: Runtime) -> Metered:
    link = twin.link
    return Metered(
        asset=link.asset,
        axle_asset_id=link.axle_asset_id,
        rating=rating_of(link),
        grace=runtime.readings_grace,
        lifetime_rows=runtime.lifetime_rows,
    )


def _with_energy(twin: Twin, recorded: Recorded, runtime: Runtime) -> Twin:
    """The twin with the energy of its sessions in changed half-hours, and with powers that were too much for it."""
    now, changed = runtime.now(), recorded.changed
    changed_from = min((slot.start for slot in changed), default=now)
    sessions = [s for s in metered_sessions(twin) if s.closed_at is None or s.closed_at >= changed_from]
    first = half_hour_of(min((session.begun_at for session in sessions), default=now))
    # Read after the twin: who stores a later sample changes the twin after this, or reads what this has stored.
    is_enough = not changed or (recorded.since is not None and recorded.since <= first)
    slots = recorded.around if is_enough else runtime.slots.read(twin.link.asset, first)
    energies_wh = session_energies(sessions, (slot for slot in slots if slot.start >= first)) if changed else {}
    after = with_session_energy(twin, energies_wh, now=now)
    flagged = any(FLAGS & set(slot.flags) for slot in changed)
    return with_excess_powers(after, excess_powers(changed, rating_of(twin.link)), now) if flagged else after


def _report_excess(twin: Twin, runtime: Runtime) -> None:
    """Log and count a power above the asset's own that the twin has just as news."""
    if any(entry.reason == Reason.POWER_ABOVE_ONBOARDED for entry in twin.news):
        runtime.logger.warning("an asset draws more than it was onboarded with", extra={"asset": twin.link.asset})
        emit({"PowersAboveOnboarded": 1}, runtime)
