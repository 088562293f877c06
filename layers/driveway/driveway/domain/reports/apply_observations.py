"""What was seen of a car, taken into the twin: presence, the running meter and the news of both. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from driveway.domain.metering.plug_facts import holds, plug_samples
from driveway.domain.metering.running_meter import advance
from driveway.domain.metering.samples import Sample, rating_of, samples_of
from driveway.domain.presence.home import resolve_home
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe_all
from driveway.domain.presence.rules import EffectKind, PresenceRules, PresenceStep
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason


def samples_to_record(twin: Twin, observations: Iterable[Observation], now: datetime) -> tuple[Sample, ...]:
    """The samples in observations that the half-hours are to hold, once these were taken into the twin.

    Which of a car's samples count, the half-hours tell by their plug facts: a plug-in may be heard of after what was
    measured since, and home after both. What is not in a session that the twin knows, and never will be, is left out.
    """
    return tuple(
        sample
        for observation in observations
        if not _is_away(twin, observation)
        for sample in samples_of(observation, twin, now=now)
    )


def _is_away(twin: Twin, seen: Observation) -> bool:
    """Whether no home session can come to hold what was seen: none is open, and the car is unplugged or left since."""
    presence, last = twin.presence, twin.presence.last_session
    if twin.link.type == "charger" or presence.session is not None:
        return False
    if last is not None and last.closed_at is not None and seen.at <= last.closed_at:
        return False
    elsewhere = (presence.moved_at, presence.away_seen_at)
    return seen.plugged_in is False or any(at is not None and seen.at <= at for at in elsewhere)


def _samples_known_to_count(twin: Twin, observations: Iterable[Observation], now: datetime) -> Iterator[Sample]:
    sessions, doubt = (twin.presence.session, twin.presence.last_session), twin.presence.doubt
    for observation in observations:
        for sample in samples_of(observation, twin, now=now):
            at_home = any(holds(session, sample.at) for session in sessions)
            in_doubt = doubt is not None and sample.at >= doubt.since
            if twin.link.type == "charger" or (at_home and not in_doubt):
                yield sample


def apply_observations(twin: Twin, observations: Sequence[Observation], *, now: datetime, rules: PresenceRules) -> Twin:
    """The twin with observations of one source in its presence; their positions end here.

    Args:
        twin: what is known.
        observations: what the source observed.
        now: the present (aware UTC).
        rules: how sceptical to be of the source.
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
    return apply_presence_step(twin, step, resolved, now)


def apply_presence_step(twin: Twin, step: PresenceStep, observations: Sequence[Observation], now: datetime) -> Twin:
    """The twin after a step of presence that these observations (or time alone) made.

    The running meter is advanced, the news told, and a session that is over summed up.
    """
    after = replace(twin, presence=step.presence)
    samples = (*plug_samples(twin.presence, after.presence), *_samples_known_to_count(after, observations, now))
    meter = advance(twin.meter, samples, rating_of(twin.link))
    if step.presence is twin.presence and meter == twin.meter and not step.entries:
        return twin
    after = replace(after, meter=meter).tell(*_told(step))
    for effect in step.effects:
        if effect.kind is EffectKind.PLUGGED_OUT:
            after = after.tell(_completed(after, effect.at, effect.session_id))
    return after


def _told(step: PresenceStep) -> tuple[Entry, ...]:
    """The news of a step. One report may hold the plug and, apart from it, the home: it ends in a session or not."""
    if step.presence.session is None:
        return step.entries
    return tuple(entry for entry in step.entries if entry.event != EffectKind.NO_SESSION)


def _completed(twin: Twin, at: datetime, session_id: str | None) -> Entry:
    energy_wh = max(0, twin.meter.total_wh - (twin.meter.session_started_wh or 0))
    text = f"The session is over: {energy_wh / 1000:.1f} kWh were charged."
    detail = {"energy_kwh": energy_wh / 1000, "session_id": session_id}
    return Entry(at, Event.SESSION_COMPLETED, Reason.SESSION_COMPLETED, text, detail)


def disconnected(twin: Twin, why: str, now: datetime) -> Twin:
    """The twin whose car cannot be reached until the driver acts, told once."""
    if twin.presence.needs_user == why:
        return twin
    text = f"The driver has to connect the car again: {why}"
    return replace(twin, presence=replace(twin.presence, needs_user=why)).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.PROVIDER_NEEDS_USER, text)
    )
