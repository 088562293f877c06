"""The rate of calls to a provider that all instances share, on the table of the cloud in memory."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from driveway.store.pacing import LAST, Pacing
from driveway.store.records import Records
from tests.world.aws import Cloud, stack
from tests.world.clock import WorldClock

NOW = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def pacing(per_s: float = 10.0, instances: int = 1) -> list[Pacing]:
    """Instances that share one table."""
    cloud = Cloud(WorldClock(NOW), stack())
    name = cloud.stack.functions["VehicleCommandsFunction"].environment["TABLE_NAME"]
    records = Records(cloud.client("dynamodb"), name)
    return [Pacing(records, {"enode": per_s}) for _ in range(instances)]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30), st.integers(0, 400)), min_size=1, max_size=15))
def test_no_more_calls_are_made_than_the_rate_allows(asked: list[tuple[int, int, int]]) -> None:
    instances, now, made = pacing(10.0, 4), NOW, list[datetime]()
    for instance, count, passes_ms in asked:
        now += timedelta(milliseconds=passes_ms)
        made += instances[instance].take("enode", count, 2, now).starts
    assert all(later - earlier >= SECOND / 10 for earlier, later in zip(sorted(made), sorted(made)[1:], strict=False))
    assert all(at <= now + 1.2 * SECOND for at in made)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 400)), min_size=1, max_size=25))
def test_a_further_call_of_a_command_keeps_the_rate_as_well(asked: list[tuple[int, bool, int]]) -> None:
    instances, now, made = pacing(10.0, 4), NOW, list[datetime]()
    for instance, is_further, passes_ms in asked:
        now += timedelta(milliseconds=passes_ms)
        if is_further:
            at = instances[instance].next_call("enode", now, now + 5 * SECOND)
            assert at is not None
            assert now <= at <= now + 5 * SECOND
            made.append(at)
        else:
            made += instances[instance].take("enode", 5, 2, now).starts
    assert all(later - earlier >= SECOND / 10 for earlier, later in zip(sorted(made), sorted(made)[1:], strict=False))


def test_a_further_call_is_not_made_where_it_would_have_to_wait_too_long() -> None:
    for per_s in (10.0, 0.0):
        (one,) = pacing(per_s)
        one.pause("enode", NOW + 20 * SECOND)
        assert one.next_call("enode", NOW, NOW + 10 * SECOND) is None
        assert one.next_call("enode", NOW, NOW + 30 * SECOND) == NOW + 20 * SECOND


def test_what_is_urgent_finds_a_call_where_a_start_finds_none() -> None:
    (one,) = pacing()
    while one.take("enode", 100, 2, NOW).starts:
        pass
    assert len(one.take("enode", 100, 3, NOW).starts) == 0
    assert len(one.take("enode", 100, 0, NOW).starts) == 8


def test_turns_follow_one_another_and_say_how_far_behind_a_class_is() -> None:
    first, second = pacing(instances=2)
    turns = [*first.turns("enode", 50, 2, NOW), *second.turns("enode", 50, 2, NOW)]
    assert turns == sorted(turns)
    assert turns[0] == NOW
    assert 8.5 * SECOND <= turns[-1] - NOW <= 10 * SECOND
    assert first.turns("enode", 1, 0, NOW) == [NOW]


def test_starts_that_were_sent_before_get_their_turns_after_those_of_the_others() -> None:
    first, second = pacing(instances=2)
    turns = first.turns("enode", 50, LAST - 1, NOW)
    assert second.turns("enode", 1, LAST, NOW)[0] > turns[-1]
    assert first.turns("enode", 1, LAST, NOW + 60 * SECOND) == [NOW + 60 * SECOND]


def test_a_pause_holds_for_all_instances_and_without_a_rate_too() -> None:
    for per_s in (10.0, 0.0):
        first, second = pacing(per_s, 2)
        first.pause("enode", NOW + 5 * SECOND)
        taken = second.take("enode", 3, 0, NOW)
        assert (taken.starts, taken.free_at) == ((), NOW + 5 * SECOND)
        assert second.take("enode", 3, 0, NOW + 6 * SECOND).starts


def test_a_call_that_was_not_made_is_given_back() -> None:
    (one,) = pacing()
    one.take("enode", 5, 2, NOW)
    one.give_back("enode", 5)
    assert len(one.take("enode", 5, 2, NOW).starts) == 5
