"""Erasing an asset or a whole site, once its cars are released. Every step can be repeated."""

from collections.abc import Iterable
from typing import Any

from driveway.domain.sites.record import SiteCall, SiteRecord
from driveway.domain.sites.steps import Erase
from driveway.runtime.context import Runtime
from driveway.sites.changing import Edit, Twins, change_site, of_call, twins_of
from driveway.sites.leaving import delete_at_axle, find_at_axle, offboard_at_axle
from driveway.sites.requested import request_of, reservations
from driveway.store.items import TWIN, asset_key
from driveway.store.sites import ASSET, AXLE_SITE, Claim
from driveway.values import replace
from driveway.vehicles.accounts import accounts_of_site, forget_accounts
from driveway.vehicles.connections import has_connection_to_end


def remove_asset(asset: str, record: SiteRecord, twins: Twins, call: SiteCall, runtime: Runtime) -> None:
    """Delete an asset at Axle and erase it here. Raises AxleError."""
    twin = twins.get(asset)
    if twin is not None:
        delete_at_axle(twin.link.axle_asset_id, runtime)
    else:
        _take_back_at_axle(asset, record, runtime, whole_site=False)

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        left = tuple(name for name in record.removals if name != asset)
        after = replace(record, removals=left, assets=tuple(name for name in record.assets if name != asset))
        present = twins.get(asset)
        if present is None:
            return Edit(after, given_up=[Claim(ASSET, asset, record.site)])
        return Edit(after, [(present, None)])

    _drop_rows([asset], runtime)
    vehicle = twin.link.vehicle if twin is not None else None
    runtime.connections.forget(record.site, asset, (vehicle.provider, vehicle.vehicle_id) if vehicle else None)
    change_site(record.site, of_call(call, rule), runtime)


def erase_site(step: Erase, record: SiteRecord, call: SiteCall, runtime: Runtime) -> None:
    """Offboard at Axle, and erase; the record goes last, once Axle can undo nothing and the car makers are done."""
    if record.axle_site_id is not None:
        offboard_at_axle(record.axle_site_id, runtime)
    for change in record.changes:
        _take_back_at_axle(change.asset, record, runtime)

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        pairs: list[Any] = [(twin, None) for twin in twins.values()]
        if not step.last:
            # The assets stay reserved: a late onboarding call of ours may still create them at Axle.
            kept = [Claim(ASSET, change.asset, record.site) for change in record.changes]
            changes = tuple(replace(change, looked_up=True) for change in record.changes)
            return Edit(replace(record, assets=(), removals=(), changes=changes), pairs, taken=kept)
        reserved = [c for change in record.changes for c in reservations(record.site, change, None)]
        sites = [Claim(AXLE_SITE, record.axle_site_id, record.site)] if record.axle_site_id else []
        record = _with_connections_to_end(record, twins, runtime)
        left = replace(record, axle_site_id=None, assets=(), removals=(), changes=()) if record.disconnects else None
        return Edit(left, pairs, given_up=[*reserved, *sites])

    if step.last and not _with_connections_to_end(record, twins_of(record, runtime), runtime).disconnects:
        # Including those of a PUT that never ended.
        forget_accounts(accounts_of_site(record.site, runtime), record.site, runtime)
    _drop_rows(record.known_assets, runtime)
    runtime.connections.forget(record.site)
    change_site(record.site, of_call(call, rule), runtime)


def _drop_rows(assets: Iterable[str], runtime: Runtime) -> None:
    """Erase everything that is stored of assets, but for their twins.

    It comes before the twins go: afterwards the assets may be onboarded again, and a row with the key of an old one may
    belong to a new twin. The ``announcer`` erases rows that are written in the meantime.
    """
    every = (row for asset in assets for row in runtime.records.partition(asset_key(asset)))
    runtime.records.drop([row for row in every if row["sk"] != TWIN])


def _with_connections_to_end(record: SiteRecord, twins: Twins, runtime: Runtime) -> SiteRecord:
    """The record with every connection that has to end: of the site's cars, and of those that a ``PUT`` asked for."""
    linked = [*(twin.link.vehicle for twin in twins.values()), *(request_of(c).vehicle for c in record.changes)]
    to_end = [vehicle for vehicle in linked if vehicle is not None and has_connection_to_end(vehicle, runtime)]
    return record.giving_up(to_end, runtime.now())


def _take_back_at_axle(asset: str, record: SiteRecord, runtime: Runtime, *, whole_site: bool = True) -> None:
    """Delete the asset that an onboarding may have made at Axle; its site too if ``whole_site`` and it is ours."""
    found = find_at_axle(asset, runtime)
    if found is None or runtime.records.owner_of("axle", str(found["id"])) not in {None, asset}:
        return
    axle_site_id = found.get("site_id")
    owner = runtime.records.owner_of(AXLE_SITE, axle_site_id) if axle_site_id else None
    if whole_site and axle_site_id and owner in {None, record.site}:
        offboard_at_axle(axle_site_id, runtime)
    else:
        delete_at_axle(str(found["id"]), runtime)
