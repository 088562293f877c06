"""OCPP 1.6 chargers, through a central system's HTTP endpoint.

The endpoint is the operator's; it passes two OCPP messages on and tells what it knows of a charger::

    POST {base}/chargers/{id}/SetChargingProfile   {"connectorId", "csChargingProfiles"} -> {"status"}
    POST {base}/chargers/{id}/ClearChargingProfile {"id", "connectorId"} -> {"status"}
    GET  {base}/chargers/{id} -> {"connected", "status", "plugged_in", "charging", "power_kw",
                                  "energy_session_kwh", "energy_lifetime_kwh", "at"}

The messages are those of OCPP 1.6 §5.16 and §5.3. The answer is 404 for a charger that the central system does not
have, and 503 for one that is not connected.

Two profiles of ours live in a charger. The default at stack level 0 repeats the off-peak windows daily, so that the
charger charges without us. The command lies far above it and says what is wanted now. It lapses by itself, so that a
charger which has lost us falls back to the default and nobody is stranded. Both are TxDefaultProfiles: a TxProfile
may only be set while a transaction runs (§3.13.1), and the endpoint need not know of one.

``Call.extra`` may hold ``connector_id`` (1), ``stack_level`` (1100), ``rate_unit`` (W or A), ``command_valid_s``
(43200), ``voltage_v`` (230, to turn kW into A) and ``phases``: of the charger, to be stated in a limit and to turn kW
into A, there 1 if it is not given. A charger without a value may take 3 (§7.14) and share the limit out among them.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation
from driveway.domain.supply import SUPPLY_V, phases_of
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.vehicles.http_call import Answer, Unanswered, lost, retry_after_s, send
from driveway.vehicles.json_values import first_instant, flag, number, shorten, text
from driveway.vehicles.provider import Call

SOURCE = "ocpp"
TIMEOUT_S = (5.0, 30.0)
DEFAULT_PROFILE_ID, COMMAND_PROFILE_ID = 611_000, 611_100
DEFAULT_STACK_LEVEL, COMMAND_STACK_LEVEL = 0, 1100
NO_LIMIT = 99_999.0
DAY_S = 86_400
SKEW = timedelta(minutes=5)
"""A charger's clock may be behind: a schedule that starts "now" would have a hole until its clock gets there."""

Operation = Literal["SetChargingProfile", "ClearChargingProfile"]

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

STATUSES: Mapping[str, tuple[bool | None, bool | None]] = {
    "Available": (False, False),
    "Preparing": (True, False),
    "Charging": (True, True),
    "SuspendedEVSE": (True, False),
    "SuspendedEV": (True, False),
    "Finishing": (True, False),
}
"""ChargePointStatus (OCPP 1.6 §7.7) as (plugged in, charging). Reserved, Unavailable and Faulted say nothing."""

STATE_FIELDS = frozenset({"connected", "status", "plugged_in", "charging"})
"""A central system's answer about a charger has at least one of them."""


class OcppCommands:
    """The outbound half of OCPP."""

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        """Let the charger give at most ``limit_kw`` (None: no limit) until the command lapses.

        It replaces the command before it.
        """
        return _set_profile(call, vehicle, _command(call, limit_kw))

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Hold charging at a limit of 0 until the command lapses."""
        return _set_profile(call, vehicle, _command(call, 0.0))

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
        profile = default_profile(windows, timezone=timezone, now=call.now, rate_unit=_rate_unit(call))
        return _set_profile(call, vehicle, profile)

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Clear both our profiles: without them the charger charges whenever a car asks it to.

        The command goes first, so that a charger which fails in between is not left held.
        """
        outcomes = []
        for profile_id in (COMMAND_PROFILE_ID, DEFAULT_PROFILE_ID):
            body = {"id": profile_id, "connectorId": _connector_id(call)}
            outcome = _operate(call, vehicle, "ClearChargingProfile", body)
            if outcome.kind not in {OutcomeKind.ACCEPTED, OutcomeKind.ALREADY_IN_STATE}:
                return outcome
            outcomes.append(outcome)
        return next((o for o in outcomes if o.kind is OutcomeKind.ACCEPTED), outcomes[0])


