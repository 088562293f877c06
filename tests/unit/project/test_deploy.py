"""A deployment says in words what it would change before it changes it; an undeployment says what it keeps."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from samtranslator.yaml_helper import yaml_parse

from local import deploy, undeploy
from local.deploy import Change
from tests.support.functions.rig import template


@pytest.fixture
def cloudformation() -> Any:
    return boto3.client("cloudformation", region_name="eu-west-2", aws_access_key_id="x", aws_secret_access_key="x")


def resource(action: str, name: str, kind: str, replacement: str | None = None) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": name, "ResourceType": kind}
    return {"Type": "Resource", "ResourceChange": change | ({"Replacement": replacement} if replacement else {})}


PAGES = [
    [resource("Add", "Bus", "AWS::Events::EventBus"), resource("Modify", "Clock", "AWS::Lambda::Function", "False")],
    [
        resource("Modify", "Table", "AWS::DynamoDB::Table", "True"),
        resource("Modify", "Rule", "AWS::Events::Rule", "Conditional"),
        resource("Remove", "OldQueue", "AWS::SQS::Queue"),
    ],
]


def test_every_page_of_a_change_set_is_read_and_what_would_be_lost_is_named_state_first(cloudformation: Any) -> None:
    with Stubber(cloudformation) as stub:
        for number, page in enumerate(PAGES):
            asked = {"ChangeSetName": "it"} | ({"NextToken": "more"} if number else {})
            stub.add_response(
                "describe_change_set", {"Changes": page} | ({} if number else {"NextToken": "more"}), asked
            )
        words = list(deploy.in_words(deploy.changes_of(cloudformation, "it")))
    assert words[0] == "1 resources are added, 3 changed, 1 removed."
    assert [line.split()[0] for line in words[1:]] == ["OldQueue", "Table", "Rule"]
    assert "Table (AWS::DynamoDB::Table) is replaced by a new one. It holds state" in words[2]
    assert "may be replaced" in words[3]


def test_a_change_that_gives_nothing_up_is_only_counted() -> None:
    words = list(deploy.in_words([Change("Modify", "Clock", "AWS::Lambda::Function", "False")]))
    assert words == ["0 resources are added, 1 changed, 0 removed."]


def test_an_account_with_too_little_concurrency_is_refused_with_the_number_to_ask_for() -> None:
    assert deploy.quota_problems(limit=1000, unreserved=1000, already_ours=0, reserved=120) == []
    (problem,) = deploy.quota_problems(limit=50, unreserved=50, already_ours=0, reserved=20)
    assert "may run 50 functions at once" in problem
    assert "a quota of 320" in problem
    assert deploy.quota_problems(limit=1000, unreserved=110, already_ours=20, reserved=20) == []


def test_what_the_template_reserves_is_summed() -> None:
    reserved = {"Fn::If": ["Reserves", 5, {"Ref": "AWS::NoValue"}]}
    made = {"Resources": {"A": {"Properties": {"ReservedConcurrentExecutions": reserved}}, "B": {"Properties": {}}}}
    assert deploy.reserved_concurrency(made, {"ReserveConcurrency": "true"}) == 5
    assert deploy.reserved_concurrency(made, {"ReserveConcurrency": "false"}) == 0


def test_this_templates_reservations_are_all_counted_and_its_description_names_their_sum() -> None:
    reserved = deploy.reserved_concurrency(template(), {"ReserveConcurrency": "true"})
    assert reserved == sum(
        one["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1]
        for one in template()["Resources"].values()
        if "ReservedConcurrentExecutions" in one.get("Properties", {})
    )
    description = template()["Parameters"]["ReserveConcurrency"]["Description"]
    assert f"{reserved} in all" in description
    assert f"{reserved + deploy.UNRESERVED_LEAST + deploy.HEADROOM} or more" in description


@pytest.mark.parametrize(
    ("short", "words"),
    [
        ({"resources": 501}, "501 resources"),
        ({"roles_left": 3}, "may have 3 more IAM roles"),
        ({"code_bytes_left": 99_000_000}, "99 MB more of code"),
    ],
)
def test_each_quota_that_is_too_small_is_named(short: dict[str, int], words: str) -> None:
    enough = {"resources": 400, "roles_left": 100, "code_bytes_left": 10**9}
    assert deploy.storage_problems(template(), **enough) == []
    (problem,) = deploy.storage_problems(template(), **enough | short)
    assert words in problem


def test_a_stage_is_deployed_with_the_defaults_and_its_own_parameters() -> None:
    parameters = deploy.parameters_of(deploy.stage_of("prod"), template())
    assert parameters["AxleBaseUrl"] == "https://api.axle.energy"
    assert parameters["DailyCommands"] == "40"


def test_a_release_has_a_new_name_when_its_content_or_a_parameter_changes_and_only_then(tmp_path: Path) -> None:
    def stamped(content: str, **parameters: str) -> str:
        path.write_text((deploy.ROOT / "template.yaml").read_text())
        return deploy.stamp(path, content, parameters)

    path = tmp_path / "template.yaml"
    first = stamped("a", DailyCommands="40")
    assert yaml_parse(path.read_text())["Globals"]["Function"]["Environment"]["Variables"]["RELEASE"] == first
    assert stamped("a", DailyCommands="40") == first
    assert len({first, stamped("b", DailyCommands="40"), stamped("a", DailyCommands="41")}) == 3
    path.write_text("Resources: {}")
    with pytest.raises(SystemExit, match="names no RELEASE"):
        deploy.stamp(path, "a", {})


@pytest.mark.parametrize("answer", ["n", ""])
def test_nothing_is_executed_without_a_yes(
    cloudformation: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    monkeypatch.delenv("YES", raising=False)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    with Stubber(cloudformation) as stub:
        stub.add_response("list_change_sets", {"Summaries": [_change_set("it", "AVAILABLE")]})
        stub.add_response("describe_change_set", {"Changes": PAGES[0]})
        assert deploy._execute(cloudformation, "driveway-dev") == 1
        stub.assert_no_pending_responses()
    assert "Nothing was changed" in capsys.readouterr().out


def test_the_newest_change_set_is_executed_after_a_yes(cloudformation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YES", "1")
    made = [
        _change_set("old", "AVAILABLE", day=1),
        _change_set("new", "AVAILABLE", day=2),
        _change_set("x", "OBSOLETE"),
    ]
    with Stubber(cloudformation) as stub:
        stub.add_response("list_change_sets", {"Summaries": made})
        stub.add_response("describe_change_set", {"Changes": PAGES[0]}, {"ChangeSetName": _arn("new")})
        stub.add_response("describe_stacks", {"Stacks": [_stack("UPDATE_COMPLETE")]})
        stub.add_response("execute_change_set", {}, {"ChangeSetName": _arn("new")})
        stub.add_response("describe_stacks", {"Stacks": [_stack("UPDATE_COMPLETE")]})
        assert deploy._execute(cloudformation, "driveway-dev") == 0
        stub.assert_no_pending_responses()


def _arn(name: str) -> str:
    return f"arn:aws:cloudformation:eu-west-2:123456789012:changeSet/{name}/1"


def _change_set(name: str, status: str, day: int = 3) -> dict[str, Any]:
    return {"ChangeSetId": _arn(name), "ExecutionStatus": status, "CreationTime": datetime(2026, 1, day, tzinfo=UTC)}


def _stack(status: str) -> dict[str, Any]:
    return {"StackName": "driveway-dev", "StackStatus": status, "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}


def test_a_stage_that_is_not_configured_is_named_with_those_that_are() -> None:
    with pytest.raises(SystemExit, match=r"no stage 'produciton'\. It has: default, staging, prod"):
        deploy.stage_of("produciton")


def test_what_outlives_the_stack_is_listed_with_the_command_that_removes_it() -> None:
    found = [
        {"LogicalResourceId": "Table", "PhysicalResourceId": "t-1", "ResourceType": "AWS::DynamoDB::Table"},
        {"LogicalResourceId": "Bus", "PhysicalResourceId": "b-1", "ResourceType": "AWS::Events::EventBus"},
    ]
    lines = list(
        undeploy.kept(
            [found[0] | {"ResourceStatus": "DELETE_SKIPPED"}, found[1] | {"ResourceStatus": "DELETE_COMPLETE"}]
        )
    )
    assert len(lines) == 1
    assert lines[0].startswith("  Table: aws dynamodb update-table --no-deletion-protection-enabled --table-name t-1")


def test_nothing_is_deleted_while_a_car_is_not_released(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_URL", "https://example.invalid")
    monkeypatch.setenv("OPERATOR_TOKEN", "token")
    monkeypatch.setattr(undeploy.switch, "main", lambda state: 1)
    assert undeploy.main(["default"]) == 1
    assert "Nothing was deleted" in capsys.readouterr().out


def test_an_undeployment_that_cannot_release_the_cars_does_not_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("API_URL", raising=False)
    assert undeploy.main(["default"]) == 1
    assert "Set API_URL and OPERATOR_TOKEN" in capsys.readouterr().out
