"""``PUT /sites/{site}``: onboard or update, with Axle first and then in one transaction here.

Before Axle is called, the request is kept on the site's record, and new identifiers are reserved. If the function dies,
a repetition or the minute clock can finish the request or take it back.
"""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.domain.sites.connections import ConnectedVehicle
from driveway.domain.sites.record import Change, SiteRecord
from driveway.domain.sites.steps import acknowledged, claimed, given_back, is_finished, is_free, with_removals
from driveway.domain.twin import Twin
from driveway.outbox.account_checks import queue_checks
from driveway.outbox.connected import note_vehicles
from driveway.outbox.wakeups import QueueError
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, busy
from driveway.sites import reconcile
from driveway.sites.apply_changes import applied
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import SiteBody, check_site_id
from driveway.sites.changing import (
    Edit,
    LostCallError,
    SiteGoneError,
    Twins,
    change_site,
    new_call,
    of_call,
    refuse_leaving,
    twins_of,
    with_vehicles_given_up,
)
from driveway.sites.leaving import longest_release
from driveway.sites.onboarding_call import leave_in_doubt, onboard_at_axle, owned_elsewhere, take_back
from driveway.sites.onboarding_twins import changes_vehicle
from driveway.sites.put_answer import put_answer
from driveway.sites.put_request import PutRequest
from driveway.sites.requested import (
    change_of,
    checked,
    reservations,
    vehicle_reservations,
    with_what_is_kept,
    without_personal,
)
from driveway.store.conditional import ContentionError
from driveway.store.sites import AXLE_SITE, Claim, OwnedError, Pair
from driveway.store.table import UnknownAssetError
from driveway.store.tokens import TokenStoreError
from driveway.values import replace
from driveway.vehicles.accounts import Account, keep_tokens

MOST_TRIES = 8


def put_site(site: str, body: SiteBody, runtime: Runtime) -> Answer:
    """Onboard or update a site: 201 or 200 once that is done, 202 while a car is being released or an asset removed.

    Raises:
        ProblemError: the body has faults (422), another site has an asset or a vehicle (409), Axle refuses, or Axle
            has not acknowledged it (503), and then the site shows the assets in doubt.
    """
    check_site_id(site)
    strict = runtime.settings.text("MPAN_CHECK_DIGIT", "strict") == "strict"
    was = runtime.sites.get(site)
    held = list(twins_of(was, runtime).values()) if was is not None else []
    body = with_what_is_kept(body, held)
    has_consent = was is not None and was.consent_at is not None
    mpan, requests = checked(body, check_digit=strict, twins=held, has_consent=has_consent)
    put = _begun(PutRequest(site, body, mpan, requests, new_call(runtime), runtime.now()), runtime)
    try:
        to_check = _keep_tokens(put, runtime)
        axle = onboard_at_axle(put, runtime)
        pairs = _acknowledged(put, axle, runtime)
        _check_accounts(put, to_check, runtime)
        reconcile.after_change(pairs, runtime)
        _note_connected(put, runtime)
        record = runtime.sites.get(site)
        if record is not None and record.call is not None:
            record = reconcile.work(site, put.call, runtime, wait_s=reconcile.WAIT_S)
    except (LostCallError, SiteGoneError):
        raise busy("Another request has changed the site meanwhile. Repeat the call.") from None
    except AxleRefusedError as error:
        raise problem_of(error, "onboard") from None
    except AxleUnavailableError as error:
        leave_in_doubt(put, "Axle cannot answer now.", error.retry_after_s, runtime, may_act=error.may_be_carried_out)
        raise problem_of(error, "onboard") from None
    if record is None:
        raise busy("The site is being erased. Repeat the call.")
    return put_answer(put, pairs, axle, record)


