"""What functions may do by the template, and what they do: pairs of an IAM action and the resource that it is on."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.world.aws.faults import Request
from tests.world.aws.policies import asked, listed
from tests.world.aws.stack import Stack
from tests.world.world import World

Grant = tuple[str, str]
"""An action, such as ``dynamodb:GetItem``, and the ARN of its resource."""


def granted(stack: Stack, function: str) -> set[Grant]:
    """What the role of a function allows, by the policies that the template writes itself."""
    role = stack.properties(f"{function}Role")
    return {
        (action, resource)
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def needed(request: Request, stack: Stack) -> Iterator[Grant]:
    """What a request needs to be allowed."""
    body, operation = request.body, request.operation
    if request.service == "dynamodb":
        tables = {stack.name(name): stack.arn(name) for name in stack.of("AWS::DynamoDB::Table")}
        yield from ((action, resource) for action, resource, _ in asked(operation, body, tables))
    elif request.service == "sqs":
        queues = {stack.name(name): stack.arn(name) for name in stack.of("AWS::SQS::Queue")}
        yield f"sqs:{operation.removesuffix('Batch')}", queues[body["QueueUrl"].rsplit("/", 1)[-1]]
    elif request.service == "events":
        buses = {stack.name(name): stack.arn(name) for name in stack.of("AWS::Events::EventBus")}
        yield from {("events:PutEvents", buses[entry["EventBusName"]]) for entry in body["Entries"]}
    else:
        yield f"secretsmanager:{operation}", body["SecretId"]


def record(world: World, made: dict[str, set[Grant]]) -> None:
    """Note from now on what each function, by its logical id, needs to be allowed."""

    def intercept(request: Request, answer: Callable[[], Any]) -> Any:
        if world.outside.running:
            function = world.outside.running[-1].function
            made.setdefault(function, set()).update(needed(request, world.cloud.stack))
        return answer()

    world.cloud.intercept = intercept
