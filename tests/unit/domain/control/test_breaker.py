"""A breaker: it opens and closes, bounds the cost of an outage, and is shared."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.domain.control.breaker import Breaker, BreakerRules, Permit, allow, failed, succeeded, unused
from driveway.store.breakers import Breakers
from driveway.store.records import Records
from driveway.values import replace
from tests.support.runtime.mocked_aws import mock_aws

NOW = datetime(2026, 1, 15, 18, 0, tzinfo=UTC)
RULES = BreakerRules()


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def opened(at: datetime = NOW, *, spread: float = 1.0, wait_s: float | None = None) -> Breaker:
    breaker = Breaker()
    for _ in range(RULES.failures_to_open):
        breaker = failed(breaker, Permit(True), at, RULES, spread=spread, wait_s=wait_s)
    return breaker


def probed(breaker: Breaker, now: datetime) -> tuple[Breaker, Permit]:
    breaker, permit = allow(breaker, now, RULES)
    assert permit.granted
    assert permit.probe is not None
    return breaker, permit


def test_failures_in_a_row_open_it_and_a_success_in_between_resets_the_count() -> None:
    breaker = Breaker()
    for _ in range(RULES.failures_to_open - 1):
        breaker = failed(breaker, Permit(True), NOW, RULES, spread=0)
    assert breaker.state == "closed"
    forgiven = succeeded(breaker, Permit(True), NOW, RULES)
    assert failed(forgiven, Permit(True), NOW, RULES, spread=0).state == "closed"
    assert failed(breaker, Permit(True), NOW, RULES, spread=0).state == "open"


def test_failures_that_lie_far_apart_are_not_in_a_row() -> None:
    breaker = Breaker()
    for number in range(20):
        breaker = failed(breaker, Permit(True), NOW + number * seconds(121), RULES, spread=0)
    assert (breaker.state, breaker.failures) == ("closed", 1)


def test_an_open_breaker_refuses_all_calls_and_gives_the_time_of_its_end() -> None:
    breaker = opened()
    assert allow(breaker, NOW, RULES) == (breaker, Permit(False, until=NOW + seconds(10)))
    assert not allow(breaker, NOW + seconds(9.9), RULES)[1].granted


def test_after_the_pause_one_call_at_a_time_is_let_through_as_a_probe() -> None:
    after = NOW + seconds(10)
    breaker, permit = probed(opened(), after)
    assert permit.probe == 1
    _, second = allow(breaker, after, RULES)
    assert not second.granted
    assert second.until == after + seconds(10)


def test_probes_that_succeed_close_it_and_one_that_fails_opens_it_for_twice_as_long() -> None:
    now = NOW + seconds(10)
    breaker = opened()
    for _ in range(RULES.probes_to_close):
        assert breaker.state != "closed"
        breaker, permit = probed(breaker, now)
        breaker = succeeded(breaker, permit, now, RULES)
    assert breaker.state == "closed"
    again, permit = probed(opened(), now)
    again = failed(again, permit, now, RULES, spread=1.0)
    assert (again.state, again.until) == ("open", now + seconds(20))


def test_pauses_grow_to_two_minutes_are_half_random_and_last_as_long_as_the_service_asks() -> None:
    breaker, now, pauses = opened(), NOW, []
    for _ in range(6):
        assert breaker.until is not None
        pauses.append((breaker.until - now).total_seconds())
        now = breaker.until
        breaker, permit = probed(breaker, now)
        breaker = failed(breaker, permit, now, RULES, spread=1.0)
    assert pauses == [10, 20, 40, 80, 120, 120]
    assert opened(spread=0.0).until == NOW + seconds(5)
    assert opened(wait_s=60).until == NOW + seconds(60)
    assert opened(wait_s=86_400).until == opened(wait_s=1e300).until == NOW + seconds(120)


def test_a_probe_without_an_answer_is_replaced_and_its_late_answer_is_ignored() -> None:
    breaker, lost = probed(opened(), NOW + seconds(10))
    later = NOW + seconds(10) + RULES.probe_lease
    breaker, permit = probed(breaker, later)
    assert permit.probe == 2
    assert succeeded(breaker, lost, later, RULES) == breaker
    assert failed(breaker, lost, later, RULES, spread=0) == breaker


def test_a_probe_that_was_not_needed_leaves_its_place_to_the_next_caller() -> None:
    breaker, permit = probed(opened(), NOW + seconds(10))
    breaker = unused(breaker, permit, NOW + seconds(11))
    assert allow(breaker, NOW + seconds(11), RULES)[1].granted


def test_answers_to_calls_from_before_it_opened_are_ignored() -> None:
    breaker = opened()
    assert failed(breaker, Permit(True), NOW, RULES, spread=0) == breaker
    assert succeeded(breaker, Permit(True), NOW, RULES) == breaker
    half_open, _ = probed(breaker, NOW + seconds(10))
    assert succeeded(half_open, Permit(True), NOW, RULES) == half_open


@settings(max_examples=200, deadline=None)
@given(
    asks=st.lists(st.tuples(st.floats(0, 90), st.booleans(), st.floats(0, 0.999)), min_size=10, max_size=80),
    extra=st.integers(1, 20),
)
def test_an_outage_of_any_length_costs_a_probe_per_pause_and_its_end_is_found(
    asks: list[tuple[float, bool, float]], extra: int
) -> None:
    breaker, now, made, first = opened(), NOW, 0, NOW
    for apart_s, answered, spread in asks:
        now += seconds(apart_s)
        for _ in range(extra):
            breaker, permit = allow(breaker, now, RULES)
            made += permit.granted
            if permit.granted and answered:
                breaker = failed(breaker, permit, now, RULES, spread=spread)
    # The shortest pauses possible are 5, 10, 20, 40 and then 60 s.
    assert made <= 5 + (now - first) / (RULES.longest_pause / 2)
    now += RULES.probe_lease + RULES.longest_pause
    for _ in range(RULES.probes_to_close):
        breaker, permit = probed(breaker, now)
        breaker = succeeded(breaker, permit, now, RULES)
    assert breaker == Breaker(probe=breaker.probe)


class CountedRecords:
    """Versioned records in memory that count reads and writes."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}
        self.reads = self.writes = 0
        self.lock = threading.Lock()

    def get(self, key: str) -> dict[str, Any] | None:
        with self.lock:
            self.reads += 1
            return dict(self.kept[key]) if key in self.kept else None

    def put_if(self, key: str, new: dict[str, Any], expected_version: int) -> bool:
        with self.lock:
            self.writes += 1
            if self.kept.get(key, {"version": 0})["version"] != expected_version:
                return False
            self.kept[key] = {name: value for name, value in new.items() if value is not None}
            return True


