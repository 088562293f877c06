"""A car, its provider and the surroundings of charge control on a simulated clock.

The rig plays the table, the announcer, the clock and the sender of commands. Like them it uses only ``step``,
``control_due``, ``claimed`` and ``answered`` of charge control. It checks every write against the promises.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed, put_off
from driveway.domain.control.protection import may_wake
from driveway.domain.control.reconcile import control_due, step
from driveway.domain.control.required_command import HELD_FOR, is_instructed, keeps_current, observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.standing_limit import change_to_limit, change_to_own
from driveway.domain.control.vehicle_requests import vehicle_request_done
from driveway.domain.presence.observation import Observation
from driveway.domain.presence.observe import observe
from driveway.domain.presence.rules import PresenceRules
from driveway.domain.reports.account_connection import clear_needs_user_after_observation
from driveway.domain.reports.apply_observations import apply_presence_step
from driveway.domain.schedules.default_schedule import off_peak_intervals
from driveway.domain.twin import (
    ChargeNow,
    Command,
    Entry,
    Observed,
    Session,
    StandingLimit,
    Tariff,
    Twin,
    VehicleRequest,
)
from tests.support.domain.control_car import START, Car, axle_profile, new_twin
from tests.support.domain.control_promises import Promises

MINUTE = timedelta(minutes=1)
OPEN = ("planned", "sent")
PROVIDER_FAULTS = (
    "asleep",
    "sleepy",
    "refused",
    "retryable",
    "ignored",
    "lying",
    "answer_lost",
    "event_lost",
    "needs_user",
    "unsupported",
    "partly",
    "out",
)
"""The faults of a provider with a command. ``asleep`` is a car that does not wake, ``sleepy`` one that does;
``ignored`` accepts it and does nothing; ``lying`` reports that it is done; ``partly`` fails after the first of several
schedules; ``out`` answers nobody and is not asked."""


REFUSALS = {
    "retryable": "RETRYABLE",
    "refused": "FAILED",
    "needs_user": "NEEDS_USER",
    "unsupported": "UNSUPPORTED",
}


@dataclass(repr=False)
class Rig:
    twin: Twin = field(default_factory=new_twin)
    now: datetime = START
    rules: ControlRules = field(default_factory=ControlRules)
    presence_rules: PresenceRules = field(default_factory=PresenceRules)
    sighting_every: timedelta | None = timedelta(minutes=10)
    machinery: timedelta = timedelta(milliseconds=300)
    answers_after: timedelta = timedelta(0)
    backlog: timedelta = timedelta(0)
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

    # The clock, the table and the sender of commands

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

    def _answer_request(self, request: VehicleRequest) -> None:
        """The provider answers a state read; like a command it may be lost, or have no answer."""
        if self.fault in {"event_lost", "answer_lost", "out", "retryable"}:
            return
        self.requests.append((self.now, request))
        self._see()
        self.write(lambda twin: vehicle_request_done(twin, request.id))

    def _announce(self, command: Command) -> None:
        self._announced.add((command.id, command.confirm_by))
        if self.fault != "event_lost":
            arrives_at = max(command.not_before, self.now + self.machinery + self.backlog)
            self.at(arrives_at, lambda: self._send(command.id))

    def _send(self, command_id: str) -> None:
        if self.fault == "out":
            until = self.now + 2 * MINUTE
            self.write(lambda twin: put_off(twin, command_id, until=until, now=self.now, rules=self.rules))
            return
        if not self.write(lambda twin: claimed(twin, command_id, self.now, self.rules)):
            return
        control = self.twin.control
        schedule_command = control.schedule_command is not None and control.schedule_command.id == command_id
        command = control.schedule_command if schedule_command else control.command
        assert command is not None
        self.promised.sent(command, self.twin, self.now)
        self.sent.append((self.now, command))
        asleep = self.fault in {"asleep", "sleepy"}
        woken = asleep and self._wake(command)
        outcome = "RETRYABLE" if asleep and not (woken and self.fault == "sleepy") else self._called(command)
        if self.fault != "answer_lost":
            answer = partial(self._answer, command_id, outcome, asleep=asleep, woken=woken)
            self.at(self.now + self.machinery + self.answers_after, answer)

    def _wake(self, command: Command) -> bool:
        """Whether the car was woken; only Teslas can be."""
        vehicle = self.twin.link.vehicle
        can = vehicle is not None and vehicle.provider == "tesla" and command.trial is None
        woken = can and may_wake(self.twin, command.action, self.now, self.rules)
        if woken:
            self.promised.woken(self.now)
        return woken

    def _answer(self, command_id: str, outcome: str, *, asleep: bool, woken: bool) -> None:
        command = self.twin.control.command
        if command is not None and command.id == command_id and command.trial and self.twin.presence.session is None:
            self.promised.tried(outcome)
        self.write(
            lambda twin: answered(
                twin,
                command_id,
                outcome=outcome,
                detail=outcome,
                now=self.now,
                rules=self.rules,
                spread=0.5,
                asleep=asleep,
                woken=woken,
            )
        )

    def _called(self, command: Command) -> str:
        """The provider handles a command and answers it."""
        if self.fault in REFUSALS:
            return REFUSALS[self.fault]
        if command.action not in {"start", "stop"}:
            return self._kept_changed(command)
        if command.action == "start" and keeps_current(self.twin) and self.car.plugged:
            self._set_current(command)
        return self._found_before(command) or self._ordered(command)

    def _found_before(self, command: Command) -> str | None:
        """The answer that needs no order to the car: its state was read first, or it is not plugged in."""
        limited = command.action == "start" and self.twin.control.standing_limit is not None
        if command.attempts > 1 and not command.already_in_state_when_sent and not limited:
            self._see()
            if observed_state_matches(self.twin, command.action):
                return "ALREADY_IN_STATE"
        if not self.car.plugged and not is_instructed(self.twin):
            self.observe(plugged_in=False)
            return "NOT_PLUGGED_IN"
        return None

    def _ordered(self, command: Command) -> str:
        if self.fault == "ignored" or (self.fault == "lying" and is_instructed(self.twin)):
            if command.action == "start" and is_instructed(self.twin):
                # A charger that accepts a profile keeps it; only the car may not draw.
                self._in_force, self.car.held, self.car.unwilling = command.id, False, True
                self.car.limit_kw = command.limit_kw
                self.at(self.now + HELD_FOR, lambda: self._lapse(command.id))
            return "ACCEPTED"
        if self.fault == "complete" and self.car.full:
            self._see()
        if self.fault in {"lying", "complete"}:
            return "ALREADY_IN_STATE"
        self.at(self.now + self.car.obeys_after, lambda: self._obey(command))
        return "ACCEPTED"

    def _kept_changed(self, command: Command) -> str:
        """The schedule or the current in the car is changed."""
        if command.action == "restore_current":
            self._set_current(command)
            return "RETRYABLE" if self.twin.control.standing_limit is not None else "ACCEPTED"
        self._keep(self.twin.tariff if command.action == "install_default" else None)
        return "RETRYABLE" if self.fault == "partly" else "ACCEPTED"

    def _set_current(self, command: Command) -> None:
        """Read the car's current, record the limit that may be in it, then set it, as the sender of commands does."""
        standing, car = self.twin.control.standing_limit, self.car
        if standing is None:
            return
        if command.limit_kw is None:
            change = change_to_own(standing, shown_amps=car.amps)
        else:
            limit_amps = int(command.limit_kw * 1000 / 230)
            change = change_to_limit(standing, shown_amps=car.amps, limit_amps=limit_amps)
        self._note_limit(change.before)
        if change.set_amps is not None and self.fault not in {"ignored", "lying"}:
            car.amps = change.set_amps
            assert car.amps <= car.driver_amps, "the car was set to more than its driver chose"
        own = car.amps == car.driver_amps
        car.limit_kw = None if own else command.limit_kw or standing.limit_kw
        if self.fault not in {"answer_lost", "partly"}:
            self._note_limit(change.after if own or change.after is not None else change.before)

    def _note_limit(self, standing: StandingLimit | None) -> None:
        self.write(lambda twin: replace(twin, control=replace(twin.control, standing_limit=standing)))

    def _obey(self, command: Command) -> None:
        charger = is_instructed(self.twin)
        # A car acts in whatever order it wakes up to; a charger's connection keeps the order.
        if not (self._is_latest(command) if charger else self.car.plugged):
            return
        self._in_force = command.id
        if command.action == "stop" and self.car.charging:
            self.promised.stopped(self.twin)
        self.car.held, self.car.unwilling = command.action == "stop", False
        if charger:
            self.at(self.now + HELD_FOR, lambda: self._lapse(command.id))
        if command.action == "start" and charger:
            self.car.limit_kw = command.limit_kw
        self.set_charging(command.action == "start" and self.car.plugged and not self.car.full)

    def _is_latest(self, command: Command) -> bool:
        return [sent.id for _, sent in self.sent if sent.action in {"start", "stop"}][-1] == command.id

    def _lapse(self, command_id: str | None) -> None:
        """A charger forgets its last command, and falls back to its default schedule."""
        if self._in_force == command_id:
            self._in_force, self.car.held = None, False
            self.set_charging(self._would_charge())

    # The schedule kept in the car or charger

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

    # What happens to the car

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
        seen = Observation(at=self.now, source="enode", at_home=self.car.at_home, **signals)  # type: ignore[arg-type]  # all flags

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

    # The plan

    def change(self, rule: Callable[[Twin], Twin]) -> None:
        self.write(rule)

    def charge_now(self, minutes: float) -> None:
        charge_now = ChargeNow(f"charge-now-{self.now.isoformat()}", self.now, self.now + minutes * MINUTE)
        self.change(lambda twin: replace(twin, charge_now=charge_now))

    def schedule(self, *parts: tuple[float, float]) -> None:
        profile = axle_profile(self.now, *parts)
        self.change(lambda twin: replace(twin, profiles=(profile,)))

    def link(self, *, enrolled: bool | None = None, snoozed_min: float | None = None, leaving: bool = False) -> None:
        def rule(twin: Twin) -> Twin:
            link = replace(twin.link, leaving=leaving)
            if enrolled is not None:
                link = replace(link, enrolled=enrolled)
            if snoozed_min is not None:
                link = replace(link, snoozed_until=self.now + snoozed_min * MINUTE)
            return replace(twin, link=link)

        self.change(rule)

    # What must always hold

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

    # Queries

    def entries_of(self, event: str) -> list[Entry]:
        return [entry for entry in self.news if entry.event == event]

    def actions(self) -> list[str]:
        return [command.action for _, command in self.sent if command.action in {"start", "stop"}]

    @property
    def per_day(self) -> Counter[str]:
        return self.promised.sends

    @property
    def command(self) -> Command:
        assert self.twin.control.command is not None
        return self.twin.control.command


RULES = ControlRules()


OFF_PEAK_STARTS = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


OFF_PEAK_ENDS = datetime(2026, 11, 25, 5, 30, tzinfo=UTC)


def plugged(provider: str = "enode", rules: ControlRules = RULES) -> Rig:
    """A car that was plugged in at peak, began to charge as cars do, and was stopped."""
    rig = Rig(twin=new_twin(provider), rules=rules)
    rig.plug_in()
    rig.run(2 * MINUTE)
    return rig


def here(twin: Twin | None = None, at: datetime = START) -> Twin:
    """A twin whose car is plugged in at home and does not charge."""
    twin = twin or new_twin()
    seen = replace(
        twin.presence,
        plugged_in=Observed(True, at),
        at_home=Observed(True, at),
        charging=Observed(False, at),
        session=Session("s1", at, at),
    )
    return replace(twin, presence=seen)
