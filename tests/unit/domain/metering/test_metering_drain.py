"""Due half-hours reach Axle once, in spite of every failure on the way."""

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.axle.client import AxleClient, AxleRefusedError, AxleUnavailableError
from driveway.axle.readings import Drain, DrainReport, send_readings
from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.completeness import completeness
from driveway.domain.metering.ledger import measured
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import CLAIM, GRACE, LIFETIME, Slot
from driveway.store.items import TWIN, asset_key, encode_item
from driveway.store.slots import SlotStore
from driveway.values import replace
from tests.support.domain.accepting_axle import Axle, Row
from tests.support.domain.metered_night import MORNING, PLUG_IN, PLUG_OUT, a_night_at, plugged_in_idle
from tests.support.domain.metering_runs import Runs, unavailable
from tests.support.domain.metering_table import metered, new_store, place


@pytest.fixture
def runs(store: SlotStore) -> Runs:
    store.record(metered(), [*a_night_at(7200, hours=2), PLUG_OUT], now=MORNING)
    return Runs(store, Axle())


def test_a_night_arrives_whole_and_every_value_once(runs: Runs) -> None:
    report = runs.run()
    assert (report.sent, report.accepted, report.rejected, report.unanswered) == (8, 8, 0, 0)
    assert runs.axle.accepted_wh == 14_400
    assert set(runs.axle.received.values()) == {1}
    assert {slot.state for slot in runs.slots()} == {"accepted"}
    assert runs.run().sent == 0


def test_plugged_in_half_hours_without_energy_are_sent_as_zero(runs: Runs) -> None:
    runs.run()
    assert [value for _, value in sorted(runs.axle.rows.items())] == [0] * 3 + [3.6] * 4 + [0]


def test_rows_go_in_batches_of_the_configured_size(runs: Runs) -> None:
    runs.run(rows_per_batch=5)
    assert sum(runs.axle.batches) == 8
    assert max(runs.axle.batches) <= 5


def test_nothing_is_sent_before_the_grace_is_over(runs: Runs) -> None:
    runs.now = PLUG_IN + timedelta(minutes=39)
    assert runs.run().sent == 0
    runs.now = PLUG_IN + timedelta(minutes=40)
    assert runs.run().sent == 1


def test_an_outage_costs_one_call_a_run_and_loses_nothing(runs: Runs) -> None:
    runs.axle.faults = [unavailable] * 3
    for calls in (1, 2, 3):
        assert runs.run(rows_per_batch=4).unavailable == "HTTP 503"
        assert len(runs.axle.batches) == calls
        runs.now += timedelta(minutes=6)
    runs.until_quiet()
    assert runs.axle.accepted_wh == 14_400
    assert set(runs.axle.received.values()) == {1}


def test_axles_retry_after_is_respected(runs: Runs) -> None:
    def busy(_rows: list[Row]) -> object:
        raise AxleUnavailableError("slow down", status=429, retry_after_s=1200)

    runs.axle.faults = [busy]
    runs.run()
    runs.now += timedelta(seconds=1199)
    assert runs.run().sent == 0
    runs.now += timedelta(seconds=1)
    assert runs.run().accepted == 8


def test_rows_without_an_answer_are_sent_again_and_the_others_are_not(runs: Runs) -> None:
    runs.axle.faults = [lambda rows: [runs.axle.take(row) for row in reversed(rows[5:])]]
    assert runs.run().unanswered == 5
    runs.now += timedelta(minutes=6)
    assert runs.run().accepted == 5
    assert runs.axle.accepted_wh == 14_400
    assert set(runs.axle.received.values()) == {1}


@pytest.mark.parametrize("answer", [None, {}, "ok", [None, 3, {"accepted": True}], [{"start_timestamp": "x"}]])
def test_an_unreadable_answer_leaves_everything_due(runs: Runs, answer: object) -> None:
    runs.axle.faults = [lambda _rows: answer]
    assert runs.run().unanswered == 8
    runs.until_quiet()
    assert runs.axle.accepted_wh == 14_400


