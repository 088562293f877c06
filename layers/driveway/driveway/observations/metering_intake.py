"""The energy in what was observed, recorded in the half-hours of the asset, and in its sessions on the twin."""

from collections.abc import Callable, Sequence
from datetime import datetime

from driveway.domain.half_hours import half_hour_of
from driveway.domain.metering.excess_power import FLAGS, excess_powers
from driveway.domain.metering.plug_facts import facts_mark, session_samples
from driveway.domain.metering.recording import Metered, Recorded, Window, final_before
from driveway.domain.metering.samples import Sample, rating_of
from driveway.domain.metering.slot import Slot
from driveway.domain.presence.observation import Observation
from driveway.domain.reports.apply_observations import samples_to_record
from driveway.domain.reports.power_above_onboarded import with_excess_powers
from driveway.domain.reports.session_energy import (
    metered_sessions,
    session_energies,
    unknown_half_hours,
    with_facts_recorded,
    with_session_energy,
)
from driveway.domain.twin import Twin
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.store.table import Change, StoredTwin, UnknownAssetError
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
    recorder = _Recorder(asset, runtime)

    def whole(twin: Twin) -> Twin:
        after = rule(twin)
        if after.meter.facts != facts_mark(after.presence):
            return after
        return recorder.recorded(after, samples_to_record(after, observed(), recorder.now, METERS))

    change = recorder.change(whole)
    if change.written:
        _report_excess(change.after, runtime)
    changed = bool(recorder.made)
    if not change.written or change.after.meter.facts != facts_mark(change.after.presence):
        changed = _meter(change, observed(), recorder) or changed
    return change, changed


def meter_twin(twin: Twin, observations: Sequence[Observation], runtime: Runtime) -> bool:
    """Record the plug facts of the twin's sessions, and the samples in observations that were taken into it.

    Whether that changed a half-hour. Recording the same again changes nothing. A mark on the twin says which plug facts
    its half-hours hold. If a function stored the twin and died before its half-hours, charge control records what is
    missing.
    """
    return _meter(Change(twin, twin), observations, _Recorder(twin.link.asset, runtime))


def _meter(change: Change, observations: Sequence[Observation], recorder: "_Recorder") -> bool:
    """See ``meter_twin``; ``change`` is the latest of the twin, as far as the caller knows."""
    twin, runtime = change.after, recorder.runtime
    if _is_marked(twin) and not samples_to_record(twin, observations, recorder.now, METERS):
        return False
    recorder.begin_from(change)

    def whole(twin: Twin) -> Twin:
        missing = _missing_facts(twin, change.before, recorder)
        samples = (*missing, *samples_to_record(twin, observations, recorder.now, METERS))
        return with_facts_recorded(recorder.recorded(twin, samples), facts_mark(twin.presence))

    written = recorder.change(whole)
    _report_excess(written.after, runtime)
    if recorder.made and not written.written:
        recorder.verify(written.after)
    return bool(recorder.made)


def _is_marked(twin: Twin) -> bool:
    return twin.meter.facts == facts_mark(twin.presence)


def _missing_facts(twin: Twin, before: Twin, recorder: "_Recorder") -> tuple[Sample, ...]:
    """The plug facts of a twin that its half-hours may not hold; they hold those of a marked twin."""
    if _is_marked(twin):
        return ()
    held = set(session_samples(before.presence)) if _is_marked(before) else set()
    facts = [fact for fact in session_samples(twin.presence) if fact.at >= final_before(recorder.now)]
    return recorder.runtime.slots.unrecorded(
        twin.link.asset, [fact for fact in facts if fact not in held], latest=recorder.latest
    )


class _Recorder:
    """Records samples in the course of a change of a twin, whose version orders all that record for it."""

    def __init__(self, asset: str, runtime: Runtime) -> None:
        self.asset, self.runtime, self.now = asset, runtime, runtime.now()
        self.made: dict[datetime, Slot] = {}
        self.latest: Window | None = None
        self._created: set[datetime] = set()
        self._tried: dict[Sample, None] = {}
        self._known: StoredTwin | None = None

    def begin_from(self, change: Change) -> None:
        """Begin the next change with the twin as the last one left it, without reading it again."""
        self._known = change.stored if change.dues else None
        self.latest = None if self.made else self.latest

    def change(self, rule: Callable[[Twin], Twin]) -> Change:
        """Change the twin by a rule that records. Raises what ``Table.change_twin`` raises."""
        table = self.runtime.table
        try:
            change = table.change_twin(self.asset, rule, now=self.now, read=self._read)
            # A write of the twin shows that it is there.
            twin = change.after if change.written or not self._created else table.stored(self.asset).twin
        except UnknownAssetError:
            self._delete_created(None)
            raise
        self._delete_created(twin.link.axle_asset_id)
        return change

    def verify(self, twin: Twin) -> None:
        """Record again until nothing is left to write, where no write of the twin ordered the recorders."""
        changed = self.runtime.slots.record(_metered(twin, self.runtime), tuple(self._tried), now=self.now)
        if changed:
            recorded = Recorded(changed)
            self.runtime.table.change_twin(
                self.asset, lambda twin: _with_energy(twin, recorded, self.runtime), now=self.now
            )

    def recorded(self, twin: Twin, samples: Sequence[Sample]) -> Twin:
        """The twin with the energy of samples that are recorded now."""
        # After a lost race another recorder may have decided without those that were recorded in vain.
        self._tried |= dict.fromkeys(samples)
        recorded = self.runtime.slots.record_once(
            _metered(twin, self.runtime), tuple(self._tried), now=self.now, latest=self.latest
        )
        if not recorded.changed:
            return twin
        self._created |= {slot.start for slot in recorded.changed if slot.version == 1}
        self.made |= {slot.start: slot for slot in recorded.changed}
        return _with_energy(twin, recorded, self.runtime)

    def _read(self, asset: str) -> StoredTwin:
        known, self._known = self._known, None
        if known is not None:
            return known
        stored, self.latest = self.runtime.slots.with_twin(asset, self.now)
        return stored

    def _delete_created(self, axle_asset_id: str | None) -> None:
        """Delete what was created, except for the asset as Axle knows it, which is there."""
        for slot in (self.made[start] for start in self._created):
            if slot.axle_asset_id != axle_asset_id:
                self.runtime.slots.delete(slot)


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
    own = [slot for slot in slots if slot.start >= first]
    energies_wh = session_energies(sessions, own) if changed else {}
    unknown = unknown_half_hours(sessions, own) if changed else {}
    after = with_session_energy(twin, energies_wh, unknown, now=now)
    flagged = any(FLAGS & set(slot.flags) for slot in changed)
    return with_excess_powers(after, excess_powers(changed, rating_of(twin.link)), now) if flagged else after


def _report_excess(twin: Twin, runtime: Runtime) -> None:
    """Log and count a power above the asset's own that the twin has just as news."""
    if any(entry.reason == Reason.POWER_ABOVE_ONBOARDED for entry in twin.news):
        runtime.logger.warning("an asset draws more than it was onboarded with", extra={"asset": twin.link.asset})
        emit({"PowersAboveOnboarded": 1}, runtime)
