"""The functions' clients of AWS, as the runtime makes them, whose requests end in one cloud."""

from threading import RLock
from typing import Any

from driveway.runtime.aws_client import AwsClient, Reply
from driveway.runtime.secret_reader import SecretReader
from tests.world.aws import Cloud
from tests.world.aws.cloud import SERVICES
from tests.world.aws.stack import REGION

ENVIRON = {"AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "world", "AWS_SECRET_ACCESS_KEY": "world"}


def runtime_clients(cloud: Cloud) -> dict[str, Any]:
    """The clients by the names of the attributes of ``Runtime``."""

    def post(_: str, headers: dict[str, str], body: bytes) -> Reply:
        target, _, operation = headers["X-Amz-Target"].partition(".")
        answer = cloud.answer(SERVICES[target], operation, body)
        return Reply(
            answer.status_code, {name.lower(): str(value) for name, value in answer.headers.items()}, answer.content
        )

    secrets = SecretReader(AwsClient("secretsmanager", ENVIRON, post=post))
    # The instances of a world share it, in one thread. One that waits for its next attempt lets others run.
    secrets._lock = RLock()  # type: ignore[assignment]
    return {
        "dynamodb": AwsClient("dynamodb", ENVIRON, post=post),
        "bus": AwsClient("events", ENVIRON, post=post),
        "queues": AwsClient("sqs", ENVIRON, post=post),
        "_secrets": secrets,
    }
