"""Events as the app gets them: by its webhook, and again from the timeline by ``GET /events``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driveway.domain.instants import utc_text
from driveway.domain.twin.reasons import Reason
from driveway.runtime.context import Runtime


def are_kept(runtime: Runtime) -> bool:
    """Whether the app has a webhook, whose events can then be replayed."""
    return runtime.settings.flag("APP_WEBHOOK", default=False)


def app_event(detail: Mapping[str, Any]) -> dict[str, Any]:
    """An event in the form of Standard Webhooks, from its detail on the bus.

    Where the driver has to connect the account again, ``data.connect`` is the route that gives the link (``POST`` with
    the asset). ``id`` is the same each time the event is sent, and ``timestamp`` is when it happened.
    """
    data = {name: detail.get(name) for name in ("asset", "site", "reason", "text", "detail")}
    if detail["reason"] == Reason.PROVIDER_NEEDS_USER:
        data["connect"] = f"/sites/{detail['site']}/connections"
    return {
        "id": detail["id"],
        "type": detail["event"],
        "timestamp": utc_text(datetime.fromisoformat(detail["at"])),
        "data": data,
    }
