"""A night of the control rig of which sessions and plans are kept, with the car's true energy by half-hour."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driveway.domain.half_hours import half_hour_of
from driveway.domain.sessions.causes import cause_spans
from driveway.domain.sessions.kept_session import KeptSession, sessions_to_keep
from driveway.domain.sessions.plan import Plan, in_force, is_plan_changed, needs_of, plan_of
from driveway.domain.sessions.verdict import HalfHour, Judgement, SessionFacts, judge
from driveway.domain.twin import Intent, Twin
from driveway.values import replace
from tests.support.domain.control_rig import MINUTE, Rig

EVERY_DAY = Intent(dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "07:00"), kwh=30.0)


@dataclass(repr=False)
class KeptNight(Rig):
    """The rig, and what is kept of it: as the announcer keeps it, and by the car's own meter."""

    plans: list[Plan] = field(default_factory=list)
    sessions: dict[str, KeptSession] = field(default_factory=dict)
    energy_kwh: dict[datetime, float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        super().__post_init__()
        self._tick()

    def write(self, rule: Callable[[Twin], Twin | None]) -> bool:
        before = self.twin
        written = super().write(rule)
        known = before if self.plans else None
        if is_plan_changed(known, self.twin, self.now):
            self.plans.append(plan_of(self.twin, self.now))
        for kept in sessions_to_keep(before, self.twin)[0]:
            known_of_it = self.sessions.get(kept.id, kept)
            lasting = {
                name: getattr(known_of_it, name) for name in ("soc_pct", "is_full", "charge_limit_pct", "filled_at")
            }
            missing = {name: value for name, value in lasting.items() if getattr(kept, name) is None}
            self.sessions[kept.id] = replace(kept, **missing)
        return written

    def _tick(self) -> None:
        if self.car.charging and self.car.at_home:
            limit_kw = self.car.limit_kw if self.car.limit_kw is not None else self.twin.link.power_kw
            self.energy_kwh[half_hour_of(self.now)] += limit_kw / 60
        self.at(self.now + MINUTE, self._tick)

    def until(self, hour: int, minute: int = 0) -> None:
        """Let time pass until a UTC time of day."""
        at = self.now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        self.run((at if at > self.now else at + timedelta(days=1)) - self.now)

    def judged(self, charge_limit_pct: float | None = None) -> Judgement:
        """The verdict on the latest session."""
        kept = list(self.sessions.values())[-1]
        begun_at = min(kept.plugged_at, kept.opened_at)
        needs = needs_of(self.plans, begun_at, kept.closed_at)
        until = max([kept.closed_at or self.now, *(need.ready_by for need in needs[:1])])
        parts = in_force(self.plans, begun_at, until)
        half_hours = [
            HalfHour(start, kwh) for start, kwh in sorted(self.energy_kwh.items()) if start >= half_hour_of(begun_at)
        ]
        facts = SessionFacts(
            opened_at=begun_at,
            closed_at=kept.closed_at,
            power_kw=self.twin.link.power_kw,
            timezone=self.twin.link.timezone,
            need=needs[0] if needs else None,
            half_hours=half_hours,
            parts=parts,
            causes=cause_spans(
                sorted(self.news, key=lambda entry: entry.at), parts, begun_at, until, is_full=bool(kept.is_full)
            ),
            is_full=bool(kept.is_full),
            charge_limit_pct=charge_limit_pct,
        )
        return judge(facts, self.now)
