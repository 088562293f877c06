"""Real boto3 clients whose requests end in the cloud: no socket, no signature, no pause of botocore's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import botocore
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from tests.world.aws.quick import quicken
from tests.world.aws.stack import REGION

Send = Callable[[AWSPreparedRequest], AWSResponse]
_ID = "driveway-world"


def attach(client_or_session: Any, send: Send) -> None:
    """Let a client, or every client that a session makes from now on, send its requests here instead of to AWS.

    A second call replaces the first. A client becomes quick as well.
    """
    meta = getattr(client_or_session, "meta", None)
    events = client_or_session.events if meta is None else meta.events

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return send(request)

    for name, handler in (("before-send", before_send), ("choose-signer", _unsigned)):
        events.unregister(name, unique_id=f"{_ID}-{name}")
        events.register(name, handler, unique_id=f"{_ID}-{name}")
    if meta is not None:
        quicken(client_or_session)


def _unsigned(**_: Any) -> Any:
    return botocore.UNSIGNED


@cache
def client(service: str) -> Any:
    """A boto3 client of a service, for tests that read and fill the cloud. It is made once, because that takes long."""
    make: Any = boto3.Session("in-memory", "in-memory", region_name=REGION).client
    retries: Any = {"mode": "standard", "max_attempts": 4}
    config = Config(retries=retries, connect_timeout=2, read_timeout=5) if service == "dynamodb" else None
    return make(service, config=config)


@contextmanager
def pauses(sleep: Callable[[float], None]) -> Iterator[None]:
    """Within the block, botocore waits with ``sleep`` before it repeats a request."""
    with patch("botocore.endpoint.time", SimpleNamespace(sleep=sleep)):
        yield
