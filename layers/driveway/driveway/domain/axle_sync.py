"""What Axle has to be told next of an asset, and what its answers mean. Pure: values in, values out.

Order for an asset: tariff, intent, plug state, charge-now. A first tariff and a first intent are told one by one; later
a plug-in carries both, so that one call says all. Values are taken at the moment of the call, so many quick changes
cost one call. Everything is acknowledged by value: repeating a call whose answer was lost does no harm.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from driveway.domain.departures import intent_changes_at
from driveway.domain.intent import axle_intent, intent_differs
from driveway.domain.reasons import Reason
from driveway.domain.tariff import axle_tariff
from driveway.domain.twin import (
    AxleIntent,
    AxlePlug,
    AxleRefusal,
    AxleState,
    AxleTariff,
    ChargeNow,
    Entry,
    Session,
    Twin,
)

CallKind = Literal["tariff-update", "intent", "plug-in", "plug-out", "charge-now", "charge-now-deleted"]

FIRST_BACKOFF_S = 5.0
LONGEST_BACKOFF_S = 300.0


@dataclass(frozen=True, slots=True)
class AxleCall:
    """One call to make for an asset: its kind, its body, and the values it tells.

    ``ends_session_id`` is the session that a plug-out is the end of, as Axle was told of it.
    """

    kind: CallKind
    axle_asset_id: str
    body: dict[str, Any]
    tariff: AxleTariff | None = None
    intent: AxleIntent | None = None
    session_id: str | None = None
    ends_session_id: str | None = None
    charge_now: ChargeNow | None = None

    @property
    def path(self) -> str:
        """The path of the call at Axle."""
        return f"/entities/asset/{self.axle_asset_id}/event/{self.kind}"

    @property
    def fingerprint(self) -> str:
        """What was said, in short: the same for the same call with the same value."""
        text = json.dumps([self.kind, self.session_id, self.ends_session_id, self.body], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def wanted_intent(twin: Twin, now: datetime) -> AxleIntent | None:
    """The intent that Axle should know at ``now``: for the next departure, None when there is none ahead."""
    soc = twin.presence.soc_pct
    return axle_intent(
        twin.intent,
        link_power_kw=twin.link.power_kw,
        battery_kwh=twin.link.battery_kwh,
        soc_pct=None if soc is None else float(soc.value),
        timezone=twin.link.timezone,
        now=now,
    )


def wanted_session(twin: Twin, now: datetime) -> Session | None:
    """The session Axle should take the car to be plugged in with; None if there is none or the site is snoozed."""
    snoozed = twin.link.snoozed_until is not None and now < twin.link.snoozed_until
    return None if snoozed else twin.presence.session


def wanted_charge_now(twin: Twin, now: datetime) -> ChargeNow | None:
    """The boost that Axle should know: one that has not ended, of a plugged-in car."""
    boost = twin.charge_now
    return boost if boost is not None and now < boost.until and wanted_session(twin, now) is not None else None


def next_call(twin: Twin, now: datetime) -> AxleCall | None:
    """The next call that makes Axle's picture more like the twin; None when they agree or Axle refused the value."""
    if not twin.link.enrolled or twin.link.leaving:
        return None
    refused = {refusal.fingerprint for refusal in twin.axle.refusals}
    for call in _differences(twin, now):
        if call.fingerprint not in refused:
            return call
    return None


def in_sync(twin: Twin, now: datetime) -> bool:
    """Whether Axle has acknowledged everything there is to tell; a refused value is not acknowledged."""
    return not twin.link.enrolled or not _differences(twin, now)


def _differences(twin: Twin, now: datetime) -> list[AxleCall]:
    tariff, intent, plug = _tariff_call(twin), _intent_call(twin, now), _plug_call(twin, now)
    if plug is not None and plug.kind == "plug-in" and twin.axle.plug is not None:
        # The plug-in carries what is new of these, unless Axle has never heard of one.
        tariff = tariff if twin.axle.tariff is None or plug.tariff is None else None
        intent = intent if twin.axle.intent is None or plug.intent is None else None
    return [call for call in (tariff, intent, plug, _boost_call(twin, now)) if call is not None]


def _tariff_call(twin: Twin) -> AxleCall | None:
    tariff = axle_tariff(twin.tariff)
    if twin.axle.tariff == tariff:
        return None
    body = {"tariff": _tariff_body(tariff)}
    return AxleCall("tariff-update", twin.link.axle_asset_id, body, tariff=tariff)


def _intent_call(twin: Twin, now: datetime) -> AxleCall | None:
    intent = wanted_intent(twin, now)
    if intent is None or not intent_differs(twin.axle.intent, intent):
        return None
    return AxleCall("intent", twin.link.axle_asset_id, {"intent": _intent_body(intent)}, intent=intent)


def _plug_call(twin: Twin, now: datetime) -> AxleCall | None:
    session, told = wanted_session(twin, now), twin.axle.plug
    wanted = AxlePlug(session.id if session else None)
    if told == wanted:
        return None
    if session is None or (told is not None and told.session_id is not None):
        return AxleCall("plug-out", twin.link.axle_asset_id, {}, ends_session_id=told.session_id if told else None)
    body: dict[str, Any] = {"vehicle": {"charging_rate_kw": twin.link.power_kw}}
    refused = {refusal.call for refusal in twin.axle.refusals}
    tariff, intent = axle_tariff(twin.tariff), wanted_intent(twin, now)
    if "tariff-update" not in refused:
        body["tariff"] = _tariff_body(tariff)
    if intent is not None and "intent" not in refused:
        body["intent"] = _intent_body(intent)
    return AxleCall(
        "plug-in",
        twin.link.axle_asset_id,
        body,
        tariff=tariff if "tariff" in body else None,
        intent=intent if "intent" in body else None,
        session_id=session.id,
    )


