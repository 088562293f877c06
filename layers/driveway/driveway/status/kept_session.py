"""A kept session from outside: what was wanted, what the car got, the plan in force, and the verdict."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import UNSET, Struct

from driveway.domain.half_hours import HALF_HOUR, half_hour_of
from driveway.domain.metering.slot import Slot
from driveway.domain.sessions.causes import cause_spans
from driveway.domain.sessions.commands import command_runs
from driveway.domain.sessions.kept_session import KeptSession, as_it_runs
from driveway.domain.sessions.night import Night
from driveway.domain.sessions.plan import InForce, Need, Plan, in_force, needs_of
from driveway.domain.sessions.session_half_hours import session_half_hours
from driveway.domain.sessions.shares import shares
from driveway.domain.sessions.verdict import HalfHour, Judgement, SessionFacts, Verdict, judge
from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import Event
from driveway.runtime.answer_types import connections_of, utc, utc_or_none
from driveway.runtime.context import Runtime
from driveway.status.command_runs import command_answer
from driveway.status.entries import entry_answer
from driveway.status.measured import measured_samples, off_peak_spans
from driveway.status.session_answers import (
    Departure,
    NightOfAsset,
    Session,
    SessionCost,
    SessionEnergy,
    SessionHalfHour,
)
from driveway.status.session_plans import limit_in_force, session_plan
from driveway.values import replace

BEFORE = timedelta(hours=12)
"""How far before a session its timeline is read: an account may have been lost earlier."""

AFTER = timedelta(hours=1)
LONGEST = timedelta(days=14)
"""Of a session that lasts longer, this much is read, up to its end."""

BEFORE_NIGHT = timedelta(days=2)
"""How far before a night a session is read: from before the departure ahead of it."""

COMMANDS = frozenset(event for event in Event if event.startswith("Command"))
WARNINGS = frozenset(
    {
        Event.READY_BY_AT_RISK,
        Event.READY_BY_SAFE,
        Event.NEEDS_ATTENTION,
        Event.RECONNECTED,
        Event.NO_SESSION,
        Event.COMMAND_FAILED,
    }
)
"""What the driver was warned of, and what took it back."""


class SessionView(Struct, frozen=True):
    """What is kept of a session between two times (``is_whole``: that is all), and a verdict for each departure."""

    kept: KeptSession
    slots: Sequence[Slot]
    half_hours: Sequence[HalfHour]
    plans: Sequence[Plan]
    parts: Sequence[InForce]
    entries: Sequence[Entry]
    needs: Sequence[Need | None]
    judgements: Sequence[Judgement]
    power_kw: float
    read_from: datetime
    read_until: datetime
    is_whole: bool
    site: str

    @property
    def headline(self) -> Judgement:
        """The verdict on the latest departure that has passed, or that a session which ended has; else on the first."""
        ended = self.kept.closed_at is not None
        over = [
            judged
            for need, judged in zip(self.needs, self.judgements, strict=True)
            if judged.verdict is not Verdict.RUNNING and (ended or need is None or need.ready_by <= self.read_until)
        ]
        return over[-1] if over else self.judgements[0]

    @property
    def reach(self) -> datetime:
        """The last departure that is judged, or the end if that is later (aware UTC)."""
        return max([self.read_until, *(one.ready_by for one in self.needs if one is not None)])

    @property
    def energy_kwh(self) -> float:
        """What the session took in all."""
        if self.is_whole:
            return sum(one.energy_kwh or 0.0 for one in self.half_hours)
        return self.kept.energy_wh / 1000

    def of_night(self, night: Night) -> Judgement:
        """The verdict on the departure in a night; without one, the headline."""
        pairs = zip(self.needs, self.judgements, strict=True)
        found = (one for need, one in pairs if need and night.start < need.ready_by <= night.end)
        return next(found, self.headline)


def session_view(twin: Twin, kept: KeptSession, runtime: Runtime, night: Night | None = None) -> SessionView:
    """Read what is kept of a session, and judge it; with ``night``, only as far as that night needs it."""
    now, asset = runtime.now(), twin.link.asset
    kept = as_it_runs(kept, twin)
    end = kept.closed_at or now
    earliest = end - LONGEST
    if night is not None:
        end, earliest = min(end, night.end), night.start - BEFORE_NIGHT
    begun_at = max(kept.begun_at, earliest)
    is_whole = begun_at == kept.begun_at and end == (kept.closed_at or now)
    plans = runtime.history.plans(asset, begun_at, max(end, begun_at + HALF_HOUR))
    found = needs_of(plans, begun_at, kept.closed_at)
    # Of those ahead of a running session only the next one is judged.
    over = sum(one.ready_by <= end for one in found)
    needs: list[Need | None] = [*found[: over + 1]] or [None]
    until = max([end, *(one.ready_by for one in needs if one is not None)])
    entries = runtime.records.entries(asset, begun_at - BEFORE, end + AFTER)
    slots = runtime.slots.read_whole(asset, half_hour_of(begun_at), end + HALF_HOUR, now=now)
    half_hours = session_half_hours(slots, kept)
    parts = in_force(plans, begun_at, until)
    power_kw = plans[-1].power_kw if plans else twin.link.power_kw
    judgements = []
    for before, need in zip([None, *needs], needs, strict=False):
        is_full = kept.has_filled_by(until if need is None else need.ready_by, half_hours, parts)
        facts = SessionFacts(
            opened_at=begun_at if before is None else before.ready_by,
            closed_at=kept.closed_at,
            power_kw=power_kw,
            timezone=twin.link.timezone,
            need=need,
            half_hours=half_hours,
            parts=parts,
            causes=cause_spans(entries, parts, begun_at, until, is_full=is_full),
            is_full=is_full,
            charge_limit_pct=kept.charge_limit_pct,
            filled_at=kept.filled_at,
        )
        judgements.append(judge(facts, now))
    return SessionView(
        kept,
        slots,
        half_hours,
        plans,
        parts,
        entries,
        needs,
        judgements,
        power_kw,
        begun_at,
        end,
        is_whole,
        twin.link.site,
    )


def session_summary(view: SessionView, head: Judgement, night: Night) -> NightOfAsset:
    """A session in a list: when, how much, and the verdict ``head`` in a sentence."""
    return NightOfAsset(night=night.date, **_summary(view, head))


def _summary(view: SessionView, head: Judgement) -> dict[str, Any]:
    kept = view.kept
    need = view.needs[view.judgements.index(head)]
    return {
        "session": kept.id,
        "plugged_in_at": utc(kept.plugged_at),
        "opened_at": utc(kept.opened_at),
        "closed_at": utc_or_none(kept.closed_at),
        "vehicle_id": kept.vehicle_id,
        "energy_kwh": round(view.energy_kwh, 3),
        "ready_by": None if need is None else utc(need.ready_by),
        "verdict": head.verdict.value,
        "text": head.text,
        "connect": connections_of(view.site) if head.verdict is Verdict.SHORT_ACCOUNT else UNSET,
    }


def whole_session(view: SessionView, twin: Twin, now: datetime) -> Session:
    """A session whole, as it is answered at ``now`` (aware UTC)."""
    kept = view.kept
    divided = shares(view.half_hours, view.parts, view.plans, view.read_from, view.power_kw)
    reach = view.reach
    until = reach if kept.closed_at is None else kept.closed_at
    passed = [replace(part, end=min(part.end, until)) for part in view.parts if part.start < until]
    return Session(
        asset=twin.link.asset,
        timezone=twin.link.timezone,
        asked_at=utc(now),
        **_summary(view, view.headline),
        soc_pct=kept.soc_pct,
        battery_full=kept.is_full,
        charge_limit_pct=kept.charge_limit_pct,
        departures=[_departure(one, judged) for one, judged in zip(view.needs, view.judgements, strict=True)],
        half_hours=[_slot(slot, one) for slot, one in zip(view.slots, view.half_hours, strict=True)],
        energy=SessionEnergy(
            in_plan_kwh=round(divided.in_plan_kwh, 3),
            out_of_plan_kwh=round(divided.out_of_plan_kwh, 3),
            off_peak_kwh=round(divided.off_peak_kwh, 3),
            peak_kwh=round(divided.peak_kwh, 3),
        ),
        cost=SessionCost(pence=_rounded(divided.cost_pence, 1), at_once_pence=_rounded(divided.cost_at_once_pence, 1)),
        completeness=_completeness(view),
        off_peak=off_peak_spans(view.plans, view.read_from, reach),
        measured=measured_samples(view.slots, kept.opened_at, kept.closed_at, twin.link.battery_kwh),
        in_force=[limit_in_force(part) for part in passed],
        plans=[session_plan(*pair, reach) for pair in zip([None, *view.plans], view.plans, strict=False)],
        commands=[entry_answer(entry, twin.link.site) for entry in _since_plug_in(view) if entry.event in COMMANDS],
        command_runs=[command_answer(run) for run in command_runs(_since_plug_in(view))],
        warnings=[entry_answer(entry, twin.link.site) for entry in _since_plug_in(view) if entry.event in WARNINGS],
    )


def _since_plug_in(view: SessionView) -> list[Entry]:
    return [entry for entry in view.entries if entry.at >= view.read_from]


def _departure(need: Need | None, judged: Judgement) -> Departure:
    return Departure(
        ready_by=None if need is None else utc(need.ready_by),
        wanted_kwh=_rounded(judged.wanted_kwh, 3),
        is_estimated=None if need is None else need.is_estimated,
        target_soc_pct=None if need is None else need.target_soc_pct,
        got_kwh=round(judged.got_kwh, 3),
        missing_kwh=round(judged.missing_kwh, 3),
        missing_by_cause_kwh={verdict.value: round(kwh, 3) for verdict, kwh in judged.parts_kwh.items()},
        verdict=judged.verdict.value,
        text=judged.text,
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _slot(slot: Slot, one: HalfHour) -> SessionHalfHour:
    accepted_wh = slot.reported.accepted_wh
    return SessionHalfHour(
        start=utc(slot.start),
        energy_kwh=one.energy_kwh,
        quality=slot.quality,
        flags=list(slot.flags),
        axle_accepted_kwh=None if accepted_wh is None else accepted_wh / 1000,
        axle_rejected=slot.reported.words if slot.reported.rejected_wh is not None else None,
    )


def _completeness(view: SessionView) -> float:
    known = [one.energy_kwh is not None for one in view.half_hours]
    return round(sum(known) / len(known), 4) if known else 1.0
