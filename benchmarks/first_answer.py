"""How long a fresh process takes to its first answer, as a ratio to a bare function's, measured in the same run.

The floor is a function of a few lines: boto3, one client, one read, one write. AWS is the one in memory, behind HTTP on
this machine, in a process of its own. Each function is given its sample of ``events/``, twice in a process: the second
answer is that of a warm function. A function of 512 MB has 0.29 of a core, which stretches the CPU time of an
initialisation that is no longer boosted: the last column is the first answer after the imports there.
"""

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    sys.path.insert(0, str(Path(__file__).parents[1] / "layers" / "driveway"))

from driveway.domain.sites.record import SiteRecord
from driveway.runtime.context import Runtime
from tests.support.aws.http_cloud import served
from tests.support.functions.assets import SAMPLE_SECRETS, a_twin, all_acknowledged, plugged_in, sample
from tests.support.functions.rig import RigClock
from tests.world.aws import Cloud
from tests.world.aws_clients import ENVIRON, runtime_clients
from tests.world.declared import deployed

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 11, 22, 17, 42, 15, tzinfo=UTC)
ROUNDS = 7
CPU_SHARE = 0.29
NOBODY = "http://127.0.0.1:9"
"""Nobody listens there: Axle is not measured."""
GOAL, WORST = 0.75, 1.3
SAMPLES = {
    "announcer": "announcer",
    "app_events": "app_events",
    "authorizer": "authorizer",
    "axle_sync": "axle_sync",
    "charge_control": "charge_control",
    "clock": "clock",
    "meter_readings": "meter_readings",
    "onboarding": "onboarding_eligibility",
    "operator": "operator_put_control",
    "preferences": "preferences_put_intent",
    "schedules": "schedules_set_charging_profile",
    "status": "status_asset",
    "vehicle_commands": "vehicle_commands",
    "vehicle_events": "enode_plug_in",
    "vehicle_reports": "vehicle_reports",
}
FLOOR = """
import json, os
import boto3
client = boto3.client("dynamodb")
def handler(event, context):
    key = {"pk": {"S": "FLOOR"}, "sk": {"S": "FLOOR"}}
    client.get_item(TableName=os.environ["TABLE_NAME"], Key=key)
    client.put_item(TableName=os.environ["TABLE_NAME"], Item={**key, "body": {"S": json.dumps(event)}})
"""
TIMED = """
import json, sys, time
from types import SimpleNamespace
event = json.loads(sys.stdin.read())
said, sys.stdout = sys.stdout, sys.stderr
context = SimpleNamespace(get_remaining_time_in_millis=lambda: 30_000, aws_request_id="request-1")
began, cpu = time.perf_counter(), time.process_time()
{code}
loaded, loaded_cpu = time.perf_counter(), time.process_time()
handler(event, context)
first, first_cpu = time.perf_counter(), time.process_time()
handler(event, context)
second_cpu = time.process_time()
times = [first - began, first_cpu - cpu, first_cpu - loaded_cpu, second_cpu - first_cpu]
print(json.dumps(times), file=said)
"""


Process = tuple[str, Any, dict[str, str]]
"""The code that loads a function, its event, and its environment."""


@dataclass(frozen=True)
class Times:
    """Of one process: the seconds to its first answer, and CPU seconds: of all, of the first answer, of the second."""

    to_first_answer_s: float
    cpu_s: float
    first_cpu_s: float
    second_cpu_s: float


def measured(code: str, event: Any, environment: dict[str, str]) -> Times:
    """The times of a fresh interpreter that loads a function and calls it twice."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(code=code)],
        input=json.dumps(event),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Times(*json.loads(done.stdout))


def filled() -> Cloud:
    """The cloud with the car of the samples, plugged in, and their secrets."""
    clock = RigClock(START)
    cloud = Cloud(clock, deployed())  # type: ignore[arg-type] # nothing here moves the clock
    runtime = Runtime(cloud.stack.functions["VehicleEventsFunction"].environment, clock=clock)
    runtime.__dict__ |= runtime_clients(cloud)
    twin = plugged_in(a_twin(START - timedelta(days=30)), START - timedelta(hours=1))
    twin = all_acknowledged(twin, START)
    site = SiteRecord("home-1", enrolment="enrolled", axle_site_id=twin.link.axle_site_id, assets=("car-1",))
    runtime.sites.write(None, site, now=START, twins=[(None, twin)])
    axle = {"username": "driveway", "password": "none"}
    secrets = {"AxleCredentials": axle, "WebhookSecrets": SAMPLE_SECRETS, "ApiTokens": {"app": [], "axle": []}}
    for logical, value in secrets.items():
        cloud.secrets.put(logical, json.dumps(value))
    return cloud


def processes(cloud: Cloud, url: str) -> dict[str, Process]:
    """What starts each function with its sample, and the floor; AWS answers at ``url``."""
    functions = {f.folder.name: f for f in cloud.stack.functions.values()}
    base = {**ENVIRON, "AWS_DEFAULT_REGION": ENVIRON["AWS_REGION"], "AWS_ENDPOINT_URL": url}
    powertools = {"POWERTOOLS_SERVICE_NAME": "driveway", "POWERTOOLS_METRICS_NAMESPACE": "Driveway"}
    table = functions["vehicle_events"].environment["TABLE_NAME"]
    runs: dict[str, Process] = {"floor": (FLOOR, {}, base | {"TABLE_NAME": table})}
    for name, event in SAMPLES.items():
        path = f"{ROOT / 'functions' / name}:{ROOT / 'layers' / 'driveway'}"
        clock = {"DRIVEWAY_CLOCK": f"start={START:%Y-%m-%dT%H:%M:%SZ},scale=1"}
        lambdas = {"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AXLE_BASE_URL": NOBODY}
        environment = {**base, **powertools, **clock, **functions[name].environment, **lambdas, "PYTHONPATH": path}
        runs[name] = ("from app import handler", sample(event), environment)
    return runs


def main() -> None:
    """Print the table."""
    cloud = filled()
    with served(cloud) as service:
        runs = processes(cloud, service.url)
        for run in runs.values():
            measured(*run)
        found: dict[str, list[Times]] = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                found[name].append(measured(*run))
    print(f"{'':<18} {'first answer':>12} {'ratio':>6} {'CPU':>7} {'after imports, 512 MB':>22} {'warm CPU':>9}")
    ratios = {}
    for name, times in found.items():
        floors = found["floor"]
        ratios[name] = statistics.median(
            one.to_first_answer_s / floor.to_first_answer_s for one, floor in zip(times, floors, strict=True)
        )
        first, cpu, after, warm = (
            statistics.median(getattr(one, part) for one in times)
            for part in ("to_first_answer_s", "cpu_s", "first_cpu_s", "second_cpu_s")
        )
        print(
            f"{name:<18} {first * 1000:>9.0f} ms {ratios[name]:>6.2f} {cpu * 1000:>4.0f} ms "
            f"{after / CPU_SHARE * 1000:>19.0f} ms {warm * 1000:>6.1f} ms"
        )
    del ratios["floor"]
    worst = max(ratios, key=lambda name: ratios[name])
    print(f"median {statistics.median(ratios.values()):.2f} (goal {GOAL})")
    print(f"worst  {ratios[worst]:.2f} (goal {WORST}): {worst}")


if __name__ == "__main__":
    main()
