"""What Axle has to be told next of an asset, and what its answers mean. Pure: values in, values out.

Order for an asset: tariff, intent, plug state, charge-now. The first of each is told on its own; later a plug-in
carries tariff and intent, so that one call says all. Values are taken at the moment of the call, so many quick changes
cost one call. What was told and never answered is in doubt, and told again whatever the twin wants by then: so the
calls, which say states and not steps, make Axle's picture right even when an answer was lost after Axle had acted.
Where other calls followed before Axle can have carried out the lost one at the latest, their values are told once more.

A call that Axle refuses for good is parked until its value changes. Where another call can say what matters it is made
instead: a refused plug-in without what came with it, and after a refused plug-out the next session's plug-in.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from driveway.domain.axle_sync.calls import (
    AxleCall,
    acknowledged_values,
    bare_plug_in,
    charge_now,
    charge_now_deleted,
    intent_update,
    plug_in,
    plug_out,
    tariff_update,
)
from driveway.domain.preferences.departures import intent_changes_at
from driveway.domain.preferences.intent import SOC_ENERGY_TOLERANCE_KWH, axle_intent, intent_differs, same_target
from driveway.domain.preferences.tariff import axle_tariff
from driveway.domain.preferences.vehicle_intent import intent_in_force
from driveway.domain.twin import (
    AxleDoubt,
    AxleIntent,
    AxleLost,
    AxleState,
    AxleSubject,
    ChargeNow,
    Session,
    Twin,
)


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
    """The session Axle should take the car to be plugged in with; None if there is none or the site is snoozed."""
    snoozed = twin.link.snoozed_until is not None and now < twin.link.snoozed_until
    return None if snoozed else twin.presence.session


def wanted_charge_now(twin: Twin, now: datetime) -> ChargeNow | None:
    """The boost that Axle should know: one that has not ended, of a plugged-in car."""
    boost = twin.charge_now
    return boost if boost is not None and now < boost.until and wanted_session(twin, now) is not None else None


def next_call(twin: Twin, now: datetime) -> AxleCall | None:
    """The next call that makes Axle's picture more like the twin; None when they agree or Axle refused the values.

    Whether it may be made yet is another matter: see ``call_due``.
    """
    refused = _refused(twin)
    calls = (_not_refused(ladder, refused) for ladder in _differences(twin, now))
    return next((call for call in calls if call is not None), None)


def in_sync(twin: Twin, now: datetime) -> bool:
    """Whether Axle has acknowledged everything there is to tell; a refused value is not acknowledged."""
    return not _differences(twin, now)


def call_due(twin: Twin, now: datetime) -> AxleCall | None:
    """The call to make now: None as well while a pause lasts or another instance is calling."""
    axle = twin.axle
    pausing = axle.retry_at is not None and now < axle.retry_at
    calling = axle.telling is not None and now < axle.telling.until
    return None if pausing or calling else next_call(twin, now)


def axle_due(twin: Twin, now: datetime) -> datetime | None:
    """When Axle sync has to look at the twin again (aware UTC); None when nothing is ahead."""
    if not _told_of(twin):
        return None
    axle = twin.axle
    if axle.telling is not None and now < axle.telling.until:
        return axle.telling.until
    if next_call(twin, now) is not None:
        return max(now, axle.retry_at) if axle.retry_at else now
    if at_rest(twin, now) is not twin:
        return now
    ahead = [intent_changes_at(intent_in_force(twin).intent, twin.link.timezone, now), twin.link.snoozed_until]
    ahead += [lost.until for lost in _overtaken(axle)]
    return min((at for at in ahead if at is not None and at > now), default=None)


def mark_unacknowledged(twin: Twin, now: datetime) -> Twin:
    """The twin with the time noted since which Axle does not know everything, if it does not."""
    if in_sync(twin, now) or twin.axle.unacknowledged_since is not None:
        return twin
    return replace(twin, axle=replace(twin.axle, unacknowledged_since=now))


def at_rest(twin: Twin, now: datetime) -> Twin:
    """The twin without what failed calls left on it, once there is nothing to tell and no call under way."""
    axle = twin.axle
    if axle.telling is not None or not in_sync(twin, now):
        return twin
    quiet = replace(axle, attempts=0, retry_at=None, last_error=None, refusals=(), unacknowledged_since=None)
    return twin if quiet == axle else replace(twin, axle=quiet)


def doubts(twin: Twin, now: datetime) -> tuple[AxleDoubt, ...]:
    """What Axle may know otherwise than it acknowledged.

    It was told so without an answer: by calls of the past, by one whose maker has vanished, or by one that others
    followed and that Axle may have carried out after them.
    """
    axle = twin.axle
    vanished = axle.telling is not None and now >= axle.telling.until
    unheard = with_doubts(axle.doubts, axle.telling.tells) if axle.telling is not None and vanished else axle.doubts
    late = tuple(lost.told for lost in _overtaken(axle) if lost.until <= now)
    if any(told == AxleDoubt("plug") for told in late) and axle.charge_now is not None and now < axle.charge_now.until:
        # Whether a plug-out ends the charge-now is Axle's affair and not documented.
        late = (*late, AxleDoubt("charge_now"))
    return with_doubts(unheard, late) if late else unheard


def _overtaken(axle: AxleState) -> list[AxleLost]:
    """The lost calls' values other than which Axle has acknowledged."""
    known = acknowledged_values(axle) if axle.lost else {}
    return [lost for lost in axle.lost if known[lost.told.subject] != lost.said]


