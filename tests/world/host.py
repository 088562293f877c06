"""Runs the real handlers as Lambda does: an environment and a clock for each instance, a context for each run."""

import io
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from driveway.runtime import context as runtime_context
from driveway.runtime.context import Runtime, use
from tests.support.faults import Death
from tests.support.functions.rig import function
from tests.world.aws.stack import Function
from tests.world.clock import InstanceClock, WorldClock
from tests.world.outside import Invocation, WorldOutside

MOST_INSTANCES = 2


class Killed(Exception):  # noqa: N818 - it is no fault of the function
    """The function was killed in the middle, or its time was up: its caller gets no answer."""


@dataclass
class Log(io.TextIOBase):
    """Every line that the functions wrote."""

    lines: list[str] = field(default_factory=list)

    def write(self, text: str) -> int:
        """Keep what is written."""
        if text.strip():
            self.lines.append(text)
        return len(text)


@dataclass(frozen=True)
class Context:
    """The context of one run, as far as functions use it."""

    aws_request_id: str
    clock: WorldClock
    until: datetime

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the function's time."""
        return max(0, int((self.until - self.clock.now()).total_seconds() * 1000))


class Host:
    """The functions of the template.

    Args:
        clients: the clients that every runtime gets, by the name of its attribute.
        functions: the functions by logical id, as the template has them.
        skew_s: by how many seconds the clock of a new instance is ahead.
    """

    def __init__(
        self,
        clock: WorldClock,
        outside: WorldOutside,
        clients: Mapping[str, Any],
        functions: Mapping[str, Function],
        *,
        rng: random.Random,
        wait: Callable[[float], None],
        skew_s: Callable[[], float],
    ) -> None:
        self.clock, self.outside, self.log = clock, outside, Log()
        self._functions, self._plain = functions, dict(clients)
        self._clients = {name: outside.reached_through(name, client) for name, client in clients.items()}
        self._rng, self._wait, self._skew_s = rng, wait, skew_s
        self._instances: dict[str, list[Runtime]] = {}
        self._busy: list[Runtime] = []
        self.invocations: list[Invocation] = []

    def run(self, name: str, event: Any) -> Any:
        """The answer of a function, by its logical id, to an event.

        Raises:
            Killed: it was killed, or ran out of time.
            Exception: what the handler raised.
        """
        declared = self._functions[name]
        handler = function(declared.folder.name).handler
        instance = self._instance(name)
        until = self.clock.now() + timedelta(seconds=declared.timeout_s)
        invocation = Invocation(name, len(self.invocations) + 1, until)
        self.invocations.append(invocation)
        before = runtime_context._current
        self.outside.running.append(invocation)
        self._busy.append(instance)
        use(instance)
        try:
            with redirect_stdout(self.log):
                answer = handler(event, Context(f"request-{invocation.number}", self.clock, until))
        except Death:
            raise Killed(invocation.fault) from None
        finally:
            use(before)
            self._busy.pop()
            self.outside.running.pop()
            if invocation.dead:
                self._instances[name].remove(instance)
        if invocation.dead:
            raise Killed(invocation.fault)
        return answer

    def runtime(self, name: str) -> Runtime:
        """A runtime of a function for a test to look through, on the true time and without faults."""
        made = Runtime(self._functions[name].environment, clock=self.clock)
        made.random = random.Random(1)
        made.__dict__ |= self._plain
        return made

    def _instance(self, name: str) -> Runtime:
        """An instance of a function that is not busy: one that there is, or a new one."""
        kept = self._instances.setdefault(name, [])
        free = [one for one in kept if not any(one is busy for busy in self._busy)]
        if free and (len(kept) >= MOST_INSTANCES or self._rng.random() < 0.9):
            return self._rng.choice(free)
        made = Runtime(self._functions[name].environment, clock=InstanceClock(self.clock, self._skew_s(), self._wait))
        made.random = random.Random(self._rng.getrandbits(64))
        made.__dict__ |= self._clients
        for handler in made.logger.handlers:
            handler.setStream(self.log)  # type: ignore[attr-defined]
        kept.append(made)
        return made


@contextmanager
def environment() -> Iterator[None]:
    """What the process itself has in its environment: what the logger and the metrics read when they are made."""
    needed = {
        "POWERTOOLS_SERVICE_NAME": "driveway",
        "POWERTOOLS_METRICS_NAMESPACE": "Driveway",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "world",
        "AWS_SECRET_ACCESS_KEY": "world",
    }
    kept = {name: os.environ.get(name) for name in needed}
    os.environ.update(needed)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        use(None)
