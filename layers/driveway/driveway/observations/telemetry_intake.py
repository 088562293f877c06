"""Records of a telemetry stream, taken in like webhooks."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from driveway.observations.webhook_intake import take_inbound
from driveway.outbox.set_aside import is_of_a_service, set_aside
from driveway.runtime.context import Runtime
from driveway.vehicles.metrics import count_not_stored, not_stored
from driveway.vehicles.tesla.webhooks import kinesis_records

PROVIDER = "tesla"


def take_telemetry(records: Sequence[dict[str, Any]], runtime: Runtime) -> dict[str, Any]:
    """Store the records of a Kinesis batch, in order; the answer names the first that a service refused, if one did.

    Kinesis delivers again from that record on, so those after it are left for that delivery. A record that is itself at
    fault is set aside.
    """
    counts: Counter[str] = Counter()
    failures: list[dict[str, str]] = []
    for record in records:
        try:
            inbound = kinesis_records({"Records": [record]}, runtime.now())
            counts += not_stored(inbound, take_inbound(PROVIDER, inbound, runtime))
        except Exception as error:
            if not is_of_a_service(error):
                set_aside("vehicle-events", record, error, runtime)
                continue
            runtime.logger.exception("record failed")
            failures.append({"itemIdentifier": record["kinesis"]["sequenceNumber"]})
            break
    count_not_stored(PROVIDER, counts, runtime)
    runtime.logger.debug("telemetry", extra={"counts": dict(counts)})
    return {"batchItemFailures": failures}
