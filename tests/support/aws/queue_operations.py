"""Operations on a queue as hypothesis draws them, and what of their answers is compared.

Delays and time-outs are none or longer than any test, because the clocks of the compared services differ.
"""

from typing import Any

from botocore.exceptions import ClientError
from hypothesis import strategies as st

NEVER_S = 900
bodies = st.sampled_from(["a", "b", "zoë", "x" * 300])


def operations(*, longest_s: int) -> st.SearchStrategy[list[tuple[str, Any]]]:
    """Some operations, one after another; messages with no delay, with ``NEVER_S``, or with the longest."""
    delays = st.sampled_from([0, 0, 0, NEVER_S, longest_s])
    entry = {"Id": st.sampled_from(["1", "2", "3", "4"]), "MessageBody": bodies, "DelaySeconds": delays}
    too_many = [{"Id": str(number), "MessageBody": "m", "DelaySeconds": 0} for number in range(11)]
    return st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.tuples(bodies, delays)),
            st.tuples(st.just("batch"), st.lists(st.fixed_dictionaries(entry), max_size=4)),
            st.tuples(st.just("batch"), st.just(too_many)),
            st.tuples(st.just("receive"), st.integers(1, 11)),
            st.tuples(st.just("delete"), st.integers(0, 3)),
            st.tuples(st.just("count"), st.none()),
        ),
        max_size=12,
    )


class Played:
    """Plays operations on a queue of a client and notes what they give."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self._url = client, url
        self._receipts: list[str] = []

    def outcome(self, kind: str, given: Any) -> Any:
        """What an operation gives, as far as our code could read it; or its error."""
        try:
            return getattr(self, f"_{kind}")(given)
        except ClientError as error:
            return error.response["Error"]["Code"]

    def _send(self, given: tuple[str, int]) -> Any:
        answer = self._client.send_message(QueueUrl=self._url, MessageBody=given[0], DelaySeconds=given[1])
        return answer["MD5OfMessageBody"]

    def _batch(self, given: list[dict[str, Any]]) -> Any:
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=given)
        failed = sorted((one["Id"], one["Code"], one["SenderFault"]) for one in answer.get("Failed", []))
        return sorted(one["Id"] for one in answer.get("Successful", [])), failed

    def _receive(self, most: int) -> Any:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=NEVER_S,
            AttributeNames=["ApproximateReceiveCount"],
        )
        messages = answer.get("Messages", [])
        self._receipts += [one["ReceiptHandle"] for one in messages]
        return sorted((one["Body"], one["Attributes"]["ApproximateReceiveCount"]) for one in messages)

    def _delete(self, number: int) -> Any:
        if number < len(self._receipts):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=self._receipts[number])
        return None

    def _count(self, _: None) -> Any:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