def test_rejected_rows_are_parked_with_axles_reason_until_the_value_changes(runs: Runs) -> None:
    refused_start = PLUG_IN + 3 * HALF_HOUR

    def one_rejected(rows: list[Row]) -> object:
        bad = refused_start.isoformat().replace("+00:00", "Z")
        return [runs.axle.take(row, "too much" if row["start_timestamp"] == bad else None) for row in rows]

    runs.axle.faults = [one_rejected]
    report = runs.run()
    assert report.rejections == [("car-1", refused_start, "too much")]
    parked = next(slot for slot in runs.slots() if slot.start == refused_start)
    assert (parked.state, parked.reported.words, parked.due_at) == ("rejected", "too much", None)
    runs.now += timedelta(days=1)
    assert runs.run().sent == 0

    runs.store.record(metered(), [Sample(refused_start + timedelta(minutes=15), "power", 3600)], now=runs.now)
    runs.until_quiet()
    assert {slot.state for slot in runs.slots()} == {"accepted"}
    assert runs.axle.accepted_wh == sum(slot.energy_wh for slot in runs.slots()) < 14_400


def test_one_rejected_row_does_not_hold_up_the_others(runs: Runs) -> None:
    rejected_rows = (PLUG_IN + 7 * HALF_HOUR).isoformat().replace("+00:00", "Z")

    def strict(rows: list[Row]) -> object:
        if any(row["start_timestamp"] == rejected_rows for row in rows):
            raise AxleRefusedError("value: not today", status=422)
        return [runs.axle.take(row) for row in rows]

    runs.axle.faults = [strict] * 30
    report = runs.run()
    assert (report.accepted, report.rejected) == (7, 1)
    (parked,) = [slot for slot in runs.slots() if slot.state == "rejected"]
    assert parked.reported.words == "value: not today"


def test_a_refusal_that_is_not_about_a_row_parks_nothing(runs: Runs) -> None:
    def forbidden(_rows: list[Row]) -> object:
        raise AxleRefusedError("Permission denied", status=403)

    runs.axle.faults = [forbidden]
    assert runs.run().unavailable == "Permission denied"
    runs.until_quiet()
    assert runs.axle.accepted_wh == 14_400


def dies_after_sending(runs: Runs) -> None:
    def answered_too_late(rows: list[Row]) -> object:
        for row in rows:
            runs.axle.take(row)
        raise KeyboardInterrupt

    runs.axle.faults = [answered_too_late]
    with pytest.raises(KeyboardInterrupt):
        runs.run()


def test_a_run_that_dies_between_sending_and_writing_loses_nothing(runs: Runs) -> None:
    dies_after_sending(runs)
    assert runs.run().sent == 0, "the dead run's lease still stands"
    runs.now += CLAIM
    assert runs.run().accepted == 8
    assert runs.axle.accepted_wh == 14_400


def test_a_run_that_fails_gives_its_shard_back(runs: Runs) -> None:
    def fails(_rows: list[Row]) -> object:
        raise RuntimeError("a bug")

    runs.axle.faults = [fails]
    with pytest.raises(RuntimeError):
        runs.run()
    assert runs.run().accepted == 8


def test_a_value_that_went_back_after_a_run_had_sent_it_and_died_is_reported_again(runs: Runs) -> None:
    runs.run()
    slot = next(slot for slot in runs.slots() if slot.start == PLUG_IN + 3 * HALF_HOUR)
    runs.store.put(replace(slot, energy_wh=9, state="corrected", due_at=runs.now))
    dies_after_sending(runs)
    assert runs.axle.accepted_wh != 14_400
    runs.store.record(metered(), [a_night_at(7200, hours=2)[1]], now=runs.now)
    runs.now += CLAIM
    runs.until_quiet()
    assert runs.axle.accepted_wh == 14_400


