"""Counts what one charging session uses: function runs, CPU time, table units, bus, queue and HTTP calls, log bytes."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.world.aws.dynamodb.rows import Key, Row
from tests.world.aws.dynamodb.table import Table
from tests.world.aws.faults import Request
from tests.world.stages import HELD_UNTIL, Stage
from tests.world.world import START, World, new_world

RHYTHMS: Mapping[str, float] = {"12": 3085.0, "75": 308.0, "500": 43.6}
"""Seconds between two samples of a car that charges, by the reports of a session that they give."""

SYSTEM_LOG_BYTES = 620
"""What Lambda itself logs of a run at its level INFO, in JSON: ``platform.start`` and ``platform.report``."""

ACCESS_LOG_BYTES = 230
"""A line of the HTTP API's access log, with what CloudWatch adds to every event."""

LINE_BYTES = 26
"""What CloudWatch Logs adds to every event."""

SHARED = frozenset({"MeterReadingsFunction"})
"""Functions of which one run, one call of Axle and one line of log serve hundreds of cars. Only CPU time and calls of
the table are a car's own."""

SCHEDULED = frozenset({"ClockFunction"})
"""Functions that run every minute with or without cars: their runs belong to the idle stack."""


@dataclass
class Counted:
    """What was used. ``runs`` and ``cpu_s`` are by function, ``calls`` by service and operation."""

    runs: Counter[str] = field(default_factory=Counter)
    shared_runs: Counter[str] = field(default_factory=Counter)
    cpu_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    write_units: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    shared_write_units: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Of tokens and breakers, which all cars share: no car's own."""
    read_units: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    sqs_requests: int = 0
    bus_events: int = 0
    api_requests: int = 0
    log_bytes: int = 0
    reports: int = 0

    def counts(self) -> dict[str, float]:
        """The figures that are the same in every run, for a comparison."""
        table_calls = sum(n for name, n in self.calls.items() if name.startswith("dynamodb."))
        return {
            "reports": self.reports,
            "runs": sum(self.runs.values()),
            "table calls": table_calls,
            "write units": sum(self.write_units.values()),
            "read units": sum(self.read_units.values()),
            "SQS requests": self.sqs_requests,
            "bus events": self.bus_events,
            "API requests": self.api_requests,
            "log bytes": self.log_bytes,
        }


