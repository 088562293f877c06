"""A half-hour as an item of the table, its samples packed."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from driveway.domain.metering.handed_on import HandedOn
from driveway.domain.metering.samples import Sample, SampleKind
from driveway.domain.metering.slot import Slot
from driveway.domain.presence.observation import MeasuringPoint, RegisterKind
from driveway.store.items import PACKED, asset_key, decode_item, encode_item, shard_of, stamp, unstamp
from driveway.store.packed import HALF_HOURS, pack
from driveway.values import replace

SLOT = "SLOT#"
REFUSED = "refused-"
"""The prefix of the shards with the half-hours of which Axle refuses a row."""
KEPT = timedelta(days=791)
"""26 months: the usual time for which half-hours are kept."""

KIND_CODES: dict[SampleKind, str] = {
    "lifetime": "L",
    "session": "S",
    "delta": "D",
    "soc": "B",
    "power": "P",
    "charging": "c",
    "stopped": "x",
    "out_of_reach": "k",
    "plugged": "i",
    "joined": "j",
    "resumed": "r",
    "unplugged": "o",
    "continued": "n",
    "doubted": "d",
    "cleared": "k",
}
POINT_CODES: dict[MeasuringPoint, str] = {"charger": "c", "vehicle_ac_input": "v", "battery": "b", "unknown": "u"}
REGISTER_CODES: dict[RegisterKind, str] = {
    "lifetime": "l",
    "per_plug_in": "p",
    "per_charge": "g",
    "zero_while_idle": "z",
}
BESIDE = frozenset({"version", "due_at", "listed_at"})
"""What a half-hour does not have in its packed part."""
TELLS_EVERY_CHANGE = "!"
KINDS = {code: kind for kind, code in KIND_CODES.items()}
OUT_OF_REACH = 1
"""The value with which ``out_of_reach`` is stored: a version without it reads a doubt cleared where none was."""
POINTS = {code: point for point, code in POINT_CODES.items()}
REGISTERS = {code: kind for kind, code in REGISTER_CODES.items()}
PACKED_SAMPLE = re.compile(
    r"(?P<kind>.)(?P<point>.)(?P<flags>[a-z!]*)(?P<offset>-?[0-9]+):(?P<value>[0-9]+)(?::(?P<whose>.*))?"
)


def _pack(sample: Sample, start: datetime) -> str:
    """A sample as text: kind, point, what its source says of itself, milliseconds from ``start``, value, car."""
    flags = REGISTER_CODES[sample.register] if sample.register else ""
    flags += TELLS_EVERY_CHANGE if sample.tells_every_change else ""
    offset_ms = (sample.at - start) // timedelta(milliseconds=1)
    whose = "" if sample.vehicle_id is None else f":{sample.vehicle_id}"
    value = OUT_OF_REACH if sample.kind == "out_of_reach" else sample.value
    return f"{KIND_CODES[sample.kind]}{POINT_CODES[sample.measuring_point]}{flags}{offset_ms}:{value}{whose}"


def _unpack(text: str, start: datetime) -> Sample:
    packed = PACKED_SAMPLE.fullmatch(text)
    if packed is None:
        raise ValueError(f"not a packed sample: {text!r}")
    flags, kind, value = packed["flags"], KINDS[packed["kind"]], int(packed["value"])
    if kind == "cleared" and value == OUT_OF_REACH:
        kind, value = "out_of_reach", 0
    return Sample(
        start + timedelta(milliseconds=int(packed["offset"])),
        kind,
        value,
        POINTS[packed["point"]],
        packed["whose"],
        next((REGISTERS[code] for code in flags if code in REGISTERS), None),
        TELLS_EVERY_CHANGE in flags,
    )


def slot_item(slot: Slot, shards: int, kept: timedelta = KEPT) -> dict[str, Any]:
    """The table item of a slot, which expires so long after its start; its place in the due index only while it is due.

    A slot with a refused row has its place in shards of its own, by the time since when the row is refused.
    """
    prefix, at = (
        ("", slot.listed_at or slot.due_at)
        if slot.due_at is not None or not slot.parked
        else (REFUSED, slot.rejected_at)
    )
    held = {name: getattr(slot, name) for name in slot.__struct_fields__ if name not in BESIDE}
    held |= {
        "start": stamp(slot.start),
        "samples": sorted(_pack(sample, slot.start) for sample in slot.samples),
        "handed_on": slot.handed_on and _packed_state(slot.handed_on, slot.start),
        "claimed_until": slot.due_at if slot.listed_at is not None else None,
    }
    item = encode_item(
        {
            "pk": asset_key(slot.asset),
            "sk": SLOT + stamp(slot.start),
            "version": slot.version,
            "slots_due": stamp(at) if at is not None else None,
            "slots_shard": prefix + shard_of(slot.asset, shards) if at is not None else None,
            "expires_at": int((slot.start + kept).timestamp()),
        }
    )
    return {**item, PACKED: {"B": pack(msgspec.to_builtins(held), HALF_HOURS)}}


def slot_of(item: Mapping[str, Any]) -> Slot:
    """The slot a table item holds."""
    values = decode_item(item)
    start = unstamp(values["start"])
    samples = frozenset(_unpack(text, start) for text in values.pop("samples"))
    values.pop("expires_at", None)
    due = values.pop("slots_due", None)
    due_at = unstamp(due) if due is not None and not values["slots_shard"].startswith(REFUSED) else None
    claimed_until, listed_at = values.pop("claimed_until", None), None
    if claimed_until is not None:
        due_at, listed_at = datetime.fromisoformat(claimed_until), due_at
    state = values.pop("handed_on", None)
    handed_on = state and HandedOn(tuple(_unpack(text, start) for text in state["samples"]), tuple(state["proven"]))
    return replace(
        msgspec.convert(values, Slot), samples=samples, due_at=due_at, listed_at=listed_at, handed_on=handed_on
    )


def _packed_state(handed_on: HandedOn, start: datetime) -> dict[str, Any]:
    return {"samples": [_pack(sample, start) for sample in handed_on.samples], "proven": list(handed_on.proven)}
