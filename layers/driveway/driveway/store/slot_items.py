"""A half-hour as an item of the table, its samples packed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from driveway.domain.metering.samples import Sample, SampleKind
from driveway.domain.metering.slot import Slot
from driveway.domain.presence.observation import MeasuringPoint
from driveway.store.items import asset_key, decode_item, encode_item, shard_of, stamp, unstamp

SLOT = "SLOT#"

KIND_CODES: dict[SampleKind, str] = {
    "lifetime": "L",
    "session": "S",
    "soc": "B",
    "power": "P",
    "charging": "c",
    "stopped": "x",
    "plugged": "i",
    "joined": "j",
    "resumed": "r",
    "unplugged": "o",
    "continued": "n",
    "doubted": "d",
    "cleared": "k",
}
POINT_CODES: dict[MeasuringPoint, str] = {"charger": "c", "vehicle_ac_input": "v", "battery": "b", "unknown": "u"}
KINDS = {code: kind for kind, code in KIND_CODES.items()}
POINTS = {code: point for point, code in POINT_CODES.items()}


def _pack(sample: Sample, start: datetime) -> str:
    offset_ms = (sample.at - start) // timedelta(milliseconds=1)
    whose = "" if sample.vehicle_id is None else f":{sample.vehicle_id}"
    return f"{KIND_CODES[sample.kind]}{POINT_CODES[sample.measuring_point]}{offset_ms}:{sample.value}{whose}"


def _unpack(text: str, start: datetime) -> Sample:
    offset_ms, value, *whose = text[2:].split(":", 2)
    at = start + timedelta(milliseconds=int(offset_ms))
    return Sample(at, KINDS[text[0]], int(value), POINTS[text[1]], *whose)


def slot_item(slot: Slot, shards: int) -> dict[str, Any]:
    """The table item of a slot; its place in the due index only while it is due some time."""
    values = {name: getattr(slot, name) for name in slot.__dataclass_fields__}
    values |= {
        "pk": asset_key(slot.asset),
        "sk": SLOT + stamp(slot.start),
        "start": stamp(slot.start),
        "samples": sorted(_pack(sample, slot.start) for sample in slot.samples),
        "due_at": None,
        "slots_due": stamp(slot.due_at) if slot.due_at else None,
        "slots_shard": shard_of(slot.asset, shards) if slot.due_at else None,
    }
    return encode_item(values)


def slot_of(item: Mapping[str, Any]) -> Slot:
    """The slot a table item holds."""
    values = decode_item(item)
    start = unstamp(values["start"])
    samples = frozenset(_unpack(text, start) for text in values.pop("samples"))
    due_at = unstamp(values.pop("slots_due")) if "slots_due" in values else None
    return replace(msgspec.convert(values, Slot), samples=samples, due_at=due_at)
