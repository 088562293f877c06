"""Changes of a site: its record and its twins in one transaction, which repeats the rule if they have changed."""

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct

from driveway.domain.enrolment import takes_part, with_enrolment_times
from driveway.domain.sites.record import DISCONNECT_GIVEN_UP_AFTER, SiteCall, SiteRecord
from driveway.domain.sites.steps import claimed, is_free
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.runtime.problems import ProblemError, busy, not_found
from driveway.store.conditional import ContentionError
from driveway.store.sites import Claim, Pair
from driveway.store.table import UnknownAssetError
from driveway.store.tokens import TokenStoreError
from driveway.values import replace
from driveway.vehicles.accounts import Account, account_of, begin_to_forget, forget_accounts, hold_accounts
from driveway.vehicles.connections import has_connection_to_end

MOST_TRIES = 8
REQUEST_S = 35.0
"""The lease of a request's claim on a site. It exceeds the function's timeout, so the request has ended by then."""


class Edit(Struct, frozen=True):
    """The result of a rule for a site: its record (None: deleted), twins that change, further claims."""

    record: SiteRecord | None
    twins: Sequence[Pair] = ()
    taken: Sequence[Claim] = ()
    given_up: Sequence[Claim] = ()


Twins = dict[str, Twin]
Rule = Callable[[SiteRecord, Twins], Edit]


class SiteGoneError(LookupError):
    """There is no such site (any more)."""


class LostCallError(Exception):
    """Another call works on the site by now, so this one must stop."""


def twins_of(record: SiteRecord, runtime: Runtime) -> Twins:
    """The existing twins of a site, by asset, without events."""
    found: Twins = {}
    for asset in record.known_assets:
        try:
            twin = runtime.table.twin(asset)
        except UnknownAssetError:
            continue
        if twin.link.site == record.site:
            found[asset] = replace(twin, news=())
    return found


def change_site(site: str, rule: Rule, runtime: Runtime) -> SiteRecord | None:
    """Apply a rule to a site's record and twins and write what it gives; nothing if it changes nothing.

    Raises:
        SiteGoneError: there is no such site.
        OwnedError: an identifier belongs to another asset.
        ProblemError: others kept changing it (503).
    """
    for attempt in range(MOST_TRIES):
        record = runtime.sites.get(site)
        if record is None:
            raise SiteGoneError(site)
        edit = rule(record, twins_of(record, runtime))
        same = edit.record == record and all(before is after for before, after in edit.twins)
        if same and not edit.taken and not edit.given_up:
            return record
        edit = with_vehicles_given_up(with_enrolment_noted(edit, runtime.now()), runtime)
        needed = _accounts_to_leave_with(edit.record)
        newly = needed - _accounts_to_leave_with(record)
        hold_accounts(newly, site, runtime.now() + DISCONNECT_GIVEN_UP_AFTER, runtime)
        accounts = _accounts_given_up(edit.twins) - needed
        begin_to_forget(accounts, runtime)
        try:
            written = runtime.sites.write(
                record, edit.record, now=runtime.now(), twins=edit.twins, taken=edit.taken, given_up=edit.given_up
            )
        except ContentionError:
            time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 5)))  # noqa: S311 - spreads retries
            continue
        _forget(accounts, site, runtime)
        return written
    raise busy("The site is being changed by many at once. Repeat the call.", retry_after_s=1)


def with_enrolment_noted(edit: Edit, now: datetime) -> Edit:
    """The edit with the times at which assets stop taking part, or begin to again.

    If one stops, its last readings are due. Every change of a site passes here, so no way of leaving can forget that.
    """
    twins, stops = [], False
    for before, after in edit.twins:
        if after is None or before is after:
            twins.append((before, after))
            continue
        link = with_enrolment_times(before.link if before is not None else None, after.link, now)
        twins.append((before, after if link is after.link else replace(after, link=link)))
        stops = stops or (before is not None and takes_part(before.link) and not takes_part(link))
    record = edit.record
    if stops and record is not None:
        record = replace(record, last_readings_due=True)
    return replace(edit, record=record, twins=twins)


def with_vehicles_given_up(edit: Edit, runtime: Runtime) -> Edit:
    """The edit with the connections that have to end, as twins give vehicles up that no other of its twins takes."""
    if edit.record is None:
        return edit
    had = {place_of(v): v for before, _ in edit.twins if before is not None and (v := before.link.vehicle)}
    has = {place_of(v) for _, after in edit.twins if after is not None and (v := after.link.vehicle)}
    gone = [v for place, v in had.items() if place not in has and has_connection_to_end(v, runtime)]
    return replace(edit, record=edit.record.giving_up(gone, runtime.now()))


def place_of(vehicle: Vehicle) -> tuple[str, str]:
    """Which vehicle it is, for its provider."""
    return vehicle.provider, vehicle.vehicle_id


def _accounts_to_leave_with(record: SiteRecord | None) -> set[Account]:
    """The accounts with which connections still have to end."""
    found = {account_of(one.vehicle) for one in record.disconnects} if record is not None else set()
    return {account for account in found if account is not None}


def _accounts_given_up(pairs: Sequence[Pair]) -> set[Account]:
    changed = (
        (account_of(before.link.vehicle), account_of(after.link.vehicle) if after is not None else None)
        for before, after in pairs
        if before is not None
    )
    return {had for had, has in changed if had is not None and had != has}


def _forget(accounts: set[Account], site: str, runtime: Runtime) -> None:
    try:
        forget_accounts(accounts, site, runtime)
    except TokenStoreError:
        runtime.logger.exception("The clock does what is left to do for the accounts.")


def of_call(call: SiteCall, rule: Rule) -> Rule:
    """The rule, as long as the work on the site is still this call's. It raises LostCallError otherwise."""

    def checked(record: SiteRecord, twins: Twins) -> Edit:
        if record.call is None or record.call.id != call.id:
            raise LostCallError(record.site)
        return rule(record, twins)

    return checked


def new_call(runtime: Runtime, seconds: float = REQUEST_S) -> SiteCall:
    """A call that may work for so many real seconds."""
    return SiteCall(runtime.new_id(), runtime.now() + runtime.clock.real_time(seconds))


def taken_on(record: SiteRecord, call: SiteCall, now: datetime) -> SiteRecord:
    """The record claimed by the call if nobody works on it; the same record otherwise."""
    return claimed(record, call, now) if is_free(record, now) else record


def existing_site(site: str, runtime: Runtime) -> SiteRecord:
    """The record of a site that Axle knows and that is not being erased. Raises ProblemError (404, 409)."""
    record = runtime.sites.get(site)
    if record is None:
        raise not_found("site", site)
    refuse_leaving(record)
    if record.axle_site_id is None:
        detail = "Its onboarding was begun and not finished. Repeat the PUT first."
        raise ProblemError(409, "not-onboarded", "The site is not onboarded", detail)
    return record


def refuse_leaving(record: SiteRecord | None) -> None:
    """Refuse (409) a request for a site that is being erased."""
    if record is not None and record.wanted == "erased":
        raise ProblemError(
            409,
            "site-leaving",
            "The site is being erased",
            "Wait until its erasure is finished, then onboard it again.",
        )
