"""How many due twins a run of ``clock`` queues, as a ratio to bare requests to the queue in the same run.

AWS is the one in memory, whose own CPU time is left out; the boto3 clients serialise and sign as on AWS. ``clock`` has
a whole core, and eight requests at once hide their latency. Run ``python benchmarks/due_queue.py [twins]``. It fails if
a twin is left out or queued twice.
"""

import json
import os
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from benchmarks.batches import START, Wire
from driveway.outbox import due_queue
from driveway.runtime.context import Runtime
from driveway.store.items import asset_key, encode_item, shard_of, stamp
from tests.support.functions.rig import RigClock
from tests.world.aws import Cloud
from tests.world.declared import deployed

SHARDS = 16
FLOOR_REQUESTS = 200


def cloud_with(twins: int, clock: RigClock) -> Cloud:
    """The cloud with so many twins that are due at one instant."""
    cloud = Cloud(clock, deployed())  # type: ignore[arg-type] # nothing here moves the clock
    client, name = cloud.client("dynamodb"), cloud.stack.functions["ClockFunction"].environment["TABLE_NAME"]
    for number in range(twins):
        shard, due = shard_of(f"car-{number}", SHARDS), stamp(START + timedelta(minutes=1))
        item = {"pk": asset_key(f"car-{number}"), "sk": "TWIN", "control_shard": shard, "control_due": due}
        client.put_item(TableName=name, Item=encode_item(item))
    return cloud


def main() -> None:
    """Print the figures."""
    twins = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    os.environ |= {"POWERTOOLS_SERVICE_NAME": "driveway", "POWERTOOLS_METRICS_NAMESPACE": "Driveway"}
    clock = RigClock(START)
    cloud = cloud_with(twins, clock)
    wire = Wire(cloud)
    environ = {**cloud.stack.functions["ClockFunction"].environment, "DUE_SHARDS": str(SHARDS)}
    runtime = Runtime(environ, clock=clock)
    runtime.__dict__ |= {"dynamodb": wire.client("dynamodb"), "queues": wire.client("sqs")}
    url = runtime.settings.text("AXLE_SYNC_QUEUE_URL")
    bodies = [{"Id": str(n), "MessageBody": json.dumps({"asset": f"car-{n}"}), "DelaySeconds": 60} for n in range(10)]
    cloud_s, began = wire.cpu_s, time.process_time()
    for _ in range(FLOOR_REQUESTS):
        runtime.queues.send_message_batch(QueueUrl=url, Entries=bodies)  # type: ignore[arg-type] # a plain dictionary
    floor_s = (time.process_time() - began - (wire.cpu_s - cloud_s)) / FLOOR_REQUESTS
    cloud_s, began, calls = wire.cpu_s, time.process_time(), Counter(wire.calls)
    due_queue.queue_due(runtime)
    cpu_s = time.process_time() - began - (wire.cpu_s - cloud_s)
    messages = cloud.queues()["ChargeControlQueue"].messages
    queued = Counter(json.loads(message.body)["asset"] for message in messages)
    a_run = due_queue.NEW_FOR_S / (cpu_s / twins)
    made, ratio = (wire.calls - calls).total(), cpu_s / twins / floor_s * 10
    print(f"floor: a bare request with ten messages {floor_s * 1000:.2f} ms CPU")
    print(f"{twins} due twins: {cpu_s:.2f} s CPU, {made} calls, per ten {ratio:.2f} bare requests")
    print(f"a run of {due_queue.NEW_FOR_S:.0f} s queues {a_run:,.0f}; a million take {1e6 / a_run:.1f} runs")
    if set(queued.values()) != {1} or len(queued) != twins:
        sys.exit("twins were left out or queued twice")


if __name__ == "__main__":
    main()
