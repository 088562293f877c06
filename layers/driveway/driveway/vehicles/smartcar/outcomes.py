"""What Smartcar's answers mean: one table from HTTP status, error type and code to the seven outcomes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind
from driveway.vehicles.http_call import Answer, lost, retry_after_s
from driveway.vehicles.json_values import mapping, number, sequence, shorten, text
from driveway.vehicles.smartcar.signals import SOURCE

Action = Literal["start", "stop", "read_state"]


class Row(Struct, frozen=True):
    """One kind of error. A field that is None fits anything.

    ``sentence`` is ours, before the words of the error. ``says`` is what the error tells of the car itself;
    ``unavailable`` that no car would be answered otherwise.
    """

    kind: OutcomeKind
    type: str | None = None
    code: str | None = None
    status: int | None = None
    action: Action | None = None
    sentence: str = ""
    says: dict[str, Any] = field(default_factory=dict)
    asleep: bool = False
    unavailable: bool = False

    def fits(self, status: int, error_type: str | None, code: str | None, action: Action) -> bool:
        """Whether the row is about this error."""
        return (
            self.status in (None, status)
            and self.type in (None, error_type)
            and self.code in (None, code)
            and self.action in (None, action)
        )


_ALREADY, _RETRY = OutcomeKind.ALREADY_IN_STATE, OutcomeKind.RETRYABLE
_USER, _FAILED, _UNSUPPORTED = OutcomeKind.NEEDS_USER, OutcomeKind.FAILED, OutcomeKind.UNSUPPORTED
_CHARGING, _NOT_CHARGING = {"plugged_in": True, "charging": True}, {"charging": False}
_UNPLUGGED = {"plugged_in": False, "charging": False}
_FULL = {"plugged_in": True, "charging": False, "battery_full": True}
_OUT_OF_REACH = {"reachable": False}
_STATE = "VEHICLE_STATE"
_UNKNOWN = "Smartcar does not know this car (any more); it has to be connected again."

TABLE: tuple[Row, ...] = (
    Row(_ALREADY, _STATE, "CHARGING_IN_PROGRESS", action="start", says=_CHARGING),
    # A state that contradicts what was asked may be older than the request.
    Row(_RETRY, _STATE, "CHARGING_IN_PROGRESS", says=_CHARGING),
    Row(_ALREADY, _STATE, "NOT_CHARGING", action="stop", says=_NOT_CHARGING),
    Row(_RETRY, _STATE, "NOT_CHARGING", says=_NOT_CHARGING),
    Row(_ALREADY, _STATE, "FULLY_CHARGED", says=_FULL),
    Row(_RETRY, _STATE, "ASLEEP", says=_OUT_OF_REACH, asleep=True),
    Row(_RETRY, _STATE, "UNREACHABLE", says=_OUT_OF_REACH),
    Row(_RETRY, _STATE, "VEHICLE_OFFLINE_FOR_SERVICE", says=_OUT_OF_REACH),
    Row(_RETRY, _STATE, "IN_MOTION", says={"moving": True}),
    Row(OutcomeKind.NOT_PLUGGED_IN, _STATE, "CHARGING_PLUG_NOT_CONNECTED", says=_UNPLUGGED),
    Row(_USER, _STATE, "CHARGE_FAULT"),
    Row(_USER, _STATE, "REMOTE_ACCESS_DISABLED"),
    Row(_USER, _STATE, "DEVICE_PAIRING_REQUIRED"),
    Row(_RETRY, _STATE),
    Row(_USER, "CONNECTED_SERVICES_ACCOUNT"),
    Row(_USER, "PERMISSION"),
    Row(_USER, "AUTHENTICATION"),
    Row(_FAILED, "VALIDATION"),
    Row(_USER, "RESOURCE_NOT_FOUND", sentence=_UNKNOWN),
    # A month's calls about one car.
    Row(_UNSUPPORTED, "BILLING", "VEHICLE_REQUEST_LIMIT"),
    Row(_RETRY, "BILLING", unavailable=True),
    # Smartcar limits calls as a whole and, apart from that, those about one car.
    Row(_RETRY, "RATE_LIMIT", "VEHICLE"),
    Row(_RETRY, "RATE_LIMIT", unavailable=True),
    Row(_RETRY, "SERVER", unavailable=True),
    Row(_RETRY, "UPSTREAM"),
    Row(_UNSUPPORTED, "COMPATIBILITY"),
    Row(_FAILED, status=400),
    Row(_USER, status=401),
    Row(_USER, status=403),
    Row(_USER, status=404, sentence=_UNKNOWN),
    Row(_RETRY, status=408),
    Row(_RETRY, status=409),
    Row(_RETRY, status=429, unavailable=True),
    Row(_RETRY, status=430, unavailable=True),
    Row(_RETRY, status=500, unavailable=True),
    Row(_UNSUPPORTED, status=501),
    Row(_RETRY, status=502),
    Row(_RETRY, status=503, unavailable=True),
    Row(_RETRY, status=504),
)
"""The first row that fits decides. A plan that is too small or unpaid is the operator's to settle: an outage."""


