"""Judges the nights of sessions that are due, and sums them over all homes."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from driveway.domain.sessions.commands import command_runs
from driveway.domain.sessions.kept_session import KeptSession, as_it_runs
from driveway.domain.sessions.night import Night
from driveway.domain.sessions.night_figures import SessionFigures, next_judged_at, night_to_judge, summed
from driveway.domain.sessions.plan import needs_of
from driveway.domain.sessions.shares import shares
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.status.axle_state import axle_sync_status
from driveway.status.kept_session import SessionView, session_view
from driveway.store.due_index import DueRow
from driveway.store.history import SESSION
from driveway.store.items import unstamp
from driveway.store.lists import night_list
from driveway.store.table import UnknownAssetError

AT_ONCE = 100
WORKERS = 8
STOP_AT_S = 60.0
"""The seconds that are kept for the sums."""

LONGEST = timedelta(days=14)
"""Of a session that lasts longer, this much is looked at for its departures."""

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A session that was due: the figures of its night, and when it is judged again. Without a night it is gone."""

    row: DueRow
    night: date | None = None
    opened: str = ""
    figures: SessionFigures | None = None
    following: datetime | None = None


def judge_nights(runtime: Runtime, time_left: Callable[[], float]) -> int:
    """Judge the sessions that are due, while there is time (seconds left), and sum their nights; gives how many.

    A session stays due until the sums of its night are written, so a run that breaks off is made up for by the next.
    """
    due, judged = runtime.due_indexes.rows(["NightsDue"], runtime.now()), list[Judged]()
    with ThreadPoolExecutor(WORKERS) as pool:
        while time_left() > STOP_AT_S and (some := list(islice(due, AT_ONCE))):
            judged += pool.map(lambda row: _judged(row, runtime), some)
        for night in sorted({one.night for one in judged if one.night is not None}):
            _sum(night, judged, runtime)
        for _ in pool.map(lambda one: _settle(one, runtime), judged):
            pass
    return len(judged)


def _settle(one: Judged, runtime: Runtime) -> None:
    due, pk, sk = one.row.place
    runtime.lists.settle(pk, sk, due, one.following)


def _judged(row: DueRow, runtime: Runtime) -> Judged:
    asset, opened, now = row.name, row.place[2].removeprefix(SESSION), runtime.now()
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return Judged(row)
    at = unstamp(opened)
    found = runtime.history.sessions(asset, at, at + timedelta(milliseconds=1), 1)
    if not found:
        return Judged(row)
    kept, zone = as_it_runs(found[0], twin), twin.link.timezone
    departures = _departures(twin, kept, runtime)
    night = night_to_judge(kept, departures, row.due, zone)
    figures = _figures(session_view(twin, kept, runtime, night), night, twin, now)
    runtime.lists.keep(asset, kept, night.date, figures, now)
    following = None if kept.closed_at is not None else next_judged_at(departures, zone, now)
    return Judged(row, night.date, opened, figures, following)


def _departures(twin: Twin, kept: KeptSession, runtime: Runtime) -> list[datetime]:
    """The departures of a session as its plans had them, and the next one ahead of it."""
    end = kept.closed_at or runtime.now()
    begun_at = max(kept.begun_at, end - LONGEST)
    plans = runtime.history.plans(twin.link.asset, begun_at, end + timedelta(milliseconds=1))
    return [need.ready_by for need in needs_of(plans, begun_at, kept.closed_at)]


def _figures(view: SessionView, night: Night, twin: Twin, now: datetime) -> SessionFigures:
    half_hours = [one for one in view.half_hours if night.start <= one.start < night.end]
    divided = shares(half_hours, view.parts, view.plans, view.read_from, view.power_kw)
    runs = command_runs(entry for entry in view.entries if max(view.read_from, night.start) <= entry.at < night.end)
    outcomes = [run.outcome or "open" for run in runs]
    return SessionFigures(
        session=view.kept.id,
        verdict=view.of_night(night).verdict.value,
        in_plan_wh=round(divided.in_plan_kwh * 1000),
        out_of_plan_wh=round(divided.out_of_plan_kwh * 1000),
        half_hours=len(half_hours),
        known=sum(one.energy_kwh is not None for one in half_hours),
        in_sync=bool(axle_sync_status(twin, now)["axle"]["in_sync"]),
        commands={outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        sent_after_s=[round(run.sent_after_s, 1) for run in runs if run.sent_after_s is not None],
    )


def _sum(night: date, judged: Iterable[Judged], runtime: Runtime) -> None:
    """Write the sums of a night, of what the index has of it and of what it may not have yet."""
    rows: dict[Place, Any] = {}
    for listed in runtime.lists.rows(night_list(night)):
        rows[listed.asset, listed.place.rpartition("#")[2]] = msgspec.convert(listed.shown, SessionFigures)
    for one in judged:
        if one.night == night and one.figures is not None:
            rows[one.row.name, one.opened] = one.figures
    runtime.lists.keep_sums(night, summed(list(rows.values())), runtime.now())
