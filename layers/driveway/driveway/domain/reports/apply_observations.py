"""Takes observations of a car into its twin: presence, the running meter and the news of both. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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

NEEDS_USER_TOLD_EVERY = timedelta(days=1)
"""How often the driver is told the same about the car maker's account."""


def samples_to_record(twin: Twin, observations: Iterable[Observation], now: datetime) -> tuple[Sample, ...]:
    """The samples in observations that the half-hours should hold. The twin already has the observations.

    The plug facts in the half-hours decide which samples of a car count: a plug-in may be reported after what was
    measured since, and home after both. A sample that no session of the twin holds or will hold is left out.
    """
    return tuple(
        sample
        for observation in observations
        if not _is_away(twin, observation)
        for sample in samples_of(observation, twin, now=now)
    )


def _is_away(twin: Twin, seen: Observation) -> bool:
    """Whether no home session will hold the observation: none is open, and the car is unplugged or was elsewhere."""
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
    return apply_presence_step(twin, step, resolved, now)


def apply_presence_step(twin: Twin, step: PresenceStep, observations: Sequence[Observation], now: datetime) -> Twin:
    """The twin after a step of presence that these observations (or time alone) made.

    It advances the running meter, adds the news, and sums up a session that is over.
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
    """The news of a step. A report may give plug and home one after the other: "no session" is news only at its end."""
    if step.presence.session is None:
        return step.entries
    return tuple(entry for entry in step.entries if entry.event != EffectKind.NO_SESSION)


def _completed(twin: Twin, at: datetime, session_id: str | None) -> Entry:
    energy_wh = max(0, twin.meter.total_wh - (twin.meter.session_started_wh or 0))
    text = f"The session is over: {energy_wh / 1000:.1f} kWh were charged."
    detail = {"energy_kwh": energy_wh / 1000, "session_id": session_id}
    return Entry(at, Event.SESSION_COMPLETED, Reason.SESSION_COMPLETED, text, detail)


def disconnected(twin: Twin, why: str, now: datetime) -> Twin:
    """The twin whose car cannot be reached until the driver acts; the driver is informed once a day."""
    presence = twin.presence
    if presence.needs_user is not None:
        return twin
    after = replace(presence, needs_user=why, needs_user_at=now)
    told_at = presence.needs_user_told_at
    if presence.needs_user_told == why and told_at is not None and now < told_at + NEEDS_USER_TOLD_EVERY:
        return replace(twin, presence=after)
    text = f"Please connect your car again: {why}"
    return replace(twin, presence=replace(after, needs_user_told=why, needs_user_told_at=now)).tell(
        Entry(now, Event.NEEDS_ATTENTION, Reason.PROVIDER_NEEDS_USER, text)
    )
