"""Changes of an asset's preferences by a call of the app: the new twin, the answer and its warnings. Pure.

Every rule returns the same twin if nothing changes. ``now`` is aware UTC.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from driveway.domain.enrolment import check_takes_part
from driveway.domain.preferences.answer_warnings import (
    charge_now_warnings,
    fitted,
    intent_warnings,
    standing_warnings,
)
from driveway.domain.preferences.answers import ChargeNowAnswer
from driveway.domain.preferences.charge_now import charge_now_answer, charge_now_body, parse_charge_now
from driveway.domain.preferences.intent import (
    check_intent_fits,
    intent_answer,
    intent_body,
    parse_intent,
    vehicle_intent_answer,
)
from driveway.domain.preferences.tariff import parse_tariff, tariff_answer, tariff_body
from driveway.domain.preferences.vehicle_intent import (
    parse_vehicle_intent,
    vehicle_intent_body,
    with_vehicle_intent,
)
from driveway.domain.twin import Entry, Twin, VehicleIntent
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.values import replace

Body = Mapping[str, Any]


class PreferenceChange(Struct, frozen=True):
    """A change of one preference.

    Attributes:
        rule: the twin with the change. It raises PreferenceError or NotEnrolledError where the change does not fit.
        answer: the preference as it is stored, of the twin after the change; None where there is none any more.
        warnings: for the app, of the twin after the change.
    """

    rule: Callable[[Twin, datetime], Twin]
    answer: Callable[[Twin], Struct | None]
    warnings: Callable[[Twin, datetime], tuple[str, ...]] = standing_warnings


def set_tariff(body: Body) -> PreferenceChange:
    """Replace the tariff. Raises PreferenceError."""
    result = parse_tariff(body)

    def rule(twin: Twin, now: datetime) -> Twin:
        if twin.tariff == result.tariff:
            return twin
        detail = {"by": "app"} | tariff_body(result.tariff)
        entry = Entry(now, Event.TARIFF_SET, Reason.UPDATED_BY_APP, "The tariff was set.", detail)
        return replace(twin, tariff=result.tariff).tell(entry)

    return PreferenceChange(
        rule,
        lambda twin: tariff_answer(twin.tariff),
        lambda twin, now: (*result.warnings, *standing_warnings(twin, now)),
    )


def set_intent(body: Body) -> PreferenceChange:
    """Replace the intent. Energy that the battery cannot hold is cut, with a warning. Raises PreferenceError."""
    asked = parse_intent(body)

    def rule(twin: Twin, now: datetime) -> Twin:
        battery_kwh = twin.link.battery_kwh
        check_intent_fits(asked, battery_kwh=battery_kwh)
        intent = fitted(asked, battery_kwh=battery_kwh)
        if twin.intent == intent:
            return twin
        detail = {"by": "app"} | intent_body(intent)
        entry = Entry(now, Event.INTENT_SET, Reason.UPDATED_BY_APP, "What the driver needs was set.", detail)
        return replace(twin, intent=intent).tell(entry)

    def warnings(twin: Twin, now: datetime) -> tuple[str, ...]:
        link = twin.link
        about = intent_warnings(asked, battery_kwh=link.battery_kwh, power_kw=link.power_kw)
        return (*about, *standing_warnings(twin, now))

    return PreferenceChange(rule, lambda twin: intent_answer(twin.intent), warnings)


def set_vehicle_intent(vehicle_id: str, body: Body) -> PreferenceChange:
    """Replace the intent of one of several cars. Raises PreferenceError."""
    asked = parse_vehicle_intent(body)

    def battery_kwh(twin: Twin) -> float | None:
        return asked.battery_kwh or twin.link.battery_kwh

    def rule(twin: Twin, now: datetime) -> Twin:
        own = replace(asked, intent=fitted(asked.intent, battery_kwh=battery_kwh(twin)))
        text = "What the driver of one of the cars needs was set."
        detail = {"by": "app"} | vehicle_intent_body(own)
        return _with_vehicle_intent(
            twin, vehicle_id, own, Entry(now, Event.VEHICLE_INTENT_SET, Reason.UPDATED_BY_APP, text, detail)
        )

    def warnings(twin: Twin, now: datetime) -> tuple[str, ...]:
        about = intent_warnings(asked.intent, battery_kwh=battery_kwh(twin), power_kw=twin.link.power_kw)
        return (*about, *standing_warnings(twin, now))

    return PreferenceChange(rule, lambda twin: vehicle_intent_answer(twin.vehicle_intents[vehicle_id]), warnings)


def delete_vehicle_intent(vehicle_id: str) -> PreferenceChange:
    """End a car's own intent: the asset's counts for it again."""

    def rule(twin: Twin, now: datetime) -> Twin:
        text = "The asset's intent counts for that car again."
        entry = Entry(now, Event.VEHICLE_INTENT_DELETED, Reason.UPDATED_BY_APP, text)
        return _with_vehicle_intent(twin, vehicle_id, None, entry)

    return PreferenceChange(rule, lambda _: None)


def _with_vehicle_intent(twin: Twin, vehicle_id: str, own: VehicleIntent | None, entry: Entry) -> Twin:
    after = with_vehicle_intent(twin, vehicle_id, own)
    return twin if after is twin else after.tell(replace(entry, detail={"vehicle_id": vehicle_id} | entry.detail))


def set_charge_now(body: Body, *, boost_id: str) -> PreferenceChange:
    """Charge at once, for a bounded time. If the twin already has a charge-now with this id, it goes on."""

    def rule(twin: Twin, now: datetime) -> Twin:
        check_takes_part(twin.link, "The site is not enrolled, so we do not control its cars. Enrol it first.")
        boost = parse_charge_now(body, now=now, power_kw=twin.link.power_kw, id=boost_id)
        if twin.charge_now is not None and twin.charge_now.id == boost.id:
            return twin
        detail = {"by": "app"} | charge_now_body(boost)
        entry = Entry(now, Event.CHARGE_NOW_SET, Reason.CHARGE_NOW, "Charge now was asked for.", detail)
        return replace(twin, charge_now=replace(boost, metered_wh=_session_wh(twin))).tell(entry)

    def answer(twin: Twin) -> ChargeNowAnswer | None:
        return charge_now_answer(twin.charge_now) if twin.charge_now is not None else None

    return PreferenceChange(rule, answer, charge_now_warnings)


def _session_wh(twin: Twin) -> int:
    return twin.meter.session_wh(twin.presence.session.id) if twin.presence.session is not None else 0


def end_charge_now() -> PreferenceChange:
    """End a charge-now; without one nothing changes."""

    def rule(twin: Twin, now: datetime) -> Twin:
        if twin.charge_now is None:
            return twin
        by = {"by": "app"}
        entry = Entry(
            now, Event.CHARGE_NOW_ENDED, Reason.CHARGE_NOW_DELETED, "Charge now was ended; the plan goes on.", by
        )
        return replace(twin, charge_now=None).tell(entry)

    return PreferenceChange(rule, lambda _: None, lambda _twin, _now: ())
