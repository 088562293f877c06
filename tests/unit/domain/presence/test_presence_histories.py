"""Generated true histories of a car, reported through a channel that duplicates, delays, reorders, drops and lies.

The bounds within which presence must find the truth:

- a state of the car lasts at least 20 minutes, plugged periods at least 40;
- each signal is seen every 5 minutes, and of three sightings in a row at most one is lost or, for home, false;
- a sighting arrives within 5 minutes, in any order, and may arrive again any time later;
- a false plug-out is contradicted, or followed by power, within the debounce in force, by a sighting that arrives no
  later than anything seen after the debounce; the car is not seen away from home within 20 minutes of it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe, presence_due, settle
from driveway.domain.presence.rules import Effect, EffectKind, PresenceRules
from driveway.domain.twin import Presence, Session
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
SIGHTING_S = 300
DELAY_S = 300
HISTORIES = 300
SEEN_WITHIN = timedelta(seconds=2 * SIGHTING_S + 60)
HOME_SEEN_WITHIN = timedelta(seconds=3 * SIGHTING_S + 60)
RULES = {"default rules": PresenceRules(), "every time stored": PresenceRules(refresh_s=0)}
# Evidence this young rules out a drive elsewhere, whatever the channel loses.
CAUTIOUS = PresenceRules(home_stands_s=300)


@dataclass(frozen=True)
class Stretch:
    """A true state of the car from ``start`` (inclusive) to ``end`` (exclusive)."""

    start: datetime
    end: datetime
    home: bool
    plugged: bool = False
    moving: bool = False

    def has(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Message:
    arrives_at: datetime
    seen: Observation


@dataclass(frozen=True)
class Channel:
    """The quality of the channel: the chance of each fault at each opportunity."""

    loss: float = 0.3
    absence: float = 0.3
    false_away: float = 0.3
    false_plug_out: float = 0.6
    repeat: float = 0.2
    delay_s: float = DELAY_S


@dataclass(frozen=True)
class Telling:
    """The messages of a history in order of arrival, and the times of our stops."""

    messages: tuple[Message, ...]
    stops: tuple[datetime, ...]


def true_history(random: Random) -> tuple[Stretch, ...]:
    stretches: list[Stretch] = []
    at = START

    def last(low_min: int, high_min: int, *, home: bool, plugged: bool = False, moving: bool = False) -> None:
        nonlocal at
        end = at + timedelta(seconds=random.randint(low_min * 60, high_min * 60))
        stretches.append(Stretch(at, end, home, plugged, moving))
        at = end

    for _ in range(random.randint(1, 3)):
        last(20, 120, home=True)
        for _ in range(random.randint(0, 2)):
            last(40, 240, home=True, plugged=True)
            last(20, 60, home=True)
        last(20, 60, home=False, moving=True)
        last(20, 60, home=False)
        for _ in range(random.randint(0, 2)):
            last(40, 180, home=False, plugged=True)
            last(20, 40, home=False)
        last(20, 60, home=False, moving=True)
    last(60, 90, home=True)
    return tuple(stretches)


def sessions_of(history: tuple[Stretch, ...]) -> list[Stretch]:
    return [stretch for stretch in history if stretch.home and stretch.plugged]


def _some(random: Random, channel: Channel, seen: Observation) -> Observation:
    """The same sighting with one signal or another absent."""
    if random.random() < channel.absence:
        seen = replace(seen, charging=None, power_kw=None)
    if random.random() < channel.absence:
        seen = replace(seen, soc_pct=None)
    return seen


def sightings(random: Random, channel: Channel, stretch: Stretch) -> Iterator[Observation]:
    """True sightings with bounded loss, and positions that are false while the car is plugged in."""
    at = stretch.start + timedelta(seconds=random.randint(0, 60))
    lost_plug = lost_home = 0
    charging = stretch.plugged and random.random() < 0.5
    while at < stretch.end:
        lost_plug = 2 if lost_plug == 0 and random.random() < channel.loss else max(0, lost_plug - 1)
        lost_home = 2 if lost_home == 0 and random.random() < channel.loss else max(0, lost_home - 1)
        wrong = stretch.plugged and stretch.home and random.random() < channel.false_away
        home = (False if wrong else None) if lost_home == 2 else stretch.home
        seen = Observation(
            at=at,
            source="enode",
            plugged_in=None if lost_plug == 2 else stretch.plugged,
            at_home=home,
            charging=charging,
            power_kw=7.0 if charging else 0.0,
            soc_pct=float(random.randint(20, 90)),
            moving=stretch.moving,
        )
        yield _some(random, channel, seen)
        at += timedelta(seconds=SIGHTING_S)


def false_plug_out(random: Random, stretch: Stretch) -> tuple[list[Observation], datetime | None]:
    """A plug-out in the midst of a plugged stretch that is not true, its contradiction, and our stop before it."""
    after_stop = random.random() < 0.5
    longest_s = 590 if after_stop else 110
    middle = stretch.start + (stretch.end - stretch.start) / 2
    reports = [Observation(at=middle, source="enode", plugged_in=False)]
    ends = middle + timedelta(seconds=random.randint(10, longest_s))
    if ends - middle > timedelta(seconds=40):
        reports.append(Observation(at=middle + timedelta(seconds=20), source="enode", plugged_in=False))
    by_power = random.random() < 0.5
    reports.append(
        Observation(at=ends, source="enode", power_kw=7.0)
        if by_power
        else Observation(at=ends, source="enode", plugged_in=True)
    )
    return reports, middle - timedelta(seconds=random.randint(0, 800)) if after_stop else None


def reported_through(channel: Channel, random: Random, history: tuple[Stretch, ...]) -> Telling:
    seen: list[Observation] = []
    stops: list[datetime] = []
    for stretch in history:
        mine = list(sightings(random, channel, stretch))
        if stretch.plugged and random.random() < channel.false_plug_out:
            lies, stop = false_plug_out(random, stretch)
            begun, over = lies[0].at, lies[-1].at
            quiet = timedelta(minutes=20)
            mine = [
                replace(one, at_home=None) if one.at_home is False and begun - quiet < one.at < over + quiet else one
                for one in mine
                if not begun <= one.at <= over + timedelta(seconds=DELAY_S)
            ]
            mine += lies
            stops += [stop] if stop else []
        seen += mine
    messages = []
    for one in seen:
        messages.append(Message(one.at + timedelta(seconds=random.uniform(0, channel.delay_s)), one))
        while random.random() < channel.repeat:
            messages.append(Message(one.at + timedelta(seconds=random.uniform(0, 86_400)), one))
    return Telling(tuple(sorted(messages, key=lambda message: message.arrives_at)), tuple(stops))


@dataclass(frozen=True)
class Found:
    sessions: dict[str, Session]
    effects: tuple[Effect, ...]
    final: Presence


def found_in(telling: Telling, rules: PresenceRules) -> Found:
    """The sessions that presence finds, with a clock that settles due changes between the messages."""
    presence, sessions = Presence(), {}
    effects: list[Effect] = []

    def step_to(now: datetime, seen: Observation | None) -> None:
        nonlocal presence
        stop = max((stop for stop in telling.stops if stop <= now), default=None)
        step = (
            settle(presence, now=now)
            if seen is None
            else observe(presence, seen, now=now, rules=rules, own_stop_at=stop)
        )
        presence = step.presence
        effects.extend(step.effects)
        for session in (presence.last_session, presence.session):
            if session is not None:
                sessions[session.id] = session

    for message in telling.messages:
        due = presence_due(presence)
        if due is not None and due <= message.arrives_at:
            step_to(due, None)
        step_to(message.arrives_at, message.seen)
    step_to(telling.messages[-1].arrives_at + timedelta(hours=1), None)
    return Found(sessions, tuple(effects), presence)


def assert_it_is_true(history: tuple[Stretch, ...], result: Found) -> None:
    truth = sessions_of(history)
    found = sorted(result.sessions.values(), key=lambda session: session.opened_at)
    assert len(found) == len(truth)
    for session, stretch in zip(found, truth, strict=True):
        assert stretch.start <= session.plugged_at <= stretch.start + SEEN_WITHIN
        assert stretch.start <= session.opened_at <= stretch.start + HOME_SEEN_WITHIN
        assert session.closed_at is not None
        # Energy after a false position does not count if the plug-out comes before the next true one.
        assert stretch.end - HOME_SEEN_WITHIN <= session.closed_at <= stretch.end + SEEN_WITHIN
    opened = [effect for effect in result.effects if effect.reason is Reason.PLUGGED_AND_HOME]
    assert Counter(effect.session_id for effect in opened) == Counter(list(result.sessions))
    for effect in result.effects:
        if effect.kind is EffectKind.PLUGGED_IN:
            assert any(stretch.has(effect.at) for stretch in truth)
    assert result.final.session is None


def faults(history: tuple[Stretch, ...], telling: Telling) -> dict[str, int]:
    """The number of messages of a history, and of repeated, overtaken, incomplete and false ones."""
    seen = [message.seen for message in telling.messages]
    newest = accumulate((one.at for one in seen), max)
    plugged = [one for one in seen for stretch in history if stretch.plugged and stretch.has(one.at)]
    at_home = [one for one in seen for stretch in history if stretch.home and stretch.has(one.at)]
    return {
        "messages": len(seen),
        "repeated": len(seen) - len({id(one) for one in seen}),
        "overtaken": sum(one.at < latest for one, latest in zip(seen, newest, strict=True)),
        "without the plug": sum(one.plugged_in is None for one in seen),
        "false plug-outs": sum(one.plugged_in is False for one in plugged),
        "false positions": sum(one.at_home is False for one in at_home),
    }


def check(random: Random, channel: Channel, rules: PresenceRules) -> Counter[str]:
    """Try one history and count its faults."""
    history = true_history(random)
    telling = reported_through(channel, random, history)
    result = found_in(telling, rules)
    assert_it_is_true(history, result)
    kinds = Counter(effect.kind for effect in result.effects)
    reopened = sum(
        effect.kind is EffectKind.PLUGGED_IN and effect.reason is not Reason.PLUGGED_AND_HOME
        for effect in result.effects
    )
    return Counter(
        {
            "histories": 1,
            **faults(history, telling),
            "home sessions": len(result.sessions),
            "plug-ins away from home": sum(stretch.plugged and not stretch.home for stretch in history),
            "plug-outs held": kinds[EffectKind.PLUG_OUT_HELD],
            "plug-outs cancelled": kinds[EffectKind.PLUG_OUT_CANCELLED],
            "sessions reopened": reopened,
        }
    )


chances = st.floats(min_value=0, max_value=0.5)
channels = st.builds(
    Channel,
    loss=chances,
    absence=chances,
    false_away=chances,
    false_plug_out=st.floats(min_value=0, max_value=1),
    repeat=chances,
    delay_s=st.floats(min_value=0, max_value=DELAY_S),
)
seeds = st.integers(min_value=0, max_value=2**32)


@settings(max_examples=40, deadline=None)
@given(channel=channels, seed=seeds, rules=st.sampled_from(list(RULES.values())))
def test_any_channel_within_the_bounds_gives_exactly_the_true_sessions(
    channel: Channel, seed: int, rules: PresenceRules
) -> None:
    check(Random(seed), channel, rules)


@pytest.mark.parametrize("name", list(RULES))
def test_counted_histories_give_exactly_their_sessions(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    total: Counter[str] = Counter()
    for seed in range(HISTORIES):
        total += check(Random(seed), Channel(), RULES[name])
    assert total["histories"] == HISTORIES
    assert min(total.values()) > 0, "a fault that never came up was not tried"
    reports = ", ".join(f"{count} {what}" for what, count in total.items())
    record_property("outcome", f"presence, {name}: {reports}; every session once, none away from home")


@settings(max_examples=40, deadline=None)
@given(seed=seeds, kept=st.floats(min_value=0.02, max_value=1), hours=st.integers(min_value=0, max_value=24))
def test_no_session_opens_away_from_home_whatever_is_lost_or_late(seed: int, kept: float, hours: int) -> None:
    random = Random(seed)
    history = true_history(random)
    reports = reported_through(Channel(loss=0.5, repeat=0.1), random, history)
    late = [
        Message(message.arrives_at + timedelta(hours=random.uniform(0, hours)), message.seen)
        for message in reports.messages
        if random.random() < kept
    ]
    messages = tuple(sorted(late, key=lambda message: message.arrives_at))
    if not messages:
        return
    result = found_in(Telling(messages, reports.stops), CAUTIOUS)
    at_home = [stretch for stretch in history if stretch.home]
    for effect in result.effects:
        if effect.reason is Reason.PLUGGED_AND_HOME:
            assert any(stretch.has(effect.at) for stretch in at_home)


@settings(max_examples=20, deadline=None)
@given(channel=channels, seed=seeds)
def test_repeating_every_report_changes_nothing(channel: Channel, seed: int) -> None:
    random = Random(seed)
    reports = reported_through(channel, random, true_history(random))
    once = found_in(reports, RULES["every time stored"])
    now = reports.messages[-1].arrives_at + timedelta(hours=1)
    presence = once.final
    for message in reports.messages:
        presence = observe(presence, message.seen, now=now, rules=RULES["every time stored"]).presence
    assert presence is once.final