def _boost_call(twin: Twin, now: datetime) -> AxleCall | None:
    wanted, told = wanted_charge_now(twin, now), twin.axle.charge_now
    if wanted is not None and wanted != told:
        body = {"end_at": _instant(wanted.until)}
        return AxleCall("charge-now", twin.link.axle_asset_id, body, charge_now=wanted)
    if wanted is None and told is not None and now < told.until:
        return AxleCall("charge-now-deleted", twin.link.axle_asset_id, {})
    return None


def _tariff_body(tariff: AxleTariff) -> dict[str, Any]:
    return {
        "off_peak_times": tariff.off_peak_times,
        "timezone": tariff.timezone,
        "tariff_type": tariff.tariff_type,
    }


def _intent_body(intent: AxleIntent) -> dict[str, Any]:
    return {
        "energy_required_kwh": intent.energy_required_kwh,
        "ready_by": _instant(intent.ready_by),
        "ready_by_local_time": intent.ready_by_local_time,
        "energy_estimated": intent.energy_estimated,
        "may_charge_peak": intent.may_charge_peak,
        "charging_mode": intent.charging_mode,
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def acknowledged(twin: Twin, call: AxleCall, now: datetime) -> Twin:
    """The twin once Axle answered the call with a 2xx."""
    axle = twin.axle
    if call.tariff is not None:
        axle = replace(axle, tariff=call.tariff)
    if call.intent is not None:
        axle = replace(axle, intent=call.intent)
    if call.kind in {"plug-in", "plug-out"}:
        axle = replace(axle, plug=AxlePlug(call.session_id))
    if call.kind in {"charge-now", "charge-now-deleted"}:
        axle = replace(axle, charge_now=call.charge_now)
    refusals = tuple(refusal for refusal in axle.refusals if refusal.call != call.kind)
    axle = replace(axle, attempts=0, retry_at=None, last_error=None, refusals=refusals)
    heard = replace(twin, axle=axle)
    if in_sync(heard, now):
        heard = replace(heard, axle=replace(axle, unacknowledged_since=None))
    return heard.tell(
        Entry(now, "AxleTold", Reason.AXLE_ACKNOWLEDGED, _TOLD[call.kind], {"call": call.kind, **call.body})
    )


_TOLD: dict[CallKind, str] = {
    "tariff-update": "Axle knows the tariff.",
    "intent": "Axle knows what the driver needs.",
    "plug-in": "Axle knows that the car is plugged in at home.",
    "plug-out": "Axle knows that the car is not plugged in.",
    "charge-now": "Axle knows of the charge-now.",
    "charge-now-deleted": "Axle knows that the charge-now is over.",
}


def put_off(twin: Twin, detail: str, *, now: datetime, wait_s: float | None, spread: float) -> Twin:
    """The twin once Axle could not answer: tried again after a pause that doubles, at most five minutes.

    Args:
        wait_s: how long Axle asked to wait (``Retry-After``), if it did.
        spread: jitter, evenly in [0, 1).
    """
    axle = twin.axle
    backoff_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(axle.attempts, 16)) * (0.5 + 0.5 * spread)
    pause_s = max(backoff_s, min(wait_s or 0.0, LONGEST_BACKOFF_S))
    later = replace(
        axle,
        attempts=axle.attempts + 1,
        retry_at=now + timedelta(seconds=pause_s),
        last_error=detail,
        unacknowledged_since=axle.unacknowledged_since or now,
    )
    put = replace(twin, axle=later)
    if axle.attempts == 0:
        text = "Axle cannot be reached; it is tried again until it answers."
        put = put.tell(Entry(now, "AxleUnavailable", Reason.AXLE_UNAVAILABLE, text, {"error": detail}))
    return put


def refused(twin: Twin, call: AxleCall, *, status: int, detail: str, now: datetime) -> Twin:
    """The twin once Axle refused the call for good: not repeated until the value changes, and the app is told."""
    kept = tuple(refusal for refusal in twin.axle.refusals if refusal.call != call.kind)
    refusal = AxleRefusal(call.kind, status, detail, call.fingerprint, now)
    axle: AxleState = replace(
        twin.axle,
        attempts=0,
        retry_at=None,
        last_error=detail,
        refusals=(*kept, refusal),
        unacknowledged_since=twin.axle.unacknowledged_since or now,
    )
    text = f"Axle refused the {call.kind}: {detail}"
    return replace(twin, axle=axle).tell(
        Entry(now, "NeedsAttention", Reason.AXLE_REFUSED, text, {"call": call.kind, "status": status})
    )


def mark_unacknowledged(twin: Twin, now: datetime) -> Twin:
    """The twin with the time noted since which Axle does not know everything, if it does not."""
    if in_sync(twin, now) or twin.axle.unacknowledged_since is not None:
        return twin
    return replace(twin, axle=replace(twin.axle, unacknowledged_since=now))


def axle_due(twin: Twin, now: datetime) -> datetime | None:
    """When Axle sync has to look at the twin again (aware UTC); None when nothing is ahead."""
    if not twin.link.enrolled or twin.link.leaving:
        return None
    if next_call(twin, now) is not None:
        retry_at = twin.axle.retry_at
        return max(now, retry_at) if retry_at else now
    ahead = [intent_changes_at(twin.intent, twin.link.timezone, now), twin.link.snoozed_until]
    return min((at for at in ahead if at is not None and at > now), default=None)
