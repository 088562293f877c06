"""Fires the template's schedules by the scaled clock.

The local AWS runs schedules by the wall clock, which is right at scale 1. When a night takes a minute, this process
plays EventBridge Scheduler instead: ``clock`` every minute, ``meter_readings`` at :11 and :41.
"""

import argparse
import os
from datetime import datetime, timedelta

import boto3
from botocore.config import Config

from driveway.domain.half_hours import half_hour_of
from driveway.runtime.clock import Clock, parse_clock
from local.outputs import ALIAS
from local.stack import REGION, STAGE

SHORTEST_TICK_S = 0.4
REPORT_MINUTE = 11
"""Minutes after the half-hour at which the template's schedule starts ``meter_readings``."""


def ticks(clock: Clock) -> timedelta:
    """The span between two calls of ``clock``: a minute, but never less than the machine can serve."""
    return max(timedelta(minutes=1), clock.real_time(SHORTEST_TICK_S))


def crossed_report_time(before: datetime, after: datetime) -> bool:
    """Whether a report minute (UTC) lies in ``(before, after]``."""
    shift = timedelta(minutes=REPORT_MINUTE)
    return half_hour_of(before - shift) != half_hour_of(after - shift)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    endpoint = parser.parse_args().endpoint
    clock = parse_clock(os.environ.get("DRIVEWAY_CLOCK"), on_aws=False)
    functions = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION).client(
        "lambda", endpoint_url=endpoint, config=Config(read_timeout=900, retries={"max_attempts": 0})
    )
    before = clock.now()
    while True:
        clock.sleep_until(before + ticks(clock))
        after = clock.now()
        # One at a time: a slow machine has fewer ticks instead of a backlog.
        functions.invoke(FunctionName=f"driveway-{STAGE}-clock", Qualifier=ALIAS, Payload=b"{}")
        if crossed_report_time(before, after):
            functions.invoke(FunctionName=f"driveway-{STAGE}-meter-readings", Qualifier=ALIAS, Payload=b"{}")
        before = after


if __name__ == "__main__":
    main()
