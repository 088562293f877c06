"""Commands to a Tesla through a vehicle-command proxy (``call.base_url``)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driveway.domain.control.outcome import Outcome
from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.domain.twin import OutcomeKind, Vehicle, Window
from driveway.values import replace
from driveway.vehicles.http_call import Unanswered
from driveway.vehicles.json_values import first_instant, flag, mapping, number
from driveway.vehicles.provider import Call
from driveway.vehicles.tesla import api, default_schedule
from driveway.vehicles.tesla.outcomes import Judged, judge
from driveway.vehicles.tesla.telemetry import NO_POWER, PLUGGED_CHARGING_FULL, SOURCE

WAKE_POLLS_S = (2.0, 3.0, 5.0, 5.0, 5.0, 5.0, 5.0)
POLL_TIMEOUT_S = (5.0, 5.0)
SINGLE_PHASE_KW = 7.7
"""The most that charges over one phase: 32 A at 240 V."""

LOOK_AT = "/vehicle_data?endpoints=charge_state%3Bdrive_state%3Blocation_data"


class TeslaCommands:
    """The outbound half of Tesla.

    What ``call.extra`` may hold, as text: ``voltage_v`` (230) and ``phases`` (as many as ``power_kw`` needs) to turn kW
    into A, ``minimum_amps`` (5) and ``maximum_amps`` (32); ``latitude``, ``longitude`` and ``home_timezone`` of the
    home.
    """

    def start(self, call: Call, vehicle: Vehicle, *, limit_kw: float | None) -> Outcome:
        """Start at the charging current that the car is set to: ``set_current`` limits it, so ``limit_kw`` does not."""
        return _settle(call, vehicle, api.command(call, vehicle, "charge_start", {}, "start"), charging=True)

    def limit_amps(self, call: Call, limit_kw: float) -> int:
        """The whole amperes per phase that stay within ``limit_kw``; see ``charging_amps``."""
        return charging_amps(limit_kw, call.extra)

    def set_current(self, call: Call, vehicle: Vehicle, amps: int) -> Outcome:
        """Set the charging current. The car keeps it, plugged in or not, until somebody sets another."""
        return api.command(call, vehicle, "set_charging_amps", {"charging_amps": amps}, "set_amps").outcome

    def stop(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Stop charging and stay plugged in."""
        return _settle(call, vehicle, api.command(call, vehicle, "charge_stop", {}, "stop"), charging=False)

    def read_state(self, call: Call, vehicle: Vehicle) -> Outcome:
        """The car's state from the Fleet API: billed per request, and not answered by a sleeping car."""
        return _look(call, vehicle)

    def cancel(self, call: Call, vehicle: Vehicle, provider_ref: str) -> Outcome:
        """UNSUPPORTED: a Tesla carries out a command before it answers."""
        return Outcome(OutcomeKind.UNSUPPORTED, "A Tesla carries out a command before it answers.")

    def wake(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Wake the car and wait up to 30 s until it is online: CONFIRMED, or RETRYABLE while it still sleeps."""
        answer = api.request(call, vehicle, "POST", "/wake_up", body={}, kind="wake")
        if isinstance(answer, Unanswered):
            return answer.outcome()
        judged = judge(answer, "wake", call.now).outcome
        # The call itself may run out of time while the car wakes.
        if judged.kind is not OutcomeKind.ACCEPTED and not judged.asleep:
            return judged
        online = mapping(answer.fields.get("response")).get("state") == "online"
        for wait_s in WAKE_POLLS_S:
            if online:
                break
            call.wait(wait_s)
            online = _is_online(call, vehicle)
        seen = (Observation(at=call.now, source=SOURCE, reachable=online),)
        if online:
            return Outcome(OutcomeKind.CONFIRMED, observations=seen)
        return Outcome(OutcomeKind.RETRYABLE, "The car did not wake up in time.", observations=seen, asleep=True)

    def install_default(self, call: Call, vehicle: Vehicle, windows: tuple[Window, ...], *, timezone: str) -> Outcome:
        """Keep the windows in the car as charge schedules at home; see ``default_schedule.install``."""
        return default_schedule.install(call, vehicle, windows, timezone=timezone)

    def remove_default(self, call: Call, vehicle: Vehicle) -> Outcome:
        """Remove the charge schedules that ``install_default`` set."""
        return default_schedule.remove(call, vehicle)


def charging_amps(limit_kw: float, extra: Mapping[str, str]) -> int:
    """The whole amperes per phase that stay within ``limit_kw``, but no less than the car's minimum."""
    minimum = int(number(extra.get("minimum_amps"), low=1) or 5)
    maximum = int(number(extra.get("maximum_amps"), low=1) or 32)
    watts_per_amp = (number(extra.get("voltage_v"), low=1) or 230.0) * (
        number(extra.get("phases"), low=1) or _phases(extra)
    )
    # A limit that was itself reckoned from whole amperes must not lose one to rounding.
    return max(minimum, min(maximum, int(limit_kw * 1000 / watts_per_amp + 1e-6)))


def _phases(extra: Mapping[str, str]) -> float:
    power_kw = number(extra.get("power_kw"), low=0)
    return 3.0 if power_kw is not None and power_kw > SINGLE_PHASE_KW else 1.0


def _settle(call: Call, vehicle: Vehicle, judged: Judged, *, charging: bool) -> Outcome:
    """Where a command may have been obeyed although it was not acknowledged, look before it is repeated."""
    if not judged.doubtful:
        return judged.outcome
    seen = _look(call, vehicle)
    if any(observation.charging is charging for observation in seen.observations):
        return Outcome(OutcomeKind.ACCEPTED, judged.outcome.detail, observations=seen.observations)
    # Who says that the car sleeps is there to be asked.
    unavailable = judged.outcome.unavailable and not seen.asleep
    return replace(judged.outcome, observations=seen.observations, asleep=seen.asleep, unavailable=unavailable)


def _look(call: Call, vehicle: Vehicle) -> Outcome:
    answer = api.request(call, vehicle, "GET", LOOK_AT)
    if isinstance(answer, Unanswered):
        return answer.outcome()
    outcome = judge(answer, "read_state", call.now).outcome
    if outcome.kind is not OutcomeKind.ACCEPTED:
        return outcome
    response = mapping(answer.fields.get("response"))
    charge, drive = mapping(response.get("charge_state")), mapping(response.get("drive_state"))
    seen = (_charge_observation(charge, call.now), _drive_observation(drive, call.now))
    observations = tuple(one for one in seen if one is not None)
    return Outcome(OutcomeKind.ACCEPTED, observations=observations, current_amps=_current_amps(charge))


def _is_online(call: Call, vehicle: Vehicle) -> bool:
    answer = api.request(call, vehicle, "GET", "", timeout_s=POLL_TIMEOUT_S)
    return not isinstance(answer, Unanswered) and mapping(answer.fields.get("response")).get("state") == "online"


def _charge_observation(charge: Mapping[str, Any], now: datetime) -> Observation | None:
    """``charge_energy_added`` is left out: it counts into the battery, not at the AC input as telemetry does."""
    at = first_instant(charge.get("timestamp"), known_at=now)
    if at is None:
        return None
    state = PLUGGED_CHARGING_FULL.get(str(charge.get("charging_state")), (None, None, None))
    return Observation(
        at=at,
        source=SOURCE,
        plugged_in=state[0],
        charging=state[1],
        battery_full=state[2],
        starting=True if state[0] and state[1] is None else None,
        not_full=True if charge.get("charging_state") == "Stopped" else None,
        charge_limit_pct=number(charge.get("charge_limit_soc"), low=1, high=100),
        charging_fault=True if charge.get("charging_state") == NO_POWER else None,
        power_kw=_power_kw(charge),
        soc_pct=number(charge.get("battery_level"), low=0, high=100),
        reachable=True,
        fast_charging=flag(charge.get("fast_charger_present")) or None,
        measuring_point="vehicle_ac_input",
    )


def _current_amps(charge: Mapping[str, Any]) -> int | None:
    """The charging current that was asked for last, by the driver or by a command; whole amperes."""
    amps = number(charge.get("charge_amps"), low=0)
    amps = number(charge.get("charge_current_request"), low=0) if amps is None else amps
    return None if amps is None else round(amps)


def _power_kw(charge: Mapping[str, Any]) -> float | None:
    """Volts times amperes times phases; ``charger_power``, which is whole kW, decides what two phases mean.

    Cars on three phases are known to report two.
    """
    whole_kw = number(charge.get("charger_power"), low=0)
    volts = number(charge.get("charger_voltage"), low=0)
    amps = number(charge.get("charger_actual_current"), low=0)
    phases = number(charge.get("charger_phases"), low=1, high=3)
    if volts is None or amps is None or phases is None or charge.get("fast_charger_present") is True:
        return whole_kw
    candidates = [volts * amps * count / 1000 for count in ({2, 3} if phases == 2 else {phases})]
    return min(candidates, key=lambda kw: abs(kw - whole_kw)) if whole_kw is not None else candidates[0]


def _drive_observation(drive: Mapping[str, Any], now: datetime) -> Observation | None:
    at = first_instant(drive.get("timestamp"), known_at=now)
    latitude = number(drive.get("latitude"), low=-90, high=90)
    longitude = number(drive.get("longitude"), low=-180, high=180)
    if at is None or latitude is None or longitude is None:
        return None
    moving = drive.get("shift_state") in ("D", "R") or (number(drive.get("speed")) or 0) > 0
    # The state is of ``timestamp``; the position was measured at ``gps_as_of``, often when the car parked.
    measured_at = first_instant(drive.get("gps_as_of"), known_at=now) or at
    position = Position(latitude, longitude, min(measured_at, at))
    return Observation(at=at, source=SOURCE, moving=moving, whereabouts=Whereabouts(position=position))
