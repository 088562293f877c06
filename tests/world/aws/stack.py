"""What the template declares, with its parameters, references and conditions resolved.

The translation is SAM's own, as for the local stack: a queue, a rule, a filter, a batch size or a time-out that changes
in ``template.yaml`` changes here.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.translate import folders, translate

ROOT = Path(__file__).resolve().parents[3]
REGION = "eu-west-2"
ACCOUNT = "000000000000"
NOTHING = object()
"""``AWS::NoValue``: the property is left out."""
PSEUDO: Mapping[str, Any] = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "driveway",
    "AWS::NoValue": NOTHING,
}
NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Events::EventBus": "Name",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Scheduler::Schedule": "Name",
}
ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-abcdef",
    "AWS::Scheduler::Schedule": "arn:aws:scheduler:{region}:{account}:schedule/default/{name}",
}
_SUBSTITUTE = re.compile(r"\$\{([\w:.]+)\}")


@dataclass(frozen=True)
class Function:
    """A Lambda function: its folder in the repository, its environment, time-out in seconds and memory in MiB."""

    logical_id: str
    name: str
    arn: str
    folder: Path
    environment: Mapping[str, str]
    timeout_s: float
    memory_mib: int


@dataclass(frozen=True)
class Route:
    """A route of the HTTP API: the function behind it, and whether the authorizer stands in front of it."""

    key: str
    function: str
    authorized: bool


class Stack:
    """The template's resources by logical id, resolved. ``parameters`` override the template's defaults."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._template = template
        self._parameters = parameters
        conditions = template.get("Conditions", {})
        self._conditions: dict[str, bool] = {}
        for name, value in conditions.items():
            self._conditions[name] = bool(self._resolve(value))
        self._raw: dict[str, Any] = {
            name: resource
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self._conditions[resource["Condition"]]
        }
        self._resolved: dict[str, dict[str, Any]] = {}

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of every resource of a type, by logical id, in alphabetical order."""
        return {name: self.properties(name) for name in sorted(self._raw) if self._raw[name]["Type"] == kind}

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The resolved properties of a resource."""
        if logical_id not in self._resolved:
            self._resolved[logical_id] = self._resolve(self._raw[logical_id].get("Properties", {}))
        return self._resolved[logical_id]

    def arn(self, logical_id: str) -> str:
        """The ARN of a resource."""
        return str(self._attribute(logical_id, "Arn"))

    def named_by(self, arn: str) -> str:
        """The logical id of the resource with an ARN. Raises KeyError."""
        return self._by_arn[arn]

    @cached_property
    def _by_arn(self) -> dict[str, str]:
        kinds = set(ARNS)
        return {self.arn(name): name for name, resource in self._raw.items() if resource["Type"] in kinds}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions by logical id."""
        return {name: self._function(name, held) for name, held in self.of("AWS::Lambda::Function").items()}

    @cached_property
    def routes(self) -> dict[str, Route]:
        """The routes of the HTTP API by their key, such as ``PUT /sites/{site}``."""
        found = {}
        for route in self.of("AWS::ApiGatewayV2::Route").values():
            integration = self.properties(route["Target"].rsplit("/", 1)[-1])
            arn = re.search(r"arn:aws:lambda:[\w-]+:\d+:function:[\w-]+", integration["IntegrationUri"])
            function = self.named_by(arn.group(0) if arn else "")
            authorized = route.get("AuthorizationType") == "CUSTOM"
            found[route["RouteKey"]] = Route(route["RouteKey"], function, authorized)
        return found

    def _function(self, name: str, held: Mapping[str, Any]) -> Function:
        environment = {key: str(value) for key, value in held["Environment"]["Variables"].items()}
        folder = ROOT / held["Code"]["S3Key"]
        timeout_s, memory = float(held["Timeout"]), int(held["MemorySize"])
        return Function(name, held["FunctionName"], self.arn(name), folder, environment, timeout_s, memory)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [found for found in map(self._resolve, value) if found is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, held),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name.removeprefix("Fn::"), held)
        resolved = {name: self._resolve(held) for name, held in value.items()}
        return {name: held for name, held in resolved.items() if held is not NOTHING}

    def _intrinsic(self, name: str, held: Any) -> Any:
        known: Mapping[str, Callable[[], Any]] = {
            "Ref": lambda: self._reference(held),
            "GetAtt": lambda: self._attribute(*(held if isinstance(held, list) else held.split(".", 1))),
            "Sub": lambda: self._filled(held),
            "Join": lambda: held[0].join(str(self._resolve(part)) for part in held[1]),
            "Select": lambda: self._resolve(held[1])[int(held[0])],
            "Split": lambda: str(self._resolve(held[1])).split(held[0]),
            "If": lambda: self._resolve(held[1] if self._conditions[held[0]] else held[2]),
            "Equals": lambda: self._resolve(held[0]) == self._resolve(held[1]),
            "Not": lambda: not self._resolve(held[0]),
            "And": lambda: all(
                self._conditions[one["Condition"]] if "Condition" in one else self._resolve(one) for one in held
            ),
        }
        return known[name]()

    def _filled(self, held: Any) -> str:
        text, given = (held[0], self._resolve(held[1])) if isinstance(held, list) else (held, {})
        return _SUBSTITUTE.sub(lambda found: self._substitute(found, given), text)

    def _substitute(self, found: re.Match[str], given: Mapping[str, Any]) -> str:
        name = found.group(1)
        if name in given:
            return str(given[name])
        resource, _, attribute = name.partition(".")
        return str(self._attribute(resource, attribute) if attribute else self._reference(name))

    def _reference(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self._parameters:
            return self._parameters[name]
        kind = self._template["Resources"][name]["Type"]
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(name)}"
        if kind == "AWS::SecretsManager::Secret":
            return self._attribute(name, "Arn")
        if kind == "AWS::Lambda::Alias":
            alias = self.properties(name)
            function = ARNS["AWS::Lambda::Function"].format(region=REGION, account=ACCOUNT, name=alias["FunctionName"])
            return f"{function}:{alias['Name']}"
        return self.name(name)

    def _attribute(self, name: str, attribute: str) -> Any:
        kind = self._template["Resources"][name]["Type"]
        if attribute in {"Arn", "Id"} and kind in ARNS:
            return ARNS[kind].format(region=REGION, account=ACCOUNT, name=self.name(name))
        if attribute == "StreamArn":
            return f"{self._attribute(name, 'Arn')}/stream/2026-01-01T00:00:00.000"
        if attribute == "QueueName":
            return self.name(name)
        return f"arn:aws:{kind.split('::')[1].lower()}:{REGION}:{ACCOUNT}:{name}/{attribute.lower()}"

    def name(self, name: str) -> str:
        """The physical name of a resource: the one in the template, or its logical id."""
        resource = self._template["Resources"][name]
        attribute = NAMES.get(resource["Type"], "Name")
        given = resource.get("Properties", {}).get(attribute)
        return str(self._resolve(given)) if given is not None else name


def stack(**parameters: str) -> Stack:
    """The project's template with these parameters; made once for each set of them."""
    return _stack(json.dumps(parameters, sort_keys=True))


@cache
def _stack(parameters: str) -> Stack:
    template = ROOT / "template.yaml"
    declared = yaml_parse(template.read_text())["Parameters"]
    values = {name: str(held["Default"]) for name, held in declared.items()} | json.loads(parameters)
    functions, layers = folders(template)
    code = {folder: {"Bucket": "code", "Key": folder} for folder in functions + layers}
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    return Stack(translate(template, code, values), values)
