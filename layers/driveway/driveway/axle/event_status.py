"""What we do with Axle's events beyond the schedules in them: their status back to Axle, and events that we do not use.

A status goes to Axle's own API at our base URL, never to an address that an event carries. It waits in the queue of
axle sync, which repeats it.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

from driveway.axle.client import AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.axle.inbound import Envelope
from driveway.domain.instants import utc_text
from driveway.outbox.wakeups import QueueError
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.runtime.problems import ProblemError

Status = Literal["ACCEPTED", "REJECTED"]

DOCUMENTED_TYPES = frozenset(
    {"user:onboarding:complete", "asset:dispatch:requested", "vpp:asset:registered", "vpp:dispatch:requested"}
)
"""The types of events that Axle documents. Others are counted together, as each type is a metric of its own."""


def report_status(envelope: Envelope, status: Status, runtime: Runtime) -> None:
    """Queue the status of an event for Axle, if the event asks for one.

    Raises:
        QueueError: the queue did not take it. Axle repeats the event.
    """
    if envelope.event_id is None or envelope.event_asset_id is None:
        return
    report = {
        "event": envelope.event_id,
        "axle_asset_id": envelope.event_asset_id,
        "status": status,
        "at": utc_text(runtime.now()),
    }
    message: Any = {"Id": "0", "MessageBody": json.dumps({"event_status": report})}
    url = runtime.settings.text("AXLE_SYNC_QUEUE_URL")
    if runtime.queues.send_message_batch(QueueUrl=url, Entries=[message]).get("Failed"):
        raise QueueError("The queue did not take the status of an event.")


def send_status(body: Mapping[str, Any], runtime: Runtime) -> None:
    """Send a queued status to Axle. One that Axle refuses for good is logged. Raises AxleUnavailableError."""
    path = f"/entities/asset/{uuid.UUID(body['axle_asset_id'])}/callback/{quote(body['event'], safe='')}"
    try:
        axle_client(runtime).post(path, {"timestamp": body["at"], "status": body["status"]})
    except AxleRefusedError as error:
        runtime.logger.warning("Axle refused the status of an event", extra={"status": error.status})


def report_unused(envelope: Envelope, runtime: Runtime) -> None:
    """Report an event that we do not act on: its type and the names of its members, a count for the alarm, its status.

    Raises:
        QueueError: the queue did not take the status.
    """
    about = {"event_type": envelope.event_type[:80], "id": envelope.id, "fields": sorted(envelope.members)}
    runtime.logger.warning("Axle sent an event that is not used", extra=about)
    known = envelope.event_type if envelope.event_type in DOCUMENTED_TYPES else "other"
    emit({"AxleEventsUnused": 1}, runtime)
    emit({"AxleEventsUnusedOfType": 1}, runtime, event_type=known)
    report_status(envelope, "REJECTED", runtime)


@contextmanager
def status_reported(envelope: Envelope, runtime: Runtime) -> Iterator[None]:
    """Report the event as accepted after the block, or as rejected if the block refuses it for good."""
    try:
        yield
    except ProblemError as problem:
        if problem.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            report_status(envelope, "REJECTED", runtime)
        raise
    report_status(envelope, "ACCEPTED", runtime)
