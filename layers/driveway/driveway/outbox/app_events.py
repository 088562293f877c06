"""Events as the app gets them: by its webhook, and again from the timeline by ``GET /events``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.runtime.answer_types import (
    AppId,
    ConnectPath,
    EventCode,
    Instant,
    ReasonCode,
    Text,
    connect_path,
    utc,
)
from driveway.runtime.context import Runtime


def are_kept(runtime: Runtime) -> bool:
    """Whether the app has a webhook, whose events can then be replayed."""
    return runtime.settings.flag("APP_WEBHOOK", default=False)


class AppEventData(Struct, frozen=True, kw_only=True):
    """What an event is about."""

    asset: Annotated[str | None, Meta(description="The app's id; null where a site has no asset for it yet.")]
    site: AppId
    reason: ReasonCode
    text: Text
    detail: dict[str, Any] | None
    connect: ConnectPath | UnsetType = UNSET


class AppEvent(Struct, frozen=True, kw_only=True):
    """An event in the form of Standard Webhooks."""

    id: Annotated[str, Meta(description="The same each time the event is sent; also the header `webhook-id`.")]
    type: EventCode
    timestamp: Annotated[Instant, Meta(description="When it happened.")]
    data: AppEventData


def app_event(detail: Mapping[str, Any]) -> AppEvent:
    """An event in the form of Standard Webhooks, from its detail on the bus.

    Where the driver has to connect something, ``data.connect`` is the route that gives the link (``POST``). ``id`` is
    the same each time the event is sent, and ``timestamp`` is when it happened.
    """
    data = AppEventData(
        asset=detail.get("asset"),
        site=detail["site"],
        reason=detail["reason"],
        text=detail["text"],
        detail=detail.get("detail"),
        connect=connect_path(detail["site"], detail["reason"]),
    )
    at = utc(datetime.fromisoformat(detail["at"]))
    return AppEvent(id=detail["id"], type=detail["event"], timestamp=at, data=data)