class CostMeter:
    """Counts what the functions of a world use from now on, until ``stop``."""

    def __init__(self, world: World) -> None:
        self.world, self.counted = world, Counted()
        self._stack: list[str] = []
        self._since = 0.0
        self._in_cloud = False
        self._first_line = len(world.host.log.lines)
        self._plain_run = world.host.run
        world.host.run = self._run  # type: ignore[method-assign]
        world.cloud.intercept = self._answered
        self._plain_call = world.outside.call
        world.outside.call = self._call  # type: ignore[method-assign]
        self._plain_serve = world.gateway.serve
        world.gateway.serve = self._serve  # type: ignore[method-assign]
        for table in world.cloud.tables.values():
            self._count_writes_of(table)
        for queue in world.cloud.queues().values():
            queue.send = self._sent(queue.send)  # type: ignore[method-assign]

    def stop(self) -> Counted:
        """What was used."""
        lines = self.world.host.log.lines[self._first_line :]
        self.counted.log_bytes = sum(len(line.encode()) + LINE_BYTES for line in lines)
        logs_of_runs = SYSTEM_LOG_BYTES if self._logs_runs() else 0
        self.counted.log_bytes += logs_of_runs * sum(self.counted.runs.values())
        self.counted.log_bytes += ACCESS_LOG_BYTES * self.counted.api_requests
        return self.counted

    def _logs_runs(self) -> bool:
        return any(
            held.get("LoggingConfig", {}).get("SystemLogLevel", "INFO") == "INFO"
            for held in self.world.cloud.stack.of("AWS::Lambda::Function").values()
        )

    # Time

    def _note(self) -> None:
        now = time.process_time()
        if self._stack and self._stack[-1]:
            self.counted.cpu_s[self._stack[-1]] += now - self._since
        self._since = now

    @contextmanager
    def _within(self, function: str) -> Iterator[None]:
        """CPU time counts for this function meanwhile; for none if it is empty."""
        self._note()
        self._stack.append(function)
        try:
            yield
        finally:
            self._note()
            self._stack.pop()

    # What is used

    def _run(self, name: str, event: Any) -> Any:
        if name in SCHEDULED:
            first = len(self.world.host.log.lines)
            with self._within(""):
                answer = self._plain_run(name, event)
            del self.world.host.log.lines[first:]
            return answer
        runs = self.counted.shared_runs if name in SHARED else self.counted.runs
        runs[name] += 1
        first = len(self.world.host.log.lines)
        records = event.get("Records") if isinstance(event, dict) else None
        if records and records[0].get("eventSource") == "aws:sqs":
            self.counted.sqs_requests += 2  # a receipt and a deletion, each of the whole batch
        with self._within(name):
            answer = self._plain_run(name, event)
        if name in SHARED:
            del self.world.host.log.lines[first:]
        return answer

    def _function(self) -> str:
        return self._stack[-1] if self._stack else ""

    def _answered(self, request: Request, answer: Callable[[], Any]) -> Any:
        function = self._function()
        if not function:
            return answer()
        self.counted.calls[f"{request.service}.{request.operation}"] += 1
        self.counted.waits[f"{function} {request.service}"] += 1
        self.counted.sqs_requests += request.service == "sqs"
        if request.operation == "PutEvents":
            self.counted.bus_events += len(request.body["Entries"])
        tables = list(self.world.cloud.tables.values())
        reads, writes = sum(t.read_units for t in tables), sum(t.write_units for t in tables)
        attributed = self._attributed()
        self._in_cloud = True
        try:
            with self._within(""):
                return answer()
        finally:
            self._in_cloud = False
            self.counted.read_units[function] += sum(t.read_units for t in tables) - reads
            rest = sum(t.write_units for t in tables) - writes - (self._attributed() - attributed)
            if rest:
                self.counted.write_units["transactions and failed conditions"] += rest

    def _attributed(self) -> float:
        return sum(self.counted.write_units.values()) + sum(self.counted.shared_write_units.values())

    def _count_writes_of(self, table: Table) -> None:
        plain = table.store

        def store(key: Key, row: Row | None, **how: Any) -> None:
            before = table.write_units
            plain(key, row, **how)
            if self._in_cloud:
                units = self.counted.shared_write_units if key[1] == "STATE" else self.counted.write_units
                units[key[1].split("#")[0]] += table.write_units - before

        table.store = store  # type: ignore[method-assign]

    def _sent(self, plain: Callable[..., str]) -> Callable[..., str]:
        def send(*given: Any, **how: Any) -> str:
            self.counted.sqs_requests += not self._in_cloud  # a rule of the bus sends each message by itself
            return plain(*given, **how)

        return send

    def _call(self, service: str, operation: str, about: str, do: Callable[[], Any]) -> Any:
        if service != "http" or not self._function():
            return self._plain_call(service, operation, about, do)
        if self._function() not in SHARED:
            self.counted.calls["http"] += 1
            self.counted.waits[f"{self._function()} http"] += 1
        with self._within(""):
            return self._plain_call(service, operation, about, do)

    def _serve(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Any:
        self.counted.api_requests += 1
        self.counted.reports += "/webhooks/" in url or url.endswith("/observations")
        return self._plain_serve(method, url, headers, body)


def session(sample_every_s: float) -> Counted:
    """What one session uses: plugged in at 20:30, eighteen half-hours, held until 23:30, charged, out at 05:30.

    Args:
        sample_every_s: the seconds between two reports of the car while it charges.
    """
    with new_world(1) as world:
        stage = Stage(world)
        world.simulated("POST", "/config", {"enode": {"sample_every_s": sample_every_s}})
        home = stage.onboarded(auto_start=True)
        stage.until(START + timedelta(minutes=30))
        meter = CostMeter(world)
        world.move(home.vehicle_id, "plug-in")
        stage.until(HELD_UNTIL + timedelta(hours=6))
        world.move(home.vehicle_id, "plug-out")
        stage.passes(minutes=45)
        return meter.stop()
