"""OCPP 1.6 chargers, through a central system's HTTP endpoint.

The endpoint is the operator's; it passes two OCPP messages on and tells what it knows of a charger::

    POST {base}/chargers/{id}/SetChargingProfile   {"connectorId", "csChargingProfiles"} -> {"status", "transaction_id"}
    POST {base}/chargers/{id}/ClearChargingProfile {"id", "connectorId"} -> {"status", "transaction_id"}
    GET  {base}/chargers/{id} -> {"connected", "status", "plugged_in", "charging", "power_kw",
                                  "energy_session_kwh", "energy_lifetime_kwh", "at"}

The messages are those of OCPP 1.6 §5.16 and §5.3. The answer is 404 for a charger that the central system does not
have, and 503 for one that is not connected. ``transaction_id`` names the transaction that runs on the connector; it is
left out, or null, if none runs.

Three profiles of ours live in a charger (``OUR_IDS``). The default repeats the off-peak windows daily, so that the
charger charges without us. The command, one stack level above it, says what is wanted now. It lapses by itself, so that
a charger which has lost us falls back to the default and nobody is stranded. Both are TxDefaultProfiles, which need no
transaction. Several makes apply those to the next transaction only (§3.13.1), so if one runs, a TxProfile with its id
gets the same limit. It ends with the transaction.

Nothing else in a charger is ours: a profile of its installer is replaced only by one of the same id, or of the same
purpose and stack level, and what we clear has one of our ids.

``Call.extra`` may hold ``connector_id`` (1), ``stack_level`` (1100), ``rate_unit`` (W or A), ``command_valid_s``
(43200), ``voltage_v`` (230, to turn kW into A) and ``phases``: of the charger, to be stated in a limit and to turn kW
into A, there 1 if it is not given. A charger without a value may take 3 (§7.14) and share the limit out among them.
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

from driveway.domain.control.outcome import Outcome
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.http_call import Answer, Unanswered, lost, retry_after_s, send
from driveway.vehicles.json_values import number, shorten, text
from driveway.vehicles.ocpp.charger import observations
from driveway.vehicles.ocpp.profiles import (
    COMMAND_PROFILE_ID,
    DEFAULT_PROFILE_ID,
    TRANSACTION_PROFILE_ID,
    command_profile,
    connector_id,
    default_profile,
    rate_unit,
    stack_level,
)
from driveway.vehicles.provider import Call

TIMEOUT_S = (5.0, 30.0)
Operation = Literal["SetChargingProfile", "ClearChargingProfile"]
DONE = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.ALREADY_IN_STATE})

TABLE: Mapping[str, tuple[OutcomeKind, str]] = {
    "SetChargingProfile Accepted": (OutcomeKind.ACCEPTED, "The charger has the profile."),
    "SetChargingProfile Rejected": (OutcomeKind.FAILED, "The charger rejected the profile."),
    "SetChargingProfile NotSupported": (OutcomeKind.UNSUPPORTED, "The charger has no smart charging."),
    "ClearChargingProfile Accepted": (OutcomeKind.ACCEPTED, "The charger dropped the profile."),
    "ClearChargingProfile Unknown": (OutcomeKind.ALREADY_IN_STATE, "The charger did not have the profile."),
    "400": (OutcomeKind.FAILED, "The central system refused the request."),
    "401": (OutcomeKind.FAILED, "The central system refuses our token."),
    "403": (OutcomeKind.FAILED, "The central system does not let us control this charger."),
    "404": (OutcomeKind.FAILED, "The central system does not have this charger."),
    "408": (OutcomeKind.RETRYABLE, "The charger did not answer in time."),
    "409": (OutcomeKind.RETRYABLE, "The charger is busy."),
    "429": (OutcomeKind.RETRYABLE, "The central system limits our calls."),
    "501": (OutcomeKind.UNSUPPORTED, "The central system cannot do this."),
    "503": (OutcomeKind.RETRYABLE, "The charger is not connected."),
    "4xx": (OutcomeKind.FAILED, "The central system refused the request."),
    "5xx": (OutcomeKind.RETRYABLE, "The central system has a fault."),
    "other": (OutcomeKind.FAILED, "The central system's answer is not one that OCPP describes."),
}
"""The outcome of every answer and the sentence for it; an answer's own words follow the sentence."""

STATE_FIELDS = frozenset({"connected", "status", "plugged_in", "charging"})
"""A central system's answer about a charger has at least one of them."""


