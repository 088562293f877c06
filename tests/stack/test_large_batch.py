"""A large batch on the real template: answered once it is queued, stored by the function behind the queue."""

import json
from typing import Any

import requests

from driveway.auth.signatures import hmac_hex
from tests.support.stack.homes import Home, Stack
from tests.support.stack.waiting import until


def report(home: Home, soc_pct: int) -> dict[str, Any]:
    """What Enode sends of a car that is plugged in at home."""
    at = home.running.clock.now().isoformat()
    return {
        "event": "user:vehicle:updated",
        "createdAt": at,
        "user": {"id": home.user_id},
        "vehicle": {
            "id": home.vehicle_id,
            "lastSeen": at,
            "chargeState": {"isPluggedIn": True, "isCharging": False, "batteryLevel": soc_pct, "lastUpdated": at},
            "location": {"id": f"{home.name}-location", "lastUpdated": at},
        },
    }


def test_a_large_batch_is_stored_after_its_answer_and_its_queue_is_empty_then(running: Stack) -> None:
    homes = [Home(running, f"batch-{number}").join() for number in range(2)]
    for home in homes:
        home.until(lambda home=home: home.asset()["desired"]["reason"] == "NOT_PLUGGED_IN", "its first state was read")
    provider = running.values["providers"]["enode"]
    body = json.dumps([report(home, soc_pct) for soc_pct in range(40, 46) for home in homes])
    signed = {"x-enode-signature": "sha1=" + hmac_hex(provider["webhook_secret"], body.encode(), "sha1")}
    url = f"{running.values['api_url']}/webhooks/enode"
    answer = requests.post(url, data=body, headers=signed, timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"queued": 12, "dropped": 0})
    for home in homes:
        home.until(lambda home=home: "PLUGGED_AND_HOME" in home.reasons(), "the batch is stored")
    queues = running.aws("sqs")
    for name, held in (("vehicle-reports", 0), ("vehicle-reports-dead-letters", 0)):
        found = queues.get_queue_url(QueueName=f"driveway-local-{name}")["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def left(url: str = found, names: list[str] = names) -> int:
            attributes = queues.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return sum(map(int, attributes.values()))

        until(lambda left=left, held=held: left() == held, f"{name} is empty")
