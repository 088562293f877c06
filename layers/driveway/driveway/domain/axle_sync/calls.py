"""The calls by which Axle is told of an asset: their paths, bodies, and what each one tells. Pure."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from driveway.domain.instants import utc_text
from driveway.domain.twin import AxleDoubt, AxleIntent, AxleState, AxleSubject, AxleTariff, ChargeNow

CallKind = Literal["tariff-update", "intent", "plug-in", "plug-out", "charge-now", "charge-now-deleted"]


@dataclass(frozen=True, slots=True)
class AxleCall:
    """One call to make for an asset: its kind, its body, and the values it tells.

    ``fingerprint`` is what is said, in short: the same for the same call with the same value.
    """

    kind: CallKind
    axle_asset_id: str
    body: dict[str, Any]
    fingerprint: str
    tariff: AxleTariff | None = None
    intent: AxleIntent | None = None
    session_id: str | None = None
    charge_now: ChargeNow | None = None

    @property
    def path(self) -> str:
        """The path of the call at Axle."""
        return f"/entities/asset/{self.axle_asset_id}/event/{self.kind}"

    @property
    def tells(self) -> tuple[AxleDoubt, ...]:
        """What the call tells of."""
        told: list[AxleDoubt] = []
        if self.tariff is not None:
            told.append(AxleDoubt("tariff"))
        if self.intent is not None:
            told.append(AxleDoubt("intent"))
        if self.kind in {"plug-in", "plug-out"}:
            told.append(AxleDoubt("plug", self.session_id))
        if self.kind in {"charge-now", "charge-now-deleted"}:
            told.append(AxleDoubt("charge_now"))
        return tuple(told)

    @property
    def says(self) -> dict[AxleSubject, str]:
        """What the call says of each subject that it tells of, in short."""
        said = _values(self.tariff, self.intent, self.session_id, self.charge_now)
        return {told.subject: said[told.subject] for told in self.tells}


def acknowledged_values(axle: AxleState) -> dict[AxleSubject, str]:
    """What Axle acknowledged, in the form of ``AxleCall.says``."""
    session_id = axle.plug.session_id if axle.plug is not None else None
    return _values(axle.tariff, axle.intent, session_id, axle.charge_now)


def _values(
    tariff: AxleTariff | None, intent: AxleIntent | None, session_id: str | None, boost: ChargeNow | None
) -> dict[AxleSubject, str]:
    return {
        "tariff": _short(_tariff_body(tariff) if tariff is not None else None),
        "intent": _short(_intent_said(intent) if intent is not None else None),
        "plug": _short(session_id),
        "charge_now": _short(utc_text(boost.until) if boost is not None else None),
    }


def tariff_update(axle_asset_id: str, tariff: AxleTariff) -> AxleCall:
    """Tell the tariff."""
    body = {"tariff": _tariff_body(tariff)}
    return AxleCall("tariff-update", axle_asset_id, body, _short("tariff-update", body), tariff=tariff)


def intent_update(axle_asset_id: str, intent: AxleIntent) -> AxleCall:
    """Tell what the driver needs."""
    said = _short("intent", _intent_said(intent))
    return AxleCall("intent", axle_asset_id, {"intent": _intent_body(intent)}, said, intent=intent)


def plug_in(
    axle_asset_id: str, session_id: str, *, power_kw: float, tariff: AxleTariff | None, intent: AxleIntent | None
) -> AxleCall:
    """Tell that the car is plugged in at home, at which power it charges, and what is given of tariff and intent."""
    body: dict[str, Any] = {"vehicle": {"charging_rate_kw": power_kw}}
    if tariff is not None:
        body["tariff"] = _tariff_body(tariff)
    if intent is not None:
        body["intent"] = _intent_body(intent)
    said = _short("plug-in", session_id, power_kw, body.get("tariff"), _intent_said(intent) if intent else None)
    return AxleCall("plug-in", axle_asset_id, body, said, tariff=tariff, intent=intent, session_id=session_id)


def bare_plug_in(axle_asset_id: str, session_id: str) -> AxleCall:
    """Tell that the car is plugged in at home, and nothing else."""
    return AxleCall("plug-in", axle_asset_id, {}, _short("plug-in", session_id), session_id=session_id)


def plug_out(axle_asset_id: str, heard: tuple[str, ...]) -> AxleCall:
    """Tell that the car is not plugged in at home; ``heard`` are the sessions that Axle may take to be going on."""
    return AxleCall("plug-out", axle_asset_id, {}, _short("plug-out", *heard))


def charge_now(axle_asset_id: str, boost: ChargeNow) -> AxleCall:
    """Tell that the car charges at once, until when."""
    body = {"end_at": utc_text(boost.until)}
    return AxleCall("charge-now", axle_asset_id, body, _short("charge-now", body), charge_now=boost)


def charge_now_deleted(axle_asset_id: str, told: ChargeNow | None) -> AxleCall:
    """Tell that the charge-now is over before its time; ``told`` is the one that Axle acknowledged."""
    said = _short("charge-now-deleted", told.id if told else None)
    return AxleCall("charge-now-deleted", axle_asset_id, {}, said)


def _tariff_body(tariff: AxleTariff) -> dict[str, Any]:
    return {
        "off_peak_times": tariff.off_peak_times,
        "timezone": tariff.timezone,
        "tariff_type": tariff.tariff_type,
    }


def _intent_body(intent: AxleIntent) -> dict[str, Any]:
    return {
        "energy_required_kwh": intent.energy_required_kwh,
        "ready_by": utc_text(intent.ready_by),
        "ready_by_local_time": intent.ready_by_local_time,
        "energy_estimated": intent.energy_estimated,
        "may_charge_peak": intent.may_charge_peak,
        "charging_mode": intent.charging_mode,
    }


def _intent_said(intent: AxleIntent) -> dict[str, Any]:
    """The value of an intent: neither the date, which Axle discards, nor a battery that fills makes it another."""
    said = _intent_body(intent) | {"ready_by": None}
    if intent.target_soc_pct is not None:
        said |= {"energy_required_kwh": None, "target_soc_pct": intent.target_soc_pct}
        if intent.vehicle_id is not None:
            said["vehicle_id"] = intent.vehicle_id
    return said


def _short(*said: Any) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]
