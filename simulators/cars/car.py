"""A car with a battery, a plug, a place and an energy meter, evaluated only when somebody asks.

Nothing here reads a clock: every call carries its instant (aware UTC), and instants must not go backwards. Between
two events the meter is integrated in closed form, so what it says does not depend on how often it is asked.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil, isinf
from typing import Any, Literal, Protocol

from simulators.cars.charging_curve import ChargingCurve
from simulators.cars.meter import LifetimeRegister, SessionRegister
from simulators.cars.spec import CarSpec

HALF_HOUR_S = 1800
LEAST_AMPS = 6.0
KM_PER_DRIVE = 25.0
KM_PER_HOUR = 100.0
Mode = Literal["start", "stop"]


class Plan(Protocol):
    """A schedule kept in the car or in the charger, obeyed when nobody commands."""

    def limit_kw(self, car: "Car", at: datetime) -> float | None:
        """The most power at an instant; None when the plan says nothing."""
        ...

    def next_edge(self, car: "Car", after: datetime) -> datetime | None:
        """The next instant at which the limit may change."""
        ...

    def end_session(self) -> None:
        """Forget what held for the session that has just ended."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """What the car's cloud says of it, which is true unless the car is set to report falsely or not at all."""

    at: datetime
    plugged: bool
    charging: bool
    power_kw: float
    complete: bool
    soc_pct: float
    at_home: bool
    driving: bool
    latitude: float
    longitude: float
    register_wh: float
    meter_wh: float
    efficiency: float
    asleep: bool
    reachable: bool
    place_at: datetime
    odometer_km: float | None

    def differs_from(self, other: "View") -> bool:
        """Whether anything changed that a provider would report at once (not the slow drift of charge and meter)."""
        names = ("plugged", "charging", "complete", "at_home", "driving", "asleep", "reachable")
        return any(getattr(self, name) != getattr(other, name) for name in names)


@dataclass(frozen=True, slots=True)
class Transition:
    """Charging began or ended at exactly this instant, at this AC power."""

    at: datetime
    charging: bool
    power_kw: float


