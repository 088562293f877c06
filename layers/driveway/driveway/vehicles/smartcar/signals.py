"""Smartcar's signals, from a webhook or from the REST store, as observations: one for each time a signal was seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driveway.domain.presence.observation import Observation, Position, Whereabouts
from driveway.vehicles.json_values import first_instant, flag, mapping, number, text

SOURCE = "smartcar"


@dataclass(slots=True)
class _Moment:
    """The signals of one instant, gathered before they become one observation."""

    at: datetime
    values: dict[str, Any] = field(default_factory=dict)
    home_flag: bool | None = None
    position: Position | None = None

    def observation(self) -> Observation | None:
        known = {name: value for name, value in self.values.items() if value is not None}
        if self.home_flag is not None or self.position is not None:
            known["whereabouts"] = Whereabouts(home_flag=self.home_flag, position=self.position)
        return Observation(at=self.at, source=SOURCE, **known) if known else None


def observations(signals: Iterable[Any], *, known_at: datetime, undated_at: datetime | None) -> tuple[Observation, ...]:
    """What the signals say, oldest first, each at its own time.

    A signal counts only with status SUCCESS: an ERROR may carry a stale body. Its time is ``oemUpdatedAt``, else
    ``retrievedAt``, ``fetchedAt`` or ``ingestedAt``, in epoch milliseconds or ISO 8601, else ``undated_at`` (without
    which it is left out). ``known_at`` (aware UTC) is when the signals reached us. ``charge-chargerate`` is km of range
    per hour, not power, and is not used.
    """
    moments: dict[datetime, _Moment] = {}
    for raw in signals:
        signal = mapping(raw)
        at = _seen_at(mapping(signal.get("meta")), known_at) or undated_at
        if at is not None and _status(signal) == "SUCCESS":
            _read(str(signal.get("code")), mapping(signal.get("body")), moments.setdefault(at, _Moment(at)))
    found = (moments[at].observation() for at in sorted(moments))
    return tuple(observation for observation in found if observation is not None)


def _status(signal: Mapping[str, Any]) -> Any:
    status = signal.get("status")
    return status.get("value") if isinstance(status, dict) else status


def _seen_at(meta: Mapping[str, Any], known_at: datetime) -> datetime | None:
    names = ("oemUpdatedAt", "retrievedAt", "fetchedAt", "ingestedAt")
    return first_instant(*(meta.get(name) for name in names), known_at=known_at)


def _read(code: str, body: Mapping[str, Any], moment: _Moment) -> None:
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
        case "charge-energyadded":
            values["energy_session_kwh"] = number(value, low=0)
        case "tractionbattery-stateofcharge":
            values["soc_pct"] = number(value, low=0, high=100)
        case "connectivitystatus-isonline":
            _reach(values, flag(value))
        case "connectivitystatus-isasleep":
            # Awake does not mean that the car can be reached.
            _reach(values, False if flag(value) else None)
        case "location-isathome":
            moment.home_flag = flag(value)
        case "location-preciselocation":
            moment.position = _position(body, moment.at)


def _read_status(status: str | None, values: dict[str, Any]) -> None:
    """An open enumeration: of a status not listed here nothing is known."""
    charging = {"CHARGING": True, "NOT_CHARGING": False, "FULLY_CHARGED": False}.get(status or "")
    if values.get("charging") is None:
        values["charging"] = charging
    # NOT_CHARGING is also said of a full battery, so it does not tell that there is room.
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
    return Position(latitude, longitude, at, last_parked=body.get("locationType") == "LAST_PARKED")
