"""The same botocore, several times as fast: item values pass it as they are.

Usually botocore checks, copies and rebuilds every value of every item, although nothing about it changes unless it is
binary. These parts leave that out and do the rest as ever. A value that does not fit is refused by the cloud itself.
The contract test compares their answers with those of untouched clients.
"""

from typing import Any

from botocore.parsers import JSONParser
from botocore.serialize import JSONSerializer
from botocore.validate import ParamValidationDecorator, ParamValidator

VALUE = "AttributeValue"


class _Validator(ParamValidator):
    def _validate(self, params: Any, shape: Any, errors: Any, name: str) -> None:
        if shape.name != VALUE:
            super()._validate(params, shape, errors, name)  # type: ignore[misc]


class _Serializer(JSONSerializer):
    def _serialize(self, serialized: Any, value: Any, shape: Any, key: Any = None) -> None:
        if shape.name == VALUE:
            serialized[key] = value
        else:
            super()._serialize(serialized, value, shape, key)  # type: ignore[misc]


class _Serializers:
    """The quick serializer; the usual one for binary values, which JSON does not know."""

    def __init__(self, usual: Any) -> None:
        self._usual, self._quick = usual, _Serializer()

    def serialize_to_request(self, parameters: Any, operation_model: Any) -> Any:
        try:
            return self._quick.serialize_to_request(parameters, operation_model)
        except TypeError:
            return self._usual.serialize_to_request(parameters, operation_model)


class _Parser(JSONParser):
    _plain = False

    def _handle_json_body(self, raw_body: Any, shape: Any) -> Any:
        self._plain = b'"B"' not in raw_body and b'"BS"' not in raw_body
        return super()._handle_json_body(raw_body, shape)  # type: ignore[misc]

    def _parse_shape(self, shape: Any, node: Any) -> Any:
        if self._plain and shape.name == VALUE:
            return node
        return super()._parse_shape(shape, node)  # type: ignore[misc]


class _Parsers:
    def __init__(self, usual: Any) -> None:
        self._usual = usual

    def create_parser(self, protocol: str) -> Any:
        return _Parser(**self._usual._defaults) if protocol == "json" else self._usual.create_parser(protocol)


class _UserAgent:
    """The name of the client, made once instead of for each request."""

    def __init__(self, usual: Any) -> None:
        self._text: str = usual.to_string()

    def to_string(self) -> str:
        return self._text


def quicken(client: Any) -> None:
    """Make a boto3 client quick. Nothing happens to one that is quick already."""
    endpoint = client._endpoint
    if isinstance(endpoint._response_parser_factory, _Parsers):
        return
    usual = client._serializer._serializer
    if isinstance(usual, JSONSerializer):
        serializers: Any = _Serializers(usual)
        client._serializer = ParamValidationDecorator(_Validator(), serializers)
    endpoint._response_parser_factory = _Parsers(endpoint._response_parser_factory)
    agent = client._user_agent_creator
    client._user_agent_creator = _UserAgent(agent)
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.unregister(f"request-created.{service}", agent.rebuild_and_replace_user_agent_handler)