def test_a_value_that_was_due_and_vanished_is_reported_as_zero_because_a_run_may_have_sent_it() -> None:
    due_at = PLUG_IN + timedelta(minutes=40)
    before = Slot("car-1", "axle-1", PLUG_IN, energy_wh=9, due_at=due_at)
    after = replace(before, energy_wh=0)
    assert measured(before, after, now=due_at - timedelta(minutes=5), grace=GRACE).due_at is None
    assert measured(before, after, now=due_at, grace=GRACE).due_at == due_at


def test_a_value_that_went_back_while_axles_answer_was_lost_is_reported_again(runs: Runs) -> None:
    runs.run()
    start = PLUG_IN + 3 * HALF_HOUR
    slot = next(slot for slot in runs.slots() if slot.start == start)
    runs.store.put(replace(slot, energy_wh=9, state="corrected", due_at=runs.now))

    def acts_and_times_out(rows: list[Row]) -> object:
        for row in rows:
            runs.axle.take(row)
        raise AxleUnavailableError("timeout")

    runs.axle.faults = [acts_and_times_out]
    runs.run()
    runs.store.record(metered(), [a_night_at(7200, hours=2)[1]], now=runs.now)
    runs.until_quiet()
    assert runs.axle.accepted_wh == 14_400


def test_a_correction_during_the_send_is_sent_after_it(runs: Runs) -> None:
    def while_measuring(rows: list[Row]) -> object:
        runs.store.record(
            metered(), [Sample(PLUG_IN, "session", 0), Sample(PLUG_OUT.at, "session", 15_000)], now=runs.now
        )
        return [runs.axle.take(row) for row in rows]

    runs.axle.faults = [while_measuring]
    runs.run()
    runs.until_quiet()
    assert runs.axle.accepted_wh == 15_000


def test_concurrent_runs_send_every_value_once(store: SlotStore) -> None:
    for number in range(6):
        asset = f"car-{number + 2}"
        place(store, asset)
        store.record(metered(asset), [*a_night_at(7200, hours=2), PLUG_OUT], now=MORNING)
    axles = [Axle(), Axle(), Axle()]

    def run(number: int) -> DrainReport:
        run = Drain(store, axles[number], lambda: MORNING, lambda: 900.0, claim_id=f"r{number}", rows_per_batch=4)
        return run.run()

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(run, range(3)))
    received = axles[0].received + axles[1].received + axles[2].received
    assert set(received.values()) == {1}
    assert sum(report.accepted for report in reports) == len(received) == 6 * 8
    assert sum(axle.accepted_wh for axle in axles) == 6 * 14_400


def test_a_run_stops_before_its_time_is_up_and_the_next_goes_on(runs: Runs) -> None:
    left = iter([300.0, 200.0, 59.0])
    report = runs.run(time_left=lambda: next(left), rows_per_batch=3)
    assert report.out_of_time
    assert 0 < report.sent <= 6
    runs.until_quiet(rows_per_batch=3)
    assert set(runs.axle.received.values()) == {1}
    assert runs.axle.accepted_wh == 14_400


def test_the_half_hours_of_a_silent_plugged_in_car_are_reported_as_they_pass(store: SlotStore) -> None:
    store.record(metered(), plugged_in_idle(), now=PLUG_IN)
    runs = Runs(store, Axle(), now=PLUG_IN)
    while runs.now < PLUG_IN + timedelta(hours=6):
        runs.run()
        runs.now += timedelta(minutes=5)
    expected = completeness(runs.slots(), now=PLUG_IN + timedelta(hours=5, minutes=30))
    assert (expected.expected, expected.accepted) == (10, 10)
    assert set(runs.axle.rows.values()) == {0}


UNPLUGGED_AND_BACK = [
    Sample(PLUG_IN + timedelta(minutes=5), "unplugged"),
    *plugged_in_idle(PLUG_IN + timedelta(minutes=20)),
]
HALF_HOUR_OF_PLUG_OUT_SENT = PLUG_IN + timedelta(minutes=101)


