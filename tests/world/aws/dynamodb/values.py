"""DynamoDB's attribute values in their wire form: checked, normalised and measured as DynamoDB does."""

import base64
import re
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Rounded
from typing import Any

from tests.world.aws.wire import invalid

Value = dict[str, Any]
Item = dict[str, Value]

MOST_ITEM_BYTES = 400 * 1024
_WHOLE = re.compile(r"0|-?[1-9]\d{0,37}\Z")
_NUMBERS = Context(prec=38, Emin=-130, Emax=125, traps=[Inexact, InvalidOperation, Overflow, Rounded])


def number(text: str) -> str:
    """A number as DynamoDB gives it back: no exponent, no zeros at its ends. At most 38 digits."""
    if _WHOLE.fullmatch(text):
        return text
    try:
        value = _NUMBERS.create_decimal(Decimal(text).normalize(_NUMBERS))
    except (Inexact, InvalidOperation, Overflow, Rounded):
        raise invalid("Attempting to store more than 38 significant digits in a Number") from None
    if not value.is_finite():
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    return "0" if value == 0 else format(value, "f")


def _number_bytes(text: str) -> int:
    digits = text.rstrip("0") if text.isdigit() else text.lstrip("-0.").replace(".", "").rstrip("0")
    return (len(digits) + 1) // 2 + 1 + text.startswith("-")


def measured(value: Value) -> int:
    """Check and normalise a value in place; its size in bytes, by DynamoDB's rules for item sizes."""
    if len(value) != 1:
        raise invalid("Supplied AttributeValue has more than one datatypes set, or none")
    ((kind, held),) = value.items()
    if kind == "S":
        return len(held) if held.isascii() else len(held.encode())
    if kind == "N":
        value["N"] = held = number(held)
        return _number_bytes(held)
    if kind == "M":
        return 3 + sum(len(name.encode()) + measured(one) + 1 for name, one in held.items())
    if kind == "L":
        return 3 + sum(measured(one) + 1 for one in held)
    return 1 if kind in {"BOOL", "NULL"} else _measured_rest(kind, value)


def _measured_rest(kind: str, value: Value) -> int:
    if kind == "B":
        return len(base64.b64decode(value["B"]))
    if kind not in {"SS", "NS", "BS"}:
        raise invalid(f"{kind} is not a type of values")
    single = kind[0]
    members = [{single: member} for member in value[kind]]
    size = sum(measured(member) for member in members)
    value[kind] = [member[single] for member in members]
    if not members or len(set(value[kind])) < len(members):
        raise invalid("One or more parameter values were invalid: An set may not be empty or hold duplicates")
    return size


def measured_attributes(item: Item) -> dict[str, int]:
    """The size of each attribute of an item, its name included."""
    return {name: len(name.encode()) + measured(value) for name, value in item.items()}


def comparable(value: Value) -> tuple[str, Any]:
    """What two values of the same type are compared by."""
    ((kind, held),) = value.items()
    if kind == "N":
        return kind, Decimal(held)
    if kind == "B":
        return kind, base64.b64decode(held)
    return kind, held


def equal(left: Value, right: Value) -> bool:
    """Whether two normalised values are equal. A set has no order."""
    ((kind, held),) = left.items()
    ((other_kind, other),) = right.items()
    if kind != other_kind:
        return False
    if kind in {"SS", "NS", "BS"}:
        return sorted(held) == sorted(other)
    if kind == "L":
        return len(held) == len(other) and all(map(equal, held, other))
    if kind == "M":
        return held.keys() == other.keys() and all(equal(one, other[name]) for name, one in held.items())
    return bool(held == other)


def counted(value: Value) -> int | None:
    """What ``size()`` gives: bytes of a text, members of the others; None where it is not defined."""
    ((kind, held),) = value.items()
    if kind in {"S", "B"}:
        return measured(value)
    return len(held) if kind in {"L", "M", "SS", "NS", "BS"} else None
