"""The operator's switch for everything: releases every car and ends all control, and its counterpart."""

from driveway.outbox.wakeups import WakeUp, queue_wake_ups
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.problems import invalid
from driveway.status.switch import status_answer, switch_answer
from driveway.store.control_switch import EVER

STATES = {"released": True, "running": False}


def put_control(request: Request, runtime: Runtime) -> Answer:
    """Release every car and end all control, or take control up again."""
    body, now = request.json(), runtime.now()
    state = body.get("state")
    if set(body) != {"state"} or not isinstance(state, str) or state not in STATES:
        raise invalid("The body is not a switch.", [("/state", "must be 'released' or 'running', and nothing else")])
    switch = runtime.control_switch.put(now, released=STATES[state])
    waiting = [WakeUp(asset, now) for asset, _ in runtime.table.due("ControlDue", EVER)]
    queue_wake_ups(runtime, "CHARGE_CONTROL_QUEUE_URL", waiting, now)
    runtime.logger.warning("the operator's switch", extra={"state": state, "cars": len(waiting), "by": request.caller})
    return Answer(202, switch_answer(switch))


def get_control(request: Request, runtime: Runtime) -> Answer:
    """The switch, and how many cars our commands may still hold."""
    switch = runtime.control_switch.read(runtime.now())
    return Answer(200, status_answer(switch, runtime))


handler = http_function(
    {"PUT /control": Route(put_control, "operator"), "GET /control": Route(get_control, "operator")}
)