def default_profile(
    windows: tuple[Window, ...], *, timezone: str, now: datetime, rate_unit: str = "W"
) -> dict[str, Any]:
    """The OCPP profile that charges in daily wall-time windows and holds between them.

    A charger knows only UTC, so its day starts at today's local midnight, given in UTC. After a change of the UTC
    offset it would be off by as much: install it again then. Without windows there is no limit: a charger on its own is
    never held all day.

    Args:
        windows: sorted and apart, in minutes after local midnight.
        timezone: the IANA zone of the windows.
        now: aware; its local date and offset are those of the profile.
        rate_unit: W or A; 0 and "no limit" are the same in both.
    """
    local_now = now.astimezone(ZoneInfo(timezone))
    # Midnight with the present offset: the profile repeats every 24 h, so the offset counts and not the calendar.
    midnight = datetime.combine(local_now.date(), time(), tzinfo=UTC) - (local_now.utcoffset() or timedelta(0))
    periods = [(0, 0.0)] if windows else [(0, NO_LIMIT)]
    for window in windows:
        periods += [(window.start_min * 60, NO_LIMIT), (window.end_min * 60, 0.0)]
    # Of two periods that start together the later one stands: a window may begin at midnight or where another ends.
    schedule = {start_s: limit for start_s, limit in periods if start_s < DAY_S}
    return {
        "chargingProfileId": DEFAULT_PROFILE_ID,
        "stackLevel": DEFAULT_STACK_LEVEL,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "chargingSchedule": {
            "duration": DAY_S,
            "startSchedule": _stamp(midnight),
            "chargingRateUnit": rate_unit,
            "chargingSchedulePeriod": [{"startPeriod": s, "limit": limit} for s, limit in sorted(schedule.items())],
        },
    }


def observations(state: Mapping[str, Any], *, now: datetime) -> tuple[Observation, ...]:
    """What a central system says of a charger; ``now`` (aware UTC) dates it if it does not do so itself.

    A charger is fixed to its home, so a car plugged into it is at home. Of a charger that is not connected, undated
    values are of no known age and left out.
    """
    connected, status = flag(state.get("connected")), text(state.get("status"))
    reported_at = first_instant(state.get("at"), known_at=now)
    reachable = () if connected is None else (Observation(at=now, source=SOURCE, reachable=connected),)
    if reported_at is None and connected is False:
        return reachable
    by_status = STATUSES.get(status or "", (None, None))
    plugged_in, charging = flag(state.get("plugged_in")), flag(state.get("charging"))
    signals: dict[str, Any] = {
        "plugged_in": by_status[0] if plugged_in is None else plugged_in,
        "charging": by_status[1] if charging is None else charging,
        # The charger offers power and the car takes none, which is all that a charger can tell of a full battery.
        "battery_full": True if status == "SuspendedEV" and not charging else None,
        "power_kw": number(state.get("power_kw"), low=0),
        "energy_session_kwh": number(state.get("energy_session_kwh"), low=0),
        "energy_lifetime_kwh": number(state.get("energy_lifetime_kwh"), low=0),
    }
    if all(value is None for value in signals.values()):
        return reachable
    seen = Observation(at=reported_at or now, source=SOURCE, at_home=True, measuring_point="charger", **signals)
    return (seen, *reachable)


def _command(call: Call, limit_kw: float | None) -> dict[str, Any]:
    unit = _rate_unit(call)
    period: dict[str, Any] = {"startPeriod": 0, "limit": _limit(call, limit_kw, unit)}
    if "phases" in call.extra:
        period["numberPhases"] = int(call.extra["phases"])
    valid_for = timedelta(seconds=float(call.extra.get("command_valid_s", "43200")))
    return {
        "chargingProfileId": COMMAND_PROFILE_ID,
        "stackLevel": int(call.extra.get("stack_level", COMMAND_STACK_LEVEL)),
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "validTo": _stamp(call.now + valid_for),
        "chargingSchedule": {
            "startSchedule": _stamp(call.now - SKEW),
            "chargingRateUnit": unit,
            "chargingSchedulePeriod": [period],
        },
    }


def _limit(call: Call, limit_kw: float | None, unit: str) -> float:
    """The limit in the unit, with the one decimal that OCPP allows (§7.14), and never above what was asked for."""
    if limit_kw is None:
        return NO_LIMIT
    per_unit_w = 1.0
    if unit == "A":
        per_unit_w = float(call.extra.get("voltage_v", SUPPLY_V)) * _phases(call)
    # Rounding first keeps 7.4 kW from becoming 7399.9 W.
    return math.floor(round(limit_kw * 10_000 / per_unit_w, 6)) / 10


def _phases(call: Call) -> int:
    stated = call.extra.get("phases")
    return phases_of(float(call.extra.get("power_kw", "0")), int(stated) if stated is not None else None)


def _stamp(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _rate_unit(call: Call) -> str:
    return call.extra.get("rate_unit", "W")


def _connector_id(call: Call) -> int:
    return int(call.extra.get("connector_id", "1"))


def _path(vehicle: Vehicle) -> str:
    return f"/chargers/{quote(vehicle.vehicle_id, safe='')}"


def _set_profile(call: Call, vehicle: Vehicle, profile: Mapping[str, Any]) -> Outcome:
    body = {"connectorId": _connector_id(call), "csChargingProfiles": profile}
    return _operate(call, vehicle, "SetChargingProfile", body)


def _operate(call: Call, vehicle: Vehicle, operation: Operation, body: Mapping[str, Any]) -> Outcome:
    answer = _send(call, "POST", f"{_path(vehicle)}/{operation}", body)
    if isinstance(answer, Outcome):
        return answer
    if answer.status != 200:
        return _refusal(call, answer)
    if text(answer.fields.get("status")) is None:
        return lost(answer).outcome()
    return _outcome(f"{operation} {answer.fields.get('status')}", answer)


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
