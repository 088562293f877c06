"""Calls of the AWS command line, checked against AWS's own models: operation, options, values, and JMESPath queries."""

import json
import re
from functools import cache
from typing import Any

import boto3
import jmespath
from botocore import xform_name
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

COMMON = {"--query", "--output", "--region", "--cli-binary-format"}
POSITIONAL = {("lambda", "invoke"): 1}
"""How many words follow without an option: the file for a function's answer."""


@cache
def _model(service: str) -> Any:
    client: Any = boto3.Session("test", "test", region_name="eu-west-2").client
    return client(service).meta.service_model


def _operation(service: str, name: str) -> OperationModel:
    model = _model(service)
    found = {xform_name(one, "-"): one for one in model.operation_names}
    assert name in found, f"{service} has no operation {name}"
    operation: OperationModel = model.operation_model(found[name])
    return operation


def check(arguments: list[str]) -> None:
    """Check a call of ``aws`` by its arguments. Raises AssertionError: what AWS's own command line would refuse."""
    service, name, *rest = arguments
    operation = _operation(service, name)
    members = operation.input_shape.members if operation.input_shape else {}
    by_option = {f"--{xform_name(member, '-')}": (member, shape) for member, shape in members.items()}
    params: dict[str, Any] = {}
    given: dict[str, str] = {}
    for option, values in _options(rest, POSITIONAL.get((service, name), 0)):
        if option in COMMON:
            given[option] = values[0]
            continue
        bare = option.replace("--no-", "--", 1)
        known = by_option.get(option) or by_option.get(bare)
        assert known is not None, f"aws {service} {name} has no option {option}"
        member, shape = known
        params[member] = option == bare if shape.type_name == "boolean" else _value(shape, values)
    report = ParamValidator().validate(params, operation.input_shape) if operation.input_shape else None
    assert report is None or not report.has_errors(), f"aws {service} {name}: {report and report.generate_report()}"
    if "--query" in given:
        found = jmespath.search(given["--query"], _sample(operation.output_shape))
        assert found is not None, f"{given['--query']} finds nothing in the answer of {name}"


def _options(words: list[str], positional: int) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    if positional:
        words = words[:-positional]
    for word in words:
        if word.startswith("--"):
            found.append((word, []))
        else:
            assert found, f"{word} belongs to no option"
            found[-1][1].append(word)
    return found


def _value(shape: Shape, values: list[str]) -> Any:
    """The value of an option, given as JSON or in the short form ``Name=...,Value=...``."""
    text, kind = values[0], shape.type_name
    if kind == "list" and not text.startswith("["):
        element: Any = shape
        return [_value(element.member, [one]) for one in values]
    assert len(values) == 1, f"{values} are several values for one"
    if kind in {"structure", "map", "list"}:
        return json.loads(text) if text[0] in "[{" else dict(part.split("=", 1) for part in text.split(","))
    convert: Any = {"integer": int, "long": int, "float": float, "double": float, "blob": str.encode}.get(kind, str)
    return convert(text)


def _sample(shape: Any, depth: int = 0) -> Any:
    """An answer of a shape with one of everything."""
    if shape is None or depth > 8:
        return None
    kind = shape.type_name
    if kind == "structure":
        return {name: _sample(member, depth + 1) for name, member in shape.members.items()}
    if kind == "list":
        return [_sample(shape.member, depth + 1)]
    if kind == "map":
        keys = [*(getattr(shape.key, "enum", None) or ["key"]), "pk", "sk", "control_due"]
        return {key: _sample(shape.value, depth + 1) for key in keys}
    return 1 if kind in {"integer", "long"} else True if kind == "boolean" else "text"


def log_messages(text: str) -> list[str]:
    """The log messages that a shell block's queries look for."""
    return re.findall(r'message = "([^"]+)"', text)
