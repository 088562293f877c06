"""The functions' clients of AWS: real boto3 clients, made once for all worlds, whose requests end in one cloud."""

from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.config import Config

from tests.world.aws import Cloud
from tests.world.aws.stack import REGION

AS_THE_RUNTIME = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=2, read_timeout=5)
"""The settings of ``Runtime.dynamodb``: how often a call is repeated decides what a function gets to know."""


@cache
def _client(service: str) -> Any:
    session: Any = boto3.session.Session("world", "world", region_name=REGION)
    return session.client(service, config=AS_THE_RUNTIME if service == "dynamodb" else None)


def runtime_clients(cloud: Cloud) -> dict[str, Any]:
    """The clients by the names of the attributes of ``Runtime``; from now on they reach this cloud."""
    for service in ("dynamodb", "events", "sqs", "secretsmanager"):
        cloud.attach(_client(service))
    return {
        "dynamodb": _client("dynamodb"),
        "bus": _client("events"),
        "queues": _client("sqs"),
        "_secrets": SecretsProvider(boto3_client=_client("secretsmanager")),
    }
