"""Reconciles an asset: decides whether its car needs a command."""

from typing import Any

from driveway.domain.control.operator_switch import with_switch
from driveway.domain.control.reconcile import step
from driveway.domain.twin import Twin
from driveway.observations.metering_intake import meter_twin
from driveway.outbox.wakeups import await_due
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError


def _look(body: dict[str, Any], runtime: Runtime) -> None:
    await_due(body, runtime)
    now, new_id, spread = runtime.now(), runtime.new_id(), runtime.random.random()
    switch = runtime.control_switch.read(now)

    def rule(twin: Twin) -> Twin:
        switched = with_switch(twin, now, released=switch.released, since=switch.since)
        return step(switched, now, runtime.control_rules, new_id=new_id, spread=spread)

    try:
        change = runtime.table.change_twin(body["asset"], rule, now=now)
        meter_twin(change.after, (), runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")


handler = queue_function(_look)
