"""Runs of the drain against a table and an Axle in memory."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driveway.axle.client import AxleUnavailableError
from driveway.axle.readings import Drain, DrainReport
from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.slot import Slot
from driveway.store.slots import SlotStore
from tests.support.domain.accepting_axle import Axle, Row
from tests.support.domain.metered_night import MORNING, PLUG_IN


@dataclass
class Runs:
    """Drains with a clock that the test moves."""

    store: SlotStore
    axle: Axle
    now: datetime = MORNING
    number: int = 0
    asset: str = "car-1"

    def run(self, **settings: Any) -> DrainReport:
        self.number += 1
        given: dict[str, Any] = {"time_left": lambda: 900.0, "claim_id": f"run-{self.number}", **settings}
        return Drain(self.store, self.axle, now=lambda: self.now, **given).run()

    def until_quiet(self, **settings: Any) -> None:
        for _ in range(40):
            if self.run(**settings).sent == 0 and not self.due():
                return
            self.now += timedelta(minutes=6)
        raise AssertionError("it never became quiet")

    def until_quiet_but_for(self, open_slots: int) -> None:
        """As ``until_quiet``, of a car that stays plugged in: its latest half-hours are not over."""
        for _ in range(40):
            if self.run().sent == 0 and len(self.due()) == open_slots:
                return
        raise AssertionError("it never became quiet")

    def due(self) -> list[Slot]:
        return [slot for slot in self.slots() if slot.due_at is not None]

    def slots(self) -> list[Slot]:
        return [slot for slot in self.store.read(self.asset, PLUG_IN - HALF_HOUR) if slot.reportable]


def unavailable(_rows: list[Row]) -> object:
    raise AxleUnavailableError("HTTP 503", status=503)
