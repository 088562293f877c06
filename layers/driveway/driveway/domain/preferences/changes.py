"""What the app wants of an asset (tariff, intent, charge now), noted on its twin and told on its timeline. Pure.

Every rule gives the same twin where nothing changes. ``now`` is aware UTC.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from driveway.domain.preferences.charge_now import charge_now_body, parse_charge_now
from driveway.domain.preferences.intent import check_intent_fits
from driveway.domain.preferences.vehicle_intent import with_vehicle_intent
from driveway.domain.twin import Entry, Intent, Tariff, Twin, VehicleIntent
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason


def tariff_set(twin: Twin, tariff: Tariff, now: datetime) -> Twin:
    """The twin with this tariff."""
    if twin.tariff == tariff:
        return twin
    entry = Entry(now, Event.TARIFF_SET, Reason.UPDATED_BY_APP, "The tariff was set.")
    return replace(twin, tariff=tariff).tell(entry)


def intent_set(twin: Twin, intent: Intent, now: datetime) -> Twin:
    """The twin with this intent.

    Raises:
        PreferenceError: it does not fit the asset's battery.
    """
    check_intent_fits(intent, battery_kwh=twin.link.battery_kwh)
    if twin.intent == intent:
        return twin
    entry = Entry(now, Event.INTENT_SET, Reason.UPDATED_BY_APP, "What the driver needs was set.")
    return replace(twin, intent=intent).tell(entry)


def vehicle_intent_set(twin: Twin, vehicle_id: str, own: VehicleIntent | None, now: datetime) -> Twin:
    """The twin with this intent of a car's own; with None, without one.

    Raises:
        PreferenceError: see ``with_vehicle_intent``.
    """
    after = with_vehicle_intent(twin, vehicle_id, own)
    if after is twin:
        return twin
    event, text = (
        (Event.VEHICLE_INTENT_SET, "What the driver of one of the cars needs was set.")
        if own is not None
        else (Event.VEHICLE_INTENT_DELETED, "The asset's intent counts for that car again.")
    )
    return after.tell(Entry(now, event, Reason.UPDATED_BY_APP, text, {"vehicle_id": vehicle_id}))


def charge_now_set(twin: Twin, body: Mapping[str, Any], now: datetime, *, boost_id: str) -> Twin:
    """The twin with the charge-now that an app's body says; unchanged if it has the one of this id already.

    Raises:
        PreferenceError: see ``parse_charge_now``.
    """
    boost = parse_charge_now(body, now=now, power_kw=twin.link.power_kw, id=boost_id)
    if twin.charge_now is not None and twin.charge_now.id == boost.id:
        return twin
    entry = Entry(now, Event.CHARGE_NOW_SET, Reason.CHARGE_NOW, "Charge now was asked for.", charge_now_body(boost))
    return replace(twin, charge_now=replace(boost, metered_wh=twin.meter.total_wh)).tell(entry)


def charge_now_ended(twin: Twin, now: datetime) -> Twin:
    """The twin without a charge-now."""
    if twin.charge_now is None:
        return twin
    entry = Entry(now, Event.CHARGE_NOW_ENDED, Reason.CHARGE_NOW_DELETED, "Charge now was ended; the plan goes on.")
    return replace(twin, charge_now=None).tell(entry)
