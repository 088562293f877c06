"""Turns writes of twins into events, wake-ups and timeline entries, in the order of the table's stream."""

from collections.abc import Sequence
from typing import Any

from driveway.outbox.publish import forget, publish
from driveway.outbox.set_aside import is_of_a_service, set_aside
from driveway.runtime.context import Runtime, current_runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The partial-batch answer: the first record that a service refused. The stream repeats from there."""
    runtime, records = current_runtime(), event.get("Records", [])
    if _all_at_once(records, runtime):
        return {"batchItemFailures": []}
    for record in records:
        try:
            _one(record, runtime)
        except Exception:
            runtime.logger.exception("record failed")
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def _one(record: dict[str, Any], runtime: Runtime) -> None:
    """Publish a record, or set it aside if the record itself is at fault."""
    try:
        if record["eventName"] == "REMOVE":
            forget(record["dynamodb"], runtime)
        else:
            publish([record["dynamodb"]], runtime)
    except Exception as error:
        if is_of_a_service(error):
            raise
        set_aside("announcer", record, error, runtime)


def _all_at_once(records: Sequence[dict[str, Any]], runtime: Runtime) -> bool:
    """Whether all records were published together. If not, they are published one by one, to find the one at fault."""
    if any(record["eventName"] == "REMOVE" for record in records):
        return False
    try:
        publish([record["dynamodb"] for record in records], runtime)
    except Exception:
        runtime.logger.warning("a batch failed", exc_info=True)
        return False
    return True
