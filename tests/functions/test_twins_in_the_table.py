"""What the table keeps of a twin: everything, whatever its values are."""

import types
from datetime import UTC, datetime
from enum import EnumType
from functools import cache
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields

from driveway.domain.charging_profiles import parse_charging_profile
from driveway.domain.twin import InstalledProfile, Twin
from driveway.store.items import PACKED, decode_item, decode_twin, encode_item, packed_groups
from driveway.values import replace
from tests.support.functions.assets import a_twin, place, plugged_in
from tests.support.functions.rig import NOW, Rig

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
NUMBERS = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: NUMBERS,
    str: TEXTS,
    datetime: INSTANTS,
    type(None): st.none(),
    Any: st.booleans() | NUMBERS | TEXTS | st.lists(TEXTS, max_size=2),
}


def is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


@cache
def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type of the twin's."""
    if kind in PLAIN:
        return PLAIN[kind]
    if is_struct(kind):
        return st.builds(cast("Any", kind), **{name: any_of(hint) for name, hint in get_type_hints(kind).items()})
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal or isinstance(kind, EnumType):
        return st.sampled_from(parts or list(kind))
    if origin in {Union, types.UnionType}:
        return st.one_of(*map(any_of, parts))
    if origin is tuple:
        of_any_length = parts[-1] is Ellipsis
        return st.lists(any_of(parts[0]), max_size=2).map(tuple) if of_any_length else st.tuples(*map(any_of, parts))
    if origin is dict:
        keys = any_of(parts[0]).filter(bool) if parts[0] is str else any_of(parts[0])
        return st.dictionaries(keys, any_of(parts[1]), max_size=3)
    raise TypeError(f"nothing is known of {kind!r}")


def kinds(kind: Any) -> set[Any]:
    """The structs that a type holds, itself included."""
    inner = get_type_hints(kind).values() if is_struct(kind) else get_args(kind)
    found = {kind} if is_struct(kind) else set()
    return found.union(*(kinds(part) for part in inner)) if inner else found


@given(any_of(Twin))
@settings(max_examples=100, deadline=None)
def test_every_twin_survives_the_table_and_is_stored_the_same_again(twin: Twin) -> None:
    item = encode_item({name: getattr(twin, name) for name in Twin.__struct_fields__})
    again = decode_twin(item)
    assert again == twin
    assert encode_item({name: getattr(again, name) for name in Twin.__struct_fields__}) == item


@given(any_of(Twin))
@settings(max_examples=100, deadline=None)
def test_every_twin_survives_being_packed(twin: Twin) -> None:
    counters = {"version": {"N": str(twin.version)}, "revision": {"N": str(twin.revision)}}
    assert decode_twin({PACKED: packed_groups(twin), **counters}) == twin


@pytest.mark.parametrize("kind", sorted(kinds(Twin), key=str), ids=lambda kind: kind.__name__)
def test_an_optional_value_is_absent_unless_it_is_given_because_the_table_keeps_no_nulls(kind: Any) -> None:
    hints = get_type_hints(kind)
    for field in fields(kind):
        if type(None) in get_args(hints[field.name]):
            assert field.default is None, field.name


def test_a_first_write_and_a_change_keep_the_whole_twin(rig: Rig) -> None:
    body = {
        "stackLevel": 3,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "duration": 3600,
            "startSchedule": "2026-01-15T22:00:00.123456+01:00",
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.1, "numberPhases": 3}],
            "minChargingRate": 1e-300,
        },
    }
    profile = InstalledProfile(parse_charging_profile(body), NOW, created_at=NOW)
    twin = replace(plugged_in(a_twin(NOW), NOW), profiles=(profile,))
    place(rig, twin)
    assert rig.twin("car-1") == twin
    changed = rig.change("car-1", lambda held: replace(held, profiles=()))
    assert rig.twin("car-1") == changed
    assert (changed.version, changed.revision) == (twin.version + 1, twin.revision + 1)


def test_what_is_emptied_is_empty_when_it_is_read_again(rig: Rig) -> None:
    place(rig, plugged_in(a_twin(NOW), NOW))
    rig.change("car-1", lambda twin: replace(twin, presence=replace(twin.presence, session=None)))
    assert rig.twin("car-1").presence.session is None


def test_numbers_keep_their_value_and_absent_is_not_false() -> None:
    stored = {"whole": 7.0, "part": 0.1, "no": False, "none": None, "list": [1, None, 2.5], "tiny": 1e-200}
    read = decode_item(encode_item(stored))
    assert read == {"whole": 7, "part": 0.1, "no": False, "list": [1, None, 2.5], "tiny": 0}
    assert msgspec.convert(read["whole"], float) == 7.0
