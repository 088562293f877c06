"""A store of shared tokens in memory, as strict as a conditional write."""

import threading
from typing import Any, Generic, TypeVar

from driveway.store.tokens import TokenRecord

Record = TypeVar("Record", bound=TokenRecord)


class MemoryStore(Generic[Record]):
    """A token store with conditional writes."""

    def __init__(self, **kept: Record) -> None:
        self.kept: dict[str, Record] = dict(kept)
        self.lock = threading.Lock()

    def get(self, key: str) -> Record | None:
        with self.lock:
            return self.kept.get(key)

    def put_if(self, key: str, new: Record, expected_version: int) -> bool:
        with self.lock:
            if self._version(key) != expected_version:
                return False
            self.kept[key] = new
            return True

    def delete_if(self, key: str, version: int) -> bool:
        with self.lock:
            if key in self.kept and self._version(key) != version:
                return False
            self.kept.pop(key, None)
            return True

    def _version(self, key: str) -> int:
        kept: Any = self.kept.get(key)
        # Breakers keep plain mappings in such a store.
        return 0 if kept is None else kept["version"] if isinstance(kept, dict) else kept.version
