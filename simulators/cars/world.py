"""All cars and everything that is going to happen to them, in the order of simulated time.

Every access to the world first processes what was due by then, so that an instant in the simulation is exact
however late a thread wakes up.
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from driveway.runtime.clock import Clock
from simulators.cars.car import Car, View
from simulators.cars.settings import ProviderSettings, Settings
from simulators.cars.spec import CarSpec

Task = Callable[[datetime], None]
Reporter = Callable[[Car, View | None, View], None]
IDLE_REAL_S = 0.5
LOSS_NOTICED_AFTER = timedelta(minutes=7)
"""Enode looks at an idle car about so often, and reports each change: that it lost contact, too."""


class World:
    """The cars by vehicle id, the agenda, and the providers that report what changes."""

    def __init__(self, clock: Clock) -> None:
        """An empty world at the clock's present instant."""
        self.clock = clock
        self.settings = Settings()
        self.cars: dict[str, Car] = {}
        self.reporters: dict[str, Reporter] = {}
        self._agenda: list[tuple[datetime, int, Task]] = []
        self._order = itertools.count()
        self._changed = threading.Condition(threading.RLock())
        self._running = False
        self._ran_until = clock.now()

    @contextmanager
    def present(self) -> Iterator[datetime]:
        """Hold the world still at the present instant (aware UTC), with everything done that was due."""
        with self._changed:
            yield self._run_due(self.clock.now())

    def later(self, at: datetime, task: Task) -> None:
        """Have ``task`` called with exactly ``at`` when that instant has come."""
        with self._changed:
            heapq.heappush(self._agenda, (at, next(self._order), task))
            self._changed.notify()

    def start(self) -> None:
        """Let time pass by itself, in a thread of its own."""
        self._running = True
        threading.Thread(target=self._pass_time, name="car-agenda", daemon=True).start()

    def stop(self) -> None:
        """Let time stand."""
        with self._changed:
            self._running = False
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all cars and all that was going to happen; settings stay."""
        with self._changed:
            self.cars.clear()
            self._agenda.clear()

    def provider(self, name: str) -> ProviderSettings:
        """The settings of one provider."""
        settings: ProviderSettings = getattr(self.settings, name)
        return settings

    def add(self, spec: CarSpec, at: datetime) -> Car:
        """Put a car into the world, parked at home."""
        car = Car(spec=spec, at=at)
        car.reported = car.view()
        self.cars[spec.vehicle_id] = car
        self._arm(car)
        return car

    def touch(self, car: Car, at: datetime) -> None:
        """Bring a car up to an instant, report what changed, and note when it next does something by itself."""
        car.advance(at)
        view, before = car.view(), car.reported
        sampled = car.next_sample_at is not None and car.next_sample_at <= at
        if self._is_to_report(car, before, view, at, sampled=sampled):
            self.report(car, before, view)
        every_s = self.provider(car.spec.provider).sample_every_s
        if car.spec.reports_per_percent:
            car.next_sample_at = car.next_percent_at()
        elif not view.charging or every_s == 0:
            car.next_sample_at = None
        elif car.next_sample_at is None or sampled:
            car.next_sample_at = at + timedelta(seconds=every_s)
        self._arm(car)

    def _is_to_report(self, car: Car, before: View | None, view: View, at: datetime, *, sampled: bool) -> bool:
        """Whether the provider reports now: at its own pace if it polls, else on a change or as a sample."""
        if car.spec.report_every_s > 0:
            due = car.next_report_at is None or car.next_report_at <= at
            if due:
                car.next_report_at = at + timedelta(seconds=car.spec.report_every_s)
            return due
        car.next_report_at = None
        if before is not None and before.plugged and not view.plugged and car.spec.loses_plug_out:
            car.reported = view
            return False
        return before is None or view.differs_from(before) or sampled or self._power_stepped(before, view)

    def lost_contact(self, car: Car, at: datetime) -> None:
        """Have Enode report that it has no contact with a car, once it has noticed."""

        def notice(then: datetime) -> None:
            if car.stale is not None and car.spec.is_sent:
                self.reporters["enode"](car, car.reported, car.stale)

        if car.spec.provider == "enode":
            self.later(at + LOSS_NOTICED_AFTER, notice)

    def report(self, car: Car, before: View | None, view: View) -> None:
        """Hand a view of a car to its provider, unless the provider has lost contact."""
        car.reported = view
        if not view.reachable or not car.spec.is_sent:
            return
        reporter, meter = self.reporters[car.spec.provider], car.spec.meter
        reporter(car, before, view)
        if meter.shows_zero_too and view.register_wh:
            reporter(car, view, replace(view, at=view.at + timedelta(seconds=1), register_wh=0.0))
        if car.register.is_late:
            self.later(view.at + timedelta(seconds=meter.last_value_late_s), lambda at: self._last_value(car, at))
        car.register.reported()

    def _last_value(self, car: Car, at: datetime) -> None:
        """The last value of a charge comes, late."""
        if car.register.is_late and not car.charging:
            car.register.is_late = False
            car.advance(at)
            self.report(car, car.reported, car.view())

    def _power_stepped(self, before: View, view: View) -> bool:
        return before.charging and view.charging and abs(before.power_kw - view.power_kw) > 0.05 * view.power_kw

    def _arm(self, car: Car) -> None:
        car.generation += 1
        generation = car.generation
        polled = car.next_report_at
        if polled is None and car.spec.report_every_s > 0:
            polled = car.at + timedelta(seconds=car.spec.report_every_s)
        instants = [at for at in (car.next_event(), car.next_sample_at, polled) if at is not None]
        if instants:
            self.later(min(instants), lambda at: self._wake(car, generation, at))

    def _wake(self, car: Car, generation: int, at: datetime) -> None:
        if car.generation == generation:
            self.touch(car, at)

    def _run_due(self, now: datetime) -> datetime:
        now = max(now, self._ran_until)
        while self._agenda and self._agenda[0][0] <= now:
            at, _, task = heapq.heappop(self._agenda)
            task(at)
        self._ran_until = now
        return now

    def _pass_time(self) -> None:
        with self._changed:
            while self._running:
                now = self._run_due(self.clock.now())
                wait_s = self.clock.real_s(self._agenda[0][0] - now) if self._agenda else IDLE_REAL_S
                self._changed.wait(min(wait_s, IDLE_REAL_S))
