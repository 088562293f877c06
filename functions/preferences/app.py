"""Stores what the driver wants: tariff, intent, charge-now, a test charge."""

from driveway.domain.preferences import changes
from driveway.domain.preferences.vehicle_intent import VEHICLE_ID_RULE, is_vehicle_id
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer, Request, Route, http_function
from driveway.runtime.problems import invalid
from driveway.status.charge_test import charge_test_change
from driveway.status.preference_answer import stored_answer


def put_tariff(request: Request, runtime: Runtime) -> Answer:
    """Replace the tariff."""
    return stored_answer(request, runtime, changes.set_tariff(request.json()))


def put_intent(request: Request, runtime: Runtime) -> Answer:
    """Replace the intent."""
    return stored_answer(request, runtime, changes.set_intent(request.json()))


def put_vehicle_intent(request: Request, runtime: Runtime) -> Answer:
    """Replace the intent of one of several cars; it counts while that car is plugged in."""
    return stored_answer(request, runtime, changes.set_vehicle_intent(_vehicle_id(request), request.json()))


def remove_vehicle_intent(request: Request, runtime: Runtime) -> Answer:
    """Delete a car's own intent. Without one nothing changes."""
    return stored_answer(request, runtime, changes.delete_vehicle_intent(_vehicle_id(request)))


def put_charge_now(request: Request, runtime: Runtime) -> Answer:
    """Charge at once, for a bounded time."""
    boost_id = request.headers.get("idempotency-key") or runtime.new_id()
    return stored_answer(request, runtime, changes.set_charge_now(request.json(), boost_id=boost_id))


def delete_charge_now(request: Request, runtime: Runtime) -> Answer:
    """End a charge-now. Without one nothing changes."""
    return stored_answer(request, runtime, changes.end_charge_now())


def post_test_charge(request: Request, runtime: Runtime) -> Answer:
    """Run a test charge: connection, place, plug, start, stop."""
    if request.body.strip() not in {b"", b"{}"}:
        raise invalid("This call takes no body.")
    test_id = request.headers.get("idempotency-key") or runtime.new_id()
    return stored_answer(request, runtime, charge_test_change(test_id, runtime))


def _vehicle_id(request: Request) -> str:
    vehicle_id = request.parameters["vehicle_id"]
    if not is_vehicle_id(vehicle_id):
        raise invalid(VEHICLE_ID_RULE)
    return vehicle_id


handler = http_function(
    {
        "PUT /assets/{asset}/tariff": Route(put_tariff, "app"),
        "PUT /assets/{asset}/intent": Route(put_intent, "app"),
        "PUT /assets/{asset}/vehicles/{vehicle_id}/intent": Route(put_vehicle_intent, "app"),
        "DELETE /assets/{asset}/vehicles/{vehicle_id}/intent": Route(remove_vehicle_intent, "app"),
        "PUT /assets/{asset}/charge-now": Route(put_charge_now, "app"),
        "POST /assets/{asset}/test-charge": Route(post_test_charge, "app"),
        "DELETE /assets/{asset}/charge-now": Route(delete_charge_now, "app"),
    }
)
