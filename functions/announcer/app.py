"""Turns writes of twins into events, queued looks and timeline entries, in the order of the table's stream."""

from typing import Any

from driveway.runtime.announce import announce, forget
from driveway.runtime.context import runtime


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Partial-batch answer: the first record that failed, from which on the stream repeats."""
    current = runtime()
    for record in event.get("Records", []):
        try:
            if record["eventName"] == "REMOVE":
                forget(record["dynamodb"], current)
            else:
                announce(record["dynamodb"], current)
        except Exception:
            current.logger.exception("record failed")
            return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
    return {"batchItemFailures": []}
