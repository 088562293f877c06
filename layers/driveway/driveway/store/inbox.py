"""What a batch of reports needs of the table, in few calls: whose cars they are about, and which were stored before."""

import random
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from driveway.store.items import alias_key, decode_item, encode_item, fits_key, seen_key
from driveway.store.records import UnwrittenError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_READ_AT_ONCE = 100
MOST_WRITTEN_AT_ONCE = 25
MOST_TRIES = 6


def read_many(client: "DynamoDBClient", table: str, keys: Sequence[Any], rng: random.Random) -> Iterator[Any]:
    """The items that are there of these keys, strongly consistent, in no particular order."""
    waiting = list(keys)
    while waiting:
        request: Any = {table: {"Keys": waiting[:MOST_READ_AT_ONCE], "ConsistentRead": True}}
        answer = client.batch_get_item(RequestItems=request)
        yield from answer["Responses"].get(table, [])
        unread = answer["UnprocessedKeys"][table]["Keys"] if answer["UnprocessedKeys"] else []
        waiting = [*unread, *waiting[MOST_READ_AT_ONCE:]]
        if unread:
            time.sleep(rng.uniform(0.02, 0.2))


class Inbox(Struct, frozen=True):
    """The aliases of vehicles and the dedupe records of reports, in the table ``name``."""

    client: "DynamoDBClient"
    name: str
    rng: random.Random = field(default_factory=random.SystemRandom)

    def look_up(
        self, provider: str, vehicle_ids: Collection[str], dedupe_keys: Collection[str]
    ) -> tuple[dict[str, str], frozenset[str]]:
        """The assets that vehicles belong to, by vehicle id; and those dedupe keys whose reports were stored before.

        A vehicle is left out if it is unknown, or only reserved for an asset.
        """
        vehicles = {alias_key(provider, one): one for one in vehicle_ids if fits_key(one)}
        reports = {seen_key(provider, one): one for one in dedupe_keys}
        items = list(self._read([*((key, "ALIAS") for key in vehicles), *((key, "SEEN") for key in reports)]))
        assets = {
            vehicles[item["pk"]]: item["asset"] for item in items if item["sk"] == "ALIAS" and not item.get("reserved")
        }
        return assets, frozenset(reports[item["pk"]] for item in items if item["sk"] == "SEEN")

    def remember(self, provider: str, dedupe_keys: Collection[str], *, now: datetime, kept: timedelta) -> None:
        """Remember that the reports with these dedupe keys are stored. Repeating it does no harm.

        Raises:
            UnwrittenError: the table kept refusing some.
        """
        expires_at = int((now + kept).timestamp())
        items = ({"pk": seen_key(provider, one), "sk": "SEEN", "expires_at": expires_at} for one in set(dedupe_keys))
        puts: list[Any] = [{"PutRequest": {"Item": encode_item(item)}} for item in items]
        for first in range(0, len(puts), MOST_WRITTEN_AT_ONCE):
            self._write(puts[first : first + MOST_WRITTEN_AT_ONCE])

    def _write(self, puts: list[Any]) -> None:
        for attempt in range(MOST_TRIES):
            answer = self.client.batch_write_item(RequestItems={self.name: puts})
            puts = answer["UnprocessedItems"].get(self.name, []) if answer["UnprocessedItems"] else []
            if not puts:
                return
            time.sleep(self.rng.uniform(0, 0.02 * 2**attempt))
        raise UnwrittenError(f"{len(puts)} reports could not be remembered.")

    def _read(self, keys: Sequence[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        encoded = [encode_item({"pk": pk, "sk": sk}) for pk, sk in keys]
        return map(decode_item, read_many(self.client, self.name, encoded, self.rng))
