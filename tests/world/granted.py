"""What functions may do by the template, and what they do: pairs of an IAM action and the resource that it is on."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.world.aws.faults import Request
from tests.world.aws.stack import Stack
from tests.world.world import World

Grant = tuple[str, str]
"""An action, such as ``dynamodb:GetItem``, and the ARN of its resource."""

OF_PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""The actions that DynamoDB asks for each part of a transaction."""


def granted(stack: Stack, function: str) -> set[Grant]:
    """What the role of a function allows, by the policies that the template writes itself."""
    role = stack.properties(f"{function}Role")
    return {
        (action, resource)
        for policy in role.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def needed(request: Request, stack: Stack) -> Iterator[Grant]:
    """What a request needs to be allowed."""
    body, operation = request.body, request.operation
    if request.service == "dynamodb":
        yield from _of_the_table(operation, body, stack)
    elif request.service == "sqs":
        queues = {stack.name(name): stack.arn(name) for name in stack.of("AWS::SQS::Queue")}
        yield f"sqs:{operation.removesuffix('Batch')}", queues[body["QueueUrl"].rsplit("/", 1)[-1]]
    elif request.service == "events":
        buses = {stack.name(name): stack.arn(name) for name in stack.of("AWS::Events::EventBus")}
        yield from {("events:PutEvents", buses[entry["EventBusName"]]) for entry in body["Entries"]}
    else:
        yield f"secretsmanager:{operation}", body["SecretId"]


def _of_the_table(operation: str, body: Any, stack: Stack) -> Iterator[Grant]:
    tables = {stack.name(name): stack.arn(name) for name in stack.of("AWS::DynamoDB::Table")}
    if operation == "TransactWriteItems":
        for part in body["TransactItems"]:
            ((kind, held),) = part.items()
            yield f"dynamodb:{OF_PARTS[kind]}", tables[held["TableName"]]
    elif "RequestItems" in body:
        yield from ((f"dynamodb:{operation}", tables[name]) for name in body["RequestItems"])
    else:
        index = f"/index/{body['IndexName']}" if "IndexName" in body else ""
        yield f"dynamodb:{operation}", tables[body["TableName"]] + index


def record(world: World, made: dict[str, set[Grant]]) -> None:
    """Note from now on what each function, by its logical id, needs to be allowed."""

    def intercept(request: Request, answer: Callable[[], Any]) -> Any:
        if world.outside.running:
            function = world.outside.running[-1].function
            made.setdefault(function, set()).update(needed(request, world.cloud.stack))
        return answer()

    world.cloud.intercept = intercept
