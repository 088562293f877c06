"""Makes Axle's picture of an asset equal the twin, finishes what was begun of a site, sends the status of events."""

from typing import Any

from driveway.axle.sync import sync
from driveway.outbox.wakeups import await_due
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.runtime.deadline import ENOUGH_S
from driveway.store.table import UnknownAssetError


def _look(body: dict[str, Any], runtime: Runtime) -> None:
    await_due(body, runtime)
    if "event_status" in body:
        from driveway.axle.event_status import send_status

        send_status(body["event_status"], runtime)
        return
    # An event about an asset names its site, too.
    if "asset" not in body:
        from driveway.sites.reconcile import sync_site

        sync_site(body["site"], runtime)
        return
    try:
        sync(body["asset"], runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")


handler = queue_function(_look, needs_s=ENOUGH_S)
