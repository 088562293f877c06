"""The figures of nights in the table: those of each session, which erasure finds with its asset, and their sums."""

from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.night_figures import NightFigures, SessionFigures
from driveway.store.conditional import write_if
from driveway.store.items import asset_key, decode_item, encode_item, shard_of, stamp
from driveway.store.lists import Lists, night_list
from driveway.store.records import TIMELINE_KEPT

NIGHT = "NIGHT#"


@dataclass(frozen=True, slots=True)
class KeptNight:
    """The sums of a night and when they were made (aware UTC)."""

    figures: NightFigures
    at: datetime


@dataclass(frozen=True, slots=True)
class Nights(Lists):
    """Reads and writes of lists and of the figures of nights. Writing the same again is harmless."""

    def keep(self, asset: str, kept: KeptSession, night: date, figures: SessionFigures, now: datetime) -> None:
        """Write the figures of a session in a night."""
        item = {
            "pk": asset_key(asset),
            "sk": f"{NIGHT}{night.isoformat()}#{stamp(kept.opened_at)}",
            "list_shard": f"{night_list(night)}-{shard_of(asset, self.shards)}",
            "list_place": f"{figures.verdict}#{asset}#{stamp(kept.opened_at)}",
            "shown": msgspec.to_builtins(figures),
            "expires_at": int((now + TIMELINE_KEPT).timestamp()),
        }
        self.client.put_item(TableName=self.name, Item=encode_item(item))

    def settle(self, pk: str, sk: str, due: str, following: datetime | None) -> bool:
        """Note that the session at a key, due at ``due``, was judged, and when it is judged next (None: not again).

        False if it is due at another time by now.
        """
        put = following is not None
        return write_if(
            self.client.update_item,
            TableName=self.name,
            Key=encode_item({"pk": pk, "sk": sk}),
            UpdateExpression="SET slots_due = :following" if put else "REMOVE slots_due, slots_shard",
            ConditionExpression="slots_due = :due",
            ExpressionAttributeValues=encode_item({":due": due, ":following": stamp(following) if following else None}),
        )

    def keep_sums(self, night: date, figures: NightFigures, now: datetime) -> None:
        """Write the sums of a night over those that are kept."""
        item = {
            "pk": f"{NIGHT}{night.isoformat()}",
            "sk": "SUMS",
            "figures": msgspec.to_builtins(figures),
            "at": stamp(now),
            "expires_at": int((now + TIMELINE_KEPT).timestamp()),
        }
        self.client.put_item(TableName=self.name, Item=encode_item(item))

    def sums(self, night: date) -> KeptNight | None:
        """The sums of a night; None if no session of it was judged yet."""
        key = encode_item({"pk": f"{NIGHT}{night.isoformat()}", "sk": "SUMS"})
        answer = self.client.get_item(TableName=self.name, Key=key)
        return msgspec.convert(decode_item(answer["Item"]), KeptNight) if "Item" in answer else None
