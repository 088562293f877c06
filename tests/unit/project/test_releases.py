"""A release takes over every function as a whole, and is taken back by itself."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.outputs import ALIAS
from local.translate import by_sam
from tests.support.functions.rig import template

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = template()
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-2")
SOURCE = (ROOT / "template.yaml").read_text(encoding="utf-8")


def resources(source: str) -> dict[str, Any]:
    parsed = yaml_parse(source)
    for one in parsed["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & one.get("Properties", {}).keys():
            one["Properties"][name] = f"s3://bucket/{one['Properties'][name]}"
    found: dict[str, Any] = by_sam(parsed)["Resources"]
    return found


RESOURCES = resources(SOURCE)


def of(kind: str) -> dict[str, Any]:
    return {name: one for name, one in RESOURCES.items() if one["Type"] == kind}


FUNCTIONS = of("AWS::Lambda::Function")
STARTERS = {
    name: one["Properties"]
    for kind in ("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission", "AWS::Scheduler::Schedule")
    for name, one in of(kind).items()
}
ALIASES = {f"{function}Alias{ALIAS}" for function in FUNCTIONS}


@pytest.mark.parametrize("name", sorted(STARTERS))
def test_everything_that_starts_a_function_names_its_alias(name: str) -> None:
    started = STARTERS[name].get("FunctionName") or STARTERS[name]["Target"]["Arn"]
    assert started["Ref"] in ALIASES


def test_every_route_and_the_authorizer_lead_to_aliases() -> None:
    (api,) = of("AWS::ApiGatewayV2::Api").values()
    leads = [
        json.dumps(held["uri"])
        for operations in api["Properties"]["Body"]["paths"].values()
        for operation in operations.values()
        if (held := operation.get("x-amazon-apigateway-integration"))
    ]
    schemes = api["Properties"]["Body"]["components"]["securitySchemes"].values()
    leads += [json.dumps(held["x-amazon-apigateway-authorizer"]["authorizerUri"]) for held in schemes]
    assert len(leads) > len(FUNCTIONS)
    assert [lead for lead in leads if not any(alias in lead for alias in ALIASES)] == []


def test_the_schedules_may_start_only_the_alias() -> None:
    roles = [one["Properties"] for name, one in of("AWS::IAM::Role").items() if "scheduler" in json.dumps(one)]
    assert len(roles) == len(of("AWS::Scheduler::Schedule"))
    for role in roles:
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"]["Ref"] in ALIASES


def test_every_function_is_taken_back_on_alarms_of_faults_and_of_errors() -> None:
    groups = of("AWS::CodeDeploy::DeploymentGroup")
    assert set(groups) == {f"{function}DeploymentGroup" for function in FUNCTIONS}
    for group in groups.values():
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]
        condition, watched, _ = group["Properties"]["AlarmConfiguration"]["Fn::If"]
        assert condition == "RollsBack"
        assert watched["Alarms"] == [{"Name": {"Ref": "FaultsAlarm"}}, {"Name": {"Ref": "FunctionErrorsAlarm"}}]


def test_what_takes_a_release_back_depends_on_no_function_so_that_it_can_be_made_before_them() -> None:
    for name in ("FaultsAlarm", "FunctionErrorsAlarm", "FaultLines"):
        text = json.dumps(RESOURCES[name])
        assert not any(f'"{other}"' in text for other in [*FUNCTIONS, *ALIASES, "Api"]), name


def versions(source: str) -> set[str]:
    return {name for name, one in resources(source).items() if one["Type"] == "AWS::Lambda::Version"}


@pytest.mark.parametrize(
    ("old", "new", "published"),
    [
        ("RELEASE: unreleased", "RELEASE: another", len(FUNCTIONS)),
        ("ContentUri: layers/driveway\n", "ContentUri: layers/another\n", len(FUNCTIONS)),
        ("CodeUri: functions/clock\n", "CodeUri: functions/another\n", 1),
        ("Default: 40\n", "Default: 41\n", 0),
    ],
)
def test_what_changes_code_or_settings_publishes_new_versions_and_a_parameter_alone_does_not(
    old: str, new: str, published: int
) -> None:
    assert old in SOURCE
    assert len(versions(SOURCE.replace(old, new, 1)) - versions(SOURCE)) == published


def test_domain_and_fixed_egress_are_left_out_unless_they_are_asked_for() -> None:
    assert {RESOURCES[name]["Condition"] for name in ("Domain", "DomainMapping")} == {"HasDomain"}
    assert RESOURCES["DomainRecord"]["Condition"] == "HasZone"
    for name in ("DomainName", "DomainHostedZoneId", "EgressSubnetIds"):
        assert TEMPLATE["Parameters"][name]["Default"] == ""
    networked = {name for name, one in FUNCTIONS.items() if "VpcConfig" in one["Properties"]}
    calling = {
        name
        for name, one in FUNCTIONS.items()
        if {"AXLE_BASE_URL", "ENODE_BASE_URL", "APP_WEBHOOK_URL"} & one["Properties"]["Environment"]["Variables"].keys()
    }
    assert networked == calling
    for name in networked:
        assert FUNCTIONS[name]["Properties"]["VpcConfig"]["Fn::If"][0] == "HasFixedEgress"
