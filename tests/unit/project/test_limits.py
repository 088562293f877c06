"""Limits that hold on AWS: time-outs, visibility, retries, throttles, the level of logs."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.functions.rig import template

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
USUAL_TIMEOUT_S = TEMPLATE["Globals"]["Function"]["Timeout"]
FUNCTIONS = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::Serverless::Function"}
READERS = [
    (event["Properties"]["Queue"]["Fn::GetAtt"][0], function.get("Timeout", USUAL_TIMEOUT_S))
    for function in FUNCTIONS.values()
    for event in function.get("Events", {}).values()
    if event["Type"] == "SQS"
]
OPEN_ROUTES = {
    f"{event['Properties']['Method']} {event['Properties']['Path']}" if "Path" in event["Properties"] else "$default"
    for function in FUNCTIONS.values()
    for event in function.get("Events", {}).values()
    if event["Type"] == "HttpApi" and event["Properties"].get("Auth") == {"Authorizer": "NONE"}
}


def reason_beside(queue: str) -> bool:
    """Whether a comment stands above the queue's visibility in the template."""
    block = (
        (ROOT / "template.yaml")
        .read_text(encoding="utf-8")
        .partition(f"\n  {queue}:\n")[2]
        .partition("VisibilityTimeout")[0]
    )
    return block.splitlines()[-2].strip().startswith("#")


@pytest.mark.parametrize(("queue", "timeout_s"), READERS)
def test_a_message_is_hidden_for_six_time_outs_of_its_function_or_a_reason_is_given(queue: str, timeout_s: int) -> None:
    visible_s = RESOURCES[queue]["Properties"]["VisibilityTimeout"]
    assert visible_s > timeout_s
    assert visible_s >= 6 * timeout_s or reason_beside(queue)


def test_the_clock_is_not_repeated_by_lambda_nor_by_its_schedule() -> None:
    clock = FUNCTIONS["ClockFunction"]
    assert clock["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
    assert clock["Events"]["Minute"]["Properties"]["RetryPolicy"] == {"MaximumRetryAttempts": 0}


def test_every_route_without_a_token_has_a_throttle_of_its_own_below_that_of_all() -> None:
    api = RESOURCES["Api"]["Properties"]
    assert set(api["RouteSettings"]) == OPEN_ROUTES
    usual = api["DefaultRouteSettings"]["ThrottlingRateLimit"]
    assert all(own["ThrottlingRateLimit"] < usual for own in api["RouteSettings"].values())


def test_the_level_of_logs_reaches_lambda_and_never_drops_metrics() -> None:
    assert TEMPLATE["Globals"]["Function"]["LoggingConfig"]["ApplicationLogLevel"] == {"Ref": "LogLevel"}
    assert TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO"]


@pytest.mark.parametrize("mapping", ["Stream", "TeslaTelemetry"])
def test_a_stream_record_that_a_service_refuses_is_retried_for_an_hour(mapping: str) -> None:
    declared = FUNCTIONS["AnnouncerFunction"]["Events"].get(mapping, RESOURCES.get(mapping))["Properties"]
    assert (declared["MaximumRetryAttempts"], declared["MaximumRecordAgeInSeconds"]) == (-1, 3600)
