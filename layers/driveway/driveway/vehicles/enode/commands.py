"""Commands to cars through Enode's vehicles API: asynchronous actions, followed by webhook or by looking."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import quote

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.enode.outcomes import IN_STATE, RETRYABLE, action_outcome, outcome, status_row
from driveway.vehicles.enode.vehicle import POWER_DELIVERY_STATES, observations
from driveway.vehicles.http_call import Answer, Unanswered, lost, retry_after_s, send
from driveway.vehicles.json_values import flag, instant, mapping, text
from driveway.vehicles.provider import Call

Action = Literal["START", "STOP"]

TIMEOUT_S = (5.0, 20.0)
STALE = timedelta(minutes=10)
"""Enode looks at an idle car about every seven minutes; older than this, it is worth asking for fresher data."""


class EnodeCommands:
    """The outbound half of Enode."""

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        """Charge now. Enode cannot limit the power, so ``limit_kw`` has no effect."""
        return _charge(call, vehicle, "START")

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Stop charging and stay plugged in."""
        return _charge(call, vehicle, "STOP")

    def read_state(self, call: Call, vehicle: Vehicle) -> Outcome:
        """What Enode last saw of the car, as ACCEPTED with observations.

        If that is older than ten minutes, Enode is asked to look at the car; what it sees comes by webhook.
        """
        body = _read(call, vehicle)
        if isinstance(body, Outcome):
            return body
        if _is_stale(call, body):
            _send(call, "POST", f"{_path(vehicle)}/refresh-hint")
        return Outcome(OutcomeKind.ACCEPTED, observations=observations(body, event_at=call.now, known_at=call.now))

    def cancel(self, call: Call, vehicle: Vehicle, provider_ref: str) -> Outcome:
        """Cancel a pending action. One that has ended (409) or is unknown (404) needs no cancelling."""
        del vehicle
        answer = _send(call, "POST", f"/vehicles/actions/{quote(provider_ref, safe='')}/cancel")
        if isinstance(answer, Outcome):
            return answer
        if answer.status in {404, 409}:
            return Outcome(OutcomeKind.ALREADY_IN_STATE, "The action has ended already.")
        return Outcome(OutcomeKind.ACCEPTED) if 200 <= answer.status < 300 else _refusal(call, answer)

    def wake(self, call: Call, vehicle: Vehicle) -> Outcome:
        """UNSUPPORTED: Enode has no such call; it wakes cars itself while it carries out an action."""
        return Outcome(OutcomeKind.UNSUPPORTED, "Enode cannot wake a car.")

    def install_default(self, call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
        """UNSUPPORTED: an Enode schedule would make every direct command be refused (422)."""
        return Outcome(OutcomeKind.UNSUPPORTED, "A schedule at Enode would rule out direct commands.")

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        """ALREADY_IN_STATE: nothing was installed."""
        return Outcome(OutcomeKind.ALREADY_IN_STATE)


def _path(vehicle: Vehicle) -> str:
    return f"/vehicles/{quote(vehicle.vehicle_id, safe='')}"


def _send(call: Call, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer | Outcome:
    answer = send(call, method, call.base_url.rstrip("/") + path, timeout_s=TIMEOUT_S, body=body)
    if isinstance(answer, Unanswered):
        # A repeat does no harm: while an action is pending, asking again gives the same action.
        return answer.outcome()
    return answer


def _read(call: Call, vehicle: Vehicle) -> dict[str, Any] | Outcome:
    answer = _send(call, "GET", _path(vehicle))
    if isinstance(answer, Outcome):
        return answer
    if answer.status != 200:
        return _refusal(call, answer)
    return dict(answer.fields) if mapping(answer.fields.get("chargeState")) else lost(answer).outcome()


def _refusal(call: Call, answer: Answer) -> Outcome:
    refused = outcome(status_row(answer.status), _words(answer))
    if refused.kind is not RETRYABLE:
        return refused
    return outcome(status_row(answer.status), _words(answer), retry_after_s=retry_after_s(answer.headers, call.now))


def _words(answer: Answer) -> str:
    """Enode's own explanation in a problem body (``detail``, else ``title``)."""
    return text(answer.fields.get("detail")) or text(answer.fields.get("title")) or ""


def _charge(call: Call, vehicle: Vehicle, action: Action) -> Outcome:
    answer = _send(call, "POST", f"{_path(vehicle)}/charging", {"action": action})
    if isinstance(answer, Outcome):
        return answer
    if answer.is_success:
        return action_outcome(answer.fields) if text(answer.fields.get("state")) else lost(answer).outcome()
    return _explain_400(call, vehicle, action, answer) if answer.status == 400 else _refusal(call, answer)


def _explain_400(call: Call, vehicle: Vehicle, action: Action, answer: Answer) -> Outcome:
    """Enode refuses what would have no effect without saying why: the state of the car says it."""
    body = _read(call, vehicle)
    if isinstance(body, Outcome):
        return body
    seen = observations(body, event_at=call.now, known_at=call.now)
    words = _words(answer)
    return outcome(_row_of_400(action, body, words), words, observations=seen)


def _row_of_400(action: Action, vehicle: Mapping[str, Any], words: str) -> str:
    charge = mapping(vehicle.get("chargeState"))
    state = text(charge.get("powerDeliveryState")) or ""
    by_state = POWER_DELIVERY_STATES.get(state, (None, None))
    plugged_in, charging = flag(charge.get("isPluggedIn")), flag(charge.get("isCharging"))
    plugged_in = by_state[0] if plugged_in is None else plugged_in
    charging = by_state[1] if charging is None else charging
    capability = "startCharging" if action == "START" else "stopCharging"
    rows = (
        ("400 already", charging is (action == "START")),
        ("400 unplugged", plugged_in is False),
        ("400 full", action == "START" and (flag(charge.get("isFullyCharged")) or state == "PLUGGED_IN:COMPLETE")),
        (
            "400 incapable",
            flag(mapping(mapping(vehicle.get("capabilities")).get(capability)).get("isCapable")) is False,
        ),
        ("400 no power", state == "PLUGGED_IN:NO_POWER"),
        ("400 fault", state == "PLUGGED_IN:FAULT"),
        ("400 unreachable", flag(vehicle.get("isReachable")) is False),
        ("400 already", charging is None and IN_STATE[action].search(words)),
    )
    return next((row for row, fits in rows if fits), "400 unexplained")


def _is_stale(call: Call, vehicle: Mapping[str, Any]) -> bool:
    seen_at = instant(mapping(vehicle.get("chargeState")).get("lastUpdated"))
    return seen_at is None or call.now - seen_at > STALE
