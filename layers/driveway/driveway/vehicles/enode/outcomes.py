"""What Enode's answers mean: one table from answer to outcome, for calls and for webhooks."""

import re
from collections.abc import Mapping
from typing import Any

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind
from driveway.vehicles.json_values import mapping, shorten, text

ACCEPTED, CONFIRMED, ALREADY = OutcomeKind.ACCEPTED, OutcomeKind.CONFIRMED, OutcomeKind.ALREADY_IN_STATE
RETRYABLE, NEEDS_USER = OutcomeKind.RETRYABLE, OutcomeKind.NEEDS_USER
UNSUPPORTED, FAILED = OutcomeKind.UNSUPPORTED, OutcomeKind.FAILED
NOT_PLUGGED_IN, NEEDS_OPERATOR = OutcomeKind.NOT_PLUGGED_IN, OutcomeKind.NEEDS_OPERATOR

UNPLUGGED = re.compile(r"not plugged|unplugged|not connected", re.IGNORECASE)
"""Words by which a failed precondition says that the cable is out. The API gives them no code of their own."""

IN_STATE = {
    "START": re.compile(r"already (in the requested state|charging)", re.IGNORECASE),
    "STOP": re.compile(r"already (in the requested state|stopped)", re.IGNORECASE),
}
"""Words by which a 400 says that an action has no effect, where the car shows nothing of charging."""

TABLE: Mapping[str, tuple[OutcomeKind, str]] = {
    # The state of an action, and why it ended
    "action PENDING": (ACCEPTED, "Enode is passing the command on to the car."),
    "action CONFIRMED": (CONFIRMED, "The car shows what was asked for."),
    "action NO_RESPONSE": (RETRYABLE, "The car did not answer in time."),
    "action FAILED_PRECONDITION": (FAILED, "The car is not in a state to do this."),
    "action unplugged": (NOT_PLUGGED_IN, "The car is not plugged in."),
    "action UNNECESSARY": (ALREADY, "The car already does this."),
    "action CONFLICT": (RETRYABLE, "A newer command replaced this one."),
    "action REQUESTED_CANCELLATION": (RETRYABLE, "The command was cancelled at Enode."),
    "action NOT_FOUND": (NEEDS_USER, "Enode does not know this car (any more); it has to be connected again."),
    "action FAILED": (FAILED, "The command failed at Enode."),
    "action CANCELLED": (RETRYABLE, "The command was cancelled at Enode."),
    "action": (ACCEPTED, "Enode has the command; its state is one we do not know."),
    # The status of a call; after a 400 on charging, what the car then showed
    "400": (FAILED, "Enode refused the request."),
    "400 already": (ALREADY, "The car already does this."),
    "400 full": (ALREADY, "The battery is full."),
    "400 unplugged": (NOT_PLUGGED_IN, "The car is not plugged in."),
    "400 no power": (FAILED, "The charger gives no power; only at the charger can that be changed."),
    "400 fault": (FAILED, "Car or charger report a fault."),
    "400 unreachable": (RETRYABLE, "The car is out of reach."),
    "400 incapable": (UNSUPPORTED, "This car cannot do this through Enode."),
    "400 unexplained": (UNSUPPORTED, "Enode says that the car will not do this."),
    "401": (NEEDS_OPERATOR, "Enode refuses our credentials."),
    "403": (NEEDS_USER, "The driver has not allowed this; the car has to be connected again."),
    "404": (NEEDS_USER, "Enode does not know this car (any more); it has to be connected again."),
    "408": (RETRYABLE, "Enode did not answer in time."),
    "422": (FAILED, "A schedule or smart charging set up at Enode governs this car; direct commands need it off."),
    "429": (RETRYABLE, "Enode limits our calls."),
    "4xx": (FAILED, "Enode refused the request."),
    "5xx": (RETRYABLE, "Enode has a fault."),
    "other": (FAILED, "Enode's answer is not one that its API describes."),
}
"""The outcome of every answer and the sentence for it; an answer's own words follow the sentence."""


def outcome(row: str, words: str = "", **more: Any) -> Outcome:
    """The outcome of a row of the table, with the provider's words, if any, after its sentence."""
    kind, sentence = TABLE[row]
    out = row in {"401", "408", "429", "5xx"}
    return Outcome(kind, shorten(f"{sentence} {words}".strip()), unavailable=out, **more)


def status_row(status: int) -> str:
    """The row for an HTTP status that is not a success."""
    if str(status) in TABLE:
        return str(status)
    return {4: "4xx", 5: "5xx"}.get(status // 100, "other")


def action_row(action: Mapping[str, Any]) -> str:
    """The row for an action: why it ended, where Enode says so, else its state."""
    failure = mapping(action.get("failureReason"))
    reason = text(failure.get("type"))
    if reason == "FAILED_PRECONDITION" and UNPLUGGED.search(text(failure.get("detail")) or ""):
        return "action unplugged"
    names = (f"action {reason}", f"action {action.get('state')}")
    return next((name for name in names if name in TABLE), "action")


def action_outcome(action: Mapping[str, Any]) -> Outcome:
    """What an action (of a call's answer, or of ``user:vendor-action:updated``) means; it is named by its id."""
    words = text(mapping(action.get("failureReason")).get("detail")) or ""
    return outcome(action_row(action), words, provider_ref=text(action.get("id")))


def is_superseded(action: Mapping[str, Any]) -> bool:
    """Whether the action gave way to a newer command, or to our own cancelling: nothing has to be done."""
    return action_row(action) in {"action CONFLICT", "action REQUESTED_CANCELLATION"}
