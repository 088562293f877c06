"""An asset from outside: what it does, why, and what comes next."""

from datetime import datetime

from driveway.domain.control.desired import Desired
from driveway.domain.control.protection import explain
from driveway.domain.control.ready_by_risk import forecast
from driveway.domain.lifecycle import ADVICE, banner
from driveway.domain.preferences.intent import intent_answer, vehicle_intent_answer
from driveway.domain.preferences.tariff import tariff_answer
from driveway.domain.preferences.vehicle_intent import intent_in_force
from driveway.domain.reports.power_above_onboarded import suggested_power
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Observed, Twin
from driveway.runtime.answer_types import connections_of, utc, utc_or_none
from driveway.runtime.context import Runtime
from driveway.status.asset_answer import (
    Asset,
    AssetBanner,
    AssetPower,
    CountingIntent,
    DepartureForecast,
    DesiredCharging,
    HeldBackCommand,
    LatestCommand,
    NextEdge,
    OpenSession,
    RunningChargeNow,
    UnmetCondition,
)
from driveway.status.axle_state import axle_state
from driveway.status.charge_test import charge_test
from driveway.status.readings import readings_summary


def asset_answer(twin: Twin, runtime: Runtime) -> Asset:
    """The answer to ``GET /assets/{asset}``."""
    now, link, presence = runtime.now(), twin.link, twin.presence
    want, held_back = explain(twin, now, runtime.control_rules)
    session = presence.session
    return Asset(
        asset=link.asset,
        site=link.site,
        type=link.type,
        axle_asset_id=link.axle_asset_id,
        enrolled=link.enrolled,
        plugged_in=_flag(presence.plugged_in),
        at_home=_flag(presence.at_home),
        charging=_flag(presence.charging),
        power_kw=_value(presence.power_kw),
        soc_pct=_value(presence.soc_pct),
        session=OpenSession(id=session.id, opened_at=utc(session.opened_at)) if session else None,
        tariff=tariff_answer(twin.tariff),
        intent=intent_answer(twin.intent),
        vehicle_intents={name: vehicle_intent_answer(own) for name, own in sorted(twin.vehicle_intents.items())},
        intent_in_force=_intent_in_force(twin),
        charge_now=_charge_now(twin),
        desired=DesiredCharging(
            charge=want.want == "charge",
            limit_kw=_limit(twin, want.want, want.limit_kw),
            source=want.source,
            reason=want.reason,
            text=want.text,
        ),
        held_back=None
        if held_back is None
        else HeldBackCommand(
            reason=held_back.reason, text=held_back.text(link.timezone), until=utc_or_none(held_back.until)
        ),
        next_edge=_next_edge(twin, now, runtime),
        command=_command(twin),
        axle=axle_state(twin, now),
        readings=readings_summary(twin, now, runtime),
        power=_power(twin),
        banner=_banner(twin, want, now),
        forecast=_forecast(twin, now, runtime),
        test_charge=charge_test(twin, runtime),
        needs_user=presence.needs_user,
        connect=connections_of(link.site) if presence.needs_user is not None or link.vehicle is None else None,
        snoozed_until=utc_or_none(link.snoozed_until),
        revision=twin.revision,
    )


def _intent_in_force(twin: Twin) -> CountingIntent:
    counting = intent_in_force(twin)
    return CountingIntent(
        of="vehicle" if counting.of_vehicle else "asset",
        vehicle_id=counting.vehicle_id,
        intent=intent_answer(counting.intent),
        text=counting.text,
    )


def _charge_now(twin: Twin) -> RunningChargeNow | None:
    boost = twin.charge_now
    if boost is None:
        return None
    return RunningChargeNow(
        id=boost.id,
        started_at=utc(boost.started_at),
        until=utc(boost.until),
        kwh=boost.kwh,
        metered_wh=boost.metered_wh,
    )


def _limit(twin: Twin, want: str, limit_kw: float | None) -> float | None:
    if want == "leave":
        return None
    return twin.link.power_kw if want == "charge" and limit_kw is None else limit_kw


def _flag(observed: Observed | None) -> bool | None:
    return None if observed is None else bool(observed.value)


def _value(observed: Observed | None) -> float | None:
    return None if observed is None else observed.value


def _banner(twin: Twin, want: Desired, now: datetime) -> AssetBanner:
    shown = banner(twin, want, now)
    unmet = [UnmetCondition(condition=one, text=ADVICE[one]) for one in shown.unmet]
    return AssetBanner(state=shown.state, text=shown.text, unmet=unmet)


def _forecast(twin: Twin, now: datetime, runtime: Runtime) -> DepartureForecast | None:
    window = ScheduleWindow(twin, now, spread_s=runtime.control_rules.default_spread_s)
    expected = forecast(twin, now, window, runtime.control_rules)
    if expected is None:
        return None
    return DepartureForecast(
        ready_by=utc(expected.ready_by),
        wanted_kwh=round(expected.wanted_kwh, 3),
        missing_kwh=round(expected.missing_kwh, 3),
        text=expected.text(twin.link.timezone),
    )


def _next_edge(twin: Twin, now: datetime, runtime: Runtime) -> NextEdge | None:
    window = ScheduleWindow(twin, now, spread_s=runtime.control_rules.default_spread_s)
    edge = window.edge_after(now)
    return NextEdge(at=utc(edge), charge=window.at(edge).limit_kw > 0) if edge else None


def _power(twin: Twin) -> AssetPower:
    suggested = suggested_power(twin)
    return AssetPower(
        onboarded_kw=twin.link.power_kw,
        suggested_kw=suggested.power_kw if suggested is not None else None,
        since=utc(suggested.since) if suggested is not None else None,
    )


def _command(twin: Twin) -> LatestCommand | None:
    command = twin.control.command
    if command is None:
        return None
    return LatestCommand(
        state=command.state,
        action=command.action,
        at=utc(command.ended_at or command.sent_at or command.planned_at),
        reason=command.reason,
        attempts=command.attempts,
        detail=command.detail,
    )
