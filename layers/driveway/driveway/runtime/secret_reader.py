"""The secrets of Secrets Manager, each read again after a few minutes, so a rotation needs no deployment."""

import json
import threading
import time
from typing import Any

from botocore.exceptions import ClientError

KEPT_S = 300


class SecretReader:
    """Reads secrets through a client of Secrets Manager."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._kept: dict[str, tuple[float, dict[str, Any] | None]] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> dict[str, Any] | None:
        """The JSON object of a secret; None for one that has no value yet, which the template makes.

        Raises:
            ClientError: it could not be read, or there is no such secret.
            ValueError: it is no JSON.
        """
        with self._lock:
            kept_until, value = self._kept.get(name, (0.0, None))
            if value is None or kept_until <= time.monotonic():
                value = self._read(name)
                self._kept[name] = (time.monotonic() + KEPT_S, value)
            return value

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            value = json.loads(self.client.get_secret_value(SecretId=name)["SecretString"])
        except ClientError as error:
            if not _has_no_value(error):
                raise
            return None
        return value if isinstance(value, dict) else {}


def _has_no_value(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "ResourceNotFoundException" and "AWSCURRENT" in str(error)
