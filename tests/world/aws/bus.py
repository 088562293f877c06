"""EventBridge: an event bus with the template's rules, their targets, retries and dead letters."""

import heapq
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.world.aws.clock import after
from tests.world.aws.faults import Faults, Request
from tests.world.aws.patterns import matches
from tests.world.aws.queues import Queue
from tests.world.aws.stack import ACCOUNT, REGION
from tests.world.aws.wire import JSON, UnknownToTheCloudError, as_sent, invalid

MOST_ENTRIES = 10
MOST_BYTES = 262_144
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a rule: a queue."""

    rule: str
    pattern: Mapping[str, Any]
    to: Queue
    input_path: str
    most_retries: int
    oldest: timedelta
    dead_letters: Queue | None

    def wants(self, event: JSON) -> bool:
        """Whether the rule matches an event."""
        return matches(self.pattern, event)

    def body(self, event: JSON) -> str:
        """What the target gets of an event."""
        found: Any = event
        for name in self.input_path.removeprefix("$").split("."):
            found = found[name] if name else found
        return json.dumps(found, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class _Attempt:
    at: datetime
    number: int
    target: Target
    event: JSON
    first_at: datetime
    attempts: int = 0

    def __lt__(self, other: "_Attempt") -> bool:
        return (self.at, self.number) < (other.at, other.number)


class Bus:
    """The bus with its rules."""

    def __init__(self, name: str, targets: list[Target], faults: Faults, now: Callable[[], datetime]) -> None:
        self.name, self.targets, self._faults, self._now = name, targets, faults, now
        self._waiting: list[_Attempt] = []
        self._number = 0
        self.dropped: list[JSON] = []
        """Events that no target got and no queue of dead letters."""

    def perform(self, request: Request) -> JSON:
        """Carry out PutEvents. Raises AwsError, UnknownToTheCloudError."""
        if request.operation != "PutEvents":
            raise UnknownToTheCloudError(f"events.{request.operation}")
        entries = request.body["Entries"]
        if not 1 <= len(entries) <= MOST_ENTRIES:
            raise invalid("Member must have length less than or equal to 10")
        if sum(map(_entry_bytes, entries)) > MOST_BYTES:
            raise invalid("Total size of the entries in the request is over the limit.")
        refused = self._faults.refused_entries(request, len(entries))
        answers = [self._entry(entry, refused=number in refused) for number, entry in enumerate(entries)]
        failed = sum(1 for one in answers if "ErrorCode" in one)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _entry(self, entry: JSON, *, refused: bool) -> JSON:
        missing = [name for name in ("Source", "DetailType", "Detail") if not entry.get(name)]
        if missing:
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {missing[0]} is not valid."}
        try:
            detail = json.loads(entry["Detail"])
        except ValueError:
            detail = None
        if not isinstance(detail, dict):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        if refused:
            return {"ErrorCode": "InternalFailure", "ErrorMessage": "An internal failure."}
        if entry.get("EventBusName", "default").rsplit("/", 1)[-1] != self.name:
            raise UnknownToTheCloudError(f"the bus {entry.get('EventBusName')}")
        self._number += 1
        self._publish(self._event(entry, detail, f"event-{self._number}"))
        return {"EventId": f"event-{self._number}"}

    def _event(self, entry: JSON, detail: JSON, event_id: str) -> JSON:
        return {
            "version": "0",
            "id": event_id,
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": ACCOUNT,
            "time": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": entry.get("Resources", []),
            "detail": detail,
        }

    def _publish(self, event: JSON) -> None:
        now = self._now()
        for target in self.targets:
            if not target.wants(event):
                continue
            passage = self._faults.on_event(target.rule)
            if passage.lost:
                continue
            first = after(now, passage.delay_s)
            for at in (first, *(after(first, copy_s) for copy_s in passage.copies_s)):
                self._number += 1
                heapq.heappush(self._waiting, _Attempt(at, self._number, target, event, now))

    # Delivery

    def next_at(self) -> datetime | None:
        """When the next event reaches its target."""
        return self._waiting[0].at if self._waiting else None

    def deliver(self, now: datetime) -> None:
        """Put what is due into the queues."""
        while self._waiting and self._waiting[0].at <= now:
            attempt = heapq.heappop(self._waiting)
            if self._faults.target_refuses(attempt.target.rule):
                self._repeat(attempt, attempt.at, "THROTTLING")
            else:
                attempt.target.to.send(attempt.target.body(attempt.event), attempt.at)

    def _repeat(self, attempt: _Attempt, now: datetime, why: str) -> None:
        attempts = attempt.attempts + 1
        at = after(now, min(LONGEST_PAUSE_S, 2.0 ** (attempts - 1)))
        if attempts > attempt.target.most_retries or at - attempt.first_at > attempt.target.oldest:
            self._bury(attempt, now, why)
            return
        repeated = _Attempt(at, attempt.number, attempt.target, attempt.event, attempt.first_at, attempts)
        heapq.heappush(self._waiting, repeated)

    def _bury(self, attempt: _Attempt, now: datetime, why: str) -> None:
        if attempt.target.dead_letters is None:
            self.dropped.append(attempt.event)
            return
        body = json.dumps(as_sent(attempt.event), separators=(",", ":"))
        attempt.target.dead_letters.send(body, now, RULE=attempt.target.rule, ERROR_CODE=why)

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        return list(self._waiting), self._number, list(self.dropped)

    def restore(self, snapshot: Any) -> None:
        """Go back to a state."""
        waiting, self._number, dropped = snapshot
        self._waiting, self.dropped = list(waiting), list(dropped)


def _entry_bytes(entry: JSON) -> int:
    """The size of an entry as EventBridge counts it."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")] + list(entry.get("Resources", []))
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") else 0)
