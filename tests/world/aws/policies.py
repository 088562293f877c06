"""What the roles of functions allow at the table, with the conditions that DynamoDB gives values for.

Known are the operators and condition keys that the template uses; another one is an error, so that none is ignored.
"""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from tests.world.aws.faults import Request
from tests.world.aws.stack import Stack
from tests.world.aws.wire import AwsError

Values = Mapping[str, list[str]]
"""The condition keys of a request; one that is absent has no values."""

OF_PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""The actions that DynamoDB asks for each part of a transaction."""

OPERATORS: Mapping[str, Callable[[list[str], list[str]], bool]] = {
    "ForAllValues:StringNotLike": lambda held, named: not any(fnmatchcase(h, n) for h in held for n in named),
    "ForAllValues:StringLike": lambda held, named: all(any(fnmatchcase(h, n) for n in named) for h in held),
    "ForAllValues:StringEquals": lambda held, named: set(held) <= set(named),
    "StringEqualsIfExists": lambda held, named: not held or held[0] in named,
}
CONDITION_KEYS = frozenset({"dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:Select"})


class Policies:
    """The roles of a stack's functions, as far as they concern DynamoDB."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._roles: dict[str, list[dict[str, Any]]] = {}

    def refuse_forbidden(self, function: str, request: Request) -> None:
        """Raises AwsError: the role of the function (logical id) does not allow the request."""
        if request.service != "dynamodb":
            return
        for action, resource, values in asked(request.operation, request.body, self._tables):
            if not any(_allows(one, action, resource, values) for one in self._statements(function)):
                text = f"{function} is not authorized to perform {action} on {resource} with {values}"
                raise AwsError("AccessDeniedException", text)

    @cached_property
    def _tables(self) -> Mapping[str, str]:
        return {self._stack.name(one): self._stack.arn(one) for one in self._stack.of("AWS::DynamoDB::Table")}

    def _statements(self, function: str) -> list[dict[str, Any]]:
        if function not in self._roles:
            role = self._stack.properties(f"{function}Role")
            documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
            self._roles[function] = [statement for document in documents for statement in document["Statement"]]
        return self._roles[function]


def _allows(statement: Mapping[str, Any], action: str, resource: str, values: Values) -> bool:
    if action not in listed(statement["Action"]) or resource not in listed(statement["Resource"]):
        return False
    conditions = [
        (OPERATORS[operator], key, listed(named))
        for operator, keys in statement.get("Condition", {}).items()
        for key, named in keys.items()
    ]
    unknown = {key for _, key, _ in conditions} - CONDITION_KEYS
    if unknown:
        raise ValueError(f"Condition keys that the world does not know: {sorted(unknown)}.")
    return all(holds(values.get(key, []), named) for holds, key, named in conditions)


def asked(operation: str, body: Any, tables: Mapping[str, str]) -> Iterator[tuple[str, str, Values]]:
    """The actions that a request needs, each with the resource that it is on and the condition keys."""
    if operation == "TransactWriteItems":
        for part in body["TransactItems"]:
            ((kind, held),) = part.items()
            yield f"dynamodb:{OF_PARTS[kind]}", tables[held["TableName"]], _leading([_partition(held)])
    elif "RequestItems" in body:
        for table, held in body["RequestItems"].items():
            keys = held["Keys"] if isinstance(held, dict) else [next(iter(one.values())) for one in held]
            yield f"dynamodb:{operation}", tables[table], _leading([_partition(one) for one in keys])
    elif "IndexName" in body:
        yield f"dynamodb:{operation}", f"{tables[body['TableName']]}/index/{body['IndexName']}", {}
    elif "KeyConditionExpression" in body:
        (bound,) = [one.split("=")[1].strip() for one in body["KeyConditionExpression"].split(" AND ") if "pk =" in one]
        key = body["ExpressionAttributeValues"][bound]["S"]
        yield f"dynamodb:{operation}", tables[body["TableName"]], _leading([key])
    else:
        yield f"dynamodb:{operation}", tables[body["TableName"]], _leading([_partition(body)]) | _projected(body)


def _leading(keys: list[str]) -> dict[str, list[str]]:
    return {"dynamodb:LeadingKeys": keys}


def _projected(body: Any) -> dict[str, list[str]]:
    """What a read asks for. All attributes, if it names none."""
    names = body.get("ProjectionExpression")
    if names is None:
        return {"dynamodb:Select": ["ALL_ATTRIBUTES"]}
    aliases = body.get("ExpressionAttributeNames", {})
    asked = [aliases.get(name.strip(), name.strip()) for name in names.split(",")]
    return {"dynamodb:Attributes": asked, "dynamodb:Select": ["SPECIFIC_ATTRIBUTES"]}


def _partition(held: Any) -> str:
    held = held.get("Key") or held.get("Item") or held
    return str(held["pk"]["S"])


def listed(value: Any) -> list[Any]:
    """A policy's value that may be one or many, as a list."""
    return value if isinstance(value, list) else [value]
