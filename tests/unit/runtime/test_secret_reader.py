"""A secret that was never filled is empty; one that cannot be read is an error of ours."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from driveway.runtime.context import Runtime
from driveway.runtime.secret_reader import SecretReader
from tests.support.aws.small_cloud import HandClock
from tests.world.aws.cloud import Cloud
from tests.world.aws.stack import stack


def runtime(environ: Mapping[str, str]) -> tuple[Runtime, Cloud]:
    """A runtime whose secrets are those of the template, none of which has a value."""
    made, cloud = Runtime(environ), Cloud(HandClock(), stack())
    client: Any = boto3.Session("test", "test", region_name="eu-west-2").client("secretsmanager")
    cloud.attach(client)
    made.__dict__["_secrets"] = SecretReader(client)
    return made, cloud


def test_a_secret_that_was_never_filled_is_empty_until_it_is() -> None:
    made, cloud = runtime({"ONE": "AxleCredentials"})
    assert made.secret("ONE") == {}
    cloud.secrets.put("AxleCredentials", '{"username": "driveway"}')
    assert made.secret("ONE") == {"username": "driveway"}


def test_a_secret_that_does_not_exist_is_an_error() -> None:
    made, _ = runtime({"ONE": "another"})
    with pytest.raises(ClientError):
        made.secret("ONE")


def test_a_rotated_secret_is_read_again_after_five_minutes_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    made, cloud = runtime({"ONE": "AxleCredentials"})
    now_s = 1000.0
    monkeypatch.setattr("driveway.runtime.secret_reader.time", SimpleNamespace(monotonic=lambda: now_s))
    cloud.secrets.put("AxleCredentials", '{"username": "before"}')
    assert made.secret("ONE") == {"username": "before"}
    cloud.secrets.put("AxleCredentials", '{"username": "after"}')
    now_s += 299
    assert made.secret("ONE") == {"username": "before"}
    now_s += 2
    assert made.secret("ONE") == {"username": "after"}
