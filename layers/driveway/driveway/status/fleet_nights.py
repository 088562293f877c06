"""Judges the nights of sessions, and sums them over all homes.

A night of an asset is judged at the noon that ends it, with the check of its readings, so that no session needs a place
in an index. In the hours before that noon what can be judged by then is looked for, so that the morning has sums, too.
"""

from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from itertools import islice

import msgspec
from msgspec import Struct, field

from driveway.domain.axle_sync.differences import in_sync
from driveway.domain.metering.completeness import day_judged_at
from driveway.domain.sessions.commands import command_runs
from driveway.domain.sessions.kept_session import KeptSession, as_it_runs
from driveway.domain.sessions.night import Night, night_of
from driveway.domain.sessions.night_figures import (
    SessionFigures,
    counts_in,
    ended_by_day,
    is_in,
    judged_from,
    summed,
)
from driveway.domain.sessions.plan import needs_of
from driveway.domain.sessions.shares import shares
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.status.kept_session import SessionView, session_view
from driveway.store.due_index import DueRow
from driveway.store.items import unstamp
from driveway.store.lists import night_list
from driveway.store.table import UnknownAssetError

AT_ONCE = 100
WORKERS = 8
MORNING = timedelta(hours=5)
"""How long before the noon that ends a night its sessions are looked for."""

PASS_BEFORE_MIN = 30
"""They are looked for by the runs before this minute of an hour, so once an hour."""

RECENT, LONGEST = timedelta(days=3), timedelta(days=14)
"""How long before a night a session of it may have begun, as it is looked for in the morning and at noon."""

DAY = timedelta(days=1)
Rows = dict[tuple[str, datetime], SessionFigures]
"""The figures of a night by the asset and the start of the session."""


class NightsRun(Struct):
    """What a run has judged: the rows by their night, and the assets whose noon was due."""

    rows: dict[date, Rows] = field(default_factory=lambda: defaultdict(dict))
    noons: list[DueRow] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """How many sessions were judged in a night."""
        return sum(len(rows) for rows in self.rows.values())


def judge_nights(runtime: Runtime, time_left: Callable[[], float]) -> NightsRun:
    """Judge the nights whose noon is over, and in the morning what can be judged; then sum those nights.

    It takes half of the time left (seconds). The day of an asset must be checked, which moves its due time, only after
    this: a run that breaks off is then made up for by the next.
    """
    now, run, stop_at_s = runtime.now(), NightsRun(), time_left() / 2
    due = runtime.due_indexes.rows(["DaysDue"], now)
    with ThreadPoolExecutor(WORKERS) as pool:
        while time_left() > stop_at_s and (some := list(islice(due, AT_ONCE))):
            run.noons += some
            for found in pool.map(lambda row: _at_noon(row, runtime), some):
                _note(found, run)
        if now.minute < PASS_BEFORE_MIN:
            ahead, known = runtime.due_indexes.rows(["DaysDue"], now + MORNING, after=now), _Known(runtime)
            while time_left() > stop_at_s and (some := list(islice(ahead, AT_ONCE))):
                for found in pool.map(lambda row: _in_the_morning(row, known.of(row), runtime), some):
                    _note(found, run)
    for night, rows in sorted(run.rows.items()):
        every = _listed(night, runtime) | rows
        runtime.lists.keep_sums(night, summed(list(every.values())), now)
    return run


Found = list[tuple[date, str, datetime, SessionFigures]]


def _note(found: Found, run: NightsRun) -> None:
    for night, asset, opened_at, figures in found:
        run.rows[night][asset, opened_at] = figures


def _at_noon(row: DueRow, runtime: Runtime) -> Found:
    """The rows of the night that ended, and of the one before where the energy of a session became known late."""
    twin = _twin(row, runtime)
    if twin is None:
        return []
    night, before = _night(row, twin), _night(row, twin, days=1)
    found: Found = []
    for kept in runtime.history.sessions(row.name, before.start - LONGEST, night.end, None):
        if is_in(kept, night) and counts_in(kept, _departures(twin, kept, night, runtime), night):
            found += _judged(twin, kept, night, runtime)
        elif kept.closed_at is not None and is_in(kept, before) and not ended_by_day(kept, before):
            row_before = runtime.lists.kept(row.name, kept, before.date)
            if row_before is not None and row_before.session_wh != kept.energy_wh:
                found += _judged(twin, kept, before, runtime)
    return found


def _in_the_morning(row: DueRow, known: Rows, runtime: Runtime) -> Found:
    """The rows of the sessions whose departure is over, of those that are not known."""
    found = runtime.history.sessions(row.name, row.due - DAY - RECENT, row.due, None)
    unknown = [kept for kept in found if (row.name, kept.opened_at) not in known]
    if all(kept.closed_at is not None and kept.closed_at <= row.due - DAY for kept in unknown):
        return []
    twin = _twin(row, runtime)
    if twin is None:
        return []
    night, now = _night(row, twin), runtime.now()
    return [
        one
        for kept in unknown
        if is_in(kept, night) and not ended_by_day(kept, night) and judged_from(kept, twin, night) <= now
        for one in _judged(twin, kept, night, runtime)
    ]


def _twin(row: DueRow, runtime: Runtime) -> Twin | None:
    try:
        return runtime.table.twin(row.name)
    except UnknownAssetError:
        return None


def _night(row: DueRow, twin: Twin, days: int = 0) -> Night:
    """The night that ends when the day of an asset is checked, or the one so many days before."""
    zone = twin.link.timezone
    return night_of(day_judged_at(row.due, zone) - timedelta(days=days), zone)


def _departures(twin: Twin, kept: KeptSession, night: Night, runtime: Runtime) -> list[datetime]:
    """The departures that decide whether a session counts in a night, as its plans had them."""
    if not ended_by_day(kept, night) or kept.closed_at is None:
        return []
    plans = runtime.history.plans(twin.link.asset, night.start, kept.closed_at + timedelta(milliseconds=1))
    return [need.ready_by for need in needs_of(plans, kept.begun_at, kept.closed_at)]


def _judged(twin: Twin, kept: KeptSession, night: Night, runtime: Runtime) -> Found:
    """The row of a session in a night, which is written, unless it stands there already."""
    asset, now = twin.link.asset, runtime.now()
    kept = as_it_runs(kept, twin)
    figures = _figures(session_view(twin, kept, runtime, night), night, twin, now)
    if runtime.lists.kept(asset, kept, night.date) != figures:
        runtime.lists.keep(asset, kept, night.date, figures, now)
    return [(night.date, asset, kept.opened_at, figures)]


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
        in_sync=in_sync(twin, now),
        commands={outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        sent_after_s=[round(run.sent_after_s, 1) for run in runs if run.sent_after_s is not None],
        session_wh=view.kept.energy_wh,
    )


def _listed(night: date, runtime: Runtime) -> Rows:
    """What the index has of a night; it lags behind a write by a moment."""
    return {
        (listed.asset, unstamp(listed.place.rpartition("#")[2])): msgspec.convert(listed.shown, SessionFigures)
        for listed in runtime.lists.rows(night_list(night))
    }


class _Known(Struct):
    """The rows of the nights that end at a noon ahead, each night read once.

    Its date is that of the noon by UTC: where the local one is another, what is known is judged once more, for nothing.
    """

    runtime: Runtime
    rows: dict[date, Rows] = field(default_factory=dict)

    def of(self, row: DueRow) -> Rows:
        """What is known of the night that ends when the day of an asset is checked."""
        night = row.due.date() - DAY
        if night not in self.rows:
            self.rows[night] = _listed(night, self.runtime)
        return self.rows[night]
