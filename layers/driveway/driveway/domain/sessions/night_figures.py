"""The figures of a session in one night, and their sums over all homes. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from msgspec import Struct, field

from driveway.domain.preferences.departures import next_departure
from driveway.domain.preferences.vehicle_intent import intent_in_force
from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.night import Night
from driveway.domain.sessions.verdict import Verdict
from driveway.domain.twin import Twin

GRACE = timedelta(minutes=10)
"""How long after a departure its night is judged: the last half-hour arrives by then."""


class SessionFigures(Struct, frozen=True):
    """A session in one night.

    Attributes:
        session: its id.
        verdict: the verdict on the departure in the night.
        in_plan_wh, out_of_plan_wh: its energy in the night, inside and outside the plan.
        half_hours, known: the half-hours of the night that it ran in, and how many of them are measured.
        in_sync: whether Axle had acknowledged everything when the night was judged.
        commands: how many commands had which outcome; ``open`` are those without one.
        sent_after_s: how many seconds after its edge each command was sent.
        session_wh: the energy of the whole session as its record had it. Another one shows that readings came late.
    """

    session: str
    verdict: str
    in_plan_wh: int = 0
    out_of_plan_wh: int = 0
    half_hours: int = 0
    known: int = 0
    in_sync: bool = True
    commands: Mapping[str, int] = field(default_factory=dict)
    sent_after_s: Sequence[float] = ()
    session_wh: int = 0


class Lateness(Struct, frozen=True):
    """How many seconds after their edges so many commands were sent; None where there was no command."""

    commands: int
    median_s: float | None = None
    p95_s: float | None = None
    worst_s: float | None = None


class NightFigures(Struct, frozen=True):
    """The sums of a night over all homes. ``verdicts`` has the number of sessions for each verdict."""

    sessions: int
    verdicts: Mapping[str, int]
    in_plan_wh: int
    out_of_plan_wh: int
    half_hours: int
    known: int
    in_sync: int
    commands: Mapping[str, int]
    lateness: Lateness


def judged_from(kept: KeptSession, twin: Twin, night: Night) -> datetime:
    """From when on a session can be judged for a night (aware UTC): soon after its departure, or after the night."""
    departure = next_departure(intent_in_force(twin).intent, twin.link.timezone, max(kept.begun_at, night.start))
    return (night.end if departure is None else min(departure.at, night.end)) + GRACE


def is_in(kept: KeptSession, night: Night) -> bool:
    """Whether a session ran in a night."""
    return kept.begun_at < night.end and (kept.closed_at is None or kept.closed_at > night.start)


def ended_by_day(kept: KeptSession, night: Night) -> bool:
    """Whether a session of the night before ended in this one."""
    return kept.begun_at < night.start and kept.closed_at is not None and kept.closed_at <= night.end


def counts_in(kept: KeptSession, departures: Iterable[datetime], night: Night) -> bool:
    """Whether a session counts in a night that it ran in. One that ended by day, without a departure, does not."""
    return not ended_by_day(kept, night) or any(night.start < at <= night.end for at in departures)


def last_night(now: datetime) -> date:
    """The date on which the last night began whose morning has come, by UTC."""
    return now.date() - timedelta(days=1)


def summed(rows: Sequence[SessionFigures]) -> NightFigures:
    """The sums over the sessions of a night."""
    commands: Counter[str] = Counter()
    for row in rows:
        commands.update(row.commands)
    verdicts = Counter(row.verdict for row in rows)
    return NightFigures(
        sessions=len(rows),
        verdicts={verdict.value: verdicts[verdict] for verdict in Verdict if verdicts[verdict]},
        in_plan_wh=sum(row.in_plan_wh for row in rows),
        out_of_plan_wh=sum(row.out_of_plan_wh for row in rows),
        half_hours=sum(row.half_hours for row in rows),
        known=sum(row.known for row in rows),
        in_sync=sum(row.in_sync for row in rows),
        commands=dict(sorted(commands.items())),
        lateness=_lateness(sorted(after_s for row in rows for after_s in row.sent_after_s)),
    )


def _lateness(sent_after_s: Sequence[float]) -> Lateness:
    """The lateness in a sorted list; a percentile is the value that so many per cent do not exceed."""
    if not sent_after_s:
        return Lateness(0)

    def percentile(percent: int) -> float:
        return sent_after_s[-(-len(sent_after_s) * percent // 100) - 1]

    return Lateness(len(sent_after_s), percentile(50), percentile(95), sent_after_s[-1])
