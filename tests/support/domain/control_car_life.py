"""A car's life under charge control, on a simulated clock.

``CarLife`` plays the table, the clock, and what happens to the car: it is plugged in, charges by its own schedule, is
driven away, is stopped by its driver. It checks every write against the promises. Commands reach the car through
``control_rig``.
"""

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from driveway.domain.control.reconcile import control_due, step
from driveway.domain.control.required_command import is_instructed
from driveway.domain.control.settings import ControlRules
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.account_connection import clear_needs_user_after_observation
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import Command, Entry, Tariff, Twin, VehicleRequest
from driveway.values import replace
from tests.support.domain.control_car import START, Car, new_twin
from tests.support.domain.control_promises import Promises

MINUTE = timedelta(minutes=1)
OPEN = ("planned", "sent")


@dataclass(repr=False)
class CarLife(ABC):
    """A car, its twin and the time. The subclass sends the commands and answers the state reads."""

    twin: Twin = field(default_factory=new_twin)
    now: datetime = START
    rules: ControlRules = field(default_factory=ControlRules)
    presence_rules: PresenceRules = field(default_factory=PresenceRules)
    sighting_every: timedelta | None = timedelta(minutes=10)
    machinery: timedelta = timedelta(milliseconds=300)
    answers_after: timedelta = timedelta(0)
    backlog: timedelta = timedelta(0)
    stops_travel: timedelta = timedelta(0)
    senders_of_stops_die: bool = False
    car: Car = field(default_factory=Car)
    fault: str | None = None
    silent: bool = False
    news: list[Entry] = field(default_factory=list)
    sent: list[tuple[datetime, Command]] = field(default_factory=list)
    requests: list[tuple[datetime, VehicleRequest]] = field(default_factory=list)
    promises: Promises | None = None
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.promised = self.promises or Promises.of(self.rules)
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._due: datetime | None = None
        self._in_force: str | None = None
        self._announced: set[tuple[str, datetime | None]] = set()
        self._ids = count(1)
        self._reachable: bool | None = None
        self.at(self.now + timedelta(seconds=37), self._sighting)
        self.write(lambda twin: twin)

    def __repr__(self) -> str:
        """The events that led to this state, which distinguish one rig from another."""
        return f"Rig({self.twin.link.vehicle}, {', '.join(self.happened)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The same in an example of hypothesis, which would show every field."""
        printer.text(repr(self))

    def at(self, when: datetime, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (max(when, self.now), next(self._order), event))

    def run(self, span: timedelta) -> None:
        """Let time pass."""
        end = self.now + span
        while True:
            event_at = self._events[0][0] if self._events else None
            due = self._due
            following = min((at for at in (event_at, due) if at is not None), default=None)
            if following is None or following > end:
                break
            self.now = max(self.now, following)
            if event_at is not None and event_at == following:
                heapq.heappop(self._events)[2]()
            else:
                self.reconcile()
        self.now = end

    def reconcile(self) -> None:
        """Charge control reconciles until it has nothing to do at this instant."""
        for _ in range(6):
            self.write(lambda twin: step(twin, self.now, self.rules, new_id=f"c{next(self._ids)}", spread=0.5))
            if self._due is None or self._due > self.now:
                return
        raise AssertionError(f"charge control never comes to rest: {self.twin.control}")

    def write(self, rule: Callable[[Twin], Twin | None]) -> bool:
        before = replace(self.twin, news=())
        after = rule(before)
        if after is None:
            return False
        self.twin = replace(after, version=before.version + 1)
        self.news += after.news
        self._due = control_due(replace(self.twin, news=()), self.now, self.rules)
        self._check()
        for entry in after.news:
            self.promised.ended(entry, before.control.command, before)
        if any(entry.event == "CommandFailed" and entry.detail["action"] == "stop" for entry in after.news):
            self._check_given_up()
        request = self.twin.control.request
        if request is not None and request != before.control.request:
            self.at(self.now + self.machinery, partial(self._answer_request, request))
        for command in (self.twin.control.command, self.twin.control.schedule_command):
            if (
                command is not None
                and command.state == "planned"
                and not command.waits_for_provider
                and (command.id, command.confirm_by) not in self._announced
            ):
                self._announce(command)
        return True

    @abstractmethod
    def _announce(self, command: Command) -> None:
        """Send a planned command when it is due."""

    @abstractmethod
    def _answer_request(self, request: VehicleRequest) -> None:
        """Answer a state read."""

    def _lapse(self, command_id: str | None) -> None:
        """A charger forgets its last command, and falls back to its default schedule."""
        if self._in_force == command_id:
            self._in_force, self.car.held = None, False
            self.set_charging(self._would_charge())

    def _keep(self, schedule: Tariff | None) -> None:
        had, waited = self.car.kept, self.car.plugged and not self.car.charging and self._in_force is None
        self.car.kept = schedule
        if is_instructed(self.twin) and schedule is None:
            # Both profiles of ours are cleared, and the charger lets any car charge.
            self._lapse(self._in_force)
        elif had is not None and schedule is None and waited:
            self.set_charging(self._would_charge())
        if schedule is not None and schedule != had:
            self._until_next_edge(schedule)

    def _until_next_edge(self, schedule: Tariff) -> None:
        day_s = off_peak_intervals(schedule, self.now, self.now + timedelta(days=2))
        edges = sorted(edge for window in day_s for edge in window if edge > self.now)
        self.at(edges[0], lambda: self._edge(schedule))

    def _edge(self, schedule: Tariff) -> None:
        """The kept schedule's window begins or ends: a car then acts by it, whatever its last command was."""
        if self.car.kept != schedule:
            return
        self._until_next_edge(schedule)
        if is_instructed(self.twin):
            if self._in_force is None:
                self.set_charging(self._would_charge())
        elif self.car.plugged and self.car.at_home:
            self._in_force, self.car.held = None, self.car.held and not self.car.is_in_window(self.now)
            self.car.unwilling = False
            self.set_charging(self._would_charge())

    def _would_charge(self) -> bool:
        """Whether the car draws power by itself."""
        car = self.car
        waits = car.kept is not None and car.at_home and not car.is_in_window(self.now) and self._in_force is None
        return car.plugged and not (car.held or car.full or car.unwilling or waits)

    def set_charging(self, charging: bool) -> None:
        changed = self.car.charging != charging
        self.car.charging = charging
        if changed:
            self._see()

    def plug_in(self, *, at_home: bool = True) -> None:
        if self.car.plugged:
            return
        self.car.at_home = at_home
        self.car.plugged, self.car.unwilling = True, False
        self._forget_commands()
        self.car.charging = self._would_charge()
        self._see()

    def plug_out(self) -> None:
        self.car.plugged = self.car.charging = self.car.full = False
        self._forget_commands()
        self._see()

    def _forget_commands(self) -> None:
        """A car starts each session by itself; a charger keeps to its last command."""
        if not is_instructed(self.twin):
            self.car.held, self._in_force = False, None

    def seem_unplugged(self) -> None:
        """The source reports a plug-out, and corrects it some minutes later."""
        self.observe(plugged_in=False)
        self.at(self.now + 8 * MINUTE, self._see)

    def drive_to_a_charger_elsewhere(self) -> None:
        self.plug_out()
        if is_instructed(self.twin):
            return  # the state read is of the charger, which stays
        self.car.at_home = False
        self.at(self.now + 20 * MINUTE, self._arrive_elsewhere)

    def _arrive_elsewhere(self) -> None:
        if not self.car.at_home:
            self.plug_in(at_home=False)

    def come_home(self) -> None:
        if not self.car.at_home:
            self.plug_out()
            self.car.at_home = True
            self.run(20 * MINUTE)
            self.plug_in()

    def self_start(self) -> None:
        """The driver, or another system, starts the car."""
        if self.car.plugged and not self.car.full:
            self.car.held = self.car.unwilling = False
            self.set_charging(True)

    def self_stop(self) -> None:
        """The car stops for reasons of its own, and does not begin again before a start."""
        self.car.unwilling = True
        self.set_charging(False)

    def fill(self) -> None:
        self.car.full = True
        self.set_charging(False)

    def raise_charge_limit(self) -> None:
        """The driver raises the charge limit, so a full car is full no longer."""
        self.car.full = False
        self._see()

    def _sighting(self) -> None:
        """Without these only the car's changes are reported."""
        if self.sighting_every is not None:
            self._see()
            self.at(self.now + self.sighting_every, self._sighting)

    def _see(self) -> None:
        if self.silent:
            return
        car = self.car
        seems_unplugged = car.seems_unplugged_while_held and car.held
        self.observe(plugged_in=car.plugged and not seems_unplugged, charging=car.charging, battery_full=car.full)

    def be_silent(self, silent: bool) -> None:
        """The car reports nothing for a while; the missed reports come when that is over."""
        self.silent = silent
        self._see()

    def observe(self, **signals: bool) -> None:
        if signals.get("reachable") and self._reachable is False:
            self.promised.came_back = True
        self._reachable = signals.get("reachable", self._reachable)
        self.observe_at(self.now, **signals)

    def observe_at(self, at: datetime, **signals: bool) -> None:
        """A report arrives now about the car as it was at ``at``."""
        seen = Observation(at=at, source="enode", at_home=self.car.at_home, **signals)  # type: ignore[arg-type]  # all flags

        def rule(twin: Twin) -> Twin:
            found = observe(
                twin.presence,
                seen,
                now=self.now,
                rules=self.presence_rules,
                own_stop_at=twin.control.last_stop_at,
            )
            return clear_needs_user_after_observation(apply_presence_step(twin, found), self.now)

        self.write(rule)

    def _check(self) -> None:
        control = self.twin.control
        assert self._due is None or self._due >= self.now
        for command in (control.command, control.schedule_command):
            if command is not None and command.state in OPEN:
                assert command.confirm_by is not None, command
                assert self._due is not None, "an open command must have a time that leaves it"
                assert self._due <= max(command.confirm_by, self.now), command

    def _check_given_up(self) -> None:
        command = self.twin.control.command
        released = command is not None and command.release and command.state in OPEN
        assert released or not self.car.held, "a car that is held was given up without a release"
