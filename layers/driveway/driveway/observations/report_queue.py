"""The queue of reports that came in a large batch: one message for each car, stored after the batch was answered.

A message holds what is used of the car's reports, a position included, and our own id of the asset: no name and no
identification number of a car or driver. It is kept for four hours at most. A message that cannot be stored is given
up: the state of its car is read instead, and a dead letter is written that holds ids only.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import msgspec

from driveway.domain.control.vehicle_requests import with_state_read
from driveway.domain.vehicle_report import VehicleReport
from driveway.observations.car_reports import CarReport, Cars, take_cars
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError
from driveway.vehicles.metrics import count_not_stored

MOST_BYTES = 256 * 1024
"""Of a message, and of all messages in one call of SQS."""

MOST_IN_A_CALL = 10
MOST_RECEIVES = 10
"""After so many receives without success a message is given up: a quarter of an hour."""

MOST_RECEIVES_WITHOUT_READ = 120
"""After so many, about three hours, it is given up even if the state read cannot be requested."""


class ReportsNotQueuedError(RuntimeError):
    """The queue refused a message. The whole request is repeated, which does no harm."""


def queue_reports(provider: str, cars: Cars, runtime: Runtime) -> None:
    """Queue the reports of a batch, one message for each car.

    Raises:
        ReportsNotQueuedError: the queue refused a message.
    """
    url = runtime.settings.text("VEHICLE_REPORTS_QUEUE_URL")
    messages = (body for asset, reports in cars.items() for body in messages_of(provider, asset, reports))
    for bodies in _calls(messages):
        entries: list[Any] = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = runtime.queues.send_message_batch(QueueUrl=url, Entries=entries)
        if answer.get("Failed"):
            raise ReportsNotQueuedError(f"{len(answer['Failed'])} of {len(bodies)} messages were not queued.")


def messages_of(provider: str, asset: str, reports: Sequence[CarReport]) -> Iterator[str]:
    """The bodies of the messages about a car: one, or several where one would be too large."""
    frame = _json({"asset": asset, "provider": provider, "reports": []})
    parts = [_json({"key": one.key, "report": _slim(one.report)}) for one in reports]
    for some in _fitting(parts, MOST_BYTES - len(frame.encode()), len(parts)):
        yield f"{frame[:-2]}{','.join(some)}]}}"


def _calls(bodies: Iterator[str]) -> Iterator[list[str]]:
    return _fitting(bodies, MOST_BYTES, MOST_IN_A_CALL)


def _fitting(texts: Iterator[str] | list[str], most_bytes: int, most: int) -> Iterator[list[str]]:
    """The texts in groups of at most so many, which have at most so many bytes with a comma after each."""
    group: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode()) + 1
        if group and (size + length > most_bytes or len(group) == most):
            yield group
            group, size = [], 0
        group.append(text)
        size += length
    if group:
        yield group


def _slim(value: Any) -> Any:
    """A value as JSON holds it, structs without the fields that have their default."""
    if isinstance(value, msgspec.Struct):
        names, defaults = value.__struct_fields__, value.__struct_defaults__
        of_name = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        named = ((name, getattr(value, name)) for name in names)
        return {name: _slim(held) for name, held in named if held != of_name.get(name, msgspec.NODEFAULT)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return [_slim(one) for one in value] if isinstance(value, list | tuple) else value


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def take_message(body: dict[str, Any], runtime: Runtime) -> None:
    """Store the reports of a message. Raises what storing them raised: the queue delivers the message again.

    A dead letter that was put back has no reports: the state of its car is read once more.
    """
    if "reports" not in body:
        _have_state_read(body["asset"], runtime)
        return
    reports = [CarReport(one["key"], msgspec.convert(one["report"], VehicleReport)) for one in body["reports"]]
    placed = [CarReport(one.key, one.report, place) for place, one in enumerate(reports)]
    taken = take_cars(body["provider"], {body["asset"]: placed}, runtime)
    for error in taken.failed.values():
        raise error
    count_not_stored(body["provider"], taken.counts, runtime)


def give_up(body: dict[str, Any], received: int, runtime: Runtime) -> None:
    """Have the car's state read in place of its reports, and write a dead letter.

    The letter holds ids only. If the state read cannot be stored, the message stays in the queue for some hours more.
    """
    try:
        if not _have_state_read(body["asset"], runtime):
            return
    except Exception:
        if received <= MOST_RECEIVES_WITHOUT_READ:
            raise
        runtime.logger.exception("no state read")
    letter = _json({"asset": body["asset"], "provider": body["provider"]})
    runtime.queues.send_message(QueueUrl=runtime.settings.text("VEHICLE_REPORTS_DEAD_LETTERS_URL"), MessageBody=letter)
    runtime.logger.error("reports were given up")


def _have_state_read(asset: str, runtime: Runtime) -> bool:
    """Have the state of an asset's car read at once. False: the asset is gone."""
    now = runtime.now()
    try:
        runtime.table.change_twin(asset, lambda twin: with_state_read(twin, now), now=now)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")
        return False
    return True
