"""moto's ``mock_aws``, which here reads of an attribute value only what it has.

moto asks each value that DynamoDB answers for all ten of its possible types, by every alias, which is most of the time
that tests on a table take.
"""

from typing import Any

from moto import mock_aws
from moto.core.serialize import ResponseSerializer

__all__ = ["mock_aws"]

_serialize_whole = ResponseSerializer._serialize_type_structure


def _serialize(self: ResponseSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    if shape.name != "AttributeValue" or not isinstance(value, dict):
        _serialize_whole(self, serialized, value, shape, key)
        return
    held: dict[str, Any] = {}
    for name in value:
        member = shape.members[name]
        self._serialize(held, value[name], member, name)
    self._default_serialize(serialized, held, shape, key)


ResponseSerializer._serialize_type_structure = _serialize  # type: ignore[method-assign]
