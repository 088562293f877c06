"""The half-hours in the table."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.ledger import claimed
from driveway.domain.metering.plug_facts import PLUG_FACTS
from driveway.domain.metering.plugged_slots import plugged_slot
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import GRACE, ReportedValue, Slot
from driveway.store.items import TWIN, asset_key, decode_item, encode_item, stamp
from driveway.store.slot_items import SLOT, slot_item, slot_of
from driveway.store.slots import SlotStore
from driveway.store.table import UnknownAssetError
from driveway.values import replace
from tests.support.domain.metered_night import PLUG_IN, a_night_at
from tests.support.domain.metering_table import AXLE_ID, RATING, dynamodb, metered, new_store, place

NIGHT = a_night_at(7200, hours=2)
MORNING = PLUG_IN + timedelta(hours=10)
EVER = PLUG_IN - timedelta(days=1)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynamodb() as found:
        yield found


@pytest.fixture
def store(client: Any) -> SlotStore:
    return new_store(client, assets=("car-1", "in-order", "shuffled"))


def energies(store: SlotStore, asset: str = "car-1") -> dict[datetime, int]:
    return {slot.start: slot.energy_wh for slot in store.read(asset, PLUG_IN - HALF_HOUR)}


def test_a_slot_is_read_as_it_was_written() -> None:
    slot = Slot(
        "car-1",
        AXLE_ID,
        PLUG_IN,
        samples=frozenset(
            {
                Sample(PLUG_IN + timedelta(milliseconds=1), "lifetime", 12, "charger"),
                Sample(PLUG_IN, "soc", 12, "battery", "a:car"),
                *(Sample(PLUG_IN, kind) for kind in PLUG_FACTS),
            }
        ),
        energy_wh=3600,
        quality="register",
        measuring_point="charger",
        flags=("gap",),
        carry=17,
        plugged=True,
        doubted_since=PLUG_IN + timedelta(minutes=7),
        held_until=PLUG_IN + timedelta(minutes=72),
        state="rejected",
        due_at=MORNING,
        claim="run-1",
        reported=ReportedValue(sent_wh=3600, rejected_wh=3600, words="no"),
        version=4,
    )
    assert slot_of(slot_item(slot, 4)) == slot


def test_a_slot_is_in_the_due_index_only_while_it_has_a_due_time() -> None:
    done = Slot("car-1", AXLE_ID, PLUG_IN)
    assert not {"slots_due", "slots_shard"} & set(slot_item(done, 4))
    due = decode_item(slot_item(plugged_slot(done, PLUG_IN), 4))
    assert due["slots_due"] == "2026-01-15T22:40:00.000Z"


def test_a_night_recorded_sample_by_sample_is_in_the_table_to_the_watt_hour(store: SlotStore) -> None:
    for sample in NIGHT:
        store.record(metered(), [sample], now=sample.at)
    found = energies(store)
    assert found == {PLUG_IN + HALF_HOUR * i: (3600 if 3 <= i < 7 else 0) for i in range(8)}


def test_the_table_is_the_same_after_any_order_of_arrival(store: SlotStore) -> None:
    store.record(metered("in-order"), NIGHT, now=MORNING)
    shuffled = [*NIGHT, *NIGHT[::7]]
    random.Random(7).shuffle(shuffled)
    for sample in shuffled:
        store.record(metered("shuffled"), [sample], now=MORNING)
    assert energies(store, "shuffled") == energies(store, "in-order")


def test_a_plug_in_and_a_plug_out_that_arrive_last_give_the_same_half_hours(store: SlotStore) -> None:
    away = [Sample(MORNING + timedelta(minutes=minute), "power", 7000) for minute in (0, 10, 20)]
    plug_out = Sample(MORNING - timedelta(hours=1), "unplugged")
    for asset, reported in (
        ("in-order", [*NIGHT, plug_out, *away]),
        ("shuffled", [*away, *NIGHT[1:], NIGHT[0], plug_out]),
    ):
        car = replace(metered(asset), rating=replace(RATING, travels=True))
        for sample in reported:
            store.record(car, [sample], now=MORNING)
    energies_by_order = [
        {s.start: s.energy_wh for s in store.read(asset, EVER) if s.plugged} for asset in ("in-order", "shuffled")
    ]
    assert energies_by_order[0] == energies_by_order[1]
    assert sum(energies(store, "shuffled").values()) == sum(energies_by_order[1].values()) == 14_400


def test_recording_again_writes_nothing(store: SlotStore) -> None:
    store.record(metered(), NIGHT, now=MORNING)
    versions = [slot.version for slot in store.read("car-1", PLUG_IN)]
    assert store.record(metered(), NIGHT, now=MORNING) == ()
    assert [slot.version for slot in store.read("car-1", PLUG_IN)] == versions


def test_concurrent_recorders_lose_nothing(store: SlotStore) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda sample: store.record(metered(), [sample], now=MORNING), NIGHT))
    assert sum(energies(store).values()) == 14_400


@pytest.mark.parametrize("axle_asset_id", [None, "of-its-next-owner"])
def test_nothing_is_recorded_for_an_asset_erased_meanwhile(
    store: SlotStore, axle_asset_id: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record(metered(), NIGHT[:3], now=PLUG_IN)
    decide = SlotStore._decide

    def erased_after_the_read(self: SlotStore, *args: Any) -> Any:
        decided = decide(self, *args)
        for sk in (TWIN, *(SLOT + stamp(slot.start) for slot in self.read("car-1", EVER))):
            self.client.delete_item(TableName=self.name, Key=encode_item({"pk": asset_key("car-1"), "sk": sk}))
        if axle_asset_id is not None:
            place(self, "car-1", axle_asset_id)
        return decided

    monkeypatch.setattr(SlotStore, "_decide", erased_after_the_read)
    with pytest.raises(UnknownAssetError):
        store.record(metered(), NIGHT, now=MORNING)
    assert list(store.read("car-1", EVER)) == []


def test_a_plug_out_is_stored_only_after_all_its_changes_even_with_concurrent_writers(
    store: SlotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (slot,) = store.record(metered(), [NIGHT[0]], now=PLUG_IN)
    store.follow_on(slot, now=MORNING, grace=GRACE)
    plug_out, put, refused = Sample(PLUG_IN + timedelta(minutes=40), "unplugged"), SlotStore.put, iter(range(3))

    def put_of_one_among_others(self: SlotStore, slot: Slot) -> Slot | None:
        if slot.start > PLUG_IN + 5 * HALF_HOUR and next(refused, None) is not None:
            assert self.unrecorded("car-1", [plug_out]) == (plug_out,)
            return None
        return put(self, slot)

    monkeypatch.setattr(SlotStore, "put", put_of_one_among_others)
    store.record(metered(), [plug_out], now=MORNING)
    assert next(refused, None) is None
    assert [s.plugged for s in store.read("car-1", PLUG_IN)] == [True, True] + [False] * 19


def test_a_write_on_an_outdated_read_is_refused(store: SlotStore) -> None:
    (slot,) = store.record(metered(), [NIGHT[0]], now=PLUG_IN)
    mine, theirs = (claimed(slot, run, now=PLUG_IN) for run in ("run-1", "run-2"))
    assert store.put(mine) is not None
    assert store.put(theirs) is None


def test_a_claim_with_a_lost_acknowledgement_is_recognised_as_the_own_one(store: SlotStore) -> None:
    (slot,) = store.record(metered(), [NIGHT[0]], now=PLUG_IN)
    mine = claimed(slot, "run-1", now=PLUG_IN)
    assert store.put(mine) == store.put(mine)


def test_a_broken_off_recording_is_finished_by_the_next_try(store: SlotStore, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [NIGHT[0], Sample(MORNING, "session", 30_000)]
    put, left = SlotStore.put, iter(range(5))

    def put_until_the_crash(self: SlotStore, slot: Slot) -> Slot | None:
        if next(left, None) is None:
            raise ConnectionError
        return put(self, slot)

    monkeypatch.setattr(SlotStore, "put", put_until_the_crash)
    with pytest.raises(ConnectionError):
        store.record(metered(), samples, now=MORNING)
    monkeypatch.undo()
    store.record(metered(), samples, now=MORNING)
    assert sum(energies(store).values()) == 30_000


def test_the_half_hours_of_a_plugged_in_car_follow_one_another_up_to_now(store: SlotStore) -> None:
    (slot,) = store.record(metered(), [NIGHT[0]], now=PLUG_IN)
    store.follow_on(slot, now=PLUG_IN + timedelta(minutes=100), grace=GRACE)
    slots = list(store.read("car-1", PLUG_IN))
    assert [s.start for s in slots] == [PLUG_IN + HALF_HOUR * i for i in range(4)]
    assert all(s.plugged and s.due_at == s.end + GRACE for s in slots)


def test_half_hours_do_not_follow_a_plug_out(store: SlotStore) -> None:
    (slot,) = store.record(metered(), [NIGHT[0]], now=PLUG_IN)
    store.record(metered(), [Sample(PLUG_IN + timedelta(minutes=5), "unplugged")], now=PLUG_IN)
    store.follow_on(slot, now=MORNING, grace=GRACE)
    assert [s.start for s in store.read("car-1", PLUG_IN)] == [PLUG_IN]


def test_a_late_plug_out_takes_the_half_hours_after_it_out_of_the_session(store: SlotStore) -> None:
    (slot,) = store.record(metered(), [NIGHT[0]], now=PLUG_IN)
    store.follow_on(slot, now=MORNING, grace=GRACE)
    store.record(metered(), [Sample(PLUG_IN + timedelta(minutes=40), "unplugged")], now=MORNING)
    assert [s.plugged for s in store.read("car-1", PLUG_IN)] == [True, True] + [False] * 19


def test_a_range_of_slots_includes_its_start_and_excludes_its_end(store: SlotStore) -> None:
    store.record(metered(), NIGHT, now=MORNING)
    starts = [slot.start for slot in store.read("car-1", PLUG_IN + HALF_HOUR, PLUG_IN + 3 * HALF_HOUR)]
    assert starts == [PLUG_IN + HALF_HOUR, PLUG_IN + 2 * HALF_HOUR]
