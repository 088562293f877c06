"""Real boto3 clients whose requests end in the cloud: no socket, no signature, no pause of botocore's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import botocore
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

Send = Callable[[AWSPreparedRequest], AWSResponse]
_ID = "driveway-world"


def attach(client_or_session: Any, send: Send) -> None:
    """Let a client, or every client that a session makes from now on, send its requests here instead of to AWS.

    A second call replaces the first.
    """
    meta = getattr(client_or_session, "meta", None)
    events = client_or_session.events if meta is None else meta.events

    def before_send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        return send(request)

    for name, handler in (("before-send", before_send), ("choose-signer", _unsigned)):
        events.unregister(name, unique_id=f"{_ID}-{name}")
        events.register(name, handler, unique_id=f"{_ID}-{name}")


def _unsigned(**_: Any) -> Any:
    return botocore.UNSIGNED


@contextmanager
def pauses(sleep: Callable[[float], None]) -> Iterator[None]:
    """Within the block, botocore waits with ``sleep`` before it repeats a request."""
    with patch("botocore.endpoint.time", SimpleNamespace(sleep=sleep)):
        yield
