"""Plug facts: when home sessions opened and closed, as samples beside the others, and what follows from them.

They come from sessions, not from the raw plug signal, so a plug-out that is not believed does not restart a session
register. A fact is never taken back, for a half-hour is a function of the set of its samples: a plug-out that was
believed and turned out to be none stays, and a ``resumed`` at the same instant undoes it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from driveway.domain.metering.registers import Plugs
from driveway.domain.metering.samples import Sample, SampleKind, to_ms, whole_ms
from driveway.domain.twin import Presence, Session

OPENINGS: frozenset[SampleKind] = frozenset({"plugged", "joined"})
PLUG_FACTS = OPENINGS | {"continued", "unplugged", "resumed", "doubted", "cleared"}


@dataclass(frozen=True, slots=True)
class OpenDoubt:
    """Since when it is in doubt whether the car is at home, and when it was last seen there (aware UTC)."""

    since: datetime
    home_at: datetime


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


def plug_samples(before: Presence, after: Presence) -> tuple[Sample, ...]:
    """The plug facts that a change of presence makes, at their own instants."""
    known = session_samples(before)
    return tuple(sample for sample in session_samples(after) if sample not in known)


def begins(session: Session) -> datetime:
    """When metering of a session begins (to the millisecond)."""
    return whole_ms(session.metered_from or session.plugged_at)


def holds(session: Session | None, at: datetime) -> bool:
    """Whether an instant lies within a session, its ends included."""
    if session is None or at < begins(session):
        return False
    return session.closed_at is None or at <= session.closed_at


def closings(samples: Iterable[Sample]) -> set[datetime]:
    """The instants of the plug-outs that were not undone."""
    samples = tuple(samples)
    return {s.at for s in samples if s.kind == "unplugged"} - {s.at for s in samples if s.kind == "resumed"}


def plugs_of(samples: Iterable[Sample]) -> Plugs:
    """When home sessions opened and closed."""
    samples = tuple(samples)
    undone = {sample.at for sample in samples if sample.kind == "continued"}
    opened = {kind: sorted({to_ms(s) for s in samples if s.kind == kind and s.at not in undone}) for kind in OPENINGS}
    closed = sorted(round(at.timestamp() * 1000) for at in closings(samples))
    return Plugs(opened["plugged"], closed, opened["joined"])


def plug_changes(samples: Iterable[Sample]) -> list[tuple[datetime, bool]]:
    """When sessions opened (True) and closed (False), in order; at one instant an opening comes last and counts."""
    samples = tuple(samples)
    undone = {sample.at for sample in samples if sample.kind == "continued"}
    changes = {(sample.at, True) for sample in samples if sample.kind in OPENINGS and sample.at not in undone}
    return sorted(changes | {(at, False) for at in closings(samples)})


def told_at_home(samples: Iterable[Sample], *, plugged: bool, doubt: OpenDoubt | None = None) -> list[Sample]:
    """The plug facts, and of the other samples those told inside a home session and not in doubt, its ends included.

    ``plugged``: a session is open before the first of them; ``doubt``: whether it is at home is in doubt by then.
    """
    return _walked(samples, plugged=plugged, doubt=doubt)[0]


def open_doubt(samples: Iterable[Sample], *, plugged: bool, doubt: OpenDoubt | None) -> OpenDoubt | None:
    """The doubt that is open after the last of the samples; ``doubt`` is the one that is open before the first."""
    facts = [sample for sample in samples if sample.kind in PLUG_FACTS]
    return _walked(facts, plugged=plugged, doubt=doubt)[1]


def _walked(
    samples: Iterable[Sample], *, plugged: bool, doubt: OpenDoubt | None
) -> tuple[list[Sample], OpenDoubt | None]:
    by_instant: dict[datetime, list[Sample]] = {}
    for sample in samples:
        by_instant.setdefault(sample.at, []).append(sample)
    opens = dict(plug_changes(sample for reported in by_instant.values() for sample in reported))
    found: list[Sample] = []
    for at in sorted(by_instant):
        was_plugged, plugged = plugged, opens.get(at, plugged)
        doubt = _doubt_at(by_instant[at], at, None if at in opens else doubt, plugged=plugged)
        counts = (was_plugged or plugged) and doubt is None
        found += [s for s in by_instant[at] if counts or s.kind in PLUG_FACTS]
    return found, doubt


def _doubt_at(reported: Iterable[Sample], at: datetime, doubt: OpenDoubt | None, *, plugged: bool) -> OpenDoubt | None:
    kinds = {sample.kind: sample.value for sample in reported}
    if not plugged:
        return None
    if "doubted" not in kinds or "cleared" in kinds:
        return doubt
    return doubt or OpenDoubt(at, at - timedelta(seconds=kinds["doubted"]))
