"""Rows of a table or an index, ordered by their sort key, and copies of them that lag behind."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from tests.world.aws.dynamodb.values import Item, measured_attributes

Key = tuple[str, str]
"""The partition key and the sort key of an item."""
Place = tuple[str, ...]
"""What orders rows within a partition: the sort key; in an index also the key of the item."""


@dataclass(frozen=True, slots=True)
class Row:
    """An item as it is stored, never changed, with the size in bytes of each attribute."""

    item: Item
    sizes: dict[str, int]
    size: int

    @staticmethod
    def of(item: Item) -> "Row":
        """The row of an item that came from outside: checked, normalised, measured."""
        sizes = measured_attributes(item)
        return Row(item, sizes, sum(sizes.values()))

    def only(self, names: frozenset[str]) -> "Row":
        """The row with these attributes only."""
        sizes = {name: size for name, size in self.sizes.items() if name in names}
        return Row({name: self.item[name] for name in sizes}, sizes, sum(sizes.values()))


@dataclass(slots=True)
class _Partition:
    order: list[Place] = field(default_factory=list)
    rows: dict[Place, Row] = field(default_factory=dict)


class Ordered:
    """Rows by partition, ordered within it."""

    __slots__ = ("_partitions",)

    def __init__(self) -> None:
        self._partitions: dict[str, _Partition] = {}

    def put(self, partition: str, place: Place, row: Row) -> None:
        """Put or replace a row."""
        held = self._partitions.setdefault(partition, _Partition())
        if place not in held.rows:
            insort(held.order, place)
        held.rows[place] = row

    def remove(self, partition: str, place: Place) -> None:
        """Remove a row, if it is there."""
        held = self._partitions.get(partition)
        if held is None or held.rows.pop(place, None) is None:
            return
        del held.order[bisect_left(held.order, place)]
        if not held.order:
            del self._partitions[partition]

    def get(self, partition: str, place: Place) -> Row | None:
        """A row, or None."""
        held = self._partitions.get(partition)
        return held.rows.get(place) if held is not None else None

    def walk(self, partition: str, *, forward: bool = True, after: Place | None = None) -> Iterator[tuple[Place, Row]]:
        """The rows of a partition in order, beginning after a place."""
        held = self._partitions.get(partition)
        if held is None:
            return
        order = held.order
        if forward:
            positions = range(0 if after is None else bisect_right(order, after), len(order))
        else:
            positions = range((len(order) if after is None else bisect_left(order, after)) - 1, -1, -1)
        for position in positions:
            yield order[position], held.rows[order[position]]

    def everything(self) -> Iterator[Row]:
        """Every row, by partition."""
        for partition in sorted(self._partitions):
            held = self._partitions[partition]
            for place in held.order:
                yield held.rows[place]

    def copy(self) -> "Ordered":
        """A copy that does not change with this one; the rows are shared."""
        copied = Ordered()
        copied._partitions = {
            name: _Partition(list(held.order), dict(held.rows)) for name, held in self._partitions.items()
        }
        return copied


Entry = tuple[str, Place] | None
"""The partition and the place of a row in a view; None when it has none."""
Write = tuple[Entry, Entry, Row | None]
"""From where to where a row moves, and the row."""


class Lagging:
    """A view that writes reach after a while: those of one item in their order, those of different items in any."""

    __slots__ = ("_last", "_number", "_pending", "rows")

    def __init__(self) -> None:
        self.rows = Ordered()
        self._pending: list[tuple[datetime, int, Key, Write]] = []
        self._last: dict[Key, datetime] = {}
        self._number = 0

    def write(self, key: Key, write: Write, at: datetime, now: datetime) -> None:
        """Note a write that shows at an instant; one that shows at once goes in at once."""
        last = self._last.get(key)
        if last is None and at <= now:
            self._apply(write)
            return
        at = max(at, last) if last is not None else at
        self._last[key] = at
        self._number += 1
        heapq.heappush(self._pending, (at, self._number, key, write))
        self.show(now)

    def show(self, now: datetime) -> Ordered:
        """The rows as they are seen at an instant."""
        while self._pending and self._pending[0][0] <= now:
            at, _, key, write = heapq.heappop(self._pending)
            if self._last.get(key) == at and all(one[2] != key for one in self._pending):
                del self._last[key]
            self._apply(write)
        return self.rows

    def _apply(self, write: Write) -> None:
        before, after, row = write
        if before is not None and before != after:
            self.rows.remove(*before)
        if after is not None and row is not None:
            self.rows.put(*after, row)

    @property
    def pending(self) -> int:
        """How many writes do not show yet."""
        return len(self._pending)

    def copy(self) -> "Lagging":
        """A copy that does not change with this one."""
        copied = Lagging()
        copied.rows, copied._number = self.rows.copy(), self._number
        copied._pending, copied._last = list(self._pending), dict(self._last)
        return copied
