"""A store of shared tokens in memory."""

import json
import threading
from collections.abc import Mapping
from typing import Any


class MemoryStore:
    """A token store with conditional writes."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}
        self.lock = threading.Lock()

    def get(self, key: str) -> Mapping[str, Any] | None:
        with self.lock:
            return self.kept.get(key)

    def put_if(self, key: str, new: Mapping[str, Any], expected_version: int) -> bool:
        with self.lock:
            if self.kept.get(key, {"version": 0})["version"] != expected_version:
                return False
            self.kept[key] = json.loads(json.dumps(new))
            return True
