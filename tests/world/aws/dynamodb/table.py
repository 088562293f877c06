"""One table: its items, its indexes, its stream, and what DynamoDB requires of keys and sizes."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.world.aws.clock import ReadClock, after
from tests.world.aws.dynamodb.rows import Entry, Key, Lagging, Ordered, Place, Row
from tests.world.aws.dynamodb.values import MOST_ITEM_BYTES, Item
from tests.world.aws.faults import Faults
from tests.world.aws.wire import JSON, UnknownToTheCloudError, invalid

LONGEST_KEYS = (2048, 1024)
EXPIRED_ITEMS_KEPT = timedelta(hours=48)
"""DynamoDB deletes expired items within a few days; reads give them until then."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The key attributes of the table or of an index, and which attributes an index holds (None: all of them)."""

    partition: str
    sort: str
    shown: frozenset[str] | None = None

    def entry(self, row: Row | None, key: Key) -> Entry:
        """Where a row is in an index; None when it has no place in it."""
        if row is None or self.partition not in row.item or self.sort not in row.item:
            return None
        return row.item[self.partition]["S"], (row.item[self.sort]["S"], *key)


@dataclass(slots=True)
class _State:
    rows: Ordered
    replica: Lagging
    indexes: dict[str, Lagging]
    expiring: list[tuple[float, Key]]


