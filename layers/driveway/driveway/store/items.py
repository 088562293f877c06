"""Values to and from DynamoDB items, and the table's keys."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any
from zlib import crc32

import msgspec

from driveway.domain.twin import Link, Twin
from driveway.store.packed import TWINS, in_columns, in_rows, pack, unpack

LONGEST_IDENTIFIER = 512
SMALLEST_NUMBER = 1e-120

NUMBERS = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])
"""What a number of DynamoDB can be."""

TWIN = "TWIN"
PACKED = "packed"
"""The attribute that holds the groups of a twin, or what a half-hour has besides its place."""
SITE = "SITE"


COUNTERS = frozenset({"revision", "version"})


def asset_key(asset: str) -> str:
    """The partition of everything that is stored for an asset."""
    return f"ASSET#{asset}"


def site_key(site: str) -> str:
    """The partition of a site."""
    return f"SITE#{site}"


AXLE_KINDS = frozenset({"axle", "axle-site"})


def alias_key(kind: str, identifier: str) -> str:
    """The partition that maps an identifier to its asset: ``axle`` or a provider's name, and the id there.

    Axle's ids are UUIDs, which compare without case (RFC 9562 §4).
    """
    return f"ALIAS#{kind}#{identifier.lower() if kind in AXLE_KINDS else identifier}"


def seen_key(source: str, identifier: str) -> str:
    """The partition of a dedupe record."""
    return f"SEEN#{source}#{identifier}"


def fits_key(identifier: str) -> bool:
    """Whether an identifier from outside can be part of a key. One that cannot is unknown."""
    try:
        return 0 < len(identifier.encode()) <= LONGEST_IDENTIFIER
    except UnicodeEncodeError:
        return False


def shard_of(asset: str, shards: int) -> str:
    """The due-index shard of an asset: stable, evenly spread."""
    return f"{crc32(asset.encode()) % shards:03d}"


def stamp(instant: datetime) -> str:
    """An aware instant as fixed-width UTC text that sorts by time, for example ``2026-01-15T23:30:00.000Z``."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def due_stamp(instant: datetime) -> str:
    """``stamp`` of an aware instant, rounded up, so that a run at a due time finds something due."""
    return stamp(instant + timedelta(microseconds=-instant.microsecond % 1000))


def unstamp(text: str) -> datetime:
    """The aware UTC instant of ``stamp``'s text."""
    return datetime.fromisoformat(text)


def _attribute(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float | Decimal):
        return {"N": _number(value)}
    if isinstance(value, Mapping):
        return {"M": {str(key): _attribute(item) for key, item in value.items() if item is not None}}
    if isinstance(value, list | tuple):
        return {"L": [_attribute(item) for item in value]}
    raise TypeError(f"{type(value).__name__} is no value of an item")


def _number(value: float | Decimal) -> str:
    if isinstance(value, float):
        if not value.is_integer():
            # DynamoDB has no numbers below 1e-130; nothing we measure is that small.
            return str(NUMBERS.create_decimal(repr(value))) if abs(value) >= SMALLEST_NUMBER else "0"
        value = int(value)
    return str(NUMBERS.create_decimal(value))


def _value(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL" | "B":
            return value
        case "N":
            return _whole_or_float(value)
        case "M":
            return {name: _value(item) for name, item in value.items()}
        case "L":
            return [_value(item) for item in value]
        case "NULL":
            return None
    raise TypeError(f"{kind} is no kind of value that an item of ours has")


def _whole_or_float(text: str) -> float:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


def encode(value: Any) -> dict[str, Any]:
    """A plain value or struct (instants included) as a DynamoDB attribute value."""
    return _attribute(msgspec.to_builtins(value))


def encode_item(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A mapping of plain values or structs as a DynamoDB item; absent (None) values are left out."""
    return {name: encode(value) for name, value in values.items() if value is not None}


def decode_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A DynamoDB item as plain values, unpacked; numbers become int where they are whole, else float."""
    plain = {name: _value(value) for name, value in item.items() if name != PACKED}
    return {**plain, **_unpacked(item[PACKED]["B"])} if PACKED in item else plain


def packed_groups(twin: Twin) -> dict[str, Any]:
    """The groups of a twin as one attribute value; its counters stand beside them."""
    groups = {name: msgspec.to_builtins(getattr(twin, name)) for name in Twin.__struct_fields__ if name not in COUNTERS}
    groups["profiles"] = [{**held, "profile": in_columns(held["profile"])} for held in groups["profiles"]]
    return {"B": pack(groups, TWINS)}


def _unpacked(packed: Any) -> dict[str, Any]:
    values = unpack(base64.b64decode(packed) if isinstance(packed, str) else bytes(packed))
    if "profiles" in values:
        values["profiles"] = [{**held, "profile": in_rows(held["profile"])} for held in values["profiles"]]
    return values


def link_of(item: Mapping[str, Any]) -> Link:
    """The link of the twin that a table item holds."""
    return msgspec.convert(decode_item(item)["link"], Link)


def decode_twin(item: Mapping[str, Any]) -> Twin:
    """The twin that a table item (or a stream image of it) holds."""
    return msgspec.convert(decode_item(item), Twin)
