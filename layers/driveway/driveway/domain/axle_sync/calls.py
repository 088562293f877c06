"""The calls that report an asset to Axle: their paths and bodies, and the values that each one reports. Pure."""

import hashlib
import json
from typing import Any, Literal

from msgspec import Struct

from driveway.domain.instants import utc_text
from driveway.domain.twin import AxleDoubt, AxleIntent, AxleState, AxleSubject, AxleTariff, ChargeNow

CallKind = Literal[
    "tariff-update", "intent", "plug-in", "vehicle-update", "plug-out", "charge-now", "charge-now-deleted"
]


class AxleCall(Struct, frozen=True):
    """One call to make for an asset: its kind, its body, and the values it reports.

    ``fingerprint`` is the same for the same call with the same values.
    """

    kind: CallKind
    axle_asset_id: str
    body: dict[str, Any]
    fingerprint: str
    tariff: AxleTariff | None = None
    intent: AxleIntent | None = None
    session_id: str | None = None
    charging_rate_kw: float | None = None
    charge_now: ChargeNow | None = None

    @property
    def path(self) -> str:
        """The path of the call at Axle. A vehicle without a charger has one path for events of every kind."""
        event = f"/entities/asset/{self.axle_asset_id}/event"
        return event if self.kind == "vehicle-update" else f"{event}/{self.kind}"

    @property
    def reports(self) -> tuple[AxleDoubt, ...]:
        """The values that the call reports, in the form in which they are in doubt while there is no answer."""
        reported: list[AxleDoubt] = []
        if self.tariff is not None:
            reported.append(AxleDoubt("tariff"))
        if self.intent is not None:
            reported.append(AxleDoubt("intent"))
        if self.kind in {"plug-in", "plug-out"}:
            reported.append(AxleDoubt("plug", self.session_id))
        if self.charging_rate_kw is not None:
            reported.append(AxleDoubt("charging_rate"))
        if self.kind in {"charge-now", "charge-now-deleted"}:
            reported.append(AxleDoubt("charge_now"))
        return tuple(reported)

    @property
    def report_values(self) -> dict[AxleSubject, str]:
        """A digest of the value that the call reports of each of its subjects."""
        values = _digests(self.tariff, self.intent, self.session_id, self.charging_rate_kw, self.charge_now)
        return {reported.subject: values[reported.subject] for reported in self.reports}


def acknowledged_values(axle: AxleState) -> dict[AxleSubject, str]:
    """A digest of each value that Axle acknowledged, in the form of ``AxleCall.report_values``."""
    session_id = axle.plug.session_id if axle.plug is not None else None
    return _digests(axle.tariff, axle.intent, session_id, axle.charging_rate_kw, axle.charge_now)


def _digests(
    tariff: AxleTariff | None,
    intent: AxleIntent | None,
    session_id: str | None,
    charging_rate_kw: float | None,
    boost: ChargeNow | None,
) -> dict[AxleSubject, str]:
    return {
        "tariff": _digest(_tariff_body(tariff) if tariff is not None else None),
        "intent": _digest(_intent_value(intent) if intent is not None else None),
        "plug": _digest(session_id),
        "charging_rate": _digest(charging_rate_kw),
        "charge_now": _digest(utc_text(boost.until) if boost is not None else None),
    }


def tariff_update(axle_asset_id: str, tariff: AxleTariff) -> AxleCall:
    """Report the tariff."""
    body = {"tariff": _tariff_body(tariff)}
    return AxleCall("tariff-update", axle_asset_id, body, _digest("tariff-update", body), tariff=tariff)


def intent_update(axle_asset_id: str, intent: AxleIntent) -> AxleCall:
    """Report what the driver needs."""
    fingerprint = _digest("intent", _intent_value(intent))
    return AxleCall("intent", axle_asset_id, {"intent": _intent_body(intent)}, fingerprint, intent=intent)


def plug_in(
    axle_asset_id: str, session_id: str, *, power_kw: float, tariff: AxleTariff | None, intent: AxleIntent | None
) -> AxleCall:
    """Report that the car is plugged in at home and at which power it charges, with tariff and intent where given."""
    body: dict[str, Any] = {"vehicle": _vehicle_body(power_kw)}
    if tariff is not None:
        body["tariff"] = _tariff_body(tariff)
    if intent is not None:
        body["intent"] = _intent_body(intent)
    intent_value = _intent_value(intent) if intent else None
    return AxleCall(
        "plug-in",
        axle_asset_id,
        body,
        _digest("plug-in", session_id, power_kw, body.get("tariff"), intent_value),
        tariff=tariff,
        intent=intent,
        session_id=session_id,
        charging_rate_kw=power_kw,
    )


def bare_plug_in(axle_asset_id: str, session_id: str) -> AxleCall:
    """Report that the car is plugged in at home, and nothing else."""
    return AxleCall("plug-in", axle_asset_id, {}, _digest("plug-in", session_id), session_id=session_id)


def vehicle_update(axle_asset_id: str, *, power_kw: float, tariff: AxleTariff) -> AxleCall:
    """Report at which power the plugged-in car charges now, by an ``intent_update`` with the tariff.

    Axle takes a vehicle only with a plug-in or an intent update. Either with an intent would make it plan the whole
    energy again, of which the car has charged a part.
    """
    body = {"event_type": "intent_update", "vehicle": _vehicle_body(power_kw), "tariff": _tariff_body(tariff)}
    fingerprint = _digest("vehicle-update", body)
    return AxleCall("vehicle-update", axle_asset_id, body, fingerprint, tariff=tariff, charging_rate_kw=power_kw)


def plug_out(axle_asset_id: str, session_ids: tuple[str, ...]) -> AxleCall:
    """Report that the car is not plugged in at home; ``session_ids`` are the sessions that Axle may believe in."""
    return AxleCall("plug-out", axle_asset_id, {}, _digest("plug-out", *session_ids))


def charge_now(axle_asset_id: str, boost: ChargeNow) -> AxleCall:
    """Report that the car charges at once, until when."""
    body = {"end_at": utc_text(boost.until)}
    return AxleCall("charge-now", axle_asset_id, body, _digest("charge-now", body), charge_now=boost)


def charge_now_deleted(axle_asset_id: str, acknowledged: ChargeNow | None) -> AxleCall:
    """Report that the charge-now which Axle acknowledged is over before its time."""
    fingerprint = _digest("charge-now-deleted", acknowledged.id if acknowledged else None)
    return AxleCall("charge-now-deleted", axle_asset_id, {}, fingerprint)


def _vehicle_body(power_kw: float) -> dict[str, Any]:
    return {"charging_rate_kw": power_kw}


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


def _intent_value(intent: AxleIntent) -> dict[str, Any]:
    """The part of an intent that Axle compares: without the date, and without energy that follows from a target."""
    value = _intent_body(intent) | {"ready_by": None}
    if intent.target_soc_pct is not None:
        value |= {"energy_required_kwh": None, "target_soc_pct": intent.target_soc_pct}
        if intent.vehicle_id is not None:
            value["vehicle_id"] = intent.vehicle_id
    return value


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
