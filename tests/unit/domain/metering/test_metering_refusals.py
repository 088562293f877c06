"""A refusal of Axle holds up nothing else: no other row, no other asset, no other run."""

import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.axle.client import AxleRefusedError
from driveway.axle.readings import Drain, DrainReport
from driveway.axle.row_bisection import MOST_REQUESTS, submit_rows
from driveway.domain.half_hours import HALF_HOUR
from driveway.domain.metering.reading_rows import answers_by_row
from driveway.domain.metering.samples import Sample
from driveway.domain.metering.slot import CLAIM, ENERGY, LAST_RETRY_OF_REFUSED_ASSET, LIFETIME, Slot
from driveway.store.slots import SlotStore
from driveway.values import replace
from tests.support.domain.accepting_axle import Axle, Row
from tests.support.domain.metered_night import MORNING, PLUG_IN, PLUG_OUT, a_night_at, plugged_in_idle
from tests.support.domain.metering_runs import Runs, unavailable
from tests.support.domain.metering_table import metered, new_store, place


@pytest.fixture
def runs(store: SlotStore) -> Runs:
    return Runs(with_night(store, "car-1"), Axle())


def with_night(store: SlotStore, asset: str) -> SlotStore:
    place(store, asset)
    store.record(metered(asset), [*a_night_at(7200, hours=2), PLUG_OUT], now=MORNING)
    return store


def axle_id(asset: str) -> str:
    return metered(asset).axle_asset_id


def taken_of(axle: Axle, asset: str) -> int:
    return sum(asset_id == axle_id(asset) for asset_id, _, _ in axle.rows)


def not_of(axle: Axle, *assets: str, status: int = 403) -> Any:
    """An Axle that refuses every request with a row of these assets."""
    strangers = {axle_id(asset) for asset in assets}

    def send(rows: list[Row]) -> object:
        if any(row["asset_id"] in strangers for row in rows):
            axle.batches.append(len(rows))
            raise AxleRefusedError("Permission denied", status=status)
        return axle(rows)

    return send


def run_with(runs: Runs, send: Any, **settings: Any) -> DrainReport:
    axle, runs.axle = runs.axle, send
    report = runs.run(**settings)
    runs.axle = axle
    return report


@pytest.mark.parametrize("status", [403, 404, 409])
def test_a_refused_asset_does_not_hold_up_other_assets(runs: Runs, status: int) -> None:
    for asset in ("car-2", "car-3"):
        with_night(runs.store, asset)
    report = run_with(runs, not_of(runs.axle, "car-2", status=status))
    assert (report.accepted, report.rejected, report.waiting, report.unavailable) == (16, 0, 8, None)
    assert report.blocked_assets == {"car-2": "Permission denied"}
    assert [taken_of(runs.axle, asset) for asset in ("car-1", "car-2", "car-3")] == [8, 0, 8]


def test_a_refused_asset_waits_longer_each_time_and_is_reported_once_axle_accepts_it(runs: Runs) -> None:
    for asset, plug_in in (("car-2", MORNING - HALF_HOUR), ("car-3", MORNING)):
        place(runs.store, asset)
        runs.store.record(metered(asset), plugged_in_idle(plug_in), now=plug_in)
    runs.store.record(metered("car-2"), [Sample(MORNING, "unplugged")], now=MORNING)
    tries, refused = 0, not_of(runs.axle, "car-2")
    for _ in range(20):
        runs.now += timedelta(hours=1)
        tries += "car-2" in run_with(runs, refused).blocked_assets
    assert 8 <= tries <= 14
    assert [slot.state for slot in Runs(runs.store, runs.axle, asset="car-2").slots()] == ["open"]
    runs.now += LAST_RETRY_OF_REFUSED_ASSET
    runs.run()
    assert taken_of(runs.axle, "car-2") == 1


def test_an_asset_refused_in_a_batch_of_its_own_ends_no_run(runs: Runs) -> None:
    for asset in ("car-2", "car-3", "car-4"):
        with_night(runs.store, asset)
    report = run_with(runs, not_of(runs.axle, "car-2"), rows_per_batch=1)
    assert (report.accepted, report.waiting, report.unavailable) == (24, 8, None)


def rows_of(assets: int, half_hours: int) -> list[Row]:
    return [
        {
            "asset_id": f"axle-{asset:03d}",
            "start_timestamp": (PLUG_IN + number * HALF_HOUR).isoformat(),
            "end_timestamp": (PLUG_IN + (number + 1) * HALF_HOUR).isoformat(),
            "label": label,
            "value": 1.0,
        }
        for asset in range(assets)
        for number in range(half_hours)
        for label in (ENERGY, LIFETIME)
    ]


