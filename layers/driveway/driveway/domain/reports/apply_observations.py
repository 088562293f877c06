"""What was observed of a car, taken into the twin: presence, its news, and the samples for the half-hours. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.metering.activity import LATE_MS
from driveway.domain.metering.meter_kind import UNKNOWN_METER, MeterKind
from driveway.domain.metering.samples import Sample, samples_of
from driveway.domain.presence.home import resolve_home
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe_all
from driveway.domain.presence.rules import EffectKind, PresenceRules, PresenceStep
from driveway.domain.reports.session_energy import metered_sessions
from driveway.domain.twin import Entry, Twin

LATE = timedelta(milliseconds=LATE_MS)


def samples_to_record(
    twin: Twin, observations: Iterable[Observation], now: datetime, meters: Mapping[str, MeterKind]
) -> tuple[Sample, ...]:
    """The samples in observations that the half-hours are to hold, once these were taken into the twin.

    ``meters`` says of each source what its values are. Which of a car's samples count, the half-hours tell by their
    plug facts: a plug-in may be reported after what was measured since, and home after both. What is not in a session
    that the twin knows, and never will be, is left out.
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
    """The twin with observations of one source in its presence; their positions end here.

    Args:
        twin: what is known.
        observations: what the source observed.
        now: the present (aware UTC).
        rules: how far the source is believed.
    """
    link = twin.link
    home_location_id = link.vehicle.home_location_id if link.vehicle else None
    resolved = [
        resolve_home(observation, home=link.home, home_location_id=home_location_id, power_kw=link.power_kw)
        for observation in observations
    ]
    if not resolved:
        return twin
    step = observe_all(twin.presence, resolved, now=now, rules=rules, own_stop_at=twin.control.last_stop_at)
    return apply_presence_step(twin, step)


def apply_presence_step(twin: Twin, step: PresenceStep) -> Twin:
    """The twin after a step of presence, with its news and the sessions whose energy is kept."""
    if step.presence is twin.presence and not step.entries:
        return twin
    after = replace(twin, presence=step.presence).tell(*_told(step))
    return replace(after, meter=replace(after.meter, sessions=metered_sessions(after)))


def _told(step: PresenceStep) -> tuple[Entry, ...]:
    """The news of a step. A report may give plug and home one after the other: "no session" is news only at its end."""
    if step.presence.session is None:
        return step.entries
    return tuple(entry for entry in step.entries if entry.event != EffectKind.NO_SESSION)