class Table:
    """A table as the template declares it. ``streams`` get its changes in order: record, partition, time."""

    def __init__(self, declared: Mapping[str, Any], clock: ReadClock, faults: Faults) -> None:
        self.name: str = declared["TableName"]
        self.clock, self.faults = clock, faults
        self.streams: list[Callable[[JSON, str, datetime], None]] = []
        types = {one["AttributeName"]: one["AttributeType"] for one in declared["AttributeDefinitions"]}
        if set(types.values()) != {"S"}:
            raise UnknownToTheCloudError("keys that are no texts")
        self.shape = Shape(*_key_names(declared))
        self.indexes = {
            index["IndexName"]: Shape(*_key_names(index), shown=self._shown(index))
            for index in declared.get("GlobalSecondaryIndexes", [])
        }
        self.indexed = frozenset(types) - {self.shape.partition, self.shape.sort}
        expiry = declared.get("TimeToLiveSpecification", {})
        self._expires: str | None = expiry.get("AttributeName") if expiry.get("Enabled") else None
        self._state = _State(Ordered(), Lagging(), {name: Lagging() for name in self.indexes}, [])
        self.write_units = 0.0
        self.write_units_of: Counter[str] = Counter()
        """The write units, without the double price of transactions, by the first word of the sort key."""
        self.read_units = 0.0

    def _shown(self, index: Mapping[str, Any]) -> frozenset[str] | None:
        projection = index["Projection"]
        if projection["ProjectionType"] == "ALL":
            return None
        keys = {self.shape.partition, self.shape.sort, *_key_names(index)}
        return frozenset(keys | set(projection.get("NonKeyAttributes", [])))

    # Keys

    def key_of(self, given: Item, *, exact: bool = True) -> Key:
        """The key in a request, checked. ``exact``: it must hold nothing else."""
        names = (self.shape.partition, self.shape.sort)
        if exact and set(given) != set(names):
            raise invalid("The provided key element does not match the schema")
        return self._key_part(given, names[0], LONGEST_KEYS[0]), self._key_part(given, names[1], LONGEST_KEYS[1])

    def _key_part(self, given: Item, name: str, longest: int) -> str:
        if name not in given:
            raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
        if "S" not in given[name]:
            raise invalid(f"One or more parameter values were invalid: Type mismatch for key {name}")
        text = str(given[name]["S"])
        if not text:
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an"
                f" empty string value. Key: {name}"
            )
        if len(text.encode()) > longest:
            raise invalid(f"One or more parameter values were invalid: Size of {name} has exceeded the maximum")
        return text

    def checked(self, row: Row) -> Row:
        """The row, if it may be stored. Raises AwsError: it is too large, or a key of an index is no text."""
        if row.size > MOST_ITEM_BYTES:
            raise invalid("Item size has exceeded the maximum allowed size")
        for name in self.indexed & row.item.keys():
            self._key_part(row.item, name, LONGEST_KEYS[1])
        return row

    # Reading

    def row(self, key: Key, *, consistent: bool = True) -> Row | None:
        """An item as it is stored, or as a read that is not strongly consistent sees it."""
        rows = self._state.rows if consistent else self._state.replica.show(self.clock.now())
        return rows.get(key[0], (key[1],))

    def rows_of(self, index: str | None, *, consistent: bool) -> Ordered:
        """The rows of the table or of an index, as they are seen now."""
        if index is not None:
            return self._state.indexes[index].show(self.clock.now())
        return self._state.rows if consistent else self._state.replica.show(self.clock.now())

    def items(self) -> Iterator[Item]:
        """Every item."""
        return (row.item for row in self._state.rows.everything())

    # Writing

    def store(self, key: Key, row: Row | None, *, by: JSON | None = None) -> None:
        """Put an item, or delete it (None). Indexes and the stream follow."""
        before, now = self.row(key), self.clock.now()
        # What DynamoDB deletes by itself costs nothing.
        self._count(key, write_units(before, row) if by is None else 0.0)
        if before is not None and row is not None and before.item == row.item:
            return
        place: Place = (key[1],)
        if row is None:
            self._state.rows.remove(key[0], place)
        else:
            self._state.rows.put(key[0], place, row)
            self._note_expiry(key, row)
        here: Entry = (key[0], place)
        lag_at = after(now, self.faults.read_lag_s())
        self._state.replica.write(key, (here, here if row is not None else None, row), lag_at, now)
        if before is None and row is None:
            return
        self._index(key, before, row, now)
        for add in self.streams:
            add(_change(key, self.shape, before, row) | (by or {}), key[0], now)

    def _count(self, key: Key, units: float) -> None:
        self.write_units += units
        self.write_units_of[key[1].partition("#")[0]] += int(units)

    def _index(self, key: Key, before: Row | None, row: Row | None, now: datetime) -> None:
        for name, shape in self.indexes.items():
            left, entered = shape.entry(before, key), shape.entry(row, key)
            if left is None and entered is None:
                continue
            shown = row if row is None or shape.shown is None else row.only(shape.shown)
            if left == entered and before is not None and shown is not None:
                old = before if shape.shown is None else before.only(shape.shown)
                if old.item == shown.item:
                    continue
            self._count(key, 2.0 if left is not None and entered is not None and left != entered else 1.0)
            at = after(now, self.faults.index_lag_s())
            self._state.indexes[name].write(key, (left, entered, shown), at, now)

    # Expiry

    def _note_expiry(self, key: Key, row: Row) -> None:
        value = row.item.get(self._expires or "", {})
        if "N" in value:
            heapq.heappush(self._state.expiring, (float(value["N"]), key))

    def expires_next(self) -> datetime | None:
        """When the next expired item may be deleted."""
        if not self._state.expiring:
            return None
        return datetime.fromtimestamp(self._state.expiring[0][0], self.clock.now().tzinfo) + EXPIRED_ITEMS_KEPT

    def expire(self, now: datetime) -> None:
        """Delete what expired long enough ago, as DynamoDB does by itself."""
        latest = (now - EXPIRED_ITEMS_KEPT).timestamp()
        while self._state.expiring and self._state.expiring[0][0] <= latest:
            at, key = heapq.heappop(self._state.expiring)
            row = self.row(key)
            value = row.item.get(self._expires or "", {}) if row is not None else {}
            if float(value.get("N", "inf")) == at:
                self.store(key, None, by={"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}})

    # Snapshots

    def snapshot(self) -> object:
        """The present state, for ``restore``."""
        state, indexes = self._state, {name: index.copy() for name, index in self._state.indexes.items()}
        return _State(state.rows.copy(), state.replica.copy(), indexes, list(state.expiring))

    def restore(self, snapshot: object) -> None:
        """Go back to a state; it may be restored again."""
        assert isinstance(snapshot, _State)
        self._state = snapshot
        self._state = self.snapshot()  # type: ignore[assignment]


def _key_names(declared: Mapping[str, Any]) -> tuple[str, str]:
    names = {one["KeyType"]: one["AttributeName"] for one in declared["KeySchema"]}
    return names["HASH"], names["RANGE"]


def write_units(before: Row | None, after_: Row | None) -> float:
    """The write units of a write, by the larger of the item before and after."""
    size = max(before.size if before else 0, after_.size if after_ else 0)
    return float(max(1, -(-size // 1024)))


def _change(key: Key, shape: Shape, before: Row | None, row: Row | None) -> JSON:
    kind = "INSERT" if before is None else "REMOVE" if row is None else "MODIFY"
    images = {"NewImage": row, "OldImage": before}
    changed: JSON = {"Keys": {shape.partition: {"S": key[0]}, shape.sort: {"S": key[1]}}}
    changed |= {name: held.item for name, held in images.items() if held is not None}
    changed |= {"StreamViewType": "NEW_AND_OLD_IMAGES", "SizeBytes": sum(r.size for r in (before, row) if r)}
    return {"eventName": kind, "eventVersion": "1.1", "eventSource": "aws:dynamodb", "dynamodb": changed}
