"""What a security review asks of a template, as rules; an exception has its reason beside it.

checkov (``make check``, ``checkov.yaml``) asks much of this, too; these rules know what the resources are for.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.functions.rig import template

RESOURCES: dict[str, Any] = template()["Resources"]
NO_TOKEN = {
    "$default": "what no other route takes: the answer is always that there is no such route",
    "POST /webhooks/{provider}": "the car maker signs the body, and the function checks the signature",
    "POST /axle/webhooks": "Axle signs the body, and the function checks the signature",
    "GET /console": "the page shows nothing before its reader gives a token",
    "GET /console/{file}": "the same",
}
ACTIONS_ON_EVERYTHING: dict[str, str] = {}
"""Statements that allow something on every resource, by function, with the reason. There are none."""


def of(kind: str) -> dict[str, dict[str, Any]]:
    return {name: one.get("Properties", {}) for name, one in RESOURCES.items() if one["Type"] == kind}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements of every policy in the template, with the resource that they belong to."""
    for name, properties in of("AWS::Serverless::Function").items():
        for policy in properties.get("Policies", []):
            yield from ((name, statement) for statement in policy["Statement"])
    for kind in ("AWS::IAM::Policy", "AWS::SQS::QueuePolicy"):
        for name, properties in of(kind).items():
            yield from ((name, statement) for statement in properties["PolicyDocument"]["Statement"])
    for name, properties in of("AWS::IAM::Role").items():
        for policy in properties.get("Policies", []):
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


STATEMENTS = list(statements())


def test_there_are_statements_of_every_function() -> None:
    assert {name for name, _ in STATEMENTS} >= set(of("AWS::Serverless::Function"))


@pytest.mark.parametrize(("name", "statement"), STATEMENTS, ids=[name for name, _ in STATEMENTS])
def test_a_statement_names_its_actions_and_its_resources(name: str, statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert not any("*" in action for action in listed(statement["Action"])), name
    if name not in ACTIONS_ON_EVERYTHING:
        assert "*" not in listed(statement["Resource"]), name


def test_the_bus_fills_queues_only_by_this_stacks_rules() -> None:
    (policy,) = of("AWS::SQS::QueuePolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert "rule/${Bus}/*" in statement["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"]


@pytest.mark.parametrize("name", sorted(of("AWS::SQS::Queue")))
def test_a_queue_is_encrypted_and_keeps_messages_for_a_bounded_time(name: str) -> None:
    queue = of("AWS::SQS::Queue")[name]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] <= 1_209_600


@pytest.mark.parametrize("name", sorted(of("AWS::DynamoDB::Table")))
def test_a_table_is_encrypted_with_a_key_of_aws(name: str) -> None:
    assert of("AWS::DynamoDB::Table")[name]["SSESpecification"] == {"SSEEnabled": True}


def test_logs_are_kept_for_a_bounded_time_and_so_are_those_of_every_function() -> None:
    (logs,) = of("AWS::Logs::LogGroup").values()
    assert logs["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert template()["Globals"]["Function"]["LoggingConfig"]["LogGroup"] == {"Ref": "Logs"}


def test_every_route_asks_for_a_token_but_the_signed_ones_and_the_empty_page() -> None:
    open_routes = {
        f"{at['Method']} {at['Path']}" if "Path" in (at := event["Properties"]) else "$default"
        for function in of("AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == "HttpApi" and "Auth" in event["Properties"]
    }
    assert open_routes == set(NO_TOKEN)
    (api,) = of("AWS::Serverless::HttpApi").values()
    assert api["Auth"]["DefaultAuthorizer"] == "Tokens"
    assert "AccessLogSettings" in api


def test_no_secret_is_in_the_template_or_in_a_functions_environment() -> None:
    for name, function in of("AWS::Serverless::Function").items():
        for variable, value in function.get("Environment", {}).get("Variables", {}).items():
            if re.search(r"SECRET|TOKENS", variable) and not variable.endswith("URL"):
                assert RESOURCES[value["Ref"]]["Type"] == "AWS::SecretsManager::Secret", f"{name}: {variable}"
    hidden = [name for name, one in template()["Parameters"].items() if "Secret" in name]
    assert all(template()["Parameters"][name]["NoEcho"] is True for name in hidden)


def test_a_function_has_a_time_out_below_the_longest_that_is_useful() -> None:
    usual = template()["Globals"]["Function"]["Timeout"]
    behind_the_api = 29
    for name, function in of("AWS::Serverless::Function").items():
        if any(event["Type"] == "HttpApi" for event in function.get("Events", {}).values()):
            assert function.get("Timeout", usual) <= behind_the_api, name