def _begun(put: PutRequest, runtime: Runtime) -> PutRequest:
    """The ``PUT``, stored on the site's record, with a claim on the site.

    Raises:
        ProblemError: another site has an asset or a vehicle (409), or another call works on the site (503).
    """
    for _ in range(MOST_TRIES):
        was = _free_record(put.site, runtime)
        refuse_leaving(was)
        named = {name: _present(name, put.site, runtime) for name in put.names}
        for name in put.body.remove_assets:
            _present(name, put.site, runtime)
        twins = _all_twins(was, named, runtime)
        _refuse_foreign_vehicles(put, twins, runtime)
        changes = [change_of(request, put.terms, put.now) for request in put.requests]
        claim = claimed(was or SiteRecord(put.site), put.call, put.now)
        old = [change for change in claim.changes if change.asset in put.names]
        kept = [change for change in claim.changes if change not in old]
        record = replace(claim, changes=(*kept, *changes))
        given_up = [claim for change in old for claim in reservations(put.site, change, named[change.asset])]
        try:
            runtime.sites.write(was, record, now=put.now, taken=_reserved(put, changes, twins), given_up=given_up)
        except OwnedError as error:
            raise owned_elsewhere(str(error), error.owner) from None
        except ContentionError:
            continue
        return replace(put, was=was)
    raise busy("The site is being changed by many at once. Repeat the call.", retry_after_s=1)


def _all_twins(was: SiteRecord | None, named: Mapping[str, Twin | None], runtime: Runtime) -> dict[str, Twin]:
    """The twins of the site's assets, those included that the ``PUT`` names."""
    return {**(twins_of(was, runtime) if was else {}), **{name: twin for name, twin in named.items() if twin}}


def _free_record(site: str, runtime: Runtime) -> SiteRecord | None:
    """The site's record once nobody works on it. Raises ProblemError (503) when that takes too long."""
    deadline = time.monotonic() + reconcile.longest_wait_s(runtime)
    while True:
        record, now = runtime.sites.get(site), runtime.now()
        if record is None or is_free(record, now) or record.wanted == "erased":
            return record
        if time.monotonic() >= deadline:
            left_s = runtime.clock.real_s(record.call.until - now) if record.call else 1
            raise busy("Another request is changing the site. Repeat the call.", retry_after_s=int(left_s) + 1)
        time.sleep(reconcile.POLL_S)


def _present(asset: str, site: str, runtime: Runtime) -> Twin | None:
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return None
    if twin.link.site != site:
        raise owned_elsewhere(f"The asset {asset!r} belongs to the site {twin.link.site!r}.", twin.link.site)
    return replace(twin, news=())


def _refuse_foreign_vehicles(put: PutRequest, twins: Twins, runtime: Runtime) -> None:
    """Refuse a vehicle of another asset, unless that asset gives it up in the same call."""
    requests = {request.body.asset: request for request in put.requests}
    for name, vehicle in ((name, request.vehicle) for name, request in requests.items()):
        owner = runtime.records.owner_of(vehicle.provider, vehicle.vehicle_id) if vehicle else None
        gives_up = owner in put.body.remove_assets or (
            owner in requests and owner in twins and changes_vehicle(twins[owner], requests[owner])
        )
        if owner is not None and owner != name and not gives_up:
            raise owned_elsewhere(f"The vehicle of {name!r} belongs to the asset {owner!r} already.", owner)


def _reserved(put: PutRequest, changes: list[Change], twins: Twins) -> list[Claim]:
    """The claims for the changes; a vehicle of another asset of the site is claimed when they are applied."""
    held = {(t.link.vehicle.provider, t.link.vehicle.vehicle_id) for t in twins.values() if t.link.vehicle}
    claims = [claim for change in changes for claim in reservations(put.site, change, twins.get(change.asset))]
    return [claim for claim in claims if (claim.kind, claim.identifier) not in held]


def _keep_tokens(put: PutRequest, runtime: Runtime) -> set[Account]:
    """Store the drivers' refresh tokens before the site, so that every stored car has a token for its commands."""
    given = [(r.body.asset, r.vehicle, r.body.vehicle.refresh_token if r.body.vehicle else None) for r in put.requests]
    try:
        return keep_tokens(given, put.site, runtime)
    except TokenStoreError:
        leave_in_doubt(put, "The refresh token could not be stored.", None, runtime, may_act=False)
        raise busy("The refresh token could not be stored. Repeat the call.") from None


