"""Looking at the whole fleet of a provider whose webhooks were lost."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.outputs import outputs_of
from local.resync import clients_of, main, resync
from tests.support.functions.rig import Rig
from tests.support.functions.stage import Stage

ROOT = Path(__file__).resolve().parents[2]


class Formation:
    """CloudFormation with one stack: its outputs name the parts that the command uses."""

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        outputs = {"TableName": StackName, "BusName": StackName}
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]}]}


def test_every_car_of_the_provider_is_looked_at_and_a_lost_plug_in_is_found(stage: Stage) -> None:
    for number in range(1, 4):
        stage.park("enode", number=number)
    stage.park("smartcar", number=4)
    for number in range(1, 4):
        stage.cars.do("plug-out", f"5YJ3000000000000{number}")
    waited: list[float] = []
    runtime = stage.rig.runtime
    sent = resync(
        runtime.dynamodb,
        stage.rig.bus,  # type: ignore[arg-type]  # a bus that keeps what it is given
        table=runtime.table.name,
        bus="bus",
        provider="enode",
        per_second=2,
        sleep=waited.append,
    )
    assert (sent, sum(waited)) == (3, 1.5)
    stage.rig.clock.move(minutes=1)
    stage.settle()
    held = [stage.rig.twin(f"car-{number}").presence.held_plug_out is not None for number in range(1, 5)]
    assert held == [True, True, True, False]


def test_a_request_that_the_bus_refuses_is_an_error(stage: Stage) -> None:
    stage.park("enode")

    class Full:
        def put_events(self, **_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1}

    runtime = stage.rig.runtime
    with pytest.raises(RuntimeError, match="refused 1 of 1"):
        resync(
            runtime.dynamodb,
            Full(),  # type: ignore[arg-type]  # a bus that takes nothing
            table=runtime.table.name,
            bus="bus",
            provider="enode",
            per_second=1000,
        )


def test_the_stack_is_found_by_its_outputs() -> None:
    assert outputs_of(Formation(), "driveway-test")["BusName"] == "driveway-test"


def printed_arguments() -> list[str]:
    """The arguments that the command in docs/operations.md gives the module, by the Makefile."""
    printed = re.search(r"^make resync .*$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert printed is not None
    command = ["make", "--dry-run", "--assume-old=.venv/installed", *shlex.split(printed.group())[1:]]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = [line for line in run.stdout.splitlines() if "local.resync" in line]
    return shlex.split(line.partition("local.resync")[2])


def test_the_command_of_the_runbook_requests_a_read_of_every_car(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del rig  # it mocks AWS
    monkeypatch.setattr("local.resync.time.sleep", lambda _: None)
    monkeypatch.setattr(
        "local.resync.clients_of",
        lambda _: lambda name: Formation() if name == "cloudformation" else boto3.client(name),
    )
    boto3.client("dynamodb").create_table(
        TableName="driveway-prod",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    boto3.client("events").create_event_bus(Name="driveway-prod")
    for number in range(12):
        key = {"pk": {"S": f"ALIAS#enode#vehicle-{number}"}, "sk": {"S": "ALIAS"}}
        item = {**key, "asset": {"S": f"car-{number}"}}
        boto3.client("dynamodb").put_item(TableName="driveway-prod", Item=item)
    queue = boto3.client("sqs").create_queue(QueueName="enode")["QueueUrl"]
    arn = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = json.dumps({"detail-type": ["ChargingCommand"], "detail": {"provider": ["enode"]}})
    boto3.client("events").put_rule(Name="enode", EventBusName="driveway-prod", EventPattern=pattern)
    boto3.client("events").put_targets(Rule="enode", EventBusName="driveway-prod", Targets=[{"Id": "1", "Arn": arn}])
    main(printed_arguments())
    assert capsys.readouterr().out == "12 cars of enode will be looked at.\n"
    received: list[str] = []
    while answer := boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        details = [json.loads(message["Body"])["detail"] for message in answer]
        assert {detail["action"] for detail in details} == {"look"}
        received += [detail["asset"] for detail in details]
    assert sorted(received) == sorted(f"car-{number}" for number in range(12))


def test_the_outputs_that_it_reads_are_those_of_the_template() -> None:
    outputs = (ROOT / "template.yaml").read_text().partition("\nOutputs:")[2]
    assert {"TableName:", "BusName:"} <= set(outputs.split())


def test_the_local_stack_is_reached_at_its_own_endpoint(tmp_path: Path, rig: Rig) -> None:
    del rig
    values = {"aws_endpoint_url": "http://127.0.0.1:4566", "region": "eu-west-2"}
    (tmp_path / "stack.json").write_text(json.dumps(values))
    assert clients_of("driveway-local", tmp_path)("events").meta.endpoint_url == "http://127.0.0.1:4566"
    assert "amazonaws" in clients_of("driveway-prod", tmp_path)("events").meta.endpoint_url
