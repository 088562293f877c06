"""Calls of the AWS services that speak JSON: DynamoDB, SQS, EventBridge and Secrets Manager.

A client has the methods of boto3's, takes the same arguments and gives the same answers and errors, in a fraction of
the time: boto3 takes longer to import than all that a function does besides (decision 0034).
"""

import base64
import json
import math
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import urllib3
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from msgspec import Struct
from urllib3.exceptions import ConnectTimeoutError as NoConnectionError
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import ReadTimeoutError as NoAnswerError

from driveway.runtime.aws_credentials import credentials, region_of
from driveway.runtime.aws_signature import signed

CONNECT_S, READ_S = 2.0, 5.0
"""The usual time-outs of a minute would outlast the leases of claims, and a request's caller."""

ATTEMPTS = 4
LONGEST_PAUSE_S = 20.0
RETRY_QUOTA, RETRY_COST = 500, 5
"""A client that meets an outage stops repeating its calls once this is spent; each success gives a part of it back."""

CLOCKS_APART = timedelta(minutes=4)
"""AWS refuses a signature that is five minutes old; a clock that is wrong by less needs no correction."""

CONNECTIONS = 100
"""As many calls as a run has under way at once are given a connection each, which is then kept."""

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
TRANSIENT = frozenset({"RequestTimeout", "RequestTimeoutException", "InternalError", "InternalServerError"})
TRANSIENT_STATUS = frozenset({500, 502, 503, 504})
WRONG_CLOCK = frozenset(
    {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)

Pause = Callable[[float], None]


class Service(Struct, frozen=True):
    """How a service is addressed."""

    target: str
    endpoint_setting: str
    json_version: str


SERVICES: Mapping[str, Service] = {
    "dynamodb": Service("DynamoDB_20120810", "DYNAMODB", "1.0"),
    "sqs": Service("AmazonSQS", "SQS", "1.0"),
    "events": Service("AWSEvents", "EVENTBRIDGE", "1.1"),
    "secretsmanager": Service("secretsmanager", "SECRETS_MANAGER", "1.1"),
}


class Reply(Struct, frozen=True):
    """An HTTP answer: its status, its headers by lower-case names, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Post = Callable[[str, dict[str, str], bytes], Reply]


class AwsClient:
    """A client of one service. Threads may share it.

    Every method is an operation of the service by boto3's name (``get_item``), with its arguments.

    Raises:
        ClientError: the service refused the call.
        BotoCoreError: the service could not be reached, or did not answer in time.
    """

    def __init__(
        self, name: str, environ: Mapping[str, str], *, post: Post | None = None, pause: Pause | None = None
    ) -> None:
        self._name, self._service = name, SERVICES[name]
        self._environ = environ
        self._region = region_of(environ)
        own = environ.get(f"AWS_ENDPOINT_URL_{self._service.endpoint_setting}")
        given = own or environ.get("AWS_ENDPOINT_URL")
        self._url = (given or f"https://{name}.{self._region}.{_domain(self._region)}").rstrip("/") + "/"
        self._post = post or _poster()
        self._pause = pause or _sleep
        self._lock = threading.Lock()
        self._quota = RETRY_QUOTA
        self._clock_ahead = timedelta(0)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        call = partial(self._call, "".join(part.capitalize() for part in name.split("_")))
        self.__dict__[name] = call
        return call

    def get_paginator(self, name: str) -> "Pages":
        """The pages of ``query`` or ``scan``."""
        return Pages(getattr(self, name))

    def _call(self, operation: str, **parameters: Any) -> Any:
        if operation == "TransactWriteItems":
            # A transaction that is sent twice because its answer was lost is carried out once.
            parameters.setdefault("ClientRequestToken", str(uuid.uuid4()))
        body = json.dumps(parameters, default=_in_base64, separators=(",", ":")).encode()
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                reply = self._sent(operation, body)
            except (EndpointConnectionError, ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError):
                if last or not self._may_repeat(cost=2 * RETRY_COST):
                    raise
            else:
                if reply.status < 300:
                    self._succeeded()
                    return _answer(reply)
                error = _error(operation, reply, attempt)
                if last or not self._is_worth_repeating(error, reply) or not self._may_repeat(cost=RETRY_COST):
                    raise error
            self._pause(min(random.random() * 2 ** (attempt - 1), LONGEST_PAUSE_S))  # noqa: S311 - spreads retries
        raise AssertionError("the last attempt returns or raises")

    def _sent(self, operation: str, body: bytes) -> Reply:
        service = self._service
        headers = {
            "Content-Type": f"application/x-amz-json-{service.json_version}",
            "X-Amz-Target": f"{service.target}.{operation}",
        }
        headers = signed(
            self._url,
            headers,
            body,
            credentials=credentials(self._environ),
            region=self._region,
            service=self._name,
            now=datetime.now(UTC) + self._clock_ahead,
        )
        try:
            return self._post(self._url, headers, body)
        except (NoConnectionError, NewConnectionError) as error:
            kind = EndpointConnectionError if isinstance(error, NewConnectionError) else ConnectTimeoutError
            raise kind(endpoint_url=self._url, error=error) from error
        except NoAnswerError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except HTTPError as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error

    def _is_worth_repeating(self, error: ClientError, reply: Reply) -> bool:
        code = error.response["Error"]["Code"]
        if code in WRONG_CLOCK and "date" in reply.headers:
            ahead = parsedate_to_datetime(reply.headers["date"]) - datetime.now(UTC)
            was_right = abs(ahead - self._clock_ahead) < CLOCKS_APART
            self._clock_ahead = ahead
            return not was_right
        return code in THROTTLED or code in TRANSIENT or reply.status in TRANSIENT_STATUS

    def _may_repeat(self, *, cost: int) -> bool:
        with self._lock:
            if self._quota < cost:
                return False
            self._quota -= cost
            return True

    def _succeeded(self) -> None:
        with self._lock:
            self._quota = min(RETRY_QUOTA, self._quota + 1)


class Pages:
    """The pages of a read, as boto3's paginator gives them."""

    def __init__(self, read: Callable[..., Any]) -> None:
        self._read = read

    def paginate(self, PaginationConfig: Mapping[str, int] | None = None, **parameters: Any) -> Iterator[Any]:  # noqa: N803 - boto3's name
        """Each page; DynamoDB says in each where the next begins.

        ``PaginationConfig`` may hold ``PageSize`` (how many items are read for a page) and ``MaxItems`` (of all pages).
        """
        config = PaginationConfig or {}
        if "PageSize" in config:
            parameters["Limit"] = config["PageSize"]
        left = config.get("MaxItems", math.inf)
        while left > 0:
            page = self._read(**parameters)
            if len(page["Items"]) > left:
                page["Items"] = page["Items"][: int(left)]
            left -= len(page["Items"])
            yield page
            if not page.get("LastEvaluatedKey"):
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _sleep(delay_s: float) -> None:
    time.sleep(delay_s)


def _domain(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _poster() -> Post:
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    pool = urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, timeout=timeout)

    def post(url: str, headers: dict[str, str], body: bytes) -> Reply:
        answer = pool.request("POST", url, body=body, headers=headers, redirect=False)
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    return post


def _in_base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} is no value of an AWS call")


def _with_bytes(members: dict[str, Any]) -> dict[str, Any]:
    """An attribute value with its bytes; any other object as it is."""
    if len(members) == 1:
        text = members.get("B")
        if isinstance(text, str):
            return {"B": base64.b64decode(text)}
    return members


def _answer(reply: Reply) -> Any:
    return json.loads(reply.body, object_hook=_with_bytes) if reply.body else {}


def _error(operation: str, reply: Reply, attempts: int) -> ClientError:
    """The error of an answer, with boto3's members."""
    try:
        found = json.loads(reply.body, object_hook=_with_bytes)
    except ValueError:
        found = {}
    members: dict[str, Any] = found if isinstance(found, dict) else {}
    # SQS keeps the codes of its older protocol in this header, and boto3 gives those.
    older = reply.headers.get("x-amzn-query-error", "").partition(";")[0]
    code = older or str(members.get("__type", reply.status)).rpartition("#")[2].partition(":")[0]
    message = members.get("message", members.get("Message", ""))
    response: Any = {
        **{name: value for name, value in members.items() if name not in {"__type", "Message"}},
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": reply.status, "RetryAttempts": attempts - 1},
    }
    return ClientError(response, operation)
