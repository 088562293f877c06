"""The table's stream in memory: order per item, filters, repetition, bisecting, giving up."""

import json

import pytest

from tests.support.aws.small_cloud import HandClock, SmallCloud, failing, places, resources
from tests.world.aws import Cloud, Delivery, Faults, Stack


def written(small: SmallCloud, *names: str) -> None:
    for name in names:
        small.write(name)


def test_a_write_comes_with_the_item_before_and_after() -> None:
    small = SmallCloud()
    small.write("car-1", state="held")
    small.write("car-1", state="free")
    (delivery,) = small.due("Reader")
    first, second = delivery.event["Records"]
    assert (first["eventName"], second["eventName"]) == ("INSERT", "MODIFY")
    assert second["dynamodb"]["OldImage"] == first["dynamodb"]["NewImage"]
    assert second["dynamodb"]["NewImage"]["state"] == {"S": "free"}


def test_the_filter_of_the_template_leaves_out_other_items() -> None:
    small = SmallCloud()
    small.write("car-1", sk="LOG#1")
    assert small.due("Reader") == []


def test_a_write_that_changes_nothing_is_not_in_the_stream() -> None:
    small = SmallCloud()
    written(small, "car-1", "car-1")
    assert len(small.due("Reader")[0].event["Records"]) == 1


def test_a_shard_has_one_batch_at_a_time_and_keeps_its_order() -> None:
    small = SmallCloud()
    written(small, *"abcdef")
    (first,) = small.due("Reader")
    assert places(first) == list("abcd")
    assert small.due("Reader") == []
    first.settle(None)
    assert [places(one) for one in small.due("Reader")] == [list("ef")]


def test_shards_go_side_by_side_and_each_item_stays_in_one() -> None:
    clock = HandClock()
    cloud = Cloud(clock, Stack({"Resources": resources()}, {}), stream_shards=3)
    client = cloud.client("dynamodb")
    for number in range(3):
        for name in ("car-1", "car-2", "car-3", "car-4", "car-5"):
            item = {"pk": {"S": name}, "sk": {"S": "TWIN"}, "version": {"N": str(number)}}
            client.put_item(TableName="table", Item=item)
    keys: dict[str, set[str]] = {}
    versions: dict[str, list[str]] = {}
    while found := [one for one in cloud.due(clock.now()) if one.function == "Reader"]:
        assert len({one.order_key for one in found}) == len(found)
        for delivery in found:
            for record in delivery.event["Records"]:
                image = record["dynamodb"]["NewImage"]
                keys.setdefault(image["pk"]["S"], set()).add(str(delivery.order_key))
                versions.setdefault(image["pk"]["S"], []).append(image["version"]["N"])
            delivery.settle(None)
    assert all(len(one) == 1 for one in keys.values())
    assert len(set.union(*keys.values())) > 1
    assert all(one == ["0", "1", "2"] for one in versions.values())


NAMES = [f"car-{number}" for number in range(8)]


def test_lanes_of_a_shard_go_side_by_side_and_each_item_keeps_its_order_in_one() -> None:
    small = SmallCloud(ReaderStream__ParallelizationFactor=3)
    for version in range(3):
        for name in NAMES:
            small.write(name, version=str(version))
    seen: dict[str, list[str]] = {}
    lanes: dict[str, set[str]] = {}
    most = 0
    while found := small.due("Reader"):
        most = max(most, len(found))
        assert len({one.order_key for one in found}) == len(found)
        assert small.due("Reader") == []
        for delivery in found:
            for record in delivery.event["Records"]:
                image = record["dynamodb"]["NewImage"]
                seen.setdefault(image["pk"]["S"], []).append(image["version"]["S"])
                lanes.setdefault(image["pk"]["S"], set()).add(str(delivery.order_key))
            delivery.settle(None)
    assert most == 3
    assert seen == {name: ["0", "1", "2"] for name in NAMES}
    assert all(len(one) == 1 for one in lanes.values())


