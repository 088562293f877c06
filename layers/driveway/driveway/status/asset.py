"""An asset from outside: what it does, why, and what comes next."""

from datetime import datetime
from typing import Any

import msgspec

from driveway.domain.control.desired import Desired
from driveway.domain.control.protection import explain
from driveway.domain.control.ready_by_risk import forecast
from driveway.domain.instants import utc_text, utc_text_or_none
from driveway.domain.lifecycle import ADVICE, banner
from driveway.domain.preferences.intent import intent_body
from driveway.domain.preferences.tariff import tariff_body
from driveway.domain.preferences.vehicle_intent import intent_in_force, vehicle_intent_body
from driveway.domain.reports.power_above_onboarded import suggested_power
from driveway.domain.schedules.schedule_window import ScheduleWindow
from driveway.domain.twin import Observed, Twin
from driveway.runtime.context import Runtime
from driveway.status.axle_state import axle_sync_status
from driveway.status.charge_test import charge_test
from driveway.status.readings import readings_summary


def asset_body(twin: Twin, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /assets/{asset}``."""
    now, link, presence = runtime.now(), twin.link, twin.presence
    want, held_back = explain(twin, now, runtime.control_rules)
    session = presence.session
    return {
        "asset": link.asset,
        "site": link.site,
        "type": link.type,
        "axle_asset_id": link.axle_asset_id,
        "enrolled": link.enrolled,
        "plugged_in": _value(presence.plugged_in),
        "at_home": _value(presence.at_home),
        "charging": _value(presence.charging),
        "power_kw": _value(presence.power_kw),
        "soc_pct": _value(presence.soc_pct),
        "session": {"id": session.id, "opened_at": utc_text_or_none(session.opened_at)} if session else None,
        "tariff": tariff_body(twin.tariff),
        "intent": intent_body(twin.intent),
        "vehicle_intents": {name: vehicle_intent_body(own) for name, own in sorted(twin.vehicle_intents.items())},
        "intent_in_force": _intent_in_force(twin),
        "charge_now": msgspec.to_builtins(twin.charge_now),
        "desired": {
            "charge": want.want == "charge",
            "limit_kw": _limit(twin, want.want, want.limit_kw),
            "source": want.source,
            "reason": want.reason.value,
            "text": want.text,
        },
        "held_back": None
        if held_back is None
        else {
            "reason": held_back.reason.value,
            "text": held_back.text(link.timezone),
            "until": utc_text_or_none(held_back.until),
        },
        "next_edge": _next_edge(twin, now, runtime),
        "command": _command(twin),
        **axle_sync_status(twin, now),
        "readings": readings_summary(twin, now, runtime),
        "power": _power(twin),
        "banner": _banner(twin, want, now),
        "forecast": _forecast(twin, now, runtime),
        "test_charge": charge_test(twin, runtime),
        "needs_user": presence.needs_user,
        "connect": f"/sites/{link.site}/connections" if presence.needs_user is not None else None,
        "snoozed_until": utc_text_or_none(link.snoozed_until),
        "revision": twin.revision,
    }


def _intent_in_force(twin: Twin) -> dict[str, Any]:
    counting = intent_in_force(twin)
    return {
        "of": "vehicle" if counting.of_vehicle else "asset",
        "vehicle_id": counting.vehicle_id,
        "intent": intent_body(counting.intent),
        "text": counting.text,
    }


def _limit(twin: Twin, want: str, limit_kw: float | None) -> float | None:
    if want == "leave":
        return None
    return twin.link.power_kw if want == "charge" and limit_kw is None else limit_kw


def _value(observed: Observed | None) -> bool | float | None:
    return None if observed is None else observed.value


def _banner(twin: Twin, want: Desired, now: datetime) -> dict[str, Any]:
    shown = banner(twin, want, now)
    return {
        "state": shown.state.value,
        "text": shown.text,
        "unmet": [{"condition": one.value, "text": ADVICE[one]} for one in shown.unmet],
    }


def _forecast(twin: Twin, now: datetime, runtime: Runtime) -> dict[str, Any] | None:
    window = ScheduleWindow(twin, now, spread_s=runtime.control_rules.default_spread_s)
    expected = forecast(twin, now, window, runtime.control_rules)
    if expected is None:
        return None
    return {
        "ready_by": utc_text(expected.ready_by),
        "wanted_kwh": round(expected.wanted_kwh, 3),
        "missing_kwh": round(expected.missing_kwh, 3),
        "text": expected.text(twin.link.timezone),
    }


def _next_edge(twin: Twin, now: datetime, runtime: Runtime) -> dict[str, Any] | None:
    window = ScheduleWindow(twin, now, spread_s=runtime.control_rules.default_spread_s)
    edge = window.edge_after(now)
    return {"at": utc_text(edge), "charge": window.at(edge).limit_kw > 0} if edge else None


def _power(twin: Twin) -> dict[str, Any]:
    suggested = suggested_power(twin)
    return {
        "onboarded_kw": twin.link.power_kw,
        "suggested_kw": suggested.power_kw if suggested is not None else None,
        "since": utc_text_or_none(suggested.since) if suggested is not None else None,
    }


def _command(twin: Twin) -> dict[str, Any] | None:
    command = twin.control.command
    if command is None:
        return None
    at = command.ended_at or command.sent_at or command.planned_at
    return {
        "state": command.state,
        "action": command.action,
        "at": utc_text_or_none(at),
        "reason": command.reason,
        "attempts": command.attempts,
        "detail": command.detail,
    }