@pytest.mark.parametrize(
    ("status", "assets", "half_hours"), [(422, 5, 50), (422, 250, 1), (403, 250, 1), (404, 25, 10)]
)
def test_if_axle_refuses_every_batch_the_requests_are_bounded_and_no_row_is_parked(
    status: int, assets: int, half_hours: int
) -> None:
    requests: list[int] = []

    def broken(rows: list[Row]) -> object:
        requests.append(len(rows))
        raise AxleRefusedError("no", status=status)

    result = submit_rows(rows_of(assets, half_hours), broken, time_is_short=lambda: False)
    assert result.unavailable is not None
    assert result.unavailable.detail == "Axle takes no readings: no"
    assert result.parked == {}
    assert len(requests) <= MOST_REQUESTS


def test_no_night_is_parked_while_axle_refuses_everything(client: Any) -> None:
    runs = Runs(new_store(client, shards=1), Axle())
    for asset in ("car-1", "car-2", "car-3"):
        with_night(runs.store, asset)

    def broken(_rows: list[Row]) -> object:
        raise AxleRefusedError("schema changed", status=422)

    report = run_with(runs, broken)
    assert (report.rejected, report.waiting) == (0, 24)
    assert report.unavailable == "Axle takes no readings: schema changed"
    runs.now += timedelta(minutes=30)
    assert runs.run().accepted == 24
    assert set(runs.axle.received.values()) == {1}


def test_neighbouring_faulty_rows_do_not_count_as_an_outage_of_axle() -> None:
    axle, rows = Axle(), rows_of(8, 20)
    faulty = {row["asset_id"] for row in rows[:80]}

    def strict(some: list[Row]) -> object:
        if any(row["asset_id"] in faulty and row["label"] == ENERGY for row in some):
            raise AxleRefusedError("value: not today", status=422)
        return [axle.take(row) for row in some]

    result = submit_rows(rows, strict, time_is_short=lambda: False)
    assert result.unavailable is None
    assert result.taken > len(rows) / 2
    assert 20 <= len(result.parked) <= 40


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 8),
    st.sets(st.integers(0, 95), max_size=6),
    st.sets(st.integers(0, 5), max_size=2),
    st.randoms(use_true_random=False),
)
def test_every_faultless_row_is_accepted_once(
    assets: int, half_hours: int, rejected_rows: set[int], strangers: set[int], chance: Any
) -> None:
    rows = rows_of(assets, half_hours)
    bad = [rows[number] for number in rejected_rows if number < len(rows)]
    blocked_assets = {f"axle-{number:03d}" for number in strangers}
    axle = Axle()

    def strict(some: list[Row]) -> object:
        faults = [422] * any(row in bad for row in some)
        faults += [403] * any(row["asset_id"] in blocked_assets for row in some)
        if faults:
            raise AxleRefusedError("no", status=chance.choice(faults))
        return [axle.take(row) for row in some]

    chance.shuffle(rows)
    result = submit_rows(rows, strict, time_is_short=lambda: False)
    good = [row for row in rows if row not in bad and row["asset_id"] not in blocked_assets]
    assert not good or result.unavailable is None
    assert result.taken == len(good) == len(result.answers)
    assert set(axle.received.values()) <= {1}
    assert set(result.blocked_assets) <= blocked_assets
    fine_assets = [row for row in bad if row["asset_id"] not in blocked_assets]
    assert len(fine_assets) <= len(result.rejected_rows) <= len(bad)


def test_the_search_for_a_faulty_row_ends_when_time_is_short_and_parks_nothing(runs: Runs) -> None:
    left_s = [75.0]

    def slow(rows: list[Row]) -> object:
        left_s[0] -= 12
        raise AxleRefusedError("no", status=422)

    report = run_with(runs, slow, time_left=lambda: left_s[0])
    assert left_s[0] == 51
    assert (report.rejected, report.waiting) == (0, 8)
    runs.now += timedelta(minutes=30)
    assert runs.run().accepted == 8


@pytest.mark.parametrize("rejected_rows", range(0, 96, 5))
def test_runs_with_time_for_few_requests_still_find_a_faulty_row(rejected_rows: int) -> None:
    rows = rows_of(1, 48)
    bad, left, runs = rows[rejected_rows], rows, 0
    while left:
        requests: list[int] = []

        def strict(some: list[Row], made: list[int] = requests) -> object:
            made.append(len(some))
            if bad in some:
                raise AxleRefusedError("value: not today", status=422)
            return [{**row, "accepted": True} for row in some]

        result = submit_rows(left, strict, time_is_short=lambda made=requests: len(made) >= 4)
        left = [
            row
            for row in left
            if not set(answers_by_row([{**row, "accepted": True}])) & {*result.answers, *result.parked}
        ]
        runs += 1
        assert runs < 12