def test_a_lane_that_fails_is_bisected_and_waits_alone() -> None:
    small = SmallCloud(ReaderStream__ParallelizationFactor=3)
    written(small, *NAMES)
    first = small.due("Reader")
    failing_lane = max(first, key=lambda one: len(places(one)))
    for delivery in first:
        delivery.failed() if delivery is failing_lane else delivery.settle(None)
    written(small, *(f"later-{number}" for number in range(8)))
    following = small.due("Reader")
    assert {one.order_key for one in following} == {one.order_key for one in first}
    repeated = next(one for one in following if one.order_key == failing_lane.order_key)
    assert places(repeated) == places(failing_lane)[: len(places(failing_lane)) // 2]
    assert all(name.startswith("later") for one in following if one is not repeated for name in places(one))
    for delivery in following:
        delivery.settle(None)
    (rest,) = [one for one in small.due("Reader") if one.order_key == failing_lane.order_key]
    assert places(rest) == places(failing_lane)[len(places(failing_lane)) // 2 :]


def test_a_state_that_is_restored_has_its_lanes_again() -> None:
    small = SmallCloud(ReaderStream__ParallelizationFactor=3)
    written(small, *NAMES)
    held = small.cloud.snapshot()
    before = [places(one) for one in small.due("Reader")]
    small.cloud.restore(held)
    assert [places(one) for one in small.due("Reader")] == before


def test_after_a_partial_answer_the_batch_goes_on_from_the_first_record_that_failed() -> None:
    small = SmallCloud()
    written(small, *"abcd")
    (delivery,) = small.due("Reader")
    delivery.settle(failing(delivery, 3, 1))
    assert [places(one) for one in small.due("Reader", after_s=1)] == [list("bcd")]


def test_a_batch_that_failed_is_bisected_and_what_follows_waits() -> None:
    small = SmallCloud()
    written(small, *"abcde")
    small.due("Reader")[0].failed()
    seen = []
    for _ in range(3):
        (delivery,) = small.due("Reader", after_s=1)
        seen.append(places(delivery))
        delivery.settle(None)
    assert seen == [list("ab"), list("cd"), list("e")]


def poisoned(small: SmallCloud, poison: str) -> list[str]:
    """Process everything; a batch with the poison fails. Gives what was processed."""
    done: list[str] = []
    for _ in range(40):
        for delivery in small.due("Reader", after_s=60):
            if poison in places(delivery):
                delivery.failed()
            else:
                done += places(delivery)
                delivery.settle(None)
    return done


def test_a_record_that_always_fails_is_given_up_and_the_others_are_processed() -> None:
    small = SmallCloud()
    written(small, *"abcdef")
    assert poisoned(small, "b") == list("acdef")
    (letter,) = small.cloud.dead_letters()["Letters"]
    letter_body = json.loads(letter.body)
    assert letter_body["DDBStreamBatchInfo"]["batchSize"] == 1
    assert letter_body["requestContext"]["condition"] == "RetryAttemptsExhausted"
    (given_up,) = small.cloud.stream_mappings["ReaderStream"].given_up
    assert given_up.content["dynamodb"]["Keys"]["pk"] == {"S": "b"}


def test_without_bisecting_the_whole_batch_is_given_up() -> None:
    small = SmallCloud(ReaderStream__BisectBatchOnFunctionError=False)
    written(small, *"abcdef")
    assert poisoned(small, "b") == list("ef")


def test_a_record_that_is_too_old_is_given_up() -> None:
    small = SmallCloud(ReaderStream__MaximumRecordAgeInSeconds=600, ReaderStream__MaximumRetryAttempts=-1)
    written(small, "a")
    small.due("Reader")[0].failed()
    assert small.due("Reader", after_s=600) == []
    assert json.loads(small.cloud.dead_letters()["Letters"][0].body)["requestContext"]["condition"] == (
        "RecordAgeExceeded"
    )


class Repeating(Faults):
    """Every batch is delivered twice, and the stream lags five seconds."""

    def batch_repeated(self, source: str) -> bool:
        return True

    def stream_lag_s(self) -> float:
        return 5.0


def test_a_repeated_batch_comes_again_before_what_follows() -> None:
    small = SmallCloud(Repeating())
    written(small, *"abcde")
    seen: list[Delivery] = []
    assert small.due("Reader") == []
    for _ in range(4):
        seen += small.due("Reader", after_s=5)
        seen[-1].settle(None)
    assert [places(one) for one in seen] == [list("abcd"), list("abcd"), ["e"], ["e"]]


def test_an_expired_item_is_deleted_by_the_service_itself() -> None:
    small = SmallCloud()
    small.write("car-1", expires_at=str(int(small.clock.now().timestamp()) + 60))
    small.due("Reader")[0].settle(None)
    assert len(small.cloud.items()) == 1
    (delivery,) = small.due("Reader", after_s=3 * 24 * 3600)
    (record,) = delivery.event["Records"]
    assert record["eventName"] == "REMOVE"
    assert record["userIdentity"]["principalId"] == "dynamodb.amazonaws.com"
    assert small.cloud.items() == []


@pytest.mark.parametrize("end", ["settle", "failed"])
def test_a_function_cannot_change_what_the_table_holds(end: str) -> None:
    small = SmallCloud()
    small.write("car-1", state="held")
    (delivery,) = small.due("Reader")
    delivery.event["Records"][0]["dynamodb"]["NewImage"]["state"]["S"] = "changed"
    getattr(delivery, end)(None)
    assert small.cloud.items()[0]["state"] == {"S": "held"}
