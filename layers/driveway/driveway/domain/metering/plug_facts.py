"""Plug facts: samples of when home sessions opened and closed, and the sessions that follow from them.

They come from sessions, not from the raw plug signal, so a false plug-out does not restart a session register. A fact
is never removed, because a half-hour is a function of the set of its samples. A plug-out that turns out to be false
stays, and a ``resumed`` at the same instant undoes it.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from zlib import crc32

from driveway.domain.metering.activity import LATE_MS, Plugs
from driveway.domain.metering.samples import Sample, SampleKind, to_ms, whole_ms
from driveway.domain.twin import Presence, Session

OPENINGS: frozenset[SampleKind] = frozenset({"plugged", "joined"})
PLUG_FACTS = OPENINGS | {"continued", "unplugged", "resumed", "doubted", "cleared"}


def session_samples(presence: Presence) -> tuple[Sample, ...]:
    """The plug facts of the open session and of the one before it, the away doubt, and the loss of the account.

    A car maker that lost the driver's account reports nothing of the car any more: its silence proves nothing.
    """
    sessions = (presence.last_session, presence.session)
    facts = [fact for session in sessions if session is not None for fact in _facts(session)]
    doubt = presence.doubt
    if doubt is not None:
        unseen_s = max(0, round((doubt.since - doubt.home_at).total_seconds()))
        facts.append(Sample(whole_ms(doubt.since), "doubted", unseen_s))
    lost_at = presence.unreported_since
    if lost_at is not None and presence.session is not None and lost_at >= presence.session.plugged_at:
        facts.append(Sample(whole_ms(lost_at), "out_of_reach"))
    return tuple(facts)


def facts_mark(presence: Presence) -> str:
    """A short mark of the plug facts; empty without any. Other facts have another mark."""
    facts = sorted((to_ms(fact), fact.kind, fact.value) for fact in session_samples(presence))
    return f"{crc32(repr(facts).encode()):08x}" if facts else ""


def _facts(session: Session) -> Iterator[Sample]:
    begun, lower_at = begins(session), session.lower_at
    if session.metered_from is not None:
        yield Sample(begun, "joined")
    else:
        yield Sample(begun, "plugged", 0 if lower_at is None else max(0, round((begun - lower_at).total_seconds())))
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
    """When the metering of a session begins (to the millisecond)."""
    return whole_ms(session.metered_from or session.plugged_at)


def closings(samples: Iterable[Sample]) -> set[datetime]:
    """The instants of the plug-outs that were not undone."""
    samples = tuple(samples)
    return {s.at for s in samples if s.kind == "unplugged"} - {s.at for s in samples if s.kind == "resumed"}


def plugs_of(samples: Iterable[Sample]) -> Plugs:
    """When home sessions opened and closed, and when the car may have been away."""
    samples = tuple(samples)
    undone = {sample.at for sample in samples if sample.kind == "continued"}
    cleared = {sample.at for sample in samples if sample.kind == "cleared"}
    opened = {kind: {to_ms(s) for s in samples if s.kind == kind and s.at not in undone} for kind in OPENINGS}
    closed = [round(at.timestamp() * 1000) for at in closings(samples)]
    doubted = {to_ms(sample) for sample in samples if sample.kind == "doubted" and sample.at not in cleared}
    return Plugs.of(opened["plugged"], closed, opened["joined"], doubted)


def samples_at_home(samples: Iterable[Sample], plugs: Plugs) -> list[Sample]:
    """The plug facts, and the samples within home sessions (both ends included) and outside doubts.

    Register readings from the minutes before and after are included: a session's last value often comes after its end.
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
