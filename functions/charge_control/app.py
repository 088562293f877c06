"""Reconciles an asset: decides whether its car needs a command."""

from typing import Any

from driveway.domain.control.reconcile import step
from driveway.observations.metering_intake import meter_twin
from driveway.outbox.wakeups import await_due
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError


def _look(body: dict[str, Any], runtime: Runtime) -> None:
    await_due(body, runtime)
    now, new_id, spread = runtime.now(), runtime.new_id(), runtime.random.random()
    try:
        change = runtime.table.change_twin(
            body["asset"], lambda twin: step(twin, now, runtime.control_rules, new_id=new_id, spread=spread), now=now
        )
        meter_twin(change.after, (), runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")


handler = queue_function(_look)
