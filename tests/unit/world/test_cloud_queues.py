"""Queues in memory: delays, visibility, at least once, partial answers, dead letters."""

import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws.small_cloud import SmallCloud, bodies, failing
from tests.world.aws import Faults, Passage, RandomFaults, Rates


def test_messages_come_in_batches_of_the_size_that_the_template_says() -> None:
    small = SmallCloud()
    small.send("a", "b", "c")
    assert [bodies(one) for one in small.due("Worker")] == [["a", "b"], ["c"]]


def test_no_more_batches_run_at_once_than_the_template_allows() -> None:
    small = SmallCloud()
    small.send("a", "b", "c", "d", "e")
    first, second = small.due("Worker")
    assert small.due("Worker") == []
    first.settle(None)
    assert [bodies(one) for one in small.due("Worker")] == [["e"]]
    second.settle(None)


def test_a_delayed_message_comes_when_its_delay_is_over() -> None:
    small = SmallCloud()
    small.send("later", delay_s=90)
    assert small.due("Worker", after_s=89) == []
    assert len(small.due("Worker", after_s=1)) == 1


def test_a_processed_message_never_comes_again() -> None:
    small = SmallCloud()
    small.send("a")
    small.due("Worker")[0].settle(None)
    assert small.due("Worker", after_s=3600) == []
    assert small.cloud.queues()["Work"].messages == []


@pytest.mark.parametrize("end", ["failed", "no answer"])
def test_a_message_that_was_not_processed_comes_again_when_its_visibility_time_out_is_over(end: str) -> None:
    small = SmallCloud()
    small.send("a")
    delivery = small.due("Worker")[0]
    if end == "failed":
        delivery.failed(RuntimeError("broken"))
    assert small.due("Worker", after_s=59) == []
    (again,) = small.due("Worker", after_s=1)
    assert again.event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


def test_a_message_whose_visibility_was_changed_comes_again_at_that_time() -> None:
    small = SmallCloud()
    small.send("a")
    (delivery,) = small.due("Worker")
    receipt = delivery.event["Records"][0]["receiptHandle"]
    sqs, url = small.cloud.client("sqs"), small.cloud.client("sqs").get_queue_url(QueueName="work")["QueueUrl"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=300)
    delivery.settle(failing(delivery, 0))
    assert small.due("Worker", after_s=299) == []
    assert [bodies(one) for one in small.due("Worker", after_s=1)] == [["a"]]
    with pytest.raises(ClientError):
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=50_000)


def test_of_a_partial_answer_only_the_failed_message_comes_again() -> None:
    small = SmallCloud()
    small.send("good", "bad")
    (delivery,) = small.due("Worker")
    delivery.settle(failing(delivery, 1))
    assert [bodies(one) for one in small.due("Worker", after_s=60)] == [["bad"]]


def test_a_late_answer_does_not_delete_a_message_that_was_handed_out_again() -> None:
    small = SmallCloud()
    small.send("a")
    (slow,) = small.due("Worker")
    (again,) = small.due("Worker", after_s=60)
    slow.settle(None)
    again.failed()
    assert [bodies(one) for one in small.due("Worker", after_s=60)] == [["a"]]


@pytest.mark.parametrize("failed", [{"itemIdentifier": "unknown"}, {"itemIdentifier": ""}, {}])
def test_a_partial_answer_with_an_unknown_message_fails_the_whole_batch(failed: dict[str, str]) -> None:
    small = SmallCloud()
    small.send("a", "b")
    small.due("Worker")[0].settle({"batchItemFailures": [failed]})
    assert [bodies(one) for one in small.due("Worker", after_s=60)] == [["a", "b"]]


def test_without_partial_answers_in_the_template_a_returned_batch_is_processed() -> None:
    small = SmallCloud(WorkerQueue__FunctionResponseTypes=[])
    small.send("a", "b")
    (delivery,) = small.due("Worker")
    delivery.settle(failing(delivery, 0, 1))
    assert small.due("Worker", after_s=60) == []


def test_a_message_that_was_received_too_often_becomes_a_dead_letter() -> None:
    small = SmallCloud()
    small.send("a")
    for _ in range(3):
        small.due("Worker", after_s=60)[0].failed()
    assert small.letters() == 0
    assert small.due("Worker", after_s=60) == []
    assert [one.body for one in small.cloud.dead_letters()["Letters"]] == ["a"]


def test_a_message_is_dropped_when_the_queue_has_kept_it_long_enough() -> None:
    small = SmallCloud(Work__MessageRetentionPeriod=600)
    small.send("a", delay_s=900)
    assert small.due("Worker", after_s=900) == []
    assert small.cloud.queues()["Work"].expired == 1


class Twice(Faults):
    """Each message comes a second time after ten seconds."""

    def on_message(self, queue: str) -> Passage:
        return Passage(copies_s=(10.0,))


def test_a_doubled_message_comes_again_although_it_was_deleted() -> None:
    small = SmallCloud(Twice())
    small.send("a")
    (first,) = small.due("Worker")
    first.settle(None)
    (second,) = small.due("Worker", after_s=10)
    assert first.event["Records"][0]["messageId"] == second.event["Records"][0]["messageId"]
    second.settle(None)
    assert small.due("Worker", after_s=3600) == []


def test_the_same_seed_draws_the_same_faults() -> None:
    def played(seed: int) -> tuple[list[list[str]], dict[str, int]]:
        rates = Rates(message_lost=0.3, message_doubled=0.3, message_late_s=20, shuffled=True)
        faults = RandomFaults(random.Random(seed), rates)
        small = SmallCloud(faults)
        for first in range(0, 30, 10):
            small.send(*(str(first + number) for number in range(10)))
        found = []
        for _ in range(30):
            for delivery in small.due("Worker", after_s=10):
                found.append(bodies(delivery))
                delivery.settle(None)
        return found, faults.count

    assert played(1) == played(1)
    assert played(1) != played(2)
    assert played(1)[1]["message lost"] > 0


def test_botocore_repeats_a_call_whose_answer_was_lost_so_that_the_message_comes_twice() -> None:
    class LostOnce(Faults):
        lost = False

        def on_request(self, request: Any) -> Any:
            first, self.lost = not self.lost, True
            return "answer lost" if first else "none"

    small = SmallCloud(LostOnce())
    small.send("a")
    assert [bodies(one) for one in small.due("Worker")] == [["a", "a"]]


def test_an_end_is_given_once() -> None:
    small = SmallCloud()
    small.send("a")
    (delivery,) = small.due("Worker")
    delivery.settle(None)
    with pytest.raises(RuntimeError, match="has its answer already"):
        delivery.failed()
