"""What the answers of the vehicle-command proxy and the Fleet API mean: one table to the seven outcomes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation
from driveway.domain.twin import OutcomeKind
from driveway.vehicles.http_call import Answer, lost, retry_after_s
from driveway.vehicles.json_values import mapping, shorten, text
from driveway.vehicles.tesla.telemetry import SOURCE

Action = Literal["start", "stop", "set_amps", "add_schedule", "remove_schedule", "wake", "read_state"]


class Row(Struct, frozen=True):
    """One kind of refusal.

    ``reason`` is the car's own, given with status 200 and ``result: false``; ``words`` are part of an error's text.
    What is None fits anything. ``sentence`` is ours, before the words of the answer. ``says`` is what the refusal tells
    of the car itself; ``doubtful`` that the command may have been obeyed nevertheless; ``unavailable`` that no car
    would be answered otherwise.
    """

    kind: OutcomeKind
    status: int | None = None
    reason: str | None = None
    words: str | None = None
    action: Action | None = None
    sentence: str = ""
    says: dict[str, Any] = field(default_factory=dict)
    asleep: bool = False
    doubtful: bool = False
    unavailable: bool = False

    def fits(self, status: int, text: str, action: Action) -> bool:
        """Whether the row is about this refusal; ``text`` is in lower case."""
        # A reason may come with words of the proxy before it.
        return (
            self.status in (None, status)
            and (self.reason is None or text.rpartition(":")[2].strip() == self.reason)
            and (self.words is None or self.words in text)
            and self.action in (None, action)
        )


_ALREADY, _RETRY = OutcomeKind.ALREADY_IN_STATE, OutcomeKind.RETRYABLE
_USER, _FAILED = OutcomeKind.NEEDS_USER, OutcomeKind.FAILED
_OPERATOR = OutcomeKind.NEEDS_OPERATOR
_UNSIGNED = "TESLA_BASE_URL must be that of a vehicle-command proxy, which signs commands."
_CHARGING, _NOT_CHARGING = {"plugged_in": True, "charging": True}, {"charging": False}
_FULL = {"plugged_in": True, "charging": False, "battery_full": True}
_ASLEEP = {"reachable": False}

TABLE: tuple[Row, ...] = (
    # The car's own refusals. A state that contradicts what was asked may be older than the request.
    Row(_ALREADY, 200, "is_charging", action="start", says=_CHARGING),
    Row(_ALREADY, 200, "charging", action="start", says=_CHARGING),
    Row(_RETRY, 200, "is_charging", says=_CHARGING),
    Row(_RETRY, 200, "charging", says=_CHARGING),
    Row(_ALREADY, 200, "complete", says=_FULL),
    Row(_ALREADY, 200, "requested", action="start"),
    Row(_RETRY, 200, "requested"),
    Row(_ALREADY, 200, "already_set"),
    Row(_RETRY, 200, "not_charging", action="start", says=_NOT_CHARGING),
    Row(_ALREADY, 200, "not_charging", says=_NOT_CHARGING),
    Row(OutcomeKind.NOT_PLUGGED_IN, 200, "disconnected", says={"plugged_in": False, "charging": False}),
    Row(_ALREADY, 200, words="not_found", action="remove_schedule"),
    # A command that was not signed: it went past the proxy.
    Row(_OPERATOR, words="unsigned_cmds_hardlocked", sentence=_UNSIGNED, unavailable=True),
    Row(_OPERATOR, words="command protocol required", sentence=_UNSIGNED, unavailable=True),
    Row(_FAILED, 200),
    # Words that outrank the status they come with.
    Row(_RETRY, words="asleep", says=_ASLEEP, asleep=True),
    Row(_RETRY, words="offline", says=_ASLEEP, asleep=True),
    Row(_USER, words="login_required"),
    Row(_USER, words="mobile_access_disabled"),
    Row(_USER, words="not been paired"),
    Row(_USER, words="not paired"),
    Row(_FAILED, 400),
    Row(_USER, 401),
    Row(_RETRY, 402, unavailable=True),
    Row(_USER, 403),
    Row(_USER, 404, sentence="Tesla does not know this car (any more); it has to be connected again."),
    Row(_FAILED, 406),
    Row(_RETRY, 408, says=_ASLEEP, asleep=True),
    Row(_FAILED, 412),
    Row(_OPERATOR, 421, sentence="TESLA_BASE_URL is of another region.", unavailable=True),
    Row(_FAILED, 422),
    Row(_USER, 423),
    # Tesla counts the calls about each car by itself.
    Row(_RETRY, 429),
    Row(_USER, 451),
    Row(_RETRY, 499, doubtful=True),
    Row(_RETRY, 500, doubtful=True),
    Row(_RETRY, 502, doubtful=True, unavailable=True),
    # Another command to the same car kept the proxy's lock of its VIN for too long.
    Row(_RETRY, 503, words="deadline exceeded", doubtful=True),
    Row(_RETRY, 503, words="the vin", doubtful=True),
    Row(_RETRY, 503, doubtful=True, unavailable=True),
    Row(_RETRY, 504, doubtful=True, unavailable=True),
    Row(_RETRY, 540, doubtful=True),
)
"""The first row that fits decides. An unpaid account (402) stops all cars and is the operator's to settle."""


class Judged(Struct, frozen=True):
    """An outcome, and whether the command may have been obeyed although it was not acknowledged."""

    outcome: Outcome
    doubtful: bool = False


def judge(answer: Answer, action: Action, now: datetime) -> Judged:
    """What an answer means; ``now`` (aware UTC) is the time of what the answer says of the car.

    ``result: true`` is ACCEPTED: what the car then shows confirms the command, not this answer.
    """
    response = mapping(answer.fields.get("response"))
    if answer.is_success and not response and not answer.fields.get("error"):
        return Judged(lost(answer).outcome(), doubtful=True)
    if 200 <= answer.status < 300 and response.get("result") is not False and not answer.fields.get("error"):
        return Judged(Outcome(OutcomeKind.ACCEPTED))
    refusal = _refusal(answer.fields, response)
    status = 200 if 200 <= answer.status < 300 else answer.status
    row = next((row for row in TABLE if row.fits(status, refusal.lower(), action)), None)
    if row is None:
        # Outside the table: a fault of a server may pass, anything else will not.
        row = Row(_RETRY, doubtful=True) if status >= 500 else Row(_FAILED)
    outcome = Outcome(
        row.kind,
        shorten(f"{row.sentence} {refusal or f'HTTP {answer.status}'}"),
        retry_after_s=retry_after_s(answer.headers, now) if row.kind is _RETRY else None,
        observations=(Observation(at=now, source=SOURCE, answered=True, **row.says),) if row.says else (),
        asleep=row.asleep,
        unavailable=row.unavailable,
    )
    return Judged(outcome, row.doubtful)


def _refusal(body: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    # The proxy passes the car's reason on as ``string`` (vehicle-command, ``carResponse``).
    reason = text(response.get("reason")) or text(response.get("string"))
    parts = (reason, text(body.get("error")), text(body.get("error_description")))
    return ": ".join(part for part in parts if part)
