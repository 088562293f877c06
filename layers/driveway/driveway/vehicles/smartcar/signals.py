"""Smartcar's signals, from a webhook or from the REST store, as observations: one for each time a signal was seen."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.vehicles.json_values import first_instant, flag, mapping, number, text

SOURCE = "smartcar"

USED = frozenset(
    {
        "charge-ischargingcableconnected",
        "charge-ischarging",
        "charge-detailedchargingstatus",
        "charge-wattage",
        "charge-energyadded",
        "charge-chargelimits",
        "tractionbattery-stateofcharge",
        "connectivitystatus-isonline",
        "connectivitystatus-isasleep",
        "location-isathome",
        "location-preciselocation",
        "odometer-traveleddistance",
    }
)
"""The codes of the signals that are read."""


STARTING = frozenset({"STARTING", "INITIALIZING", "PREPARING"})
"""Statuses that do not say whether the car charges yet."""

PLACE = frozenset({"location-isathome", "location-preciselocation"})
KM_PER_MILE = 1.609344


class _Moment(Struct):
    """The signals of one instant, gathered before they become one observation."""

    at: datetime
    values: dict[str, Any] = field(default_factory=dict)
    home_flag: bool | None = None
    flag_measured_at: datetime | None = None
    position: Position | None = None

    def observation(self) -> Observation | None:
        known = {name: value for name, value in self.values.items() if value is not None}
        if self.home_flag is not None or self.position is not None:
            known["whereabouts"] = Whereabouts(
                home_flag=self.home_flag, position=self.position, measured_at=self.flag_measured_at
            )
        return Observation(at=self.at, source=SOURCE, **known) if known else None


class _Times(Struct, frozen=True):
    """When the car maker measured a signal (``oemUpdatedAt``), and when Smartcar last got it from the maker."""

    measured_at: datetime | None
    got_at: datetime | None


def observations(signals: Iterable[Any], *, known_at: datetime, undated_at: datetime | None) -> tuple[Observation, ...]:
    """What the signals say, oldest first, each at its own time.

    A signal counts with status SUCCESS, or with a body and no status at all, as in some of Smartcar's own examples: an
    ERROR may carry a stale body. Its time is ``oemUpdatedAt``, else ``retrievedAt``, ``fetchedAt`` or ``ingestedAt``,
    in epoch seconds or milliseconds or ISO 8601, else ``undated_at`` (without which it is left out). The home flag and
    the position say where the car *is*: they count when Smartcar got them, and ``oemUpdatedAt``, which for many makes
    is when the car parked, is when the place was measured. ``known_at`` (aware UTC) is when the signals reached us.
    ``charge-chargerate`` is km of range per hour, not power, and is not used.
    """
    moments: dict[datetime, _Moment] = {}
    for raw in signals:
        signal = mapping(raw)
        code, body = str(signal.get("code")), mapping(signal.get("body"))
        if not _counts(signal, body):
            continue
        times = _times(mapping(signal.get("meta")), known_at)
        measured_at = times.measured_at or times.got_at or undated_at
        at = times.got_at or measured_at if code in PLACE else measured_at
        if at is not None and measured_at is not None:
            _read(code, body, moments.setdefault(at, _Moment(at)), measured_at)
    found = (moments[at].observation() for at in sorted(moments))
    return tuple(observation for observation in found if observation is not None)


def _counts(signal: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    status = signal.get("status")
    outcome = status.get("value") if isinstance(status, dict) else status
    return outcome == "SUCCESS" or (outcome is None and bool(body))


def _times(meta: Mapping[str, Any], known_at: datetime) -> _Times:
    got = (meta.get(name) for name in ("retrievedAt", "fetchedAt", "ingestedAt"))
    return _Times(first_instant(meta.get("oemUpdatedAt"), known_at=known_at), first_instant(*got, known_at=known_at))


def _read(code: str, body: Mapping[str, Any], moment: _Moment, measured_at: datetime) -> None:
    values, value = moment.values, body.get("value")
    match code:
        case "charge-ischargingcableconnected":
            values["plugged_in"] = flag(value)
        case "charge-ischarging":
            values["charging"] = flag(value)
        case "charge-detailedchargingstatus":
            _read_status(text(value), values)
        case "charge-wattage":
            watts = number(value, low=0)
            values["power_kw"] = None if watts is None else watts / 1000
        case "charge-energyadded" | "charge-chargelimits" | "tractionbattery-stateofcharge":
            _read_battery(code, body, values)
        case "connectivitystatus-isonline":
            _reach(values, flag(value))
        case "connectivitystatus-isasleep":
            # Awake does not mean that the car can be reached.
            _reach(values, False if flag(value) else None)
        case "location-isathome":
            moment.home_flag, moment.flag_measured_at = flag(value), measured_at
        case "location-preciselocation":
            moment.position = _position(body, measured_at)
        case "odometer-traveleddistance":
            values["odometer_km"] = _odometer_km(body)


def _read_battery(code: str, body: Mapping[str, Any], values: dict[str, Any]) -> None:
    match code:
        case "charge-energyadded":
            values["energy_session_kwh"] = number(body.get("value"), low=0)
        case "charge-chargelimits":
            values["charge_limit_pct"] = number(body.get("activeLimit"), low=1, high=100)
        case _:
            values["soc_pct"] = number(body.get("value"), low=0, high=100)


def _read_status(status: str | None, values: dict[str, Any]) -> None:
    """An open enumeration: of a status not listed here nothing is known."""
    charging = {"CHARGING": True, "NOT_CHARGING": False, "FULLY_CHARGED": False}.get(status or "")
    if values.get("charging") is None:
        values["charging"] = charging
    # Some makes say NOT_CHARGING of a full battery, too: it ends "full" only where FULLY_CHARGED was reported before.
    values["starting"] = True if status in STARTING else None
    values["not_full"] = True if status == "NOT_CHARGING" else None
    values["battery_full"] = {"CHARGING": False, "FULLY_CHARGED": True}.get(status or "")


def _reach(values: dict[str, Any], reachable: bool | None) -> None:
    if reachable is not None:
        values["reachable"] = reachable and values.get("reachable") is not False


def _position(body: Mapping[str, Any], at: datetime) -> Position | None:
    latitude, longitude = (
        number(body.get("latitude"), low=-90, high=90),
        number(body.get("longitude"), low=-180, high=180),
    )
    if latitude is None or longitude is None:
        return None
    return Position(latitude, longitude, at)


def _odometer_km(body: Mapping[str, Any]) -> float | None:
    """The odometer in kilometres, in which Smartcar gives it unless the body names miles; 0 is no reading."""
    distance = number(body.get("value"), low=0)
    if not distance:
        return None
    return distance * KM_PER_MILE if str(body.get("unit")).lower() in {"mi", "mile", "miles"} else distance
