"""The bus and the schedules in memory: patterns, targets, retries, dead letters, ticks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.aws.small_cloud import EVENING, HandClock, SmallCloud, bodies
from tests.world.aws import Cloud, Faults, Passage, UnknownToTheCloudError, stack
from tests.world.aws.patterns import matches
from tests.world.aws.schedules import next_tick


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": ["x"]}, {"a": "x"}, True),
        ({"a": ["x"]}, {"a": ["y", "x"]}, True),
        ({"a": ["x"]}, {}, False),
        ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x"]}}, {"a": [{"b": "y"}, {"b": "x"}]}, True),
        ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, False),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "x"}, False),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "z"}, True),
        ({"a": [{"anything-but": "x"}]}, {}, False),
        ({"a": [{"prefix": "x"}]}, {"a": "xy"}, True),
        ({"a": [{"suffix": "x"}]}, {"a": "xy"}, False),
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": [{"exists": True}]}, {"a": None}, True),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 0}, False),
        ({"a": [{"equals-ignore-case": "X"}]}, {"a": "x"}, True),
        ({"a": [1]}, {"a": True}, False),
    ],
)
def test_a_pattern_matches_as_eventbridge_matches_it(pattern: Any, event: Any, expected: bool) -> None:
    assert matches(pattern, event) is expected


def test_an_unknown_kind_of_pattern_is_refused() -> None:
    with pytest.raises(UnknownToTheCloudError):
        matches({"a": [{"wildcard": "x*"}]}, {"a": "x"})


def test_the_target_gets_the_part_of_the_event_that_its_input_path_names() -> None:
    small = SmallCloud()
    small.publish()
    small.publish(detail_type="Other")
    assert [bodies(one) for one in small.due("Worker")] == [['{"asset":"car-1"}']]


class Refusing(Faults):
    """The target refuses the first attempts."""

    def __init__(self, times: int) -> None:
        self.times = times

    def target_refuses(self, rule: str) -> bool:
        self.times -= 1
        return self.times >= 0


def test_an_event_that_its_target_refuses_is_sent_again() -> None:
    small = SmallCloud(Refusing(3))
    small.publish()
    assert small.due("Worker") == []
    (delivery,) = small.due("Worker", after_s=7)
    assert bodies(delivery) == ['{"asset":"car-1"}']


def test_an_event_that_its_target_refuses_too_often_becomes_a_dead_letter() -> None:
    small = SmallCloud(Refusing(4))
    small.publish()
    assert sum(len(small.due("Worker", after_s=60)) for _ in range(10)) == 0
    (letter,) = small.cloud.dead_letters()["Letters"]
    assert json.loads(letter.body)["detail"] == {"asset": "car-1"}


class OnTheWay(Faults):
    """Events and ticks pass as a test says."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage

    def on_event(self, rule: str) -> Passage:
        return self.passage

    def on_tick(self, schedule: str) -> Passage:
        return self.passage


@pytest.mark.parametrize(
    ("passage", "expected"),
    [(Passage(), [0.0]), (Passage(delay_s=20, copies_s=(30,)), [20.0, 50.0]), (Passage(lost=True), [])],
)
def test_events_and_ticks_are_late_doubled_or_lost_as_the_faults_say(passage: Passage, expected: list[float]) -> None:
    small = SmallCloud(OnTheWay(passage), Minute__ScheduleExpression="rate(1 hour)")
    small.publish()
    events: list[float] = []
    ticks: list[float] = []
    for step in range(13 * 60):
        for delivery in small.cloud.due(small.clock.now()):
            {"Worker": events, "Ticker": ticks}[delivery.function].append(step * 5.0)
            delivery.settle(None)
        small.clock.advance(5)
    assert events == expected
    assert ticks == [3600 + one for one in expected]


def test_an_event_for_the_app_waits_in_a_queue_of_its_own_where_the_app_has_a_webhook() -> None:
    entry = {"EventBusName": "driveway-dev", "Source": "driveway.asset", "DetailType": "PluggedIn", "Detail": "{}"}
    for url, expected in (("https://app.test/events", 1), ("", 0)):
        cloud = Cloud(HandClock(), stack(AppWebhookUrl=url))
        cloud.client("events").put_events(Entries=[entry, {**entry, "DetailType": "ChargingCommand"}])
        cloud.due(cloud.clock.now())
        assert len(cloud.queues()["AppEventsQueue"].messages) == expected


def test_a_failed_invocation_by_a_schedule_is_repeated_twice_and_then_dropped() -> None:
    small = SmallCloud(Minute__ScheduleExpression="rate(1 day)")
    small.clock.at = small.cloud.schedules["Minute"].next_at()
    started = small.clock.now()
    runs = []
    for _ in range(20):
        for delivery in small.due("Ticker"):
            runs.append((small.clock.now() - started).total_seconds())
            delivery.failed("timeout")
        small.clock.advance(60)
    assert runs == [0, 60, 180]
    assert len(small.cloud.dropped()) == 1


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", EVENING + timedelta(minutes=1)),
        ("cron(11,41 * * * ? *)", EVENING + timedelta(minutes=11)),
        ("cron(0 3 * * ? *)", datetime(2026, 1, 16, 3, 0, tzinfo=UTC)),
        ("cron(0/20 * * * ? *)", EVENING + timedelta(minutes=20)),
    ],
)
def test_a_schedule_ticks_at_the_times_of_its_expression(expression: str, expected: datetime) -> None:
    assert next_tick(expression, EVENING) == expected
    assert next_tick(expression, expected - timedelta(seconds=1)) == expected
    assert next_tick(expression, expected) > expected
