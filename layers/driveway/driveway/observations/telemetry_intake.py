"""Records of a telemetry stream, taken in like webhooks."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from driveway.observations.car_reports import CarReport, cars_of, take_cars
from driveway.outbox.set_aside import is_of_a_service, set_aside
from driveway.runtime.context import Runtime
from driveway.vehicles.metrics import count_not_stored, not_stored
from driveway.vehicles.provider import Inbound
from driveway.vehicles.tesla.webhooks import kinesis_records

PROVIDER = "tesla"

Records = Sequence[dict[str, Any]]


def take_telemetry(records: Records, runtime: Runtime) -> dict[str, Any]:
    """Store the records of a Kinesis batch, those of one car together; the answer names the first that was refused.

    Kinesis delivers again from there on. What was stored of the records after it is recognised then. A record that is
    itself at fault is set aside.
    """
    inbound, sources = _read(records, runtime)
    try:
        cars, counts = cars_of(PROVIDER, inbound.events, runtime)
        taken = take_cars(PROVIDER, cars, runtime)
    except Exception:
        runtime.logger.exception("batch failed")
        return _refused_from(records, 0)
    refused: list[int] = []
    for asset, error in taken.failed.items():
        reports = [(sources[one.place], one) for one in cars[asset]]
        if is_of_a_service(error):
            runtime.logger.error("records failed", exc_info=error)
            refused.append(reports[0][0])
        else:
            refused += _one_by_one(asset, reports, records, runtime)
    all_counts = not_stored(inbound, Counter(counts) + taken.counts)
    count_not_stored(PROVIDER, all_counts, runtime)
    runtime.logger.debug("telemetry", extra={"counts": dict(all_counts)})
    return _refused_from(records, min(refused)) if refused else {"batchItemFailures": []}


def _read(records: Records, runtime: Runtime) -> tuple[Inbound, list[int]]:
    """What is in the records, and for each event the position of its record."""
    read = [kinesis_records({"Records": [record]}, runtime.now()) for record in records]
    whole = Inbound(
        events=tuple(event for one in read for event in one.events),
        dropped=tuple(reason for one in read for reason in one.dropped),
        unused=sum(one.unused for one in read),
    )
    return whole, [position for position, one in enumerate(read) for _ in one.events]


def _one_by_one(asset: str, reports: Sequence[tuple[int, CarReport]], records: Records, runtime: Runtime) -> list[int]:
    """Store the reports of a car each by itself and set aside those at fault; the position that a service refused."""
    for position, report in reports:
        for error in take_cars(PROVIDER, {asset: [report]}, runtime).failed.values():
            if is_of_a_service(error):
                return [position]
            set_aside("vehicle-events", records[position], error, runtime)
    return []


def _refused_from(records: Records, position: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": records[position]["kinesis"]["sequenceNumber"]}]}
