"""The promises for every car, counted from the commands to it and not from charge control's own counters."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from driveway.domain.control.required_command import is_instructed
from driveway.domain.control.settings import ControlRules
from driveway.domain.twin import Command, Entry, Twin
from driveway.domain.twin.reasons import Reason

KEPT_FOR_STARTS = 2
LETS_CHARGE = {"start", "remove_default", "restore_current"}
PEAK_STARTS = (time(5, 30), time(8), time(16))
"""By the night tariff and by British regulation, in a winter's UTC."""

AT_ONCE = {Reason.CHARGE_NOW, Reason.MINIMUM_SOC, Reason.TEST_CHARGE}
TRIED_FOR = timedelta(hours=14)
"""12 hours in which the provider answers, and the outages of a history."""

PAUSE_WHILE_LEAVING = timedelta(minutes=10)
"""A car that leaves has an hour in all."""

PROVIDERS_OWN = {"RETRYABLE", "NEEDS_USER"}
ENDINGS = {"CommandConfirmed", "CommandSuperseded", "CommandExpired", "CommandFailed"}


@dataclass
class Promises:
    """The limits from the documentation, and the counts that they bound."""

    daily_commands: int = 40
    daily_wakes: int = 4
    pairs: int = 6
    attempts: int = 4
    dwell: timedelta = timedelta(minutes=5)
    pause: timedelta = timedelta(minutes=30)

    sends: Counter[str] = field(default_factory=Counter)
    wakes: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    row: int = 0
    given_up_at: datetime | None = None
    release_given_up: bool = False
    charge_nows_given_up: set[str] = field(default_factory=set)
    came_back: bool = False
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    trials: set[datetime] = field(default_factory=set)

    @classmethod
    def of(cls, rules: ControlRules) -> "Promises":
        """The promises of rules that differ from the usual ones."""
        return cls(
            daily_commands=rules.daily_commands,
            daily_wakes=rules.daily_wakes,
            pairs=rules.max_pairs,
            attempts=rules.max_attempts,
            dwell=rules.min_dwell,
            pause=rules.breaker_pause,
        )

    # What happens

    def ended(self, entry: Entry, command: Command | None, twin: Twin) -> None:
        """A command ended, as the timeline shows it."""
        if entry.event not in ENDINGS or command is None:
            return
        self.row = 0
        self.release_given_up = entry.event == "CommandFailed" and command.release
        if entry.event == "CommandFailed":
            self.given_up_at, self.came_back = entry.at, False
            if command.reason == Reason.CHARGE_NOW and twin.charge_now is not None:
                self.charge_nows_given_up.add(twin.charge_now.id)
        elif entry.event == "CommandConfirmed" and not command.release:
            self.given_up_at = None

    def woken(self, now: datetime) -> None:
        """The car was woken."""
        day = now.date().isoformat()
        self.wakes[day] += 1
        assert self.wakes[day] <= self.daily_wakes, "the car was woken too often"

    def stopped(self, twin: Twin) -> None:
        """The car, which was charging, obeyed a stop."""
        session = twin.presence.session
        if session is not None:
            self.stops[session.id] += 1
            assert self.stops[session.id] <= self.pairs, "the car was stopped too often in a session"

    def sent(self, command: Command, twin: Twin, now: datetime) -> None:
        """A command was sent to the car, with the twin as the only knowledge of it."""
        day = now.date().isoformat()
        self.sends[day] += 1
        kept = 0 if command.action in LETS_CHARGE else KEPT_FOR_STARTS
        assert self.sends[day] <= self.daily_commands - kept, "the daily budget is overspent"
        if command.action not in {"start", "stop"}:
            return
        self.row += 1
        assert self.row <= self.attempts, "one command was sent too often"
        self._check_pause(command, twin, now)
        if command.action == "start":
            self._check_start(command, twin, now)
            self.started_at = now
        else:
            self._check_stop(command, twin, now)
            self.stopped_at = now

    # What must hold then

    def _check_pause(self, command: Command, twin: Twin, now: datetime) -> None:
        if command.trial == "account":
            return  # it has a limit of its own: start edges, and each hour for a day
        pause = min(self.pause, PAUSE_WHILE_LEAVING) if twin.link.leaving else self.pause
        if self.given_up_at is None or now >= self.given_up_at + pause or self.came_back:
            return
        # A charge-now that ended while its command was put off still counts as a request.
        tried = twin.charge_now is not None and twin.charge_now.id in self.charge_nows_given_up
        asked_for = command.reason == Reason.CHARGE_NOW and not tried
        released = command.release and not self.release_given_up
        # A charger that accepted a start and ignored it may yet charge by it, so the plan's hold does not wait.
        held = command.action == "stop" and is_instructed(twin)
        assert asked_for or released or held, "a car that did not follow was not left alone"

    def _check_start(self, command: Command, twin: Twin, now: datetime) -> None:
        link, presence = twin.link, twin.presence
        assert presence.held_plug_out is None, "a car that may be unplugged was started"
        if command.release and is_instructed(twin):
            return
        if command.trial == "unplugged" and presence.session is None:
            self._check_trial(command, twin, now)
            return
        plugged, home = presence.plugged_in, presence.at_home
        assert presence.session is not None, "a car was started without a session"
        assert plugged is not None, "a car without a known plug was started"
        assert plugged.value, "a car that is unplugged was started"
        assert home is not None, "a car without a known home was started"
        assert home.value, "a car that is away was started"
        if command.release:
            return
        charging_now = twin.charge_now is not None and now < twin.charge_now.until
        assert link.enrolled, "a car that left was started"
        assert not link.leaving, "a car that is leaving was started"
        assert charging_now or link.snoozed_until is None or now >= link.snoozed_until, "a snoozed car was started"
        at_once = command.reason in AT_ONCE or self.row > 1 or self.stopped_at is None
        assert at_once or now - self.stopped_at >= self.dwell, "a car was started just after it was stopped"  # type: ignore[operator]  # not None

    def _check_trial(self, command: Command, twin: Twin, now: datetime) -> None:
        """A car that is reported unplugged gets one start for each of our own stops that may have caused the report."""
        link, moved_at = twin.link, twin.presence.moved_at
        assert self.stopped_at is not None, "a car that we did not stop was tried"
        assert moved_at is None or moved_at <= self.stopped_at, "a car that has left was tried"
        assert now - self.stopped_at <= TRIED_FOR, "a car was tried long after our stop"
        managed = link.enrolled and not link.leaving and (link.snoozed_until is None or now >= link.snoozed_until)
        assert managed or command.release, "a car that we do not manage was tried"

    def tried(self, outcome: str) -> None:
        """The provider answered a trial start."""
        if outcome in PROVIDERS_OWN:
            return
        assert self.stopped_at is not None
        assert self.stopped_at not in self.trials, "a car was tried twice for one stop"
        self.trials.add(self.stopped_at)

    def _check_stop(self, command: Command, twin: Twin, now: datetime) -> None:
        link = twin.link
        assert twin.presence.session is not None, "a car was stopped without a session"
        assert link.enrolled, "a car that left was stopped"
        assert not link.leaving, "a car that is leaving was stopped"
        assert link.snoozed_until is None or now >= link.snoozed_until, "a snoozed car was stopped"
        assert twin.charge_now is None or now >= twin.charge_now.until, "a car was stopped during a charge-now"
        if command.reason == Reason.TEST_CHARGE:
            return
        late = self.started_at is None or now - self.started_at >= self.dwell
        assert late or self.row > 1 or self._peak_began(now), "a car was stopped just after it was started"

    def _peak_began(self, now: datetime) -> bool:
        edges = [datetime.combine(now.date(), at, tzinfo=now.tzinfo) for at in PEAK_STARTS]
        return any(self.started_at is not None and self.started_at < edge <= now for edge in edges)
