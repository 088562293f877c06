"""Sends events to the app's webhook: signed, each until the app answers 2xx, with growing pauses over a day."""

import json
from datetime import timedelta
from typing import Any

from msgspec import to_builtins

from driveway.auth.standard_webhooks import WebhookSecretError, signed_headers
from driveway.outbox.app_events import app_event
from driveway.runtime.context import Runtime, current_runtime

TIMEOUTS_S = (3.0, 5.0)
"""To connect, and to answer."""
PAUSES_S = (5, 30, 120, 300, 900, 1800, 3600, 7200, *[10_800] * 7)
"""After each attempt, 25 hours in all. The queue sets a message aside after one attempt more (``maxReceiveCount``)."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send each event; those that the app did not take come again after their pause."""
    runtime = current_runtime()
    url = runtime.settings.text("APP_WEBHOOK_URL", "")
    failed, reasons = [], set()
    for record in event.get("Records", []):
        refusal = _refusal(json.loads(record["body"]), url, runtime)
        if refusal is not None:
            _pause(record, runtime)
            failed.append(record["messageId"])
            reasons.add(refusal)
    if failed:
        runtime.logger.warning("app webhook", extra={"refused": len(failed), "reasons": sorted(reasons)})
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in failed]}


def _refusal(detail: dict[str, Any], url: str, runtime: Runtime) -> str | None:
    """Why the app did not take an event; None if it did, or if there is no webhook any more."""
    import requests

    if not url:
        return None
    body = json.dumps(to_builtins(app_event(detail)), separators=(",", ":")).encode()
    try:
        secrets = runtime.secret("APP_WEBHOOK_SECRET").get("secrets", [])
        headers = signed_headers(detail["id"], body, secrets, runtime.clock.real_now())
        headers["content-type"] = "application/json"
        answer = runtime.http.post(url, data=body, headers=headers, timeout=TIMEOUTS_S, allow_redirects=False)
    except (requests.RequestException, WebhookSecretError) as error:
        return type(error).__name__
    return None if 200 <= answer.status_code < 300 else str(answer.status_code)


def _pause(record: dict[str, Any], runtime: Runtime) -> None:
    """Hide a message until its next attempt; a little earlier or later, so that not all of them come at once."""
    number = int(record["attributes"]["ApproximateReceiveCount"]) - 1
    pause_s = PAUSES_S[number] * runtime.random.uniform(0.9, 1.1) if number < len(PAUSES_S) else 0
    runtime.queues.change_message_visibility(
        QueueUrl=runtime.settings.text("APP_EVENTS_QUEUE_URL"),
        ReceiptHandle=record["receiptHandle"],
        VisibilityTimeout=round(runtime.clock.real_s(timedelta(seconds=pause_s))),
    )
