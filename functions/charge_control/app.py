"""Looks at an asset and decides what its car should be told."""

from typing import Any

from driveway.domain.control.reconcile import step
from driveway.observations.metering_intake import meter_twin
from driveway.outbox.wakeups import await_due
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError


def _look(body: dict[str, Any], current: Runtime) -> None:
    await_due(body, current)
    now, new_id, chance = current.now(), current.new_id(), current.random.random()
    try:
        change = current.table.change_twin(
            body["asset"], lambda twin: step(twin, now, current.control_rules, new_id=new_id, spread=chance), now=now
        )
        meter_twin(change.after, (), current)
    except UnknownAssetError:
        current.logger.info("the asset is gone")


handler = queue_function(_look)
