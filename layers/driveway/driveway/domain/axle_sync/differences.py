"""The values of an asset that Axle does not know yet, and the next call that reports one. Pure: values in, values out.

Order for an asset: tariff, intent, plug state, charging rate, charge-now. The first value of each is reported on its
own; later a plug-in carries tariff and intent. Values are taken at the moment of the call, so many quick changes cost
one call.

A report that had no answer is in doubt, and is repeated even if the twin has changed by then. Calls carry states, not
steps, so Axle's picture becomes right even when an answer was lost after Axle had acted. Axle may also carry a lost
call out late, after other calls: once that time is over, the values of those calls are reported once more.

A call that Axle refuses for good is parked until its value changes. If another call can report the same fact, it is
made instead: after a refused plug-in a plug-in without tariff and intent, and after a refused plug-out the plug-in of
the next session.
"""

from datetime import datetime, timedelta

from driveway.domain.axle_sync.calls import (
    AxleCall,
    bare_plug_in,
    charge_now,
    charge_now_deleted,
    intent_update,
    plug_in,
    plug_out,
    tariff_update,
    vehicle_update,
)
from driveway.domain.axle_sync.doubts import doubts, overtaken
from driveway.domain.preferences.departures import intent_changes_at
from driveway.domain.preferences.intent import SOC_ENERGY_TOLERANCE_KWH, axle_intent, intent_differs, same_target
from driveway.domain.preferences.tariff import axle_tariff
from driveway.domain.preferences.vehicle_intent import intent_in_force
from driveway.domain.twin import (
    AxleIntent,
    AxleSubject,
    ChargeNow,
    Session,
    Twin,
)
from driveway.values import replace


def wanted_intent(twin: Twin, now: datetime) -> AxleIntent | None:
    """The intent that Axle should know at ``now``: for the next departure, None when there is none ahead."""
    soc, counting = twin.presence.soc_pct, intent_in_force(twin)
    return axle_intent(
        counting.intent,
        link_power_kw=twin.link.power_kw,
        battery_kwh=counting.battery_kwh,
        soc_pct=None if soc is None else float(soc.value),
        timezone=twin.link.timezone,
        now=now,
        vehicle_id=counting.vehicle_id,
    )


def wanted_session(twin: Twin, now: datetime) -> Session | None:
    """The session that Axle should know; None if there is none or the site is snoozed."""
    snoozed = twin.link.snoozed_until is not None and now < twin.link.snoozed_until
    return None if snoozed else twin.presence.session


def wanted_charge_now(twin: Twin, now: datetime) -> ChargeNow | None:
    """The charge-now that Axle should know: one that has not ended, of a plugged-in car."""
    boost = twin.charge_now
    return boost if boost is not None and now < boost.until and wanted_session(twin, now) is not None else None


def next_call(twin: Twin, now: datetime) -> AxleCall | None:
    """The next call that makes Axle's picture more like the twin; None when they agree or Axle refused the values.

    It may have to wait: see ``call_due``.
    """
    refused = _refused(twin)
    calls = (_not_refused(ladder, refused) for ladder in _differences(twin, now))
    return next((call for call in calls if call is not None), None)


def in_sync(twin: Twin, now: datetime) -> bool:
    """Whether Axle has acknowledged everything that it should know; a refused value is not acknowledged."""
    return not _differences(twin, now)


def call_due(twin: Twin, now: datetime) -> AxleCall | None:
    """The call to make now: None as well while a pause lasts or another instance is calling."""
    axle = twin.axle
    pausing = axle.retry_at is not None and now < axle.retry_at
    calling = axle.call_claim is not None and now < axle.call_claim.until
    return None if pausing or calling else next_call(twin, now)


def axle_due(twin: Twin, now: datetime) -> datetime | None:
    """When Axle sync has to reconcile the twin again (aware UTC); None when nothing is ahead."""
    if not takes_part(twin):
        return None
    axle = twin.axle
    if axle.call_claim is not None and now < axle.call_claim.until:
        return axle.call_claim.until
    if next_call(twin, now) is not None:
        return max(now, axle.retry_at) if axle.retry_at else now
    if at_rest(twin, now) is not twin:
        return now
    ahead = [intent_changes_at(intent_in_force(twin).intent, twin.link.timezone, now), twin.link.snoozed_until]
    ahead += [lost.until for lost in overtaken(axle)]
    return min((at for at in ahead if at is not None and at > now), default=None)


def mark_unacknowledged(twin: Twin, now: datetime) -> Twin:
    """The twin with the time since which Axle lacks a value, if it lacks one."""
    if in_sync(twin, now) or twin.axle.unacknowledged_since is not None:
        return twin
    return replace(twin, axle=replace(twin.axle, unacknowledged_since=now))


def at_rest(twin: Twin, now: datetime) -> Twin:
    """The twin without the traces of failed calls, once Axle knows everything and no call is under way."""
    axle = twin.axle
    if axle.call_claim is not None or not in_sync(twin, now):
        return twin
    quiet = replace(axle, attempts=0, retry_at=None, last_error=None, refusals=(), unacknowledged_since=None)
    return twin if quiet == axle else replace(twin, axle=quiet)


def possible_calls(twin: Twin, now: datetime) -> set[str]:
    """The fingerprints of all calls that the present differences could lead to."""
    return {call.fingerprint for ladder in _differences(twin, now) for call in ladder}


def takes_part(twin: Twin) -> bool:
    """Whether the asset is reported to Axle: its site is enrolled and it is not leaving."""
    return twin.link.enrolled and not twin.link.leaving


def _refused(twin: Twin) -> frozenset[str]:
    return frozenset(refusal.fingerprint for refusal in twin.axle.refusals)


