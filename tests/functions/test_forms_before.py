"""What was stored in the forms before is read, and packed when it is touched: twins and half-hours."""

import json
from pathlib import Path
from typing import Any

from driveway.domain.twin import Intent
from driveway.store.items import PACKED, decode_twin
from driveway.store.slot_items import slot_of
from driveway.values import replace
from tests.support.functions.rig import Rig

DATA = Path(__file__).parents[1] / "data"


def stored_before(name: str) -> Any:
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def put(rig: Rig, item: Any) -> None:
    rig.runtime.dynamodb.put_item(TableName=rig.runtime.table.name, Item=item)


def raw(rig: Rig, sort_key: str) -> Any:
    key = {"pk": {"S": "ASSET#car-1"}, "sk": {"S": sort_key}}
    return rig.runtime.dynamodb.get_item(TableName=rig.runtime.table.name, Key=key, ConsistentRead=True)["Item"]


def test_a_twin_of_the_form_before_is_read_and_packed_when_it_is_touched(rig: Rig) -> None:
    before = stored_before("twin_before_packing.json")
    put(rig, before)
    twin = rig.twin("car-1")
    assert (twin.link.site, twin.version) == ("home-1", int(before["version"]["N"]))
    assert len(twin.profiles) == 1
    assert twin.presence.session is not None
    changed = rig.change("car-1", lambda held: replace(held, intent=Intent({}, kwh=12.0)))
    item = raw(rig, "TWIN")
    assert {"link", "presence", "control", "profiles", "news"}.isdisjoint(item)
    assert item["axle_asset_id"]["S"] == twin.link.axle_asset_id
    assert decode_twin(item) == rig.twin("car-1") == changed
    assert replace(changed, intent=twin.intent, version=twin.version, revision=twin.revision) == twin


def test_half_hours_of_the_form_before_are_read_and_packed_when_they_are_touched(rig: Rig) -> None:
    put(rig, stored_before("twin_before_packing.json"))
    for item in stored_before("half_hours_before_packing.json"):
        put(rig, item)
        slot = slot_of(item)
        assert rig.runtime.slots.get("car-1", slot.start) == slot
        stored = rig.runtime.slots.put(slot)
        assert stored == replace(slot, version=slot.version + 1)
        after = raw(rig, item["sk"]["S"])
        assert {"samples", "energy_wh", "reported"}.isdisjoint(after)
        assert len(after[PACKED]["B"]) < 400
        assert slot_of(after) == stored


def test_a_new_half_hour_of_an_asset_with_a_twin_of_the_form_before_is_created(rig: Rig) -> None:
    put(rig, stored_before("twin_before_packing.json"))
    rig.change("car-1", lambda twin: None)
    slot = slot_of(stored_before("half_hours_before_packing.json")[-1])
    assert slot.due_at is not None
    for fresh in (replace(slot, version=0), replace(slot, version=0, start=slot.end, due_at=None)):
        assert rig.runtime.slots.put(fresh) == replace(fresh, version=1)
