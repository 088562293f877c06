"""Turns writes of twins into events, queued looks and timeline entries, in the order of the table's stream."""

from collections.abc import Sequence
from typing import Any

from driveway.outbox.publish import announce, forget
from driveway.runtime.context import Runtime, runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Partial-batch answer: the first record that failed, from which on the stream repeats."""
    current, records = runtime(), event.get("Records", [])
    if _all_at_once(records, current):
        return {"batchItemFailures": []}
    for record in records:
        try:
            if record["eventName"] == "REMOVE":
                forget(record["dynamodb"], current)
            else:
                announce([record["dynamodb"]], current)
        except Exception:
            current.logger.exception("record failed")
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}


def _all_at_once(records: Sequence[dict[str, Any]], current: Runtime) -> bool:
    """Whether the records were made known together; if not, they go one by one, to find the one that cannot."""
    if any(record["eventName"] == "REMOVE" for record in records):
        return False
    try:
        announce([record["dynamodb"] for record in records], current)
    except Exception:
        current.logger.warning("a batch failed", exc_info=True)
        return False
    return True
