"""A life of a car, played against its twin: what was delivered, what was commanded, and what of it was wrong."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, pairwise
from random import Random

from driveway.domain.control.required_command import observed_state_matches
from driveway.domain.control.trial_start import has_left
from driveway.domain.reports.account_connection import disconnected
from driveway.domain.twin import Command, OutcomeKind
from driveway.domain.twin.reasons import Reason
from driveway.values import replace
from tests.support.observations.account_reports import account_lost, account_resolved, part_error
from tests.support.observations.car_reports import Snapshot, read
from tests.support.observations.home_car import HomeCar
from tests.support.observations.lives import (
    BATTERY_KWH,
    BEGIN,
    DISTANCE_KM,
    MINUTE,
    Cloud,
    Stay,
    Teller,
    report_times,
    stay_at,
)
from tests.support.observations.mishaps import Kind, Mishaps
from tests.support.observations.nights import judged_night
from tests.support.observations.patient_shelf import PatientShelf

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Delivered:
    """A snapshot that arrived as the newest so far; ``stray``: its place is one."""

    at: datetime
    snapshot: Snapshot
    stray: bool

    @property
    def says_place(self) -> bool:
        position = self.snapshot.position
        return self.snapshot.at_home is not None or (position is not None and position != (0.0, 0.0))


@dataclass
class PlayedLife:
    """Play it, then ask ``wrong`` for what must not have happened, in words."""

    random: Random
    more: Random
    cloud: Cloud
    stays: list[Stay]
    mishaps: Mishaps = field(default_factory=Mishaps)
    minimum_soc_pct: float | None = None
    car: HomeCar = field(init=False)
    teller: Teller = field(init=False)
    session_at_loss: str | None = None
    shelf: PatientShelf = field(default_factory=PatientShelf)
    obeyed: list[tuple[datetime, str]] = field(default_factory=list)
    mode: str | None = None
    soc_pct: float = 40.0
    session_kwh: float = 0.0
    clock: datetime = BEGIN
    delivered: list[Delivered] = field(default_factory=list)
    opened: dict[str, datetime] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def play(self) -> "PlayedLife":
        self.car = HomeCar.of(self.cloud.provider, clock=BEGIN, slots=self.shelf)
        self.car.on_look, self.car.on_command = self._answer_look, self._answer
        if self.minimum_soc_pct is not None:
            intent = replace(self.car.twin.intent, minimum_soc_pct=self.minimum_soc_pct)
            self.car.twin = replace(self.car.twin, intent=intent)
        self.teller, order = Teller(self.random, self.more, self.cloud, self.stays), count()
        events: list[tuple[datetime, int, Kind, Snapshot | None, bool]] = [
            (at, next(order), "report", None, False) for at in report_times(self.random, self.cloud, self.stays)
        ]
        events += [(at, next(order), kind, None, False) for at, kind in self.mishaps.events]
        heapq.heapify(events)
        while events:
            at, _, kind, snapshot, stray = heapq.heappop(events)
            self._pass(at)
            if kind != "report":
                self._befall(at, kind)
            elif snapshot is not None:
                self._deliver(at, snapshot, stray)
            elif not self.mishaps.is_account_lost(at) and not self.mishaps.is_queue_deleted(at):
                made, stray = self._made(at)
                if self.random.random() >= self.cloud.loss:
                    late_s = self.random.randint(1, 5)
                    if self.random.random() < self.cloud.late:
                        late_s = self.random.randint(60, 1800)
                    heapq.heappush(events, (at + timedelta(seconds=late_s), next(order), kind, made, stray))
        self._pass(self.stays[-1].end + 2 * HOUR)
        self.shelf.flush(self.car.clock)
        self._judge()
        return self

    def _made(self, at: datetime) -> tuple[Snapshot, bool]:
        return self.teller.snapshot(
            at,
            charging=self._charging(at),
            soc_pct=self.soc_pct,
            session_kwh=self.session_kwh,
            stopped=self.mode == "stop",
        )

    def _befall(self, at: datetime, kind: Kind) -> None:
        """An account is lost or comes back, or an error about a part is reported."""
        provider, before = self.cloud.provider, self.car.twin.presence.needs_user
        match kind:
            case "account lost":
                session = self.car.twin.presence.session
                self.session_at_loss = session.id if session is not None else None
                self.car.takes_events(account_lost(provider, at))
            case "account back":
                self.car.takes_events(account_resolved(provider, at) if self.mishaps.resolved else ())
            case _ if not self.mishaps.is_queue_deleted(at):
                self.car.takes_events(part_error(provider, at, resolved=kind == "part resolved"))
                self.counts["part errors"] += 1
                if self.car.twin.presence.needs_user != before:
                    self.wrong.append(f"an error about a part changed the account at {at:%d %H:%M}")
        self.car.passes_until(at)

    def _answer_look(self) -> None:
        """The provider answers a state read."""
        at = self.car.clock
        self.counts["looks"] += 1
        if self.mishaps.is_account_lost(at):
            self.car.twin = disconnected(self.car.twin, "The account has to be connected again.", at)
            return
        self._live(at)
        snapshot, stray = self._made(at)
        self.car.takes_events(read(self.cloud.provider, snapshot, at))
        self._note(at, snapshot, stray)

    def _answer(self, command: Command) -> OutcomeKind:
        """The provider's answer to a command, which the car obeys."""
        at = self.car.clock
        self._live(at)
        self.counts["commands"] += 1
        if not self.is_home(at) and self._word_of_away(at):
            self.counts["commands away"] += 1
            self.wrong.append(f"{command.action} sent at {at:%d %H:%M} away from home")
        if (
            command.reason == Reason.MINIMUM_SOC
            and self.cloud.is_fine
            and self.soc_pct > (self.minimum_soc_pct or 0) + 15
        ):
            self.wrong.append(f"started at {at:%d %H:%M} for its minimum at {self.soc_pct:.0f} %")
        if self.mishaps.is_account_lost(at):
            return OutcomeKind.NEEDS_USER
        if command.trial in {"unplugged", "account"} or command.attempts > 0:
            self._answer_look()
            if observed_state_matches(self.car.twin, command.action):
                return OutcomeKind.ALREADY_IN_STATE
            if command.trial == "unplugged" and has_left(self.car.twin):
                return OutcomeKind.FAILED
        stay = stay_at(self.stays, at)
        if stay is None or not stay.is_plugged(at):
            return OutcomeKind.NOT_PLUGGED_IN
        self.mode = "stop" if command.action == "stop" else "start"
        self.obeyed.append((at, command.action))
        return OutcomeKind.ACCEPTED

    def _charging(self, at: datetime) -> bool:
        stay = stay_at(self.stays, at)
        return stay is not None and stay.is_plugged(at) and self.mode != "stop" and self.soc_pct < 100

    def _pass(self, until: datetime) -> None:
        """Let time pass for the car and for its twin, with every command that is sent on the way."""
        self.car.passes_until(until)
        self._note_session()
        self._live(until)

    def _live(self, until: datetime) -> None:
        """The battery and the meter, in steps of at most five minutes."""
        while self.clock < until:
            upto = min(until, self.clock + 5 * MINUTE)
            stay = stay_at(self.stays, self.clock)
            if stay is None or not stay.is_plugged(self.clock):
                self.mode, self.session_kwh = None, 0.0
                self.soc_pct = max(15.0, self.soc_pct - (8.0 if stay is None else 0.0) * ((upto - self.clock) / HOUR))
            elif self._charging(self.clock):
                kwh = stay.power_kw * ((upto - self.clock) / HOUR)
                self.session_kwh += kwh
                self.soc_pct = min(100.0, self.soc_pct + 100 * kwh / BATTERY_KWH)
            self.clock = upto

    def _deliver(self, at: datetime, snapshot: Snapshot, stray: bool) -> None:
        self.car.reports(snapshot, received_at=at)
        self.counts["reports"] += 1
        self._note(at, snapshot, stray)

    def _note(self, at: datetime, snapshot: Snapshot, stray: bool) -> None:
        """Note what was delivered, and check the session if it is the newest."""
        self._note_session()
        if any(before.snapshot.at >= snapshot.at for before in self.delivered):
            return
        found = Delivered(at, snapshot, stray)
        self.delivered.append(found)
        session = self.car.twin.presence.session
        shows_home = found.says_place and snapshot.plugged_in and self.is_home(snapshot.at) and not stray
        if shows_home and self.is_home(at) and session is None:
            self.counts["missed opens"] += 1
            self.wrong.append(f"no session at {at:%d %H:%M} though plug and home were reported")
        if self._is_clear(found) and session is not None:
            self.wrong.append(f"a session at {at:%d %H:%M} though the car was reported clearly away")

    def _note_session(self) -> None:
        session = self.car.twin.presence.session
        if session is None or session.id in self.opened:
            return
        self.opened[session.id] = session.opened_at
        self.counts["sessions"] += 1
        if not self.is_home(session.opened_at) and not self._is_excused(session.opened_at):
            self.counts["false opens"] += 1
            self.wrong.append(f"a session opened as of {session.opened_at:%d %H:%M:%S} away from home")

    def is_home(self, at: datetime) -> bool:
        stay = stay_at(self.stays, at)
        return stay is not None and stay.place == "home" and stay.is_plugged(at)

    def _is_excused(self, at: datetime) -> bool:
        """A garage without a fix, where no odometer was delivered between the parking that the cloud shows and it."""
        stay = stay_at(self.stays, at)
        if stay is None or stay.place != "garage" or not self.cloud.keeps_place_without_fix:
            return False
        fixed = [one for one in self.stays if one.start < stay.start and one.place != "garage"]
        since = fixed[-1] if fixed else stay
        return not any(since.start <= one.snapshot.at < since.end for one in self.delivered)

    def _is_clear(self, one: Delivered) -> bool:
        stay = stay_at(self.stays, one.snapshot.at)
        if stay is None or stay.place == "home" or (stay.place == "garage" and self.cloud.keeps_place_without_fix):
            return False
        far = one.snapshot.position not in (None, (0.0, 0.0)) and DISTANCE_KM[stay.place] > 1.2
        fast = one.snapshot.fast_charger and self.cloud.provider == "tesla"
        much = (one.snapshot.power_kw or 0) > 23 and bool(one.snapshot.charging)
        return far or fast or much

    def _word_of_away(self, at: datetime) -> bool:
        """Whether the newest place that was delivered by then is one away from home, of the present absence."""
        left = max((stay.end for stay in self.stays if stay.place == "home" and stay.end <= at), default=BEGIN)
        words = [one for one in self.delivered if one.at <= at and one.says_place and one.snapshot.at >= left]
        return bool(words) and self._says_away(words[-1])

    def _says_away(self, one: Delivered) -> bool:
        stay = stay_at(self.stays, one.snapshot.at)
        if stay is None:
            return not self.cloud.dated_by_parking
        stale = stay.place == "garage" and self.cloud.keeps_place_without_fix
        return stay.place != "home" and not stale

    def _judge(self) -> None:
        home = [stay for stay in self.stays if stay.place == "home" and stay.plugged < stay.unplugged]
        for before, after in pairwise(home):
            known_at = self._known_away_at(before.unplugged, after.plugged)
            if known_at is None:
                continue
            energy_wh = self.car.energy_between(known_at, after.plugged)
            if energy_wh:
                self.counts["Wh away"] += energy_wh
                self.wrong.append(f"{energy_wh} Wh away from home between {before.unplugged} and {after.plugged}")
        for stay in home:
            self.wrong += judged_night(self, stay)

    def _known_away_at(self, left: datetime, back: datetime) -> datetime | None:
        """The first word of an absence, if the reports in order show it.

        They do if the car was unplugged or clearly away, away twice, or once with no report of home within the hour.
        """
        seen = [one for one in self.delivered if left <= one.snapshot.at < back]
        clear = [one for one in seen if one.snapshot.plugged_in is False or self._is_clear(one)]
        words = [one for one in seen if one.says_place and self._says_away(one)]
        if not clear and not words:
            return None
        first = min(one.snapshot.at for one in (*clear, *words))
        measured = {one.snapshot.place_measured_at for one in words}
        homes = [one.snapshot.at for one in self.delivered if one.snapshot.at >= back and one.says_place]
        alone = bool(words) and (not homes or homes[0] - words[0].snapshot.at > HOUR)
        return first if clear or len(measured) > 1 or alone else None
