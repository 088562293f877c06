"""What must hold at each write, message and event as it leaves a function."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from driveway.domain.twin import Command, Twin
from driveway.store.items import SITE, TWIN, decode_item, unstamp
from tests.world import invariants
from tests.world.aws import Request

if TYPE_CHECKING:
    from tests.world.world import World

MOST_PAIRS = 6
REPORTS = "-vehicle-reports"
"""The end of the address of the queue with the reports of large batches."""
SENDS = {"SendMessage": "MessageBody", "SendMessageBatch": "MessageBody", "PutEvents": "Detail"}
"""The operations that send, and where each has its text."""


def watch_writes(world: "World") -> None:
    """Watch everything that functions write and send from now on."""
    stops: dict[str, set[str]] = {}

    def changed(record: Mapping[str, Any], _: str, now: datetime) -> None:
        world.violations += [f"{now} {wrong}" for wrong in _of_change(record["dynamodb"], stops, now)]

    for table in world.cloud.tables.values():
        table.streams.append(changed)

    def sent(request: Request, answered: Callable[[], Any]) -> Any:
        if request.operation in SENDS:
            world.violations += [f"{world.clock.now()} {wrong}" for wrong in _of_messages(request)]
        return answered()

    world.cloud.intercept = sent


def _of_change(change: Mapping[str, Any], stops: dict[str, set[str]], now: datetime) -> Iterator[str]:
    raw = change.get("NewImage")
    if raw is None:
        return
    pk, sk = change["Keys"]["pk"]["S"], change["Keys"]["sk"]["S"]
    # The home's position belongs to its site's item, and so far to its twins.
    yield from invariants.position_in(f"item {pk}/{sk}", str(raw), home_is_allowed=sk in {SITE, TWIN})
    if sk != TWIN:
        return
    before = decode_item(change["OldImage"]) if "OldImage" in change else None
    after = decode_item(raw)
    for wrong in _of_twin(before, after, stops, now):
        yield f"{pk}: {wrong}"


def _of_twin(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], stops: dict[str, set[str]], now: datetime
) -> Iterator[str]:
    yield from invariants.written_out_of_order(before, after)
    twin = msgspec.convert(after, Twin)
    dues = {name: unstamp(after[name]) if after.get(name) else None for name in ("control_due", "axle_due")}
    yield from invariants.never_left(invariants.open_states(twin), dues, now)
    session, command = twin.presence.session, twin.control.command
    if session is not None and command is not None and command.paired and _has_worked_now(before, command):
        worked = stops.setdefault(f"{twin.link.asset} {session.id}", set())
        worked.add(command.id)
        yield from invariants.too_many_pairs(worked, MOST_PAIRS)


def _has_worked_now(before: Mapping[str, Any] | None, command: Command) -> bool:
    """Whether a stop worked with this write. What repeats one that had worked has an id of its own from the start."""
    earlier = None if before is None else msgspec.convert(before, Twin).control.command
    return earlier is not None and earlier.id == command.id and not earlier.paired


def _of_messages(request: Request) -> Iterator[str]:
    field, entries = SENDS[request.operation], request.body.get("Entries", [request.body])
    for entry in entries:
        where = f"a message of {request.operation}"
        yield from invariants.too_large(where, entry[field])
        # The one queue that may hold a position: it keeps its messages for four hours and never moves them.
        if not str(request.body.get("QueueUrl")).endswith(REPORTS):
            yield from invariants.position_in(where, entry[field])
