"""What is answered of the operator's switch."""

from typing import Any

from driveway.domain.control.released import is_released
from driveway.domain.instants import utc_text
from driveway.runtime.context import Runtime
from driveway.store.control_switch import EVER, Switch
from driveway.store.table import UnknownAssetError

MOST_COUNTED = 2_000


def switch_body(switch: Switch) -> dict[str, Any]:
    """The switch as JSON."""
    since = utc_text(switch.since) if switch.since is not None else None
    return {"state": "released" if switch.released else "running", "since": since}


def cars_held(runtime: Runtime) -> dict[str, Any]:
    """How many cars may be kept from charging as their drivers chose, of those that have anything ahead.

    A car that keeps anything of ours always has. ``counted_all`` is false where there are too many to count in time.
    """
    now, held, seen = runtime.now(), 0, 0
    for asset, _ in runtime.table.due("ControlDue", EVER):
        if seen == MOST_COUNTED:
            return {"held": held, "counted_all": False}
        seen += 1
        try:
            held += not is_released(runtime.table.twin(asset), now)
        except UnknownAssetError:
            continue
    return {"held": held, "counted_all": True}
