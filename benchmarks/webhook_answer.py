"""How long ``vehicle_events`` takes to store a webhook, as a ratio to one bare write in the same run.

Two hundred signed events of one car, each of another instant, on an in-process DynamoDB. Enode gives 5 s to answer.
"""

import contextlib
import io
import json
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from moto import mock_aws

from driveway.auth.signatures import hmac_hex
from driveway.runtime.context import use
from simulators.axle.app import AxleSimulator
from tests.support.functions.assets import SAMPLE_SECRETS, a_twin, place, sample, set_secret
from tests.support.functions.rig import Rig, RigClock, function, make_runtime

WEBHOOKS = 200
START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def webhook(number: int) -> dict[str, Any]:
    """An Enode event of a plugged-in car that charges, two minutes after the one before."""
    event, at = sample("enode_charging"), (START + timedelta(minutes=2 * number)).isoformat()
    body = json.loads(event["body"])
    body[0]["createdAt"] = body[0]["vehicle"]["lastSeen"] = at
    body[0]["vehicle"]["chargeState"]["lastUpdated"] = body[0]["vehicle"]["location"]["lastUpdated"] = at
    raw = json.dumps(body)
    event["headers"]["x-enode-signature"] = "sha1=" + hmac_hex(SAMPLE_SECRETS["enode"][0], raw.encode(), "sha1")
    return {**event, "body": raw}


def main() -> None:
    os.environ |= {"POWERTOOLS_SERVICE_NAME": "driveway", "POWERTOOLS_METRICS_NAMESPACE": "Driveway"}
    answers_ms: list[float] = []
    writes_ms: list[float] = []
    clock = RigClock(START)
    with mock_aws():
        rig = Rig(make_runtime(clock, ""), clock, AxleSimulator(clock), "")
        use(rig.runtime)
        place(rig, a_twin(START))
        set_secret(rig, "WEBHOOK_SECRETS", SAMPLE_SECRETS)
        for number in range(WEBHOOKS):
            event = webhook(number)
            clock.put(START + timedelta(minutes=2 * number, seconds=2))
            began = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                answer = function("vehicle_events").handler(event, None)
            answers_ms.append((time.perf_counter() - began) * 1000)
            assert json.loads(answer["body"])["stored"] == 1
            item = {"pk": {"S": f"FLOOR#{number}"}, "sk": {"S": "FLOOR"}, "body": {"S": event["body"]}}
            began = time.perf_counter()
            rig.runtime.dynamodb.put_item(TableName=rig.runtime.table.name, Item=item)
            writes_ms.append((time.perf_counter() - began) * 1000)
        use(None)
    for name, part in (("p50", 49), ("p99", 98)):
        answer_ms, write_ms = (statistics.quantiles(times, n=100)[part] for times in (answers_ms, writes_ms))
        print(f"{name}  webhook {answer_ms:6.1f} ms  write {write_ms:5.1f} ms  ratio {answer_ms / write_ms:5.1f}")


if __name__ == "__main__":
    main()
