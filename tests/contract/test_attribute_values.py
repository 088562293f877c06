"""Attribute values are those of boto3's serializer, and come back as they were."""

from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from driveway.store.items import decode_item, encode

NUMBERS = st.integers(-(10**30), 10**30) | st.floats(-1e15, 1e15).filter(lambda n: n == 0 or abs(n) > 1e-100)
VALUES = st.recursive(
    st.booleans() | st.text() | NUMBERS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def as_boto3_wants(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, dict):
        return {name: as_boto3_wants(item) for name, item in value.items()}
    return [as_boto3_wants(item) for item in value] if isinstance(value, list) else value


def as_read(value: Any) -> Any:
    """Whole numbers come back as int."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: as_read(item) for name, item in value.items()}
    return [as_read(item) for item in value] if isinstance(value, list) else value


@given(VALUES)
def test_a_value_is_written_as_boto3_writes_it_and_read_as_it_was(value: Any) -> None:
    written = encode(value)
    assert written == TypeSerializer().serialize(as_boto3_wants(value))
    assert repr(decode_item({"value": written})["value"]) == repr(as_read(value))
