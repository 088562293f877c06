"""EventBridge Scheduler, and Lambda's queue of asynchronous invocations behind it."""

import heapq
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.world.aws.clock import Clock, after
from tests.world.aws.delivery import Delivery
from tests.world.aws.faults import Faults
from tests.world.aws.stack import ACCOUNT, REGION
from tests.world.aws.wire import JSON, UnknownToTheCloudError, as_sent, decoded

PAUSES_S = (60.0, 120.0)
"""Lambda repeats a failed asynchronous invocation after a minute, then after two."""
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) \* \* \? \*\)")
_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class AsyncRules:
    """How often and for how long Lambda repeats a failed asynchronous invocation."""

    most_retries: int = 2
    oldest: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Tick:
    at: datetime
    number: int
    event: JSON
    first_at: datetime
    attempts: int = 0

    def __lt__(self, other: "_Tick") -> bool:
        return (self.at, self.number) < (other.at, other.number)


class Schedule:
    """A schedule and the function that it starts."""

    def __init__(
        self,
        logical_id: str,
        declared: Mapping[str, Any],
        function: str,
        timeout_s: float,
        *,
        clock: Clock,
        faults: Faults,
        rules: AsyncRules,
    ) -> None:
        self.logical_id, self.function, self.timeout_s = logical_id, function, timeout_s
        self._clock, self._faults, self._rules = clock, faults, rules
        self.expression: str = declared["ScheduleExpression"]
        self.arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{declared['Name']}"
        self._input: str | None = declared["Target"].get("Input")
        self._next = next_tick(self.expression, clock.now())
        self._waiting: list[_Tick] = []
        self._number = 0
        self.dropped: list[JSON] = []
        """Invocations that failed for good."""

    @property
    def repeating(self) -> bool:
        """Whether a tick waits that has failed, was late or is doubled."""
        return bool(self._waiting)

    def next_at(self) -> datetime:
        """When the function is started next."""
        return min(self._next, self._waiting[0].at) if self._waiting else self._next

    def due(self, now: datetime) -> list[Delivery]:
        """The invocations that are due."""
        while self._next <= now:
            passage = self._faults.on_tick(self.logical_id)
            if not passage.lost:
                first = after(self._next, passage.delay_s)
                for at in (first, *(after(first, copy_s) for copy_s in passage.copies_s)):
                    self._push(_Tick(at, 0, self._event(self._next), self._next))
            self._next = next_tick(self.expression, self._next)
        found = []
        while self._waiting and self._waiting[0].at <= now:
            found.append(self._delivery(heapq.heappop(self._waiting), now))
        return found

    def _push(self, tick: _Tick) -> None:
        self._number += 1
        heapq.heappush(self._waiting, _Tick(tick.at, self._number, tick.event, tick.first_at, tick.attempts))

    def _event(self, at: datetime) -> JSON:
        if self._input is not None:
            given: JSON = decoded(self._input)
            return given
        return {
            "version": "0",
            "id": f"{self.logical_id}-{at:%Y%m%dT%H%M%SZ}",
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": ACCOUNT,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [self.arn],
            "detail": "{}",
        }

    def _delivery(self, tick: _Tick, now: datetime) -> Delivery:
        def end(returned: bool, _: Any) -> None:
            if returned:
                return
            at = after(self._clock.now(), PAUSES_S[min(tick.attempts, len(PAUSES_S) - 1)])
            if tick.attempts >= self._rules.most_retries or at - tick.first_at > self._rules.oldest:
                self.dropped.append(tick.event)
            else:
                self._push(_Tick(at, 0, tick.event, tick.first_at, tick.attempts + 1))

        return Delivery(self.function, as_sent(tick.event), self.timeout_s, None, self.logical_id, now, end)

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        return self._next, list(self._waiting), self._number, list(self.dropped)

    def restore(self, snapshot: Any) -> None:
        """Go back to a state."""
        self._next, waiting, self._number, dropped = snapshot
        self._waiting, self.dropped = list(waiting), list(dropped)


def next_tick(expression: str, at: datetime) -> datetime:
    """The first time of a schedule after an instant (aware UTC). A rate counts from the start of a whole minute."""
    rate = _RATE.fullmatch(expression)
    minute = at.replace(second=0, microsecond=0)
    if rate is not None:
        return minute + int(rate.group(1)) * _UNITS[rate.group(2)]
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise UnknownToTheCloudError(f"the schedule {expression}")
    minutes, hours = (frozenset(_numbers(cron.group(part), most)) for part, most in ((1, 60), (2, 24)))
    while True:
        minute += timedelta(minutes=1)
        if minute.minute in minutes and minute.hour in hours:
            return minute


def _numbers(field: str, most: int) -> Iterator[int]:
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "", str(most - 1)) if span == "*" else span.partition("-")
        yield from range(int(first), int(last or (most - 1 if step else first)) + 1, int(step or 1))