def _note_connected(put: PutRequest, runtime: Runtime) -> None:
    """Note the vehicles for which drivers were asked to connect a new car: the app is informed of each once."""
    linked = [request.vehicle for request in put.requests if request.vehicle is not None]
    named = [
        ConnectedVehicle(provider=one.provider, vehicle_id=one.vehicle_id, user_id=one.user_id, at=put.now)
        for one in linked
    ]
    note_vehicles(put.site, named, runtime)


def _check_accounts(put: PutRequest, to_check: set[Account], runtime: Runtime) -> None:
    try:
        queue_checks(runtime, [(account.key, put.now) for account in sorted(to_check)], put.now, onboarded=put.site)
    except QueueError:
        runtime.logger.exception("The clock does what is left to do for the accounts.")


def _acknowledged(put: PutRequest, axle: Mapping[str, Any], runtime: Runtime) -> list[Pair]:
    """Write Axle's acknowledgement and apply the changes that need not wait; returns the twins before and after."""
    ids = {item["external_id"]: item["asset_id"] for item in axle["assets"]}
    pairs: list[Pair] = []

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        now = runtime.now()
        after = _record(put, record, axle, ids, now)
        taken = [Claim(AXLE_SITE, str(after.axle_site_id), put.site)] if record.axle_site_id is None else []
        gone = [change for change in record.changes if change.asset in put.body.remove_assets]
        given_up = [claim for c in gone for claim in vehicle_reservations(c, twins.get(c.asset))]
        if record.wanted == "erased":
            return Edit(given_back(after, now), taken=taken, given_up=given_up)
        rejoined = axle["enrolment"]["status"] == "enrolled"
        done = applied(after, twins, rejoined=rejoined, now=now, longest=longest_release(runtime))
        pairs[:] = done.twins
        edit = with_vehicles_given_up(Edit(done.record, done.twins, taken=taken, given_up=given_up), runtime)
        left = edit.record
        return replace(edit, record=given_back(left, now)) if left is not None and is_finished(left) else edit

    try:
        record = change_site(put.site, of_call(put.call, rule), runtime)
    except OwnedError as error:
        take_back(put, axle, runtime)
        raise owned_elsewhere(str(error), error.owner) from None
    except (ProblemError, LostCallError, SiteGoneError):
        raise
    except Exception:
        runtime.logger.exception("Axle accepted a site that could not be stored")
        raise busy("Axle has accepted the site, but it could not be stored here. Repeat the call.") from None
    refuse_leaving(record)
    return pairs


def _record(
    put: PutRequest, record: SiteRecord, axle: Mapping[str, Any], ids: Mapping[str, str], now: datetime
) -> SiteRecord:
    words = [*axle["site"].get("warnings", [])]
    for item in axle["assets"]:
        words += [f"{item['external_id']}: {warning}" for warning in item.get("warnings", [])]
    changes = (replace(c, axle_asset_id=ids[c.asset]) if c.asset in put.names else c for c in record.changes)
    newest = record.wanted != "erased" and (record.wanted_at is None or record.wanted_at <= put.now)
    kept = replace(record, removals=tuple(asset for asset in record.removals if asset not in put.names))
    after = replace(
        with_removals(replace(kept, changes=tuple(changes)), put.body.remove_assets),
        axle_site_id=axle["site"]["site_id"],
        wanted="enrolled" if newest else record.wanted,
        wanted_at=put.now if newest else record.wanted_at,
        rejoin=put.body.rejoin if newest else record.rejoin,
        timezone=put.body.timezone,
        warnings=without_personal(words, put.body, put.mpan),
    )
    after = after.consenting(put.terms.consent_at, put.terms.consent_version)
    return acknowledged(after, "enrolled", now)
