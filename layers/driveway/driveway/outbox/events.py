"""What a change of a twin makes known: wake-ups for reconcilers, a command for a provider, events for the app."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, field

from driveway.domain.control.ready_by_risk import start_by
from driveway.domain.sessions.kept_session import KeptSession, sessions_to_keep
from driveway.domain.sessions.plan import Plan, is_plan_changed, plan_of
from driveway.domain.twin import Command, Entry, Twin
from driveway.domain.twin.events import FOR_THE_APP, Event, event_id

SOURCE = "driveway.asset"

LONGEST_WAY = timedelta(minutes=10)
"""An entry that is older than this was reported late, so its time is not the time of the change."""


class BusEvent(Struct, frozen=True):
    """An event for the bus: its detail type and detail."""

    detail_type: str
    detail: Mapping[str, Any]


class Outbox(Struct, frozen=True):
    """What one write of a twin makes known.

    ``axle_at`` and ``control_at`` are wake-ups that are due now or soon; they are queued with their delay. ``plan`` and
    ``sessions`` are kept for the asset's history; ``moved_sessions`` have another place now.
    """

    events: tuple[BusEvent, ...] = ()
    axle_at: datetime | None = None
    control_at: datetime | None = None
    entries: tuple[Entry, ...] = field(default=())
    plan: Plan | None = None
    sessions: tuple[KeptSession, ...] = ()
    moved_sessions: tuple[KeptSession, ...] = ()


class StoredTwin(Struct, frozen=True):
    """A twin as it was written, with the due times stored beside it."""

    twin: Twin
    axle_due: datetime | None
    control_due: datetime | None


def outbox_of(
    before: StoredTwin | None, after: StoredTwin, *, now: datetime, soon: datetime, spread_s: int = 0
) -> Outbox:
    """What the write from ``before`` to ``after`` makes known at ``now``, with wake-ups up to ``soon``.

    ``spread_s`` is the longest delay of the default schedule's starts.
    """
    twin = after.twin
    events = [
        BusEvent(Event.CHARGING_COMMAND, charging_command_detail(twin, command))
        for command in _newly_planned(before, twin)
        if twin.link.vehicle is not None
    ]
    events += [BusEvent(Event.CHARGING_COMMAND, detail) for detail in _newly_requested(before, twin)]
    version_seen = before is not None and before.twin.version == twin.version
    entries = () if version_seen else twin.news
    events += [_for_the_app(twin, n, entry) for n, entry in enumerate(entries) if entry.event in FOR_THE_APP]
    twin_before = None if before is None else before.twin
    at = _made_at(entries, now)
    sessions, moved_sessions = sessions_to_keep(twin_before, twin)
    return Outbox(
        events=tuple(events),
        axle_at=_until(soon, after.axle_due),
        control_at=_until(soon, after.control_due),
        entries=entries,
        plan=plan_of(twin, at, spread_s=spread_s) if is_plan_changed(twin_before, twin, at) else None,
        sessions=sessions,
        moved_sessions=moved_sessions,
    )


def _for_the_app(twin: Twin, number: int, entry: Entry) -> BusEvent:
    detail = {
        "id": event_id(twin.link.asset, twin.version, number, entry.at),
        "event": entry.event,
        "asset": twin.link.asset,
        "site": twin.link.site,
        "at": entry.at.isoformat(),
        "reason": entry.reason,
        "text": entry.text,
        "detail": entry.detail,
    }
    return BusEvent(entry.event, detail)


def _made_at(entries: tuple[Entry, ...], now: datetime) -> datetime:
    """When a change was made: the time of its latest entry, so that a repeated record has the same time."""
    latest = max((entry.at for entry in entries), default=now)
    return latest if now - LONGEST_WAY <= latest <= now else now


def charging_command_detail(twin: Twin, command: Command) -> dict[str, Any]:
    """A ChargingCommand: the car, the action, the reason, and from when until when to send it."""
    vehicle = twin.link.vehicle
    return {
        "asset": twin.link.asset,
        "provider": vehicle.provider if vehicle else None,
        "command_id": command.id,
        "action": command.action,
        "limit_kw": command.limit_kw,
        "reason": command.reason,
        "not_before": command.not_before.isoformat(),
        "expires_at": command.expires_at.isoformat(),
        "attempts": command.attempts,
        "start_by": _text(start_by(twin, command.not_before)) if command.action == "start" else None,
    }


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _newly_requested(before: StoredTwin | None, twin: Twin) -> list[dict[str, Any]]:
    """The request that does not command the car, if this write planned or repeated it: it goes the commands' way."""
    request, vehicle = twin.control.request, twin.link.vehicle
    known = before.twin.control.request if before else None
    if request is None or vehicle is None or (known is not None and known.id == request.id):
        return []
    return [
        {
            "asset": twin.link.asset,
            "provider": vehicle.provider,
            "command_id": request.id,
            "action": request.kind,
            "provider_ref": request.provider_ref,
            "not_before": request.planned_at.isoformat(),
            "expires_at": request.retry_at.isoformat(),
        }
    ]


def _newly_planned(before: StoredTwin | None, twin: Twin) -> list[Command]:
    """The command to charge and the command for the default schedule, where this write planned or repeated them.

    A write that puts a command off announces nothing: the command waits for its provider, or its message for its turn.
    """
    known = [command for command in _slots(before.twin) if command is not None] if before else []
    announced = {(command.id, command.confirm_by) for command in known}
    put_off = {(command.id, command.provider_retry_at) for command in known}
    return [
        command
        for command in _slots(twin)
        if command is not None
        and command.state == "planned"
        and not command.waits_for_provider
        and (command.id, command.confirm_by) not in announced
        and (command.provider_retry_at is None or (command.id, command.provider_retry_at) in put_off)
    ]


def _slots(twin: Twin) -> tuple[Command | None, Command | None]:
    return twin.control.command, twin.control.schedule_command


def _until(soon: datetime, due: datetime | None) -> datetime | None:
    return due if due is not None and due <= soon else None
