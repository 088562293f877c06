"""Applies observations of a car to its twin: presence, timeline entries, and samples for the half-hours. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from driveway.domain.metering.activity import LATE_MS
from driveway.domain.metering.meter_kind import UNKNOWN_METER, MeterKind
from driveway.domain.metering.samples import Sample, samples_of
from driveway.domain.presence.home import resolve_home
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe_all
from driveway.domain.presence.rules import Effect, EffectKind, PresenceRules, PresenceStep
from driveway.domain.reports.session_energy import metered_sessions
from driveway.domain.twin import Entry, Observed, Twin
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

LATE = timedelta(milliseconds=LATE_MS)

_OF_THE_PRESENT = ("charging", "power_kw", "soc_pct")
"""Signals of which only the latest report counts for the state of the car. Late ones still count for half-hours."""


def samples_to_record(
    twin: Twin, observations: Iterable[Observation], now: datetime, meters: Mapping[str, MeterKind]
) -> tuple[Sample, ...]:
    """The samples of observations that belong into half-hours. The twin already has the observations.

    ``meters`` gives for each source the kind of its values. The plug facts in the half-hours decide which samples of a
    car count: a plug-in may be reported later than the samples after it, and home later than both. A sample that no
    session of the twin holds or will hold is left out.
    """
    return tuple(
        sample
        for observation in observations
        for sample in samples_of(observation, twin, meters.get(observation.source, UNKNOWN_METER), now=now)
        if not _is_away(twin, observation) or (sample.kind == "lifetime" and not _has_left(twin, observation))
    )


def _is_away(twin: Twin, seen: Observation) -> bool:
    """Whether no home session will hold the observation: none is open, and the car is unplugged or was elsewhere."""
    presence, last = twin.presence, twin.presence.last_session
    if twin.link.type == "charger" or presence.session is not None:
        return False
    if last is not None and last.closed_at is not None and seen.at <= last.closed_at + LATE:
        return False
    return seen.plugged_in is False or _was_elsewhere(twin, seen)


def _was_elsewhere(twin: Twin, seen: Observation) -> bool:
    elsewhere = (twin.presence.moved_at, twin.presence.away_seen_at)
    return any(at is not None and seen.at <= at for at in elsewhere)


def _has_left(twin: Twin, seen: Observation) -> bool:
    """Whether the car is or was on its way: what its register shows is not what a session at home will begin with."""
    return seen.moving is True or seen.at_home is False or _was_elsewhere(twin, seen)


def apply_observations(twin: Twin, observations: Sequence[Observation], *, now: datetime, rules: PresenceRules) -> Twin:
    """The twin with observations of one source in its presence; their positions are dropped here.

    Args:
        twin: the present state.
        observations: the reports of the source.
        now: the present (aware UTC).
        rules: how far the source is trusted.
    """
    return apply_presence_step(twin, _step(twin, observations, now, rules)) if observations else twin


def _step(twin: Twin, observations: Sequence[Observation], now: datetime, rules: PresenceRules) -> PresenceStep:
    link = twin.link
    home_location_id = link.vehicle.home_location_id if link.vehicle else None
    resolved = [
        resolve_home(observation, home=link.home, home_location_id=home_location_id, power_kw=link.power_kw)
        for observation in observations
    ]
    return observe_all(twin.presence, resolved, now=now, rules=rules, own_stop_at=twin.control.last_stop_at)


def ignored_signals(
    before: Twin, observations: Sequence[Observation], *, now: datetime, rules: PresenceRules
) -> list[Effect]:
    """The signals of observations that did not change what is known of the car, and why; by time.

    Args:
        before: the twin before it took the observations. The rest as for ``apply_observations``.
    """
    step = _step(before, observations, now, rules)
    found = [effect for effect in step.effects if effect.kind is EffectKind.IGNORED]
    for seen in observations:
        found += [
            Effect(EffectKind.IGNORED, seen.at, Reason.OBSERVED_TOO_LATE, signal=signal)
            for signal in _OF_THE_PRESENT
            if getattr(seen, signal) is not None and _is_older(seen.at, getattr(before.presence, signal))
        ]
    return sorted(found, key=lambda effect: effect.at)


def _is_older(at: datetime, known: Observed | None) -> bool:
    return known is not None and at < known.at


def apply_presence_step(twin: Twin, step: PresenceStep) -> Twin:
    """The twin after a step of presence, with its entries and the sessions of which the energy is kept."""
    if step.presence is twin.presence and not step.entries:
        return twin
    after = replace(twin, presence=step.presence).tell(*_entries(step))
    return replace(after, meter=replace(after.meter, sessions=metered_sessions(after)))


def _entries(step: PresenceStep) -> tuple[Entry, ...]:
    """The entries of a step. A report may give plug and home one by one: "no session" counts only at its end."""
    if step.presence.session is None:
        return step.entries
    return tuple(entry for entry in step.entries if entry.event != EffectKind.NO_SESSION)
