"""The stack in memory is the template's: what is declared there is here, with its parameters."""

import pytest

from tests.support.aws.small_cloud import HandClock
from tests.support.functions.rig import template
from tests.world.aws import Cloud, stack

DECLARED = template()["Resources"]


def declared(kind: str) -> set[str]:
    return {name for name, one in DECLARED.items() if one["Type"] == kind}


def test_every_queue_rule_and_function_of_the_template_is_here() -> None:
    cloud = Cloud(HandClock(), stack(AppWebhookUrl="https://app.test"))
    assert set(cloud.queues()) == declared("AWS::SQS::Queue")
    assert {target.rule for target in cloud.bus.targets} == declared("AWS::Events::Rule")
    assert set(cloud.stack.functions) == declared("AWS::Serverless::Function")


def test_every_source_of_events_that_a_function_declares_is_here() -> None:
    kinds = {"SQS": 0, "DynamoDB": 0, "ScheduleV2": 0, "HttpApi": 0}
    for one in DECLARED.values():
        for event in one.get("Properties", {}).get("Events", {}).values():
            kinds[event["Type"]] += 1
    cloud = Cloud(HandClock(), stack())
    assert len(cloud.queue_mappings) == kinds["SQS"]
    assert len(cloud.stream_mappings) == kinds["DynamoDB"]
    assert len(cloud.schedules) == kinds["ScheduleV2"]
    assert len(cloud.stack.routes) == kinds["HttpApi"]


def test_batches_time_outs_and_visibility_are_those_of_the_template() -> None:
    cloud = Cloud(HandClock(), stack(EnodeConcurrency="7"))
    mapping = cloud.queue_mappings["VehicleCommandsFunctionEnode"]
    function, queue = DECLARED["VehicleCommandsFunction"]["Properties"], DECLARED["EnodeCommandsQueue"]["Properties"]
    assert mapping.batch_size == function["Events"]["Enode"]["Properties"]["BatchSize"]
    assert mapping.most_at_once == 7
    assert mapping.timeout_s == function["Timeout"]
    assert mapping.queue.visibility_s == queue["VisibilityTimeout"]
    assert mapping.queue.most_received == queue["RedrivePolicy"]["maxReceiveCount"]
    assert mapping.queue.dead_letters is cloud.queues()["EnodeCommandsDeadLetters"]


@pytest.mark.parametrize(("function", "setting"), [("ClockFunction", "AXLE_SYNC_QUEUE_URL")])
def test_the_environment_of_a_function_names_resources_that_answer(function: str, setting: str) -> None:
    cloud = Cloud(HandClock(), stack())
    environment = cloud.stack.functions[function].environment
    names = ["ApproximateNumberOfMessages"]
    answer = cloud.client("sqs").get_queue_attributes(QueueUrl=environment[setting], AttributeNames=names)
    assert answer["Attributes"] == {"ApproximateNumberOfMessages": "0"}
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    cloud.client("dynamodb").put_item(TableName=environment["TABLE_NAME"], Item=item)
    assert cloud.items() == [item]


def test_tesla_telemetry_is_read_only_if_there_is_a_stream() -> None:
    assert "TeslaTelemetry" not in Cloud(HandClock(), stack()).stream_mappings
    arn = "arn:aws:kinesis:eu-west-2:000000000000:stream/tesla"
    cloud = Cloud(HandClock(), stack(TeslaTelemetryStreamArn=arn))
    cloud.put_record("TeslaTelemetry", b"{}", "VIN")
    assert cloud.due(cloud.clock.now()) == []
    cloud.clock.advance(2)
    (delivery,) = cloud.due(cloud.clock.now())
    (record,) = delivery.event["Records"]
    assert (delivery.function, record["eventSource"], record["kinesis"]["data"]) == (
        "VehicleEventsFunction",
        "aws:kinesis",
        "e30=",
    )


def test_two_clouds_of_the_same_stack_go_through_the_same_order() -> None:
    one, other = (Cloud(HandClock(), stack()) for _ in range(2))
    assert list(one.queue_mappings) == list(other.queue_mappings) == sorted(one.queue_mappings)
    assert [target.rule for target in one.bus.targets] == sorted(target.rule for target in one.bus.targets)