MOST_PLUG_DOUBTS = 3


def with_doubts(known: tuple[AxleDoubt, ...], further: tuple[AxleDoubt, ...]) -> tuple[AxleDoubt, ...]:
    """Doubts joined, each once. Of the sessions three are enough to know that Axle may have heard of another one."""
    joined = tuple(doubt for doubt in known if doubt not in further) + further
    plugs = [doubt for doubt in joined if doubt.subject == "plug"]
    dropped = set(plugs[:-MOST_PLUG_DOUBTS])
    return tuple(doubt for doubt in joined if doubt not in dropped)


def possible_calls(twin: Twin, now: datetime) -> set[str]:
    """The fingerprints of all calls that the present differences could lead to."""
    return {call.fingerprint for ladder in _differences(twin, now) for call in ladder}


def _told_of(twin: Twin) -> bool:
    return twin.link.enrolled and not twin.link.leaving


def _refused(twin: Twin) -> frozenset[str]:
    return frozenset(refusal.fingerprint for refusal in twin.axle.refusals)


def _not_refused(ladder: tuple[AxleCall, ...], refused: frozenset[str]) -> AxleCall | None:
    return next((call for call in ladder if call.fingerprint not in refused), None)


def _differences(twin: Twin, now: datetime) -> list[tuple[AxleCall, ...]]:
    """What Axle must be told, in order; for each the calls that say it, the later ones where the first is refused."""
    if not _told_of(twin):
        return []
    refused, doubtful = _refused(twin), {doubt.subject for doubt in doubts(twin, now)}
    plug = _plug_ladder(twin, now, refused)
    carrier = _not_refused(plug, refused) if twin.axle.plug is not None else None
    return [
        ladder
        for ladder in (
            _tariff_ladder(twin, doubtful, carrier),
            _intent_ladder(twin, now, doubtful, carrier),
            plug,
            _boost_ladder(twin, now, doubtful, told_plugged_in=not plug),
        )
        if ladder
    ]


def _tariff_ladder(twin: Twin, doubtful: set[AxleSubject], carrier: AxleCall | None) -> tuple[AxleCall, ...]:
    tariff, told = axle_tariff(twin.tariff), twin.axle.tariff
    carried = carrier is not None and carrier.tariff is not None and told is not None
    if carried or (tariff == told and "tariff" not in doubtful):
        return ()
    return (tariff_update(twin.link.axle_asset_id, tariff),)


def _intent_ladder(
    twin: Twin, now: datetime, doubtful: set[AxleSubject], carrier: AxleCall | None
) -> tuple[AxleCall, ...]:
    intent, told = wanted_intent(twin, now), twin.axle.intent
    carried = carrier is not None and carrier.intent is not None and told is not None
    if intent is None or carried or not (_is_news(twin, intent, now) or "intent" in doubtful):
        return ()
    return (intent_update(twin.link.axle_asset_id, intent),)


def _is_news(twin: Twin, wanted: AxleIntent, now: datetime) -> bool:
    """Whether Axle must be told the intent.

    A state of charge that moves under the same target is told with the plug-in. Later it is news only if the car needs
    more than Axle was told, or so much less that charging since the plug-in does not explain it: Axle counts what it
    let the car charge, and would count it twice.
    """
    told = twin.axle.intent
    if told is None or not intent_differs(told, wanted):
        return told is None
    same_terms = not intent_differs(replace(told, energy_required_kwh=wanted.energy_required_kwh), wanted)
    if not same_target(told, wanted) or not same_terms:
        return True
    session = wanted_session(twin, now)
    if session is None:
        return False
    hours = max(0.0, (now - session.opened_at) / timedelta(hours=1))
    least_kwh = told.energy_required_kwh - hours * twin.link.power_kw - SOC_ENERGY_TOLERANCE_KWH
    return not least_kwh <= wanted.energy_required_kwh <= told.energy_required_kwh


def _plug_ladder(twin: Twin, now: datetime, refused: frozenset[str]) -> tuple[AxleCall, ...]:
    session, told, asset_id = wanted_session(twin, now), twin.axle.plug, twin.link.axle_asset_id
    heard = {doubt.session_id for doubt in doubts(twin, now) if doubt.subject == "plug"}
    if told is not None:
        heard.add(told.session_id)
    wanted_id = session.id if session is not None else None
    if told is not None and heard == {wanted_id}:
        return ()
    others = tuple(sorted(session_id for session_id in heard if session_id not in {None, wanted_id}))
    if session is None:
        return (plug_out(asset_id, others),)
    ending = (plug_out(asset_id, others),) if others else ()
    return (*ending, _plug_in(twin, session, now, refused), bare_plug_in(asset_id, session.id))


def _plug_in(twin: Twin, session: Session, now: datetime, refused: frozenset[str]) -> AxleCall:
    """The plug-in with all that Axle has not refused of tariff and intent."""
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


def _boost_ladder(
    twin: Twin, now: datetime, doubtful: set[AxleSubject], *, told_plugged_in: bool
) -> tuple[AxleCall, ...]:
    wanted, told, asset_id = wanted_charge_now(twin, now), twin.axle.charge_now, twin.link.axle_asset_id
    in_doubt = "charge_now" in doubtful
    if wanted is not None:
        known = told is not None and told.until == wanted.until and not in_doubt
        return () if known or not told_plugged_in else (charge_now(asset_id, wanted),)
    over = told is None or now >= told.until
    return () if over and not in_doubt else (charge_now_deleted(asset_id, told),)
