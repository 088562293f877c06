"""However long Axle's schedules are: each is taken or refused for good, and the twin stays within its item."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driveway.domain.schedules import installation
from driveway.domain.schedules.installation import MOST_SCHEDULES_HELD
from tests.support.functions.rig import NOW, Reply, Rig
from tests.support.functions.schedule_calls import accepted, deliver, envelope, held, post, profile

MOST_ITEM_BYTES = 400 * 1024


def long_schedule(level: int, count: int = 2016, *, every_s: int = 300) -> dict[str, Any]:
    """A week of periods that all differ, each as long in the table as a period can be."""
    periods = [(n * every_s, 2000.123456789012 + n) for n in range(count)]
    return profile(periods, level=level, duration=count * every_s)


def item_bytes(value: dict[str, Any]) -> int:
    """The size of a DynamoDB attribute value or item, by the rules of its documentation."""
    ((kind, inner),) = value.items() if len(value) == 1 and next(iter(value)) in KINDS else (("M", value),)
    return KINDS[kind](inner)


def _number_bytes(text: str) -> int:
    digits = len(text.lstrip("-").replace(".", "").strip("0")) or 1
    return digits // 2 + 2 + text.startswith("-")


KINDS: dict[str, Any] = {
    "S": lambda text: len(text.encode()),
    "N": _number_bytes,
    "B": len,
    "BOOL": lambda _: 1,
    "NULL": lambda _: 1,
    "L": lambda items: 3 + sum(1 + item_bytes(item) for item in items),
    "M": lambda items: 3 + sum(1 + len(name.encode()) + item_bytes(item) for name, item in items.items()),
}


def twin_bytes(rig: Rig) -> int:
    key = {"pk": {"S": "ASSET#car-1"}, "sk": {"S": "TWIN"}}
    item = rig.runtime.dynamodb.get_item(TableName=rig.runtime.settings.text("TABLE_NAME"), Key=key)["Item"]
    return item_bytes(dict(item))


def refused(reply: Reply, problem: str) -> bool:
    return (reply.status, reply.problem) == (409, problem)


def test_four_schedules_of_2016_periods_are_taken_and_a_fifth_is_refused_for_good(car: Rig) -> None:
    replies = [post(car, long_schedule(level)) for level in (1, 2, 3, 4, 5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 200, 409]
    assert refused(replies[4], "too-many-periods")
    assert replies[4].body["errors"][0]["pointer"] == "/chargingSchedule/chargingSchedulePeriod"
    wrapped = deliver(car, envelope({"connectorId": 1, "csChargingProfiles": long_schedule(5)}))
    assert refused(wrapped, "too-many-periods")
    assert wrapped.body["errors"][0]["pointer"].startswith("/payload/charging_profile/csChargingProfiles/charging")
    assert twin_bytes(car) < MOST_ITEM_BYTES


def test_four_schedules_of_2016_periods_at_usual_powers_leave_a_twin_of_less_than_two_kilobytes(car: Rig) -> None:
    powers = (0.0, 3700.0, 7400.0, 99999.0)
    for level in (1, 2, 3, 4):
        periods = [(n * 300, powers[(n // 6 * level) % 4]) for n in range(2016)]
        assert accepted(post(car, profile(periods, level=level, duration=2016 * 300)))
    assert twin_bytes(car) < 2 * 1024


@pytest.fixture
def narrow(car: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """The same with a bound of 200 periods, as long schedules are slow to store here."""
    monkeypatch.setattr(installation, "MOST_PERIODS_HELD", 200)
    return car


def test_a_refused_schedule_is_accepted_once_periods_are_over_or_cleared(narrow: Rig) -> None:
    for level in (1, 2):
        assert accepted(post(narrow, long_schedule(level, 100)))
    assert refused(post(narrow, long_schedule(3, 100)), "too-many-periods")
    narrow.clock.put(NOW + timedelta(hours=4 + 5))  # the schedules begin at 22:00 and last 500 minutes
    assert accepted(post(narrow, long_schedule(3, 100)))
    assert sum(len(one.profile.periods) for one in held(narrow)) < 200
    assert accepted(post(narrow, None, method="DELETE"))
    assert accepted(post(narrow, long_schedule(4, 100)))


def test_a_new_schedule_replaces_a_long_one_at_its_level(narrow: Rig) -> None:
    for _ in range(3):
        assert accepted(post(narrow, long_schedule(1, 100)))
        assert accepted(post(narrow, long_schedule(2, 100)))
        narrow.clock.move(minutes=1)
    assert len(held(narrow)) == 2


def test_neighbours_that_say_the_same_and_periods_that_are_over_are_not_kept(car: Rig) -> None:
    same = profile([(n * 300, float(n // 1008)) for n in range(2016)], duration=2016 * 300)
    assert accepted(post(car, same))
    assert [period.start_s for period in held(car)[0].profile.periods] == [0, 302_400]
    car.clock.put(NOW + timedelta(days=5))
    assert accepted(post(car, same))
    assert [period.limit for period in held(car)[0].profile.periods] == [1.0]


def test_schedules_at_too_many_levels_are_refused_for_good(car: Rig) -> None:
    replies = [post(car, profile(level=level)) for level in range(MOST_SCHEDULES_HELD + 2)]
    assert [reply.status for reply in replies] == [200] * MOST_SCHEDULES_HELD + [409, 409]
    assert refused(replies[-1], "too-many-periods")


@given(sent=st.lists(st.tuples(st.integers(1, 6), st.integers(1, 150)), min_size=1, max_size=8))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_twin_stays_within_the_bound(narrow: Rig, sent: list[tuple[int, int]]) -> None:
    for level, count in sent:
        assert post(narrow, long_schedule(level, count)).status in {200, 409}
    assert 0 < sum(len(one.profile.periods) for one in held(narrow)) <= 200
