"""The figures of nights in the table: those of each session, which erasure finds with its asset, and their sums."""

from datetime import date, datetime

import msgspec
from msgspec import Struct

from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.night_figures import NightFigures, SessionFigures
from driveway.store.items import asset_key, decode_item, encode_item, shard_of, stamp
from driveway.store.lists import Lists, night_list
from driveway.store.records import TIMELINE_KEPT

NIGHT = "NIGHT#"


class KeptNight(Struct, frozen=True):
    """The sums of a night and when they were made (aware UTC)."""

    figures: NightFigures
    at: datetime


class Nights(Lists, frozen=True):
    """Reads and writes of lists and of the figures of nights. Writing the same again is harmless."""

    def keep(self, asset: str, kept: KeptSession, night: date, figures: SessionFigures, now: datetime) -> None:
        """Write the figures of a session in a night."""
        item = {
            "pk": asset_key(asset),
            "sk": _place(kept, night),
            "list_shard": f"{night_list(night)}-{shard_of(asset, self.shards)}",
            "list_place": f"{figures.verdict}#{asset}#{stamp(kept.opened_at)}",
            "shown": msgspec.to_builtins(figures),
            "expires_at": int((now + TIMELINE_KEPT).timestamp()),
        }
        self.client.put_item(TableName=self.name, Item=encode_item(item))

    def kept(self, asset: str, kept: KeptSession, night: date) -> SessionFigures | None:
        """The figures of a session in a night as they were written last; None: they were not."""
        key = encode_item({"pk": asset_key(asset), "sk": _place(kept, night)})
        answer = self.client.get_item(TableName=self.name, Key=key)
        return msgspec.convert(decode_item(answer["Item"])["shown"], SessionFigures) if "Item" in answer else None

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


def _place(kept: KeptSession, night: date) -> str:
    return f"{NIGHT}{night.isoformat()}#{stamp(kept.opened_at)}"
