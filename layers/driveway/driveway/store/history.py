"""The kept sessions and plans of assets in the table."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from driveway.domain.sessions.kept_session import KeptSession
from driveway.domain.sessions.plan import REACH, Plan
from driveway.store.items import asset_key, decode_item, encode_item, stamp
from driveway.store.records import TIMELINE_KEPT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PLAN, SESSION = "PLAN#", "SESSION#"


class History(Struct, frozen=True):
    """Reads and writes of what is kept of an asset's past, in the table ``name``. Writing the same again is harmless.

    A plan's place is its time and the version of the twin that made it, a session's place is its start.
    """

    client: "DynamoDBClient"
    name: str

    def keep_plan(self, asset: str, version: int, plan: Plan) -> None:
        """Write a plan. Limits and needs are written as lists, so that the plan of a week stays within a write unit."""
        limits = [[limit.start_s, limit.limit_kw, limit.source] for limit in plan.limits]
        needs = [
            [round((need.ready_by - plan.at).total_seconds()), need.energy_kwh, need.is_estimated, need.target_soc_pct]
            for need in plan.needs
        ]
        item = {
            **msgspec.to_builtins(plan),
            "limits": limits,
            "needs": needs,
            "pk": asset_key(asset),
            "sk": f"{PLAN}{stamp(plan.at)}#{version:08d}",
            "expires_at": int((plan.at + TIMELINE_KEPT).timestamp()),
        }
        self.client.put_item(TableName=self.name, Item=encode_item(item))

    def keep_session(self, asset: str, kept: KeptSession) -> None:
        """Write what a record knows of a session; what an earlier record knew besides stays."""
        values = {
            **{name: value for name, value in msgspec.to_builtins(kept).items() if value is not None},
            "expires_at": int(((kept.closed_at or kept.opened_at) + TIMELINE_KEPT).timestamp()),
        }
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        names = {f"#{name}": name for name in values}
        # Records of a version before this one stood in an index.
        gone = ["slots_shard", "slots_due", *(["closed_at"] if kept.closed_at is None else [])]
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        self.client.update_item(
            TableName=self.name,
            Key=_session_key(asset, kept),
            UpdateExpression=expression,
            ExpressionAttributeNames=names | {f"#{name}": name for name in gone},
            ExpressionAttributeValues=encode_item({f":{name}": value for name, value in values.items()}),
        )

    def drop_session(self, asset: str, kept: KeptSession) -> None:
        """Delete the record at a place that the session does not have any more."""
        self.client.delete_item(TableName=self.name, Key=_session_key(asset, kept))

    def plans(self, asset: str, start: datetime, end: datetime) -> list[Plan]:
        """The plans made in ``[start, end)`` and the one that was in force at ``start``, in order of time."""
        before = self._query(asset, PLAN, stamp(start - REACH), PLAN + stamp(start), newest_first=True, limit=1)
        rows = [*before, *self._query(asset, PLAN, stamp(start), PLAN + stamp(end), newest_first=False)]
        return [msgspec.convert(_plan_values(row), Plan) for row in rows]

    def sessions(self, asset: str, start: datetime, end: datetime, limit: int | None) -> list[KeptSession]:
        """The sessions that were opened in ``[start, end)``, newest first, at most ``limit`` (None: all)."""
        rows = self._query(asset, SESSION, stamp(start), SESSION + stamp(end), newest_first=True, limit=limit)
        return [msgspec.convert(_session_values(row), KeptSession) for row in rows]

    def _query(
        self, asset: str, kind: str, first: str, before: str, *, newest_first: bool, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """The items of a kind whose place is at least ``first`` and less than ``before``."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=encode_item({":pk": asset_key(asset), ":first": kind + first, ":last": before}),
            ScanIndexForward=not newest_first,
            ConsistentRead=True,
            PaginationConfig={"MaxItems": limit} if limit is not None else {},
        )
        # A plan at the very instant has its version behind the time, so it sorts after the bound.
        return [row for page in pages for row in map(decode_item, page["Items"]) if row["sk"] != before]


def _session_key(asset: str, kept: KeptSession) -> dict[str, Any]:
    return encode_item({"pk": asset_key(asset), "sk": SESSION + stamp(kept.opened_at)})


def _plan_values(row: dict[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(row["at"])
    limits = [dict(zip(("start_s", "limit_kw", "source"), limit, strict=True)) for limit in row["limits"]]
    needs = [_need(need, at) for need in row.get("needs", [])]
    return {**{name: row[name] for name in Plan.__struct_fields__ if name in row}, "limits": limits, "needs": needs}


def _need(written: Any, at: datetime) -> Any:
    if isinstance(written, dict):  # as plans were written before
        return written
    ready_s, energy_kwh, is_estimated, target_soc_pct = written
    return {
        "ready_by": at + timedelta(seconds=float(ready_s)),
        "as_of": at,
        "energy_kwh": energy_kwh,
        "is_estimated": is_estimated,
        "target_soc_pct": target_soc_pct,
    }


def _session_values(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in KeptSession.__struct_fields__ if name in row}
