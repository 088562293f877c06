"""Plug facts: when home sessions opened and closed, as samples beside the others, and what follows from them.

They come from sessions, not from the raw plug signal, so a plug-out that is not believed does not restart a session
register. A fact is never taken back, for a half-hour is a function of the set of its samples: a plug-out that was
believed and turned out to be none stays, and a ``resumed`` at the same instant undoes it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from driveway.domain.metering.activity import LATE_MS, Plugs
from driveway.domain.metering.samples import Sample, SampleKind, to_ms, whole_ms
from driveway.domain.twin import Presence, Session

OPENINGS: frozenset[SampleKind] = frozenset({"plugged", "joined"})
PLUG_FACTS = OPENINGS | {"continued", "unplugged", "resumed", "doubted", "cleared"}


def session_samples(presence: Presence) -> tuple[Sample, ...]:
    """The plug facts of the session that is open and of the one before it, and of the doubt whether it is at home."""
    sessions = (presence.last_session, presence.session)
    facts = [fact for session in sessions if session is not None for fact in _facts(session)]
    doubt = presence.doubt
    if doubt is not None:
        unseen_s = max(0, round((doubt.since - doubt.home_at).total_seconds()))
        facts.append(Sample(whole_ms(doubt.since), "doubted", unseen_s))
    return tuple(facts)


def _facts(session: Session) -> Iterator[Sample]:
    yield Sample(begins(session), "plugged" if session.metered_from is None else "joined")
    for start in session.false_starts:
        yield Sample(whole_ms(start), "plugged")
        yield Sample(whole_ms(start), "continued")
    for stray in session.strays:
        yield Sample(whole_ms(stray), "cleared")
    for end in session.false_ends:
        yield Sample(whole_ms(end), "unplugged")
        yield Sample(whole_ms(end), "resumed")
    if session.closed_at is not None:
        yield Sample(whole_ms(session.closed_at), "unplugged")


def begins(session: Session) -> datetime:
    """When metering of a session begins (to the millisecond)."""
    return whole_ms(session.metered_from or session.plugged_at)


def closings(samples: Iterable[Sample]) -> set[datetime]:
    """The instants of the plug-outs that were not undone."""
    samples = tuple(samples)
    return {s.at for s in samples if s.kind == "unplugged"} - {s.at for s in samples if s.kind == "resumed"}


def plugs_of(samples: Iterable[Sample]) -> Plugs:
    """When home sessions opened and closed, and when it was in doubt whether the car is at home."""
    samples = tuple(samples)
    undone = {sample.at for sample in samples if sample.kind == "continued"}
    cleared = {sample.at for sample in samples if sample.kind == "cleared"}
    opened = {kind: {to_ms(s) for s in samples if s.kind == kind and s.at not in undone} for kind in OPENINGS}
    closed = [round(at.timestamp() * 1000) for at in closings(samples)]
    doubted = {to_ms(sample) for sample in samples if sample.kind == "doubted" and sample.at not in cleared}
    return Plugs.of(opened["plugged"], closed, opened["joined"], doubted)


def told_at_home(samples: Iterable[Sample], plugs: Plugs) -> list[Sample]:
    """The plug facts, and of the other samples those told in a home session and not in doubt, its ends included.

    Of registers also what is read minutes before and after: the last value of a session often comes after its end.
    """
    return [
        sample
        for sample in samples
        if sample.kind in PLUG_FACTS
        or (
            plugs.holds(to_ms(sample), LATE_MS if sample.kind in ("session", "lifetime") else 0)
            and not plugs.is_doubted(to_ms(sample))
        )
    ]
