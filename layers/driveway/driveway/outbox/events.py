"""What a change of a twin makes known: wake-ups for reconcilers, a command for a provider, events for the app."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from driveway.domain.twin import Command, Entry, Twin
from driveway.domain.twin.events import FOR_THE_APP, Event

SOURCE = "driveway.asset"


@dataclass(frozen=True, slots=True)
class BusEvent:
    """An event for the bus: its detail type and detail."""

    detail_type: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outbox:
    """What one write of a twin makes known.

    ``axle_at`` and ``control_at`` are wake-ups that are due soon and are queued with their delay. The events have what
    is due now.
    """

    events: tuple[BusEvent, ...] = ()
    axle_at: datetime | None = None
    control_at: datetime | None = None
    entries: tuple[Entry, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class StoredTwin:
    """A twin as it was written, with the due times stored beside it."""

    twin: Twin
    axle_due: datetime | None
    control_due: datetime | None


def outbox_of(before: StoredTwin | None, after: StoredTwin, *, now: datetime, soon: datetime) -> Outbox:
    """What the write from ``before`` to ``after`` makes known at ``now``, with delayed wake-ups up to ``soon``."""
    twin = after.twin
    asset, site = twin.link.asset, twin.link.site
    reconcile = [
        name
        for name, due in (("axle", after.axle_due), ("control", after.control_due))
        if due is not None and due <= now
    ]
    events: list[BusEvent] = []
    if reconcile or before is None or before.twin.revision != twin.revision:
        detail = {"asset": asset, "site": site, "revision": twin.revision, "reconcile": reconcile}
        events.append(BusEvent(Event.TWIN_CHANGED, detail))
    events += [
        BusEvent(Event.CHARGING_COMMAND, charging_command_detail(twin, command))
        for command in _newly_planned(before, twin)
        if twin.link.vehicle is not None
    ]
    events += [BusEvent(Event.CHARGING_COMMAND, detail) for detail in _newly_requested(before, twin)]
    version_seen = before is not None and before.twin.version == twin.version
    entries = () if version_seen else twin.news
    events += [
        BusEvent(
            entry.event,
            {
                "asset": asset,
                "site": site,
                "at": entry.at.isoformat(),
                "reason": entry.reason,
                "text": entry.text,
                "detail": entry.detail,
            },
        )
        for entry in entries
        if entry.event in FOR_THE_APP
    ]
    return Outbox(
        events=tuple(events),
        axle_at=_soon(after.axle_due, now, soon),
        control_at=_soon(after.control_due, now, soon),
        entries=entries,
    )


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
    }


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
    """The command to charge and the command for the default schedule, where this write planned or repeated them."""
    known = [_announcement_of(command) for command in _slots(before.twin)] if before else []
    planned = [
        command
        for command in _slots(twin)
        if command is not None and command.state == "planned" and not command.waits_for_provider
    ]
    return [command for command in planned if _announcement_of(command) not in known]


def _slots(twin: Twin) -> tuple[Command | None, Command | None]:
    return twin.control.command, twin.control.schedule_command


def _announcement_of(command: Command | None) -> tuple[str, datetime | None] | None:
    """What distinguishes two announcements of a command: the second has the same id and a later ``confirm_by``."""
    return (command.id, command.confirm_by) if command is not None else None


def _soon(due: datetime | None, now: datetime, soon: datetime) -> datetime | None:
    return due if due is not None and now < due <= soon else None
