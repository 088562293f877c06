"""A twin and its half-hours, which process observations as the functions do."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import settle
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.twin import Intent, Tariff, Twin
from driveway.observations.metering_intake import meter_twin
from driveway.observations.webhook_intake import seen
from driveway.runtime.context import Runtime
from driveway.runtime.settings import Settings
from driveway.store.table import Change, StoredTwin
from driveway.values import replace
from tests.support.domain.links import a_link
from tests.support.domain.metering_shelf import Shelf

EVENING = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
CAR = Twin(a_link(EVENING, battery_kwh=64), Tariff((), "Europe/London"), Intent({}))

HalfHours = dict[datetime, tuple[int, bool, bool]]


def at(minute: float) -> datetime:
    return EVENING + timedelta(minutes=minute)


def saw(minute: float, **signals: Any) -> Observation:
    """An observation by a source that reports every change."""
    return Observation(at=at(minute), source="app", **{"tells_every_change": True, **signals})


@dataclass
class Asset:
    """A twin and its half-hours, which process observations as the functions do."""

    twin: Twin = CAR
    slots: Shelf = field(default_factory=Shelf)
    minute: float = 0
    readings_grace: timedelta = timedelta(minutes=10)
    lifetime_rows: bool = False
    settings: Settings = field(default_factory=lambda: Settings({}))
    logger: logging.Logger = logging.getLogger(__name__)  # noqa: RUF009 - one logger for all

    def now(self) -> datetime:
        return at(self.minute)

    def presence_rules(self, *, reports_leaving_home: bool = False) -> PresenceRules:
        return PresenceRules(reports_home_changes=reports_leaving_home)

    def receives(self, *observations: Observation, minute: float | None = None) -> "Asset":
        """Process each observation by itself, at its own time or, if that is later, at ``minute``."""
        current = cast("Runtime", self)
        for observation in observations:
            self.minute = max(self.minute, (observation.at - EVENING) / timedelta(minutes=1), minute or 0)
            self.twin = seen(self.twin, [observation], current)
            meter_twin(self.twin, [observation], current)
        return self

    def waits_until(self, minute: float) -> "Asset":
        self.minute = minute
        step = settle(self.twin.presence, now=self.now())
        self.twin = apply_presence_step(self.twin, step)
        meter_twin(self.twin, (), cast("Runtime", self))
        return self

    @property
    def table(self) -> "Asset":
        return self

    def stored(self, asset: str) -> StoredTwin:
        assert self.twin.link.asset == asset
        return StoredTwin(self.twin)

    def change_twin(self, asset: str, rule: Callable[[Twin], Twin], *, now: datetime, read: object = None) -> Change:
        before = replace(self.twin, news=())
        self.twin = rule(before)
        return Change(before, self.twin)

    @property
    def energies(self) -> list[int]:
        return [slot.energy_wh for _, slot in sorted(self.slots.slots.items())]

    @property
    def half_hours(self) -> HalfHours:
        """The energy of each half-hour, and whether the car was plugged in, at all and at the end."""
        return {
            start: (slot.energy_wh, slot.plugged, slot.plugged_at_end)
            for start, slot in self.slots.slots.items()
            if slot.energy_wh or slot.plugged
        }
