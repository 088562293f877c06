"""Every alarm looks at a metric that exists, as the code emits it, and says what it means and what to do."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from driveway.runtime.clock import Clock
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.vehicles.metrics import COMMANDS, METRICS, UNAVAILABLE
from tests.support.functions.rig import template

ROOT = Path(__file__).resolve().parents[3]
RESOURCES = template()["Resources"]
ALARMS: dict[str, Any] = {n: r["Properties"] for n, r in RESOURCES.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
OF_AWS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): "QueueName",
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): "QueueName",
    ("AWS/Lambda", "IteratorAge"): "FunctionName",
    ("AWS/Lambda", "Invocations"): "FunctionName",
    ("AWS/Lambda", "Errors"): "FunctionName",
    ("AWS/ApiGateway", "5xx"): "ApiId",
    ("AWS/ApiGateway", "Latency"): "ApiId",
}
SILENCE = {"ClockStoppedAlarm", "ReadingsStoppedAlarm"}
"""Alarms that ring when their metric is not there; those of silent providers do, too."""
COUNTED_LINES = {
    one["Properties"]["MetricTransformations"][0]["MetricName"]["Fn::Sub"]: one["Properties"]
    for one in RESOURCES.values()
    if one["Type"] == "AWS::Logs::MetricFilter"
}


@cache
def emitted() -> dict[str, set[str]]:
    """The metrics that the code emits, and the dimensions of each beside ``service`` and ``stage``."""
    found: dict[str, set[str]] = {name: {"provider"} for name in [*METRICS.values(), *COMMANDS.values(), UNAVAILABLE]}
    for folder in ("layers", "functions"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                    dimensions = {str(word.arg) for word in node.keywords}
                    first = node.args[0]
                    if node.func.id == "emit_percents" and isinstance(first, ast.Constant):
                        found[str(first.value)] = dimensions
                    if node.func.id == "emit" and isinstance(first, ast.Dict):
                        for key in first.keys:
                            if isinstance(key, ast.Constant):
                                found[str(key.value)] = dimensions
    return found


def metrics(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The single metrics that an alarm looks at."""
    if "MetricName" in alarm:
        yield alarm
    for one in alarm.get("Metrics", []):
        if "MetricStat" in one:
            yield one["MetricStat"]["Metric"]


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_says_what_it_means_what_to_do_and_where_to_read_more(name: str) -> None:
    text = ALARMS[name]["AlarmDescription"]["Fn::Sub"]
    *sentences, link = re.split(r"(?<=[.?:]) ", text)
    assert len(sentences) >= 2
    assert text.endswith("See ${RunbookUrl}#alarms")
    assert len(text) <= 1024
    assert link


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_goes_to_the_topic(name: str) -> None:
    assert ALARMS[name]["AlarmActions"] == {
        "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_an_alarm_looks_at_metrics_with_the_dimensions_with_which_they_are_emitted(name: str) -> None:
    found = list(metrics(ALARMS[name]))
    for metric in found:
        if isinstance(metric["MetricName"], dict):
            assert metric["MetricName"]["Fn::Sub"] in COUNTED_LINES
            continue
        dimensions = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
        if metric["Namespace"] == "Driveway":
            others = emitted()[metric["MetricName"]]
            assert set(dimensions) == {"service", "stage"} | others
            assert (dimensions["service"], dimensions["stage"]) == ("driveway", {"Ref": "Stage"})
        else:
            assert set(dimensions) == {OF_AWS[metric["Namespace"], metric["MetricName"]]}
            (value,) = dimensions.values()
            ((_, resource),) = value.items()
            assert (resource if isinstance(resource, str) else resource[0]).split(".")[0] in RESOURCES
    assert found or "SELECT" in str(ALARMS[name]["Metrics"])


@pytest.mark.parametrize("name", sorted(ALARMS))
def test_no_data_rings_where_silence_is_the_fault_and_nowhere_else(name: str) -> None:
    silent = name in SILENCE or name.endswith("SilentAlarm")
    assert ALARMS[name]["TreatMissingData"] == ("breaching" if silent else "notBreaching")


def test_a_metric_has_the_namespace_and_dimensions_that_the_alarms_name(capsys: pytest.CaptureFixture[str]) -> None:
    settings = template()["Globals"]["Function"]["Environment"]["Variables"]
    environ = {name: settings[name] for name in ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE")}
    emit({"CommandsLate": 1}, Runtime(environ | {"STAGE": "prod"}, clock=Clock()), provider="enode")
    line = json.loads(capsys.readouterr().out)
    (block,) = line["_aws"]["CloudWatchMetrics"]
    assert block["Namespace"] == "Driveway"
    assert {name: line[name] for name in block["Dimensions"][0]} == {
        "service": "driveway",
        "stage": "prod",
        "provider": "enode",
    }


@pytest.mark.parametrize("name", ["FunctionErrorsAlarm", "FunctionThrottlesAlarm"])
def test_errors_and_throttles_of_every_function_are_in_one_alarm(name: str) -> None:
    functions = {
        one["Properties"]["FunctionName"]["Fn::Sub"]
        for one in RESOURCES.values()
        if one["Type"] == "AWS::Serverless::Function"
    }
    query = ALARMS[name]["Metrics"][0]["Expression"]["Fn::Sub"]
    assert set(re.findall(r"FunctionName = '([^']+)'", query)) == functions


READ = {
    event["Properties"]["Queue"]["Fn::GetAtt"][0]
    for one in RESOURCES.values()
    if one["Type"] == "AWS::Serverless::Function"
    for event in one["Properties"].get("Events", {}).values()
    if event["Type"] == "SQS"
}
"""The queues that functions read."""


def test_every_queue_is_in_the_alarm_of_old_messages_and_every_dead_letter_queue_has_its_own() -> None:
    queues = {name for name, one in RESOURCES.items() if one["Type"] == "AWS::SQS::Queue"}
    aged = {
        str(metric["Dimensions"][0]["Value"])
        for alarm in ALARMS.values()
        for metric in metrics(alarm)
        if metric["MetricName"] == "ApproximateAgeOfOldestMessage"
    }
    watched = {
        str(metric["Dimensions"][0]["Value"])
        for alarm in ALARMS.values()
        for metric in metrics(alarm)
        if metric["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    for name in queues:
        is_source = name in READ
        assert any(f"'{name}" in one for one in (aged if is_source else watched)), name


def test_prod_is_not_deployed_without_somewhere_for_its_alarms_to_go() -> None:
    rule = template()["Rules"]["ProdNeedsAlarms"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopicArn"}, ""]}]}


def test_the_dashboard_shows_only_metrics_that_are_emitted_and_parts_that_exist() -> None:
    body = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    widgets = json.loads(re.sub(r"\$\{([\w:.]+)\}", r"\1", body))["widgets"]
    assert len(widgets) >= 12
    for name in re.findall(r"\$\{(\w+)[.}]", body):
        assert name in {*RESOURCES, "Stage", "TableName"}, name
    shown = set(re.findall(r'"Driveway","(\w+)"', body)) | set(re.findall(r'provider\}[^M]*MetricName=\\"(\w+)', body))
    assert {"AssetsOverdue", "CommandsLate", "CommandsConfirmed", "BreakersOpen", "ReadingsComplete"} <= shown
    assert shown <= set(emitted())
