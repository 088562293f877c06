"""Events as the app gets them: by its webhook, and again from the timeline by ``GET /events``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driveway.domain.instants import utc_text
from driveway.runtime.context import Runtime


def are_kept(runtime: Runtime) -> bool:
    """Whether the app has a webhook, whose events can then be replayed."""
    return runtime.settings.flag("APP_WEBHOOK", default=False)


def app_event(detail: Mapping[str, Any]) -> dict[str, Any]:
    """An event in the form of Standard Webhooks, from its detail on the bus.

    ``id`` is the same each time the event is sent, and ``timestamp`` is when it happened.
    """
    return {
        "id": detail["id"],
        "type": detail["event"],
        "timestamp": utc_text(datetime.fromisoformat(detail["at"])),
        "data": {name: detail.get(name) for name in ("asset", "site", "reason", "text", "detail")},
    }
