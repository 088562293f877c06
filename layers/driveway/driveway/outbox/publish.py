"""Publishes what ``outbox.events`` makes of a stream record of a twin."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from driveway.domain.twin import Entry, Twin
from driveway.domain.twin.events import FOR_THE_APP, event_id
from driveway.domain.twin.reasons import Reason
from driveway.outbox.app_events import are_kept
from driveway.outbox.connected import connected_event
from driveway.outbox.events import SOURCE, BusEvent, Outbox, StoredTwin, outbox_of
from driveway.outbox.wakeups import WakeUp, queue_wake_ups
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.store.app_events import index_attributes
from driveway.store.connections import MADE
from driveway.store.items import asset_key, decode_item, unstamp
from driveway.store.records import Attributes

MOST_IN_A_CALL = 10


class BusError(RuntimeError):
    """The bus refused an event. The record is processed again, which does no harm."""


def publish(changes: Sequence[Mapping[str, Any]], runtime: Runtime) -> None:
    """Publish what changed twins and connected vehicles make known: events, wake-ups, timeline entries.

    Repeating it does no harm.

    Each service is called once for many records, because a thousand cars may change at the same edge.

    Raises:
        BusError, QueueError, UnwrittenError: the bus, a queue or the table refused a part.
    """
    now = runtime.now()
    connected = [change for change in changes if change["NewImage"]["sk"]["S"].startswith(MADE)]
    found = [_found(change, now, runtime) for change in changes if change not in connected]
    short = sum(entry.reason == Reason.READY_BY_AT_RISK for _, one in found for entry in one.entries)
    if short:
        emit({"SessionsShort": short}, runtime)
    runtime.records.log(
        ((twin.link.asset, twin.version, one.entries) for twin, one in found),
        replayed([twin for twin, _ in found], now, runtime),
    )
    for twin, one in found:
        keep_history(twin, one, runtime)
    put_events([*map(connected_event, connected), *(event for _, one in found for event in one.events)], runtime)
    _wake(found, now, runtime)


def _wake(found: Sequence[tuple[Twin, Outbox]], now: datetime, runtime: Runtime) -> None:
    # What is overdue is due now: several writes of an asset wake its reconcilers once.
    axle = [WakeUp(twin.link.asset, max(one.axle_at, now)) for twin, one in found if one.axle_at is not None]
    control = [WakeUp(twin.link.asset, max(one.control_at, now)) for twin, one in found if one.control_at is not None]
    queue_wake_ups(runtime, "AXLE_SYNC_QUEUE_URL", list(dict.fromkeys(axle)), now)
    queue_wake_ups(runtime, "CHARGE_CONTROL_QUEUE_URL", list(dict.fromkeys(control)), now)


def _found(change: Mapping[str, Any], now: datetime, runtime: Runtime) -> tuple[Twin, Outbox]:
    after = _written(change["NewImage"])
    before = _written(change["OldImage"]) if "OldImage" in change else None
    spread_s = runtime.control_rules.default_spread_s
    return after.twin, outbox_of(before, after, now=now, soon=now + _announced_ahead(runtime), spread_s=spread_s)


def replayed(twins: Iterable[Twin], now: datetime, runtime: Runtime) -> Attributes | None:
    """What marks the timeline entries that ``GET /events`` replays; None where the app has no webhook."""
    if not are_kept(runtime):
        return None
    sites = {twin.link.asset: twin.link.site for twin in twins}

    def attributes(asset: str, version: int, number: int, entry: Entry) -> Mapping[str, str]:
        if entry.event not in FOR_THE_APP:
            return {}
        identifier = event_id(asset, version, number, entry.at)
        return index_attributes(asset, sites[asset], identifier, now, runtime.settings.shards)

    return attributes


def _announced_ahead(runtime: Runtime) -> timedelta:
    """How far ahead a write queues its own wake-up: beyond what ``clock`` read, as the due index lags behind."""
    return runtime.wake_up_window + max(timedelta(seconds=10), runtime.clock.real_time(1.0))


def keep_history(twin: Twin, outbox: Outbox, runtime: Runtime) -> None:
    """Keep the plan and the sessions of a change in the asset's history. Repeating it does no harm."""
    asset = twin.link.asset
    if outbox.plan is not None:
        runtime.history.keep_plan(asset, twin.version, outbox.plan)
    for kept in outbox.moved_sessions:
        runtime.history.drop_session(asset, kept)
    for kept in outbox.sessions:
        runtime.history.keep_session(asset, kept)


def forget(change: Mapping[str, Any], runtime: Runtime) -> None:
    """Erase what was written of an asset while it was being erased.

    The stream keeps the order of an asset's writes, so every timeline entry of its twin is written by now.
    """
    asset = _written(change["OldImage"]).twin.link.asset
    rows = list(runtime.records.partition(asset_key(asset)))
    if all(row["sk"] != "TWIN" for row in rows):
        runtime.records.drop(rows)


def _written(image: Mapping[str, Any]) -> StoredTwin:
    item = decode_item(image)
    axle, control = item.get("axle_due"), item.get("control_due")
    return StoredTwin(
        twin=msgspec.convert(item, Twin),
        axle_due=unstamp(axle) if axle else None,
        control_due=unstamp(control) if control else None,
    )


def put_events(events: Sequence[BusEvent], runtime: Runtime) -> None:
    """Put events on the project's bus. Raises BusError: the bus did not take all of them."""
    bus = runtime.settings.text("BUS_NAME")
    for first in range(0, len(events), MOST_IN_A_CALL):
        answer = runtime.bus.put_events(
            Entries=[
                {
                    "EventBusName": bus,
                    "Source": SOURCE,
                    "DetailType": event.detail_type,
                    "Detail": json.dumps(event.detail, separators=(",", ":")),
                }
                for event in events[first : first + MOST_IN_A_CALL]
            ]
        )
        if answer["FailedEntryCount"]:
            raise BusError(f"{answer['FailedEntryCount']} events were refused by the bus.")
