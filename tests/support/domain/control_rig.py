"""A car under charge control whose commands go through a simulated provider with faults.

The rig plays the announcer, the sender of commands and the provider. Like the functions it uses only ``step``,
``control_due``, ``claimed`` and ``answered`` of charge control.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from driveway.domain.control.budgets import may_wake
from driveway.domain.control.command_answers import answered
from driveway.domain.control.command_dispatch import claimed, put_off
from driveway.domain.control.required_command import HELD_FOR, is_instructed, keeps_current, observed_state_matches
from driveway.domain.control.settings import ControlRules
from driveway.domain.control.standing_limit import change_to_limit, change_to_own
from driveway.domain.control.vehicle_requests import vehicle_request_done
from driveway.domain.twin import ChargeNow, Command, Entry, Observed, Session, StandingLimit, Twin, VehicleRequest
from driveway.values import replace
from tests.support.domain.control_car import START, axle_profile, new_twin
from tests.support.domain.control_car_life import MINUTE, CarLife

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


class Rig(CarLife):
    """A car's life, the sender of its commands, and its provider with the fault ``fault``."""

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
        travels = self.stops_travel if command.action == "stop" else timedelta(0)
        if travels:
            self.at(self.now + travels, lambda: self._arrives(command))
        else:
            self._arrives(command)

    def _arrives(self, command: Command) -> None:
        """The call reaches the provider, and is answered unless its sender has died meanwhile."""
        asleep = self.fault in {"asleep", "sleepy"}
        woken = asleep and self._wake(command)
        outcome = "RETRYABLE" if asleep and not (woken and self.fault == "sleepy") else self._called(command)
        died = self.senders_of_stops_die and command.action == "stop"
        if self.fault != "answer_lost" and not died:
            answer = partial(self._answer, command.id, outcome, asleep=asleep, woken=woken)
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
        return (
            bool(self.stops_travel)
            or [sent.id for _, sent in self.sent if sent.action in {"start", "stop"}][-1] == command.id
        )

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
