"""Applies acknowledged changes to a site's twins, except those that have to wait. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from driveway.domain.control.released import is_released
from driveway.domain.sites.record import Change, SiteRecord
from driveway.domain.twin import Twin, Vehicle
from driveway.sites.leaving import is_held, leaving
from driveway.sites.onboarding_twins import Terms, changes_vehicle, twin_of_named_asset, twin_of_other_asset
from driveway.sites.requested import request_of
from driveway.store.sites import Pair
from driveway.values import replace


class Applied(Struct, frozen=True):
    """The record without the changes that were applied, and the twins before and after."""

    record: SiteRecord
    twins: list[Pair]
    changes: tuple[Change, ...]


def applied(
    record: SiteRecord, twins: Mapping[str, Twin], *, rejoined: bool, now: datetime, longest: timedelta
) -> Applied:
    """Apply every acknowledged change that need not wait.

    A new vehicle waits until the old one is released, and until the asset that has it gives it up. Until then the twin
    is marked as leaving, so that its old vehicle is released.

    Args:
        record: the site, with its changes.
        twins: the site's twins, by asset.
        rejoined: Axle has received nothing since the site's enrolment.
        now: the present (aware UTC).
        longest: how long a release is waited for.
    """
    ready = _ready(record.waiting, twins, now, longest)
    pairs: list[Pair] = []
    for change in ready:
        before, terms = twins.get(change.asset), _terms(record, change, rejoined=rejoined, now=now)
        pairs.append((before, twin_of_named_asset(before, request_of(change), str(change.axle_asset_id), terms)))
    waiting = {change.asset: change for change in record.waiting if change not in ready}
    done = {change.asset for change in ready}
    for asset, twin in twins.items():
        if asset not in done:
            pairs.append((twin, _other(twin, record, waiting.get(asset), rejoined=rejoined, now=now)))
    left = tuple(change for change in record.changes if change not in ready)
    return Applied(
        replace(record, changes=left, assets=tuple(sorted({*record.assets, *done}))),
        pairs,
        ready,
    )


def _other(twin: Twin, record: SiteRecord, waits: Change | None, *, rejoined: bool, now: datetime) -> Twin:
    """The twin of an asset that has nothing to apply now, marked as leaving if its vehicle will be replaced."""
    latest = max(record.waiting, key=lambda change: change.begun_at, default=None)
    after = twin
    if latest is not None:
        after = twin_of_other_asset(twin, _terms(record, latest, rejoined=rejoined, now=now))
    if waits is not None and changes_vehicle(twin, request_of(waits)):
        return leaving(after, now, swapping=True)
    return leaving(after, now) if twin.link.asset in record.removals else after


def _terms(record: SiteRecord, change: Change, *, rejoined: bool, now: datetime) -> Terms:
    snoozed_until = record.snoozed_until
    return Terms(
        site=record.site,
        axle_site_id=str(record.axle_site_id),
        timezone=change.terms.timezone,
        home=change.terms.home,
        enrolled=record.wanted == "enrolled",
        rejoined=rejoined,
        snoozed_until=snoozed_until if snoozed_until and snoozed_until > now else None,
        now=now,
    )


def holding(record: SiteRecord, twins: Mapping[str, Twin], now: datetime, longest: timedelta) -> frozenset[str]:
    """The assets with a vehicle whose release was begun and is not confirmed yet."""
    return frozenset(asset for asset in _leaving(record, twins) if is_held(twins[asset], now, longest))


def given_up(record: SiteRecord, twins: Mapping[str, Twin], now: datetime) -> frozenset[str]:
    """The assets that are not waited for any more, though their vehicle is not released."""
    return frozenset(asset for asset in _leaving(record, twins) if not is_released(twins[asset], now))


def _leaving(record: SiteRecord, twins: Mapping[str, Twin]) -> set[str]:
    swaps = {change.asset for change in record.waiting if changes_vehicle(twins.get(change.asset), request_of(change))}
    goes = set(twins) if record.wanted == "erased" else swaps | set(record.removals)
    return goes & set(twins)


def _ready(
    changes: Sequence[Change], twins: Mapping[str, Twin], now: datetime, longest: timedelta
) -> tuple[Change, ...]:
    ready = {change.asset: change for change in changes if not _holds_vehicle(change, twins, now, longest)}
    while blocked := [asset for asset, change in ready.items() if not _is_vehicle_free(change, twins, ready)]:
        for asset in blocked:
            del ready[asset]
    return tuple(ready.values())


def _holds_vehicle(change: Change, twins: Mapping[str, Twin], now: datetime, longest: timedelta) -> bool:
    """Whether another vehicle is requested and the present one is not released yet."""
    twin = twins.get(change.asset)
    return twin is not None and changes_vehicle(twin, request_of(change)) and is_held(twin, now, longest)


def _is_vehicle_free(change: Change, twins: Mapping[str, Twin], ready: Collection[str]) -> bool:
    """Whether the vehicle belongs to no asset, or to one that gives it up at the same time."""
    vehicle = request_of(change).vehicle
    owner = next((asset for asset, twin in twins.items() if _has(twin, vehicle)), None)
    return owner is None or owner == change.asset or owner in ready


def _has(twin: Twin, vehicle: Vehicle | None) -> bool:
    held = twin.link.vehicle
    if held is None or vehicle is None:
        return False
    return (held.provider, held.vehicle_id) == (vehicle.provider, vehicle.vehicle_id)