def outcome_of(answer: Answer, action: Action, now: datetime) -> Outcome:
    """What an answer to a command means, read from its body: the body may contradict a 202 sent early.

    SUCCESS and PENDING are ACCEPTED alike: what the car then shows confirms the command, not this answer.
    ``now`` (aware UTC) is the time of what the answer says of the car.
    """
    error = _error(answer)
    if error is not None:
        return _from_error(answer, error, action, now)
    execution = mapping(answer.fields.get("data"))
    if answer.is_success and not execution and not _is_flat_success(answer):
        return lost(answer).outcome()
    if answer.is_success:
        return Outcome(OutcomeKind.ACCEPTED, _status_value(execution) or "", provider_ref=text(execution.get("id")))
    return _from_error(answer, {}, action, now)


def _is_flat_success(answer: Answer) -> bool:
    """Whether an answer says no more than that: without a body, or in the flat form of version 2.0."""
    return answer.status == 204 or text(answer.fields.get("status")) is not None


def refuses_token(answer: Answer) -> bool:
    """Whether Smartcar refused the token: 401, or 403 of the type AUTHENTICATION. What it let in was not refused."""
    denied = answer.status == 403 and (_error(answer) or {}).get("type") == "AUTHENTICATION"
    return answer.status == 401 or denied


def _status_value(execution: Mapping[str, Any]) -> str | None:
    return text(mapping(mapping(execution.get("attributes")).get("status")).get("value"))


def _error(answer: Answer) -> Mapping[str, Any] | None:
    """The error that a body tells of, in any of its forms; None if it tells of none."""
    body = answer.fields
    errors = sequence(body.get("errors"))
    if errors:
        return mapping(errors[0])
    execution = mapping(body.get("data"))
    if _status_value(execution) in ("FAILURE", "ERROR"):
        attributes = mapping(execution.get("attributes"))
        error = mapping(mapping(attributes.get("status")).get("error")) or mapping(attributes.get("error"))
        return error or {"title": "The car did not carry out the command.", "status": 502}
    # The flat form of version 2.0.
    return body if answer.status >= 400 and (body.get("type") or body.get("code")) else None


def _from_error(answer: Answer, error: Mapping[str, Any], action: Action, now: datetime) -> Outcome:
    # Inside a 200 or 202 the error's own status counts, not that of the early answer.
    inner = number(error.get("status")) or number(error.get("statusCode"))
    status = answer.status if answer.status >= 400 or inner is None else int(inner)
    error_type, code = text(error.get("type")), text(error.get("code"))
    row = next((row for row in TABLE if row.fits(status, error_type, code, action)), None)
    if row is None:
        # Outside the table: a fault of the server or the car may pass, anything else will not.
        row = Row(_RETRY if status >= 500 or status < 300 else _FAILED)
    return Outcome(
        row.kind,
        shorten(f"{row.sentence} {_words(error, error_type, code, status)}"),
        retry_after_s=retry_after_s(answer.headers, now) if row.kind is _RETRY else None,
        observations=(Observation(at=now, source=SOURCE, answered=True, **row.says),) if row.says else (),
        asleep=row.asleep,
        unavailable=row.unavailable,
    )


def _words(error: Mapping[str, Any], error_type: str | None, code: str | None, status: int) -> str:
    name = "/".join(part for part in (error_type, code) if part) or f"HTTP {status}"
    detail = next(
        (error[key] for key in ("suggestedUserMessage", "detail", "description", "title") if error.get(key)), None
    )
    return f"{name}: {detail}" if isinstance(detail, str) else name