def test_zero_rows_follow_a_plug_in_reported_after_its_half_hour_was_accepted(store: SlotStore) -> None:
    store.record(metered(), [*plugged_in_idle(), UNPLUGGED_AND_BACK[0]], now=PLUG_IN)
    runs = Runs(store, Axle(), now=HALF_HOUR_OF_PLUG_OUT_SENT)
    assert runs.run().accepted == 1
    runs.now += timedelta(minutes=9)
    store.record(metered(), UNPLUGGED_AND_BACK[1:], now=runs.now)
    runs.now = PLUG_IN + timedelta(hours=3, minutes=41)
    runs.until_quiet_but_for(1)
    assert sorted(runs.axle.rows.values()) == [0] * 7


def test_zero_rows_follow_a_plug_in_reported_while_its_half_hour_is_being_sent(store: SlotStore) -> None:
    store.record(metered(), [*plugged_in_idle(), UNPLUGGED_AND_BACK[0]], now=PLUG_IN)
    runs = Runs(store, Axle(), now=HALF_HOUR_OF_PLUG_OUT_SENT)

    def while_plugging_in(rows: list[Row]) -> object:
        store.record(metered(), UNPLUGGED_AND_BACK[1:], now=runs.now)
        return [runs.axle.take(row) for row in rows]

    runs.axle.faults = [while_plugging_in]
    assert runs.run().accepted == 1
    runs.now = PLUG_IN + timedelta(hours=3, minutes=41)
    runs.until_quiet_but_for(1)
    assert sorted(runs.axle.rows.values()) == [0] * 7


def test_no_zero_row_follows_a_plug_in_that_a_plug_out_overtakes(store: SlotStore) -> None:
    class Overtaken(SlotStore, frozen=True):
        """A store where a plug-out is recorded just before a half-hour is made."""

        def put(self, slot: Slot) -> Slot | None:
            if slot.version == 0 and slot.start > PLUG_IN:
                store.record(metered(), [Sample(PLUG_IN + timedelta(minutes=25), "unplugged")], now=MORNING)
            return super().put(slot)

    store.record(metered(), [*plugged_in_idle(), UNPLUGGED_AND_BACK[0]], now=PLUG_IN)
    runs = Runs(store, Axle())
    runs.run()
    overtaken = Overtaken(store.client, store.name, store.shards)
    overtaken.record(metered(), UNPLUGGED_AND_BACK[1:], now=MORNING)
    assert [slot.start for slot in runs.slots()] == [PLUG_IN]
    assert runs.run().sent == 0


def test_no_half_hour_is_made_for_an_asset_erased_meanwhile(store: SlotStore) -> None:
    store.record(metered(), plugged_in_idle(), now=PLUG_IN)
    runs = Runs(store, Axle(), now=PLUG_IN + timedelta(hours=2))
    store.client.delete_item(TableName=store.name, Key=encode_item({"pk": asset_key("car-1"), "sk": TWIN}))
    assert runs.run().sent == 0
    assert list(store.read("car-1", PLUG_IN)) == [], "its writer died before it could see that the asset is gone"


def test_lifetime_rows_go_beside_the_energy_if_configured(store: SlotStore) -> None:
    samples = [*plugged_in_idle(), *(Sample(PLUG_IN + HALF_HOUR * i, "lifetime", 5000 + i) for i in range(3))]
    store.record(metered(), [*samples, replace(PLUG_OUT, at=PLUG_IN + 3 * HALF_HOUR)], now=MORNING)
    runs = Runs(store, Axle())
    runs.run(lifetime_rows=True)
    registers = sorted((start, value) for (_, start, label), value in runs.axle.rows.items() if label == LIFETIME)
    assert [value for _, value in registers] == [5.0, 5.001, 5.002]
    assert runs.run(lifetime_rows=True).sent == 0