class OcppCommands:
    """The outbound half of OCPP."""

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        """Let the charger give at most ``limit_kw`` (None: no limit) until the command lapses.

        It replaces the command before it.
        """
        return _limit_to(call, vehicle, limit_kw)

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Hold charging at a limit of 0 until the command lapses."""
        return _limit_to(call, vehicle, 0.0)

    def read_state(self, call: Call, vehicle: Vehicle) -> Outcome:
        """What the central system knows of the charger, as ACCEPTED with observations."""
        answer = _send(call, "GET", _path(vehicle))
        if isinstance(answer, Outcome):
            return answer
        if answer.status != 200:
            return _refusal(call, answer)
        if not STATE_FIELDS & answer.fields.keys():
            return lost(answer).outcome()
        return Outcome(OutcomeKind.ACCEPTED, observations=observations(answer.fields, now=call.now))

    def cancel(self, call: Call, vehicle: Vehicle, provider_ref: str) -> Outcome:
        """UNSUPPORTED: a charger carries out a command before it answers."""
        return Outcome(OutcomeKind.UNSUPPORTED, "A charger carries out a command before it answers.")

    def wake(self, call: Call, vehicle: Vehicle) -> Outcome:
        """UNSUPPORTED: chargers do not sleep."""
        return Outcome(OutcomeKind.UNSUPPORTED, "A charger cannot be woken.")

    def install_default(self, call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
        """Set the daily default. It is right until the zone's UTC offset changes: see ``default_profile``."""
        profile = default_profile(
            windows, timezone=timezone, now=call.now, rate_unit=rate_unit(call), stack_level=stack_level(call) - 1
        )
        return _set_profile(call, vehicle, profile)[0]

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Clear our profiles: without them the charger charges whenever a car asks it to.

        The command goes first, so that a charger which fails in between is not left held. A running transaction keeps a
        TxProfile without a limit until it ends: the charger may still apply to it a default that is cleared by now. So
        this profile does not lapse before.
        """
        cleared, transaction_id = _clear(call, vehicle, COMMAND_PROFILE_ID)
        if cleared.kind not in DONE:
            return cleared
        freed = _limit_transaction(call, vehicle, transaction_id, command_profile(call, None, lapses=False))
        if freed is not None:
            return freed
        outcomes = [cleared]
        for profile_id in (TRANSACTION_PROFILE_ID, DEFAULT_PROFILE_ID)[transaction_id is not None :]:
            outcome, _ = _clear(call, vehicle, profile_id)
            if outcome.kind not in DONE:
                return outcome
            outcomes.append(outcome)
        return next((o for o in outcomes if o.kind is OutcomeKind.ACCEPTED), outcomes[0])


def _path(vehicle: Vehicle) -> str:
    return f"/chargers/{quote(vehicle.vehicle_id, safe='')}"


def _limit_to(call: Call, vehicle: Vehicle, limit_kw: float | None) -> Outcome:
    """Set the command, and the same limit for the transaction that runs, if one does."""
    profile = command_profile(call, limit_kw)
    outcome, transaction_id = _set_profile(call, vehicle, profile)
    if outcome.kind is not OutcomeKind.ACCEPTED:
        return outcome
    return _limit_transaction(call, vehicle, transaction_id, profile) or outcome


def _limit_transaction(
    call: Call, vehicle: Vehicle, transaction_id: int | None, command: Mapping[str, Any]
) -> Outcome | None:
    """Give the running transaction the limit of a command; the outcome if it has to be tried again, else None.

    A charger that rejects it may have no such profiles, or the transaction has ended. The default then holds, and what
    the car shows decides whether it follows.
    """
    if transaction_id is None:
        return None
    profile = {
        **command,
        "chargingProfileId": TRANSACTION_PROFILE_ID,
        "chargingProfilePurpose": "TxProfile",
        "transactionId": transaction_id,
    }
    outcome, _ = _set_profile(call, vehicle, profile)
    return outcome if outcome.kind is OutcomeKind.RETRYABLE else None


def _set_profile(call: Call, vehicle: Vehicle, profile: Mapping[str, Any]) -> tuple[Outcome, int | None]:
    body = {"connectorId": connector_id(call), "csChargingProfiles": profile}
    return _operate(call, vehicle, "SetChargingProfile", body)


def _clear(call: Call, vehicle: Vehicle, profile_id: int) -> tuple[Outcome, int | None]:
    body = {"id": profile_id, "connectorId": connector_id(call)}
    return _operate(call, vehicle, "ClearChargingProfile", body)


def _operate(call: Call, vehicle: Vehicle, operation: Operation, body: Mapping[str, Any]) -> tuple[Outcome, int | None]:
    """What became of an operation, and the transaction that runs on the connector."""
    answer = _send(call, "POST", f"{_path(vehicle)}/{operation}", body)
    if isinstance(answer, Outcome):
        return answer, None
    if answer.status != 200:
        return _refusal(call, answer), None
    if text(answer.fields.get("status")) is None:
        return lost(answer).outcome(), None
    running = number(answer.fields.get("transaction_id"))
    transaction_id = int(running) if running is not None and running == int(running) else None
    return _outcome(f"{operation} {answer.fields.get('status')}", answer), transaction_id


def _send(call: Call, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer | Outcome:
    answer = send(call, method, call.base_url.rstrip("/") + path, timeout_s=TIMEOUT_S, body=body)
    if isinstance(answer, Unanswered):
        # A repeat does no harm: a profile replaces the one of the same id.
        return answer.outcome()
    return answer


def _refusal(call: Call, answer: Answer) -> Outcome:
    row = str(answer.status)
    if row not in TABLE:
        row = {4: "4xx", 5: "5xx"}.get(answer.status // 100, "other")
    return _outcome(row, answer, wait_s=retry_after_s(answer.headers, call.now))


def _outcome(row: str, answer: Answer, *, wait_s: float | None = None) -> Outcome:
    kind, sentence = TABLE.get(row, TABLE["other"])
    words = text(answer.fields.get("detail")) or text(answer.fields.get("title")) or ""
    retry_s = wait_s if kind is OutcomeKind.RETRYABLE else None
    out = row in {"429", "5xx"}
    return Outcome(kind, shorten(f"{sentence} {words}".strip()), retry_after_s=retry_s, unavailable=out)