def _not_refused(ladder: tuple[AxleCall, ...], refused: frozenset[str]) -> AxleCall | None:
    return next((call for call in ladder if call.fingerprint not in refused), None)


def _differences(twin: Twin, now: datetime) -> list[tuple[AxleCall, ...]]:
    """The unknown values in order; for each the calls that can report it, the next one for use after a refusal."""
    if not takes_part(twin):
        return []
    refused, doubtful = _refused(twin), {doubt.subject for doubt in doubts(twin, now)}
    plug = _plug_ladder(twin, now, refused)
    carrier = _not_refused(plug, refused) if twin.axle.plug is not None else None
    return [
        ladder
        for ladder in (
            _tariff_ladder(twin, doubtful, carrier),
            _intent_ladder(twin, now, doubtful, carrier),
            plug or _charging_rate_ladder(twin, now, doubtful, refused),
            _charge_now_ladder(twin, now, doubtful, plug_is_known=not plug),
        )
        if ladder
    ]


def _tariff_ladder(twin: Twin, doubtful: set[AxleSubject], carrier: AxleCall | None) -> tuple[AxleCall, ...]:
    tariff, known = axle_tariff(twin.tariff), twin.axle.tariff
    carried = carrier is not None and carrier.tariff is not None and known is not None
    if carried or (tariff == known and "tariff" not in doubtful):
        return ()
    return (tariff_update(twin.link.axle_asset_id, tariff),)


def _intent_ladder(
    twin: Twin, now: datetime, doubtful: set[AxleSubject], carrier: AxleCall | None
) -> tuple[AxleCall, ...]:
    intent, known = wanted_intent(twin, now), twin.axle.intent
    carried = carrier is not None and carrier.intent is not None and known is not None
    if intent is None or carried or not (_is_news(twin, intent, now) or "intent" in doubtful):
        return ()
    return (intent_update(twin.link.axle_asset_id, intent),)


def _is_news(twin: Twin, wanted: AxleIntent, now: datetime) -> bool:
    """Whether Axle must learn the intent.

    Under one target, a new state of charge is reported with the plug-in. Later it is reported only if the car needs
    more than Axle knows, or so much less that charging since the plug-in does not explain it: Axle subtracts the energy
    that it let the car charge, and would subtract it twice.
    """
    known = twin.axle.intent
    if known is None or not intent_differs(known, wanted):
        return known is None
    same_terms = not intent_differs(replace(known, energy_required_kwh=wanted.energy_required_kwh), wanted)
    if not same_target(known, wanted) or not same_terms:
        return True
    session = wanted_session(twin, now)
    if session is None:
        return False
    hours = max(0.0, (now - session.opened_at) / timedelta(hours=1))
    least_kwh = known.energy_required_kwh - hours * twin.link.power_kw - SOC_ENERGY_TOLERANCE_KWH
    return not least_kwh <= wanted.energy_required_kwh <= known.energy_required_kwh


def _plug_ladder(twin: Twin, now: datetime, refused: frozenset[str]) -> tuple[AxleCall, ...]:
    session, known, asset_id = wanted_session(twin, now), twin.axle.plug, twin.link.axle_asset_id
    possible = {doubt.session_id for doubt in doubts(twin, now) if doubt.subject == "plug"}
    if known is not None:
        possible.add(known.session_id)
    wanted_id = session.id if session is not None else None
    if known is not None and possible == {wanted_id}:
        return ()
    others = tuple(sorted(session_id for session_id in possible if session_id not in {None, wanted_id}))
    if session is None:
        return (plug_out(asset_id, others),)
    ending = (plug_out(asset_id, others),) if others else ()
    return (*ending, _plug_in(twin, session, now, refused), bare_plug_in(asset_id, session.id))


def _plug_in(twin: Twin, session: Session, now: datetime, refused: frozenset[str]) -> AxleCall:
    """The plug-in with those of tariff and intent that Axle has not refused."""
    asset_id, tariff, intent = twin.link.axle_asset_id, axle_tariff(twin.tariff), wanted_intent(twin, now)
    tariff_refused = tariff_update(asset_id, tariff).fingerprint in refused
    intent_refused = intent is not None and intent_update(asset_id, intent).fingerprint in refused
    return plug_in(
        asset_id,
        session.id,
        power_kw=twin.link.power_kw,
        tariff=None if tariff_refused else tariff,
        intent=None if intent_refused else intent,
    )


def _charging_rate_ladder(
    twin: Twin, now: datetime, doubtful: set[AxleSubject], refused: frozenset[str]
) -> tuple[AxleCall, ...]:
    """The power of a car that stays plugged in, unless Axle acknowledged the plug-in without a power."""
    session, known_kw, power_kw = wanted_session(twin, now), twin.axle.charging_rate_kw, twin.link.power_kw
    if session is None or known_kw is None or (known_kw == power_kw and "charging_rate" not in doubtful):
        return ()
    update = vehicle_update(twin.link.axle_asset_id, power_kw=power_kw, tariff=axle_tariff(twin.tariff))
    return (update, _plug_in(twin, session, now, refused))


def _charge_now_ladder(
    twin: Twin, now: datetime, doubtful: set[AxleSubject], *, plug_is_known: bool
) -> tuple[AxleCall, ...]:
    wanted, known, asset_id = wanted_charge_now(twin, now), twin.axle.charge_now, twin.link.axle_asset_id
    in_doubt = "charge_now" in doubtful
    if wanted is not None:
        is_known = known is not None and known.until == wanted.until and not in_doubt
        return () if is_known or not plug_is_known else (charge_now(asset_id, wanted),)
    is_over = known is None or now >= known.until
    return () if is_over and not in_doubt else (charge_now_deleted(asset_id, known),)
