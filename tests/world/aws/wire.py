"""Requests and answers as they go over the wire: AWS's JSON protocols."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from botocore.awsrequest import AWSResponse

JSON = dict[str, Any]
ERROR_NAMESPACE = {
    "dynamodb": "com.amazonaws.dynamodb.v20120810#",
    "sqs": "com.amazonaws.sqs#",
    "events": "com.amazonaws.events#",
    "secretsmanager": "com.amazonaws.secretsmanager#",
}


encoded = msgspec.json.Encoder().encode
"""A value as compact JSON."""
_decode = msgspec.json.Decoder().decode


def decoded(content: bytes | str) -> Any:
    """The value of a JSON text. Raises msgspec.DecodeError."""
    return _decode(content)


def as_sent(value: Any) -> Any:
    """A value as the other side gets it: a copy that went through JSON."""
    return _decode(encoded(value))


class AwsError(Exception):
    """A service refuses a request. ``more`` are the further fields of its answer, by name.

    Attributes:
        query_code: the code that SQS also gives in the header ``x-amzn-query-error``.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, query_code: str = "", **more: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.query_code = query_code
        self.more = more


class UnknownToTheCloudError(Exception):
    """The product uses something of AWS that this cloud does not have: teach it, and compare it with the others."""


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


def _response(status: int, body: JSON, headers: Mapping[str, str]) -> AWSResponse:
    content = encoded(body)
    sent = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "in-memory", **headers}
    fields: Any = sent
    return AWSResponse("http://in-memory", status, fields, _Raw(content))


def answer(body: JSON) -> AWSResponse:
    """The answer 200 with a JSON body."""
    return _response(200, body, {})


def refusal(service: str, error: AwsError) -> AWSResponse:
    """The answer that carries an error."""
    name = "Message" if error.code == "TransactionCanceledException" else "message"
    body: JSON = {"__type": ERROR_NAMESPACE[service] + error.code, name: error.message, **error.more}
    headers = {"x-amzn-query-error": f"{error.query_code};Sender"} if error.query_code else {}
    return _response(error.status, body, headers)


def invalid(message: str) -> AwsError:
    """A ValidationException."""
    return AwsError("ValidationException", message)
