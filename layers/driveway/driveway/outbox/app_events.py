"""Events as the app gets them: by its webhook, and again from the timeline by ``GET /events``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.twin.reasons import Reason
from driveway.runtime.answer_types import AppId, EventCode, Instant, ReasonCode, Text, utc
from driveway.runtime.context import Runtime


def are_kept(runtime: Runtime) -> bool:
    """Whether the app has a webhook, whose events can then be replayed."""
    return runtime.settings.flag("APP_WEBHOOK", default=False)


class AppEventData(Struct, frozen=True, kw_only=True):
    """What an event is about."""

    asset: AppId
    site: AppId
    reason: ReasonCode
    text: Text
    detail: dict[str, Any] | None
    connect: Annotated[str, Meta(description="Where a link to connect again is made.")] | UnsetType = UNSET


class AppEvent(Struct, frozen=True, kw_only=True):
    """An event in the form of Standard Webhooks."""

    id: Annotated[str, Meta(description="The same each time the event is sent; also the header `webhook-id`.")]
    type: EventCode
    timestamp: Annotated[Instant, Meta(description="When it happened.")]
    data: AppEventData


def app_event(detail: Mapping[str, Any]) -> AppEvent:
    """An event in the form of Standard Webhooks, from its detail on the bus.

    Where the driver has to connect the account again, ``data.connect`` is the route that gives the link (``POST`` with
    the asset). ``id`` is the same each time the event is sent, and ``timestamp`` is when it happened.
    """
    asks_to_connect = detail["reason"] == Reason.PROVIDER_NEEDS_USER
    data = AppEventData(
        asset=detail["asset"],
        site=detail["site"],
        reason=detail["reason"],
        text=detail["text"],
        detail=detail.get("detail"),
        connect=f"/sites/{detail['site']}/connections" if asks_to_connect else UNSET,
    )
    at = utc(datetime.fromisoformat(detail["at"]))
    return AppEvent(id=detail["id"], type=detail["event"], timestamp=at, data=data)
