"""Secrets Manager: the template's secrets and their present values."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.world.aws.clock import Clock
from tests.world.aws.faults import Request
from tests.world.aws.wire import JSON, AwsError, UnknownToTheCloudError


class Secrets:
    """Secrets by ARN or name, without a value until one is put. Each has only its present version.

    A secret without a name in the template is called by its logical id.
    """

    def __init__(self, declared: Mapping[str, Mapping[str, Any]], arns: Mapping[str, str], clock: Clock) -> None:
        self._clock = clock
        self._names = {arns[logical_id]: one.get("Name", logical_id) for logical_id, one in declared.items()}
        self._values: dict[str, str] = {}
        self._versions: dict[str, int] = dict.fromkeys(self._names.values(), 0)
        self._created_at: datetime = clock.now()

    def perform(self, request: Request) -> JSON:
        """Carry out a request. Raises AwsError, UnknownToTheCloudError."""
        name = self._names.get(request.body["SecretId"], request.body["SecretId"])
        if name not in self._versions:
            raise AwsError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        arn = next(one for one, known in self._names.items() if known == name)
        if request.operation == "PutSecretValue":
            self.put(name, request.body["SecretString"])
            return {"ARN": arn, "Name": name, "VersionId": self._version(name), "VersionStages": ["AWSCURRENT"]}
        if request.operation != "GetSecretValue":
            raise UnknownToTheCloudError(f"secretsmanager.{request.operation}")
        if name not in self._values:
            problem = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
            raise AwsError("ResourceNotFoundException", problem)
        return {
            "ARN": arn,
            "Name": name,
            "SecretString": self._values[name],
            "VersionId": self._version(name),
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": self._created_at.timestamp(),
        }

    def put(self, name: str, value: str) -> None:
        """Rotate a secret, by its name or ARN. Raises KeyError: there is none."""
        name = self._names.get(name, name)
        self._versions[name] += 1
        self._values[name] = value

    def _version(self, name: str) -> str:
        return f"{self._versions[name]:032d}"

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        return dict(self._values), dict(self._versions)

    def restore(self, snapshot: Any) -> None:
        """Go back to a state."""
        self._values, self._versions = dict(snapshot[0]), dict(snapshot[1])