def shared(records: CountedRecords, seed: int = 1) -> Breakers:
    return Breakers(records, RULES, rng=Random(seed))


def open_it(breakers: Breakers, now: datetime = NOW, key: str = "axle") -> None:
    for _ in range(RULES.failures_to_open):
        breakers.failed(key, breakers.allow(key, now), now)


def test_a_healthy_service_costs_one_read_every_three_seconds_and_no_write() -> None:
    records = CountedRecords()
    breakers = shared(records)
    for tenth in range(100):
        now = NOW + seconds(tenth / 10)
        breakers.succeeded("axle", breakers.allow("axle", now), now)
    assert (records.reads, records.writes) == (4, 0)


def test_all_instances_share_a_breaker_and_each_service_has_its_own() -> None:
    records = CountedRecords()
    one, other = shared(records, 1), shared(records, 2)
    assert other.allow("axle", NOW).granted
    open_it(one)
    assert not one.allow("axle", NOW).granted
    assert other.allow("axle", NOW + seconds(2)).granted
    assert not other.allow("axle", NOW + seconds(3)).granted
    assert other.allow("enode", NOW + seconds(3)).granted


def test_a_success_anywhere_resets_the_count_of_failures() -> None:
    records = CountedRecords()
    one, other = shared(records, 1), shared(records, 2)
    for number in range(10):
        now = NOW + number * RULES.failures_apart / 10
        one.failed("axle", one.allow("axle", now), now)
        other.succeeded("axle", other.allow("axle", now), now)
    assert one.allow("axle", now).granted


def test_refused_callers_come_back_spread_over_the_drain_after_the_pause() -> None:
    breakers = shared(CountedRecords())
    open_it(breakers)
    permit = breakers.allow("axle", NOW)
    assert permit.until is not None
    times = sorted((breakers.comeback(permit.until, NOW) - permit.until).total_seconds() for _ in range(600))
    assert times[0] >= 0
    assert times[-1] <= RULES.drain.total_seconds()
    busiest = max(sum(second <= time < second + 1 for time in times) for second in range(60))
    assert busiest <= 30


def test_of_many_instances_one_probes() -> None:
    records = CountedRecords()
    open_it(shared(records))
    later = NOW + seconds(10)
    permits: list[Permit] = []
    threads = [
        threading.Thread(target=lambda seed=seed: permits.append(shared(records, seed).allow("axle", later)))
        for seed in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(permit.granted for permit in permits) == 1
    assert len(permits) == 50


@pytest.fixture
def table() -> Any:
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-2", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        )
        yield Records(client, "t")


def test_a_breaker_is_kept_in_the_table_from_closed_to_open_and_back(table: Records) -> None:
    breakers = Breakers(table, RULES, rng=Random(1))
    open_it(breakers)
    now = NOW + seconds(10)
    fresh = Breakers(table, replace(RULES, probes_to_close=1), rng=Random(2))
    assert not fresh.allow("axle", NOW).granted
    permit = fresh.allow("axle", now)
    assert permit.probe == 1
    assert not Breakers(table, RULES).allow("axle", now).granted
    fresh.unused("axle", permit, now)
    permit = fresh.allow("axle", now)
    fresh.succeeded("axle", permit, now)
    assert Breakers(table, RULES).allow("axle", now) == Permit(True)
