"""A car's twin, its half-hours and its charge control, fed with what its provider really sends."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed
from driveway.domain.control.reconcile import control_due, step
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.vehicle_requests import vehicle_request_done
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.twin import Command, Home, Intent, OutcomeKind, Tariff, Twin, Vehicle, Window
from driveway.observations.car_reports import take_reports
from driveway.observations.metering_intake import meter_twin
from driveway.observations.webhook_intake import seen
from driveway.runtime.context import Runtime
from driveway.runtime.settings import Settings
from driveway.store.table import Change, StoredTwin
from driveway.values import replace
from driveway.vehicles.provider import VehicleEvent
from driveway.vehicles.registry import capabilities
from tests.support.domain.links import a_link
from tests.support.domain.metering_shelf import Shelf
from tests.support.observations.car_reports import HOME, HOME_ID, Snapshot, read

EVENING = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
OFF_PEAK = Tariff((Window(0, 330), Window(1410, 1440)), "Europe/London")


def new_twin(provider: str, *, with_home: bool = True) -> Twin:
    """A car of a provider at an onboarded site, of which nothing was observed yet."""
    vehicle = Vehicle(
        provider if provider != "app" else "enode",
        "veh-1",
        user_id="user-1",
        home_location_id=HOME_ID,
        capabilities=replace(capabilities(provider), takes_limits=False, keeps_schedules=False),
    )
    onboarded_at, home = EVENING - timedelta(days=30), Home(*HOME) if with_home else None
    link = a_link(onboarded_at, battery_kwh=150, home=home, vehicle=vehicle)
    return Twin(link, OFF_PEAK, Intent({}))


@dataclass
class HomeCar:
    """What the functions hold of one car; commands that were sent are in ``sent``, with their times.

    ``on_look`` has the provider answer a state read, which without it stays unanswered; ``on_command`` gives its answer
    to a command, which without it is that it accepts.
    """

    provider: str
    twin: Twin = field(default_factory=lambda: new_twin("app"))
    slots: Shelf = field(default_factory=lambda: Shelf(at_once=8))
    clock: datetime = EVENING
    readings_grace: timedelta = timedelta(minutes=10)
    lifetime_rows: bool = False
    rules: ControlRules = field(default_factory=ControlRules)
    planned: list[tuple[datetime, str]] = field(default_factory=list)
    sent: list[tuple[datetime, Command]] = field(default_factory=list)
    looks: list[datetime] = field(default_factory=list)
    on_look: Callable[[], None] | None = None
    on_command: Callable[[Command], OutcomeKind] | None = None
    random: Random = field(default_factory=lambda: Random(1))
    number: int = 0
    settings: Settings = field(default_factory=lambda: Settings({}))
    logger: logging.Logger = logging.getLogger(__name__)  # noqa: RUF009 - one logger for all

    @classmethod
    def of(cls, provider: str, **more: Any) -> "HomeCar":
        return cls(provider, twin=new_twin(provider), **more)

    def now(self) -> datetime:
        return self.clock

    def presence_rules(self, *, reports_leaving_home: bool = False) -> PresenceRules:
        return PresenceRules(reports_home_changes=reports_leaving_home)

    def reports(self, snapshot: Snapshot, *, received_at: datetime | None = None) -> "HomeCar":
        """Take in what the provider sends of a snapshot, when it is received, and let charge control act."""
        received = max(self.clock, received_at or snapshot.at)
        self.passes_until(received)
        self.takes_events(read(self.provider, snapshot, received))
        self.passes_until(received)
        return self

    def takes_events(self, events: Sequence[VehicleEvent]) -> None:
        """Store events as the functions do."""
        for event in events:
            take_reports("car-1", [event.report], self.provider, cast("Runtime", self))

    @property
    def control_rules(self) -> ControlRules:
        return self.rules

    @property
    def table(self) -> "HomeCar":
        return self

    def stored(self, asset: str) -> StoredTwin:
        assert self.twin.link.asset == asset
        return StoredTwin(self.twin)

    def change_twin(self, asset: str, rule: Callable[[Twin], Twin], *, now: datetime, read: object = None) -> Change:
        before = self.twin
        self.twin = rule(before)
        return Change(before, self.twin)

    def takes(self, observations: tuple[Observation, ...]) -> None:
        runtime = cast("Runtime", self)
        self.twin = seen(self.twin, observations, runtime)
        meter_twin(self.twin, observations, runtime)

    def passes_until(self, until: datetime) -> "HomeCar":
        """Let time act, and charge control whenever it is due."""
        while True:
            due = min(filter(None, (control_due(self.twin, self.clock, self.rules), self._sends_at())), default=None)
            if due is None or due > until:
                break
            self.clock = max(self.clock, due)
            before = self.twin
            self._control()
            if self.twin is before:
                self.clock += timedelta(seconds=1)
        self.clock = max(self.clock, until)
        self._control()
        return self

    def _sends_at(self) -> datetime | None:
        """When the command that waits in its queue is sent."""
        command = self.twin.control.command
        return command.not_before if command is not None and command.state == "planned" else None

    def _control(self) -> None:
        self.number += 1
        after = step(self.twin, self.clock, self.rules, new_id=f"c{self.number}")
        if after is not self.twin:
            self.twin = after
            meter_twin(self.twin, (), cast("Runtime", self))
        self._look()
        self._send()

    def _look(self) -> None:
        request = self.twin.control.request
        if request is None or self.on_look is None:
            return
        self.looks.append(self.clock)
        self.on_look()
        self.twin = vehicle_request_done(self.twin, request.id)

    def _send(self) -> None:
        command = self.twin.control.command
        if command is None or command.state != "planned" or command.not_before > self.clock + timedelta(seconds=2):
            return
        self.planned.append((self.clock, command.action))
        self.clock = max(self.clock, command.not_before)
        taken = claimed(self.twin, command.id, self.clock, self.rules, sender="call")
        if taken is None:
            return
        self.sent.append((self.clock, command))
        self.twin = taken
        outcome = OutcomeKind.ACCEPTED if self.on_command is None else self.on_command(command)
        self.twin = answered(
            self.twin, command.id, outcome=outcome, detail="", now=self.clock, rules=self.rules, spread=0.5
        )

    @property
    def energy_wh(self) -> int:
        return sum(slot.energy_wh for slot in self.slots.slots.values())

    def energy_between(self, start: datetime, end: datetime) -> int:
        """The energy of the half-hours that lie wholly within."""
        return sum(slot.energy_wh for slot in self.slots.slots.values() if start <= slot.start and slot.end <= end)