@dataclass(slots=True)
class Car:
    """The truth of one car. ``meter_wh`` is AC energy since it was made, ``slots_wh`` the same by UTC half-hour.

    ``amps`` is the current that the driver or a command set; None: the greatest.
    """

    spec: CarSpec
    at: datetime
    stored_kwh: float = 0.0
    plugged: bool = False
    plugged_at: datetime | None = None
    at_home: bool = True
    driving: bool = False
    mode: Mode | None = None
    amps: float | None = None
    plan: Plan | None = None
    offered_kw: float = 0.0
    meter_wh: float = 0.0
    session_wh: float = 0.0
    register: SessionRegister = field(default_factory=SessionRegister)
    lifetime: LifetimeRegister = field(default_factory=LifetimeRegister)
    starts: int = 0
    lies_until: datetime | None = None
    slots_wh: dict[datetime, float] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    stale: View | None = None
    generation: int = 0
    next_sample_at: datetime | None = None
    reported: View | None = None
    next_report_at: datetime | None = None
    parked_at: datetime | None = None
    stray_at: datetime | None = None
    odometer_km: float = 20_000.0
    left_at: datetime | None = None

    def __post_init__(self) -> None:
        """Fill the battery to the state of charge of the specification; the car has parked by now."""
        self.parked_at = self.at
        self.stored_kwh = self.spec.battery_kwh * self.spec.soc_pct / 100
        self.amps = self.spec.driver_amps

    @property
    def set_amps(self) -> float:
        """The charging current (A per phase) that the car is set to, by whomever."""
        greatest = self.spec.power_kw * 1000 / self.spec.voltage_v / self.spec.phases
        return float(round(greatest)) if self.amps is None else self.amps

    @property
    def charging(self) -> bool:
        """Whether power flows, as of the latest event."""
        return self.offered_kw > 0

    @property
    def power_kw(self) -> float:
        """AC power at the instant the car was last advanced to."""
        return self._curve.power_kw(self.stored_kwh, self.offered_kw) if self.charging else 0.0

    @property
    def complete(self) -> bool:
        """Whether the charge limit is reached."""
        return self.stored_kwh >= self._target_kwh - 1e-9

    @property
    def soc_pct(self) -> float:
        """State of charge in percent."""
        return 100 * self.stored_kwh / self.spec.battery_kwh

    def advance(self, now: datetime) -> None:
        """Let time pass until ``now``, through every event of the car's own on the way."""
        while self.at < now:
            event = self.next_event()
            until = now if event is None or event > now else event
            edge = self.plan.next_edge(self, self.at) if self.plan and self.plugged else None
            pause = self._pause_at()
            self._integrate(until)
            if pause is not None and pause <= until:
                self.mode = "stop"
            if edge == until and self.spec.schedule_edges_override:
                self.mode = None
            self.settle()

    def next_event(self) -> datetime | None:
        """The next instant at which the car does something by itself, after the one it was advanced to."""
        instants = []
        if self.charging:
            target, knee = self._target_kwh, self._curve.knee_kwh(self.offered_kw)
            goal = knee if self.stored_kwh < knee - 1e-9 < target else target
            hours = self._curve.hours_to(self.stored_kwh, goal, self.offered_kw)
            if not isinf(hours):
                instants.append(self.at + timedelta(microseconds=max(1, ceil(hours * 3.6e9))))
        if self.plan is not None and self.plugged:
            edge = self.plan.next_edge(self, self.at)
            if edge is not None:
                instants.append(edge)
        if self.lies_until is not None and self.lies_until > self.at:
            instants.append(self.lies_until)
        pause = self._pause_at()
        if pause is not None:
            instants.append(pause)
        return min(instants, default=None)

    def next_percent_at(self) -> datetime | None:
        """When the battery reaches its next whole per cent; None if it does not charge so far."""
        goal_kwh = (int(self.soc_pct + 1e-6) + 1) * self.spec.battery_kwh / 100
        if not self.charging or goal_kwh > self._target_kwh:
            return None
        hours = self._curve.hours_to(self.stored_kwh, goal_kwh, self.offered_kw)
        return None if isinf(hours) else self.at + timedelta(microseconds=max(1, ceil(hours * 3.6e9)))

    def _pause_at(self) -> datetime | None:
        """When the car stops by itself; None while it does not charge, or if it never does."""
        if not self.charging or self.spec.pauses_after_s is None or not self.transitions:
            return None
        return max(self.at, self.transitions[-1].at + timedelta(seconds=self.spec.pauses_after_s))

    def settle(self) -> None:
        """Make charging what plug, command, plan and battery say it should be now."""
        if self.lies_until is not None and (self.lies_until <= self.at or not self.plugged):
            self.lies_until = None
        was_charging = self.charging
        self.offered_kw = self._offer_kw()
        if self.charging != was_charging:
            self.starts += self.charging
            self.register.charging_changed(self.spec.meter, charging=self.charging)
            self.transitions.append(Transition(self.at, self.charging, self.power_kw))

    def plug_in(self, at: datetime) -> None:
        """Connect the cable: a new session, in which the car decides by itself until it gets a command."""
        self.advance(at)
        if self.plugged:
            return
        self.plugged, self.plugged_at, self.driving = True, at, False
        self.mode, self.session_wh, self.starts = None, 0.0, 0
        self.register = SessionRegister()
        self.settle()

    def plug_out(self, at: datetime) -> None:
        """Take the cable out."""
        self.advance(at)
        if self.plugged:
            self.lifetime.unplugged(self.spec.meter)
        self.plugged, self.plugged_at, self.mode = False, None, None
        if self.plan is not None:
            self.plan.end_session()
        self.settle()

    def drive_away(self, at: datetime, *, used_kwh: float = 0.0) -> None:
        """Leave home, unplugged, having used so much energy by the time it is away."""
        self.plug_out(at)
        self.at_home, self.driving, self.left_at = False, True, at
        self.stored_kwh = max(0.0, self.stored_kwh - used_kwh)

    def park(self, at: datetime, *, at_home: bool) -> None:
        """Come to rest, at home or away.

        Clouds date places by the second, and a drive takes longer: the car parks when that second is over, not in the
        same one as a report from elsewhere.
        """
        self.advance(at)
        if self.driving:
            self.odometer_km += KM_PER_DRIVE
        self.at_home, self.driving = at_home, False
        self.parked_at = at + timedelta(microseconds=-at.microsecond % 1_000_000)
        self.settle()

    def command(self, at: datetime, mode: Mode | None) -> None:
        """Obey a start or stop; None goes back to the car's own plan. A stop may make the car's cloud lie."""
        self.advance(at)
        if not self.plugged:
            return
        self.mode = mode
        self.settle()
        if mode == "stop" and self.spec.lie_unplugged_after_stop_s > 0:
            self.lies_until = at + timedelta(seconds=self.spec.lie_unplugged_after_stop_s)

    def change(self, at: datetime) -> None:
        """Take into account what was changed of the specification, the amperes or the plan at this instant."""
        self.advance(at)
        self.settle()

    @property
    def _odometer_km(self) -> float:
        """It grows while the car drives."""
        if not self.driving or self.left_at is None:
            return self.odometer_km
        return self.odometer_km + min(KM_PER_DRIVE, KM_PER_HOUR * ((self.at - self.left_at) / timedelta(hours=1)))

    def view(self) -> View:
        """What the car's cloud says now."""
        if self.stale is not None:
            return self.stale
        lying = self.lies_until is not None or self._seems_unplugged
        claimed = self.spec.claimed_soc_pct
        return View(
            at=self.at, plugged=self.plugged and not lying, charging=self.charging, power_kw=self.power_kw,
            complete=self.complete, soc_pct=self.soc_pct if claimed is None else claimed, driving=self.driving,
            register_wh=self.register.shown_wh(self.spec.meter, charging=self.charging),
            meter_wh=self.lifetime.shown_wh(self.spec.meter), efficiency=self.spec.efficiency,
            asleep=self.spec.asleep, reachable=True,
            odometer_km=round(self._odometer_km, 1) if self.spec.reports_odometer else None, **self._place(),
        )  # fmt: skip

    def _place(self) -> dict[str, Any]:
        """Where the cloud says that the car is, and when it says that it measured that."""
        stray, dated_by_parking = self.spec.stray, self.spec.place_dated_by_parking and not self.driving
        if stray is not None:
            return {"at_home": False, "place_at": self.stray_at or self.at, **stray.model_dump()}
        place = (self.spec.home if self.at_home else self.spec.away).model_dump()
        place_at = self.parked_at if dated_by_parking and self.parked_at is not None else self.at
        return {"at_home": self.at_home, "place_at": place_at, **place}

    @property
    def takes_commands(self) -> bool:
        """Whether the provider lets a command pass as the cable is in, as far as it knows."""
        return self.plugged and self.stale is None if self._seems_unplugged else self.view().plugged

    @property
    def _seems_unplugged(self) -> bool:
        return self.spec.seems_unplugged_while_stopped and self.plugged and self.mode == "stop"

    def _offer_kw(self) -> float:
        worn_out = self.spec.refuses_after_starts is not None and self.starts >= self.spec.refuses_after_starts
        if not self.plugged or self.complete or self.mode == "stop" or (worn_out and not self.charging):
            return 0.0
        volts_kw = self.spec.voltage_v * self.spec.phases / 1000
        most_kw = self.spec.power_kw if self.amps is None else min(self.spec.power_kw, self.amps * volts_kw)
        if self.mode == "start":
            return most_kw
        planned_kw = None if self.plan is None else self.plan.limit_kw(self, self.at)
        if planned_kw is None:
            return most_kw if self.spec.auto_start else 0.0
        least_kw = LEAST_AMPS * volts_kw
        if planned_kw >= least_kw - 1e-9 or planned_kw <= 0:
            return min(most_kw, planned_kw)
        return {"pause": 0.0, "draw_least": min(most_kw, least_kw), "draw_all": most_kw}[self.spec.below_least]

    def _integrate(self, until: datetime) -> None:
        while self.at < until:
            slot = slot_start(self.at)
            end = min(until, slot + timedelta(seconds=HALF_HOUR_S))
            if self.charging:
                hours = (end - self.at) / timedelta(hours=1)
                stored = min(self._target_kwh, self._curve.stored_after(self.stored_kwh, self.offered_kw, hours))
                drawn_wh = 1000 * (stored - self.stored_kwh) / self.spec.efficiency
                self.stored_kwh = stored
                self.meter_wh += drawn_wh
                self.session_wh += drawn_wh
                self.register.count(drawn_wh)
                self.lifetime.count(drawn_wh)
                self.slots_wh[slot] = self.slots_wh.get(slot, 0.0) + drawn_wh
            elif self.plugged:
                self.register.drain(self.spec.meter.drain_w * ((end - self.at) / timedelta(hours=1)))
            self.at = end

    @property
    def _curve(self) -> ChargingCurve:
        return ChargingCurve(self.spec.battery_kwh, self.spec.power_kw, self.spec.efficiency)

    @property
    def _target_kwh(self) -> float:
        return self.spec.battery_kwh * self.spec.charge_limit_pct / 100


def slot_start(at: datetime) -> datetime:
    """The start of the UTC half-hour that holds an instant."""
    second = int(at.timestamp()) // HALF_HOUR_S * HALF_HOUR_S
    return datetime.fromtimestamp(second, UTC)
