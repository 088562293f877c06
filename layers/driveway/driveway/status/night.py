"""A night of all homes from outside: its sums, and its sessions by verdict."""

from datetime import date, datetime
from itertools import islice

import msgspec

from driveway.domain.sessions.night_figures import NightFigures, SessionFigures, last_night, summed
from driveway.domain.sessions.verdict import SENTENCES, Verdict
from driveway.domain.twin.events import SENTENCES as MEANINGS
from driveway.domain.twin.events import Event
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Request
from driveway.runtime.problems import malformed
from driveway.status.asset_list import ON_A_PAGE, cursor_of
from driveway.status.staff_answers import (
    NightEnergy,
    NightLateness,
    NightOfAll,
    NightSession,
    NightSessions,
    OutcomeCount,
    VerdictCount,
)
from driveway.store.lists import night_list

NOT_SHORT = frozenset({Verdict.READY, Verdict.RUNNING, Verdict.NO_READY_BY, Verdict.ENERGY_UNKNOWN})


def night_body(request: Request, runtime: Runtime) -> NightOfAll:
    """The answer to ``GET /nights/{night}``. Raises ProblemError (400)."""
    night = _night(request, runtime)
    kept = runtime.lists.sums(night)
    figures = kept.figures if kept is not None else summed(())
    return _shown(night, None if kept is None else kept.at, figures)


def _shown(night: date, judged_at: datetime | None, figures: NightFigures) -> NightOfAll:
    verdicts = {Verdict(name): number for name, number in figures.verdicts.items()}
    late = figures.lateness
    return NightOfAll(
        night=night,
        judged_at=judged_at,
        sessions=figures.sessions,
        ready=verdicts.get(Verdict.READY, 0),
        short=sum(number for verdict, number in verdicts.items() if verdict not in NOT_SHORT),
        verdicts=[
            VerdictCount(verdict=verdict, sessions=number, text=SENTENCES[verdict])
            for verdict, number in sorted(verdicts.items(), key=lambda one: -one[1])
        ],
        energy=NightEnergy(in_plan_kwh=figures.in_plan_wh / 1000, out_of_plan_kwh=figures.out_of_plan_wh / 1000),
        commands=[
            OutcomeCount(outcome=outcome, commands=number, text=_meaning(outcome))
            for outcome, number in figures.commands.items()
        ],
        lateness=NightLateness(commands=late.commands, median_s=late.median_s, p95_s=late.p95_s, worst_s=late.worst_s),
        axle_in_sync=figures.in_sync,
        completeness=round(figures.known / figures.half_hours, 4) if figures.half_hours else 1.0,
    )


def _meaning(outcome: str) -> str:
    return "The command has no outcome yet." if outcome == "open" else MEANINGS[Event(outcome)]


def night_sessions_body(request: Request, runtime: Runtime) -> NightSessions:
    """The answer to ``GET /nights/{night}/sessions?verdict=&after=``. Raises ProblemError (400)."""
    night, verdict = _night(request, runtime), request.query.get("verdict")
    if verdict is not None and verdict not in SENTENCES:
        raise malformed(f"'verdict' must be one of {', '.join(SENTENCES)}.")
    begins = "" if verdict is None else f"{verdict}#"
    found = runtime.lists.rows(night_list(night), after=cursor_of(request), begins=begins, page=ON_A_PAGE + 1)
    rows = list(islice(found, ON_A_PAGE + 1))
    sessions = [_row(row.asset, msgspec.convert(row.shown, SessionFigures)) for row in rows[:ON_A_PAGE]]
    following = rows[ON_A_PAGE - 1].place if len(rows) > ON_A_PAGE else None
    return NightSessions(night=night, sessions=sessions, next=following)


def _row(asset: str, figures: SessionFigures) -> NightSession:
    verdict = Verdict(figures.verdict)
    return NightSession(
        asset=asset,
        session=figures.session,
        energy_kwh=(figures.in_plan_wh + figures.out_of_plan_wh) / 1000,
        verdict=verdict,
        text=SENTENCES[verdict],
    )


def _night(request: Request, runtime: Runtime) -> date:
    text = request.parameters["night"]
    if text == "last":
        return last_night(runtime.now())
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise malformed("The night must be 'last', or the date of its evening, for example 2026-01-15.") from None
