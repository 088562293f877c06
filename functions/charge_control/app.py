"""Looks at an asset and decides what its car should be told."""

from typing import Any

from driveway.domain.control import step
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.runtime.looks import await_due
from driveway.store.table import UnknownAssetError
from driveway.vehicles.metered import meter_twin


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
