"""What is answered of the operator's switch."""

from typing import Literal

from driveway.domain.control.released import is_released
from driveway.runtime.context import Runtime
from driveway.status.staff_answers import CarsHeld, ControlStatus, ControlSwitch
from driveway.store.control_switch import EVER, Switch
from driveway.store.table import UnknownAssetError

MOST_COUNTED = 2_000


def switch_answer(switch: Switch) -> ControlSwitch:
    """What is answered of the switch alone."""
    return ControlSwitch(state=_state(switch), since=switch.since)


def status_answer(switch: Switch, runtime: Runtime) -> ControlStatus:
    """What is answered of the switch and the cars."""
    return ControlStatus(state=_state(switch), since=switch.since, cars_held=_cars_held(runtime))


def _state(switch: Switch) -> Literal["running", "released"]:
    return "released" if switch.released else "running"


def _cars_held(runtime: Runtime) -> CarsHeld:
    """How many cars may be kept from charging as their drivers chose, of those that have anything ahead.

    A car that keeps anything of ours always has. ``counted_all`` is false where there are too many to count in time.
    """
    now, held, seen = runtime.now(), 0, 0
    for asset, _ in runtime.table.due("ControlDue", EVER):
        if seen == MOST_COUNTED:
            return CarsHeld(held=held, counted_all=False)
        seen += 1
        try:
            held += not is_released(runtime.table.twin(asset), now)
        except UnknownAssetError:
            continue
    return CarsHeld(held=held, counted_all=True)
