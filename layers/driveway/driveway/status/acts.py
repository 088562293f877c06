"""The caller, and the two acts of support and operators. Each act is logged with the name of the token."""

import time
from datetime import date

from driveway.axle.refusals import STOP_AT_S, Selection, report_again
from driveway.domain.twin.events import Event
from driveway.outbox.events import BusEvent
from driveway.outbox.publish import put_events
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Request
from driveway.runtime.problems import ProblemError, invalid
from driveway.status.staff_answers import Caller, Looked, ReportedAgain

LONGEST_S = 20.0
"""How long the half-hours are gone through: the caller waits, and API Gateway gives up after 29 seconds."""


def caller(request: Request) -> Caller:
    """The bearer of the token; its scope is one of the staff's, as the route demands."""
    return Caller(name=request.caller, scope="operator" if request.caller_scope == "operator" else "support")


def look(request: Request, runtime: Runtime) -> Looked:
    """Request a state read of an asset's car; it goes the way of a command, so budgets and breakers hold it back, too.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: no car is linked (409).
        BusError: the bus refused it.
    """
    asset = request.parameters["asset"]
    vehicle = runtime.table.twin(asset).link.vehicle
    if vehicle is None:
        raise ProblemError(409, "no-car-linked", "No car is linked", "No car is linked here, so none can be asked.")
    _log("look", request, runtime)
    detail = {"asset": asset, "provider": vehicle.provider, "action": "look"}
    put_events([BusEvent(Event.CHARGING_COMMAND, detail)], runtime)
    return Looked(asset=asset, text="The car maker is asked now. What it answers is shown here within some seconds.")


def retell(request: Request, runtime: Runtime) -> ReportedAgain:
    """Make the half-hours of an asset that Axle refused due for the next run, of all days or of one.

    Raises:
        UnknownAssetError: there is no such asset.
        ProblemError: the body is not valid (422).
    """
    asset, day = request.parameters["asset"], _day(request)
    runtime.table.twin(asset)
    _log("retell", request, runtime)
    began = time.monotonic()
    done = report_again(Selection(asset, day), runtime, lambda: STOP_AT_S + LONGEST_S - (time.monotonic() - began))
    number = "1 half-hour goes" if done["due"] == 1 else f"{done['due']} half-hours go"
    text = f"{number} to Axle again in the next run, at 11 or 41 minutes past the hour."
    text = text if done["due"] else "Axle refuses none of the half-hours, so there is nothing to report again."
    text = text if done["complete"] else f"{text} More are left: repeat this."
    return ReportedAgain(asset=asset, due=done["due"], complete=done["complete"], text=text)


def _day(request: Request) -> date | None:
    body = request.json() if request.body else {}
    given = body.get("day")
    try:
        if not set(body) <= {"day"}:
            raise ValueError("there is something else")
        return None if given is None else date.fromisoformat(given)
    except (TypeError, ValueError):
        raise invalid("The body is not a day.", [("/day", "must be a date such as 2026-01-15, and alone")]) from None


def _log(act: str, request: Request, runtime: Runtime) -> None:
    who = {"act": act, "by": request.caller, "scope": request.caller_scope}
    runtime.logger.info("an act of the staff", extra={**who, "asset": request.parameters["asset"]})