def test_the_search_for_a_faulty_row_ends_before_the_lease_does(runs: Runs) -> None:
    began = runs.now

    def slow(rows: list[Row]) -> object:
        assert runs.now < began + CLAIM
        runs.now += timedelta(seconds=60)
        raise AxleRefusedError("no", status=422)

    run_with(runs, slow)
    runs.now += timedelta(minutes=30)
    assert runs.run().accepted == 8


# The last readings of an asset


def flush(runs: Runs, send: Any = None, seconds: float = 20.0) -> DrainReport:
    ends_at = time.monotonic() + seconds
    drain = Drain(
        runs.store,
        send or runs.axle,
        lambda: runs.now,
        lambda: ends_at - time.monotonic(),
        claim_id="last readings",
    )
    link = runs.store.links(["car-1"])["car-1"]
    return drain.flush(replace(link, enrolled=False, unenrolled_at=runs.now))


def test_the_last_readings_include_those_that_another_run_is_sending(runs: Runs) -> None:
    reports: list[DrainReport] = []

    def meanwhile(rows: list[Row]) -> object:
        answers = [runs.axle.take(row) for row in rows]
        reports.append(flush(runs))
        return answers

    runs.axle.faults = [meanwhile]
    runs.run()
    assert (reports[0].accepted, reports[0].left) == (8, 0)
    assert set(runs.axle.received.values()) == {2}
    assert runs.axle.accepted_wh == 14_400
    assert runs.due() == []


def test_the_last_readings_include_those_that_a_run_claimed_before_it_died(runs: Runs) -> None:
    def dies(_rows: list[Row]) -> object:
        raise KeyboardInterrupt

    runs.axle.faults = [dies]
    with pytest.raises(KeyboardInterrupt):
        runs.run()
    report = flush(runs)
    assert (report.accepted, report.left) == (8, 0)


def test_a_refused_row_is_found_among_the_last_readings_too(runs: Runs) -> None:
    refused = (PLUG_IN + 7 * HALF_HOUR).isoformat().replace("+00:00", "Z")

    def strict(rows: list[Row]) -> object:
        if any(row["start_timestamp"] == refused for row in rows):
            raise AxleRefusedError("value: not today", status=422)
        return [runs.axle.take(row) for row in rows]

    report = flush(runs, strict)
    assert (report.accepted, report.rejected, report.left) == (7, 1, 0)


def test_the_last_readings_of_an_asset_that_is_refused_are_given_up(runs: Runs) -> None:
    assert flush(runs, not_of(runs.axle, "car-1")).left == 8
    assert flush(runs, unavailable, seconds=0.2).left == 8


def test_the_last_readings_end_with_the_half_hour_that_had_ended(runs: Runs) -> None:
    runs.now = PLUG_IN + timedelta(hours=3, minutes=2)
    assert flush(runs).accepted == 6
    assert max(start for _, start, _ in runs.axle.rows) == "2026-01-16T00:30:00Z"


# A lost lease


def test_an_answer_that_comes_after_another_run_reported_a_new_value_is_not_written_over_it(runs: Runs) -> None:
    first = runs.slots()[3]

    def too_late(rows: list[Row]) -> object:
        answers = [runs.axle.take(row) for row in rows]
        runs.now += CLAIM
        present = runs.store.get("car-1", first.start)
        assert present is not None
        runs.store.put(replace(present, energy_wh=9))
        runs.run()
        return answers

    runs.axle.faults = [too_late]
    runs.run()
    stored = runs.store.get("car-1", first.start)
    assert stored is not None
    assert (stored.state, stored.reported.accepted_wh) == ("accepted", 9)


def test_an_answer_about_half_hours_that_others_have_claimed_since_is_left_out(runs: Runs) -> None:
    class Losing(SlotStore, frozen=True):
        """A store where the last readings take each slot over just before an answer is written."""

        def put(self, slot: Slot) -> Slot | None:
            if slot.claim is None:
                stored = self.get(slot.asset, slot.start)
                assert stored is not None
                taken = {"state": "sent", "claim": "another", "due_at": runs.now + CLAIM}
                super().put(Slot(**{**fields_of(stored), **taken}))
            return super().put(slot)

    losing = Losing(runs.store.client, runs.store.name, runs.store.shards)
    Drain(losing, runs.axle, lambda: runs.now, lambda: 900.0, claim_id="run").run()
    assert {(slot.state, slot.claim) for slot in runs.slots()} == {("sent", "another")}


def fields_of(slot: Slot) -> dict[str, Any]:
    return {name: getattr(slot, name) for name in slot.__struct_fields__}