def test_a_rejected_lifetime_row_does_not_hold_up_the_energy(store: SlotStore) -> None:
    register = Sample(PLUG_IN, "lifetime", 5000, "charger")
    store.record(metered(), [register, *a_night_at(7200, hours=2), PLUG_OUT], now=MORNING)
    runs = Runs(store, Axle())

    def without_registers(rows: list[Row]) -> object:
        if any(row["label"] == LIFETIME for row in rows):
            raise AxleRefusedError("label: not for this asset", status=422)
        return [runs.axle.take(row) for row in rows]

    runs.axle.faults = [without_registers] * 30
    report = runs.run(lifetime_rows=True)
    assert (report.accepted, report.rejected, runs.axle.accepted_wh) == (8, 1, 14_400)
    assert [slot.reported_lifetime.words for slot in runs.slots() if slot.reported_lifetime.words] == [
        "label: not for this asset"
    ]
    runs.now += timedelta(hours=1)
    assert runs.run(lifetime_rows=True).sent == 0


def test_rows_that_axle_answered_before_an_outage_are_not_sent_again(runs: Runs) -> None:
    def batch_with_rejected_row(_rows: list[Row]) -> object:
        raise AxleRefusedError("value: not today", status=422)

    runs.axle.faults = [batch_with_rejected_row, lambda rows: [runs.axle.take(row) for row in rows], unavailable]
    report = runs.run()
    assert (report.accepted, report.unavailable) == (4, "HTTP 503")
    runs.until_quiet()
    assert set(runs.axle.received.values()) == {1}
    assert runs.axle.accepted_wh == 14_400


def test_rows_are_posted_to_axle_as_gzip() -> None:
    posted: list[tuple[str, Any, Any]] = []

    class Http:
        def request(
            self, _method: str, url: str, *, data: bytes, headers: dict[str, str], **_: object
        ) -> requests.Response:
            posted.append((url, data, headers))
            answer = requests.Response()
            answer.status_code, answer._content = 200, json.dumps({"responses": [{"accepted": True}]}).encode()
            return answer

    class Tokens:
        def token(self, *, refused: str | None = None) -> str:
            return "t"

    http: Any = Http()
    answers = send_readings(AxleClient("https://axle.example", http, Tokens()))([{"value": 1.5}])
    assert answers == [{"accepted": True}]
    ((url, data, headers),) = posted
    assert url == "https://axle.example/data/readings"
    assert headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(data)) == {"readings": [{"value": 1.5}]}


Fault = Callable[[Axle, list[Row]], object]


def lost_answer(axle: Axle, rows: list[Row]) -> object:
    for row in rows[::2]:
        axle.take(row)
    raise AxleUnavailableError("timeout")


def no_answer(_axle: Axle, rows: list[Row]) -> object:
    return unavailable(rows)


def partly(axle: Axle, rows: list[Row]) -> object:
    return [axle.take(row) for row in rows[1::2]]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.sampled_from([lost_answer, partly, no_answer]), max_size=4),
    st.lists(st.tuples(st.integers(0, 110), st.integers(0, 7200)), max_size=3),
    st.integers(1, 6),
)
def test_after_every_failure_axles_sum_becomes_the_measured_sum(
    client: Any, faults: list[Fault], late: list[tuple[int, int]], rows_per_batch: int
) -> None:
    axle, store = Axle(), new_store(client, shards=1)
    axle.faults = [partial(fault, axle) for fault in faults]
    runs = Runs(store, axle)
    plug_out = replace(PLUG_OUT, at=PLUG_IN + timedelta(minutes=80))
    store.record(metered(), [*a_night_at(7200, hours=1, start=PLUG_IN), plug_out], now=MORNING)
    for minute, power_w in late:
        runs.run(rows_per_batch=rows_per_batch)
        at = PLUG_IN + timedelta(minutes=minute)
        store.record(metered(), [Sample(at, "power", power_w, tells_every_change=True)], now=runs.now)
    runs.until_quiet(rows_per_batch=rows_per_batch)
    reported = {key[1]: round(value * 1000) for key, value in axle.rows.items()}
    assert reported == {s.start.isoformat().replace("+00:00", "Z"): s.energy_wh for s in runs.slots()}
