"""Onboardings in doubt: those that Axle has accepted are finished, the others are taken back."""

from collections.abc import Sequence
from datetime import UTC, datetime

from driveway.domain.sites.record import Change, SiteCall, SiteRecord
from driveway.domain.sites.steps import LookUp, with_removals
from driveway.domain.twin.events import Event
from driveway.domain.twin.reasons import Reason
from driveway.outbox.events import BusEvent
from driveway.outbox.publish import put_events
from driveway.runtime.context import Runtime
from driveway.sites.apply_changes import applied
from driveway.sites.changing import Edit, Twins, change_site, of_call
from driveway.sites.leaving import delete_at_axle, find_at_axle, is_same_id, longest_release
from driveway.sites.requested import reservations
from driveway.store.sites import AXLE_SITE, Claim, Pair
from driveway.values import replace


def look_up(step: LookUp, record: SiteRecord, call: SiteCall, runtime: Runtime) -> list[Pair]:
    """Ask Axle for the onboardings in doubt: finish those that it accepted, take back those at a site not ours.

    Returns the twins before and after. Raises AxleError.
    """
    known = {change.asset: _found(change, record, runtime) for change in record.in_doubt}
    dropped = [change for change in record.in_doubt if known[change.asset] is None and step.last]
    if dropped:
        report_taken_back(record.site, dropped, runtime)
    pairs: list[Pair] = []

    def rule(record: SiteRecord, twins: Twins) -> Edit:
        now = runtime.now()
        gone = [c for c in record.in_doubt if known.get(c.asset) is None and step.last]
        changes = tuple(_resolved(c, known.get(c.asset)) for c in record.changes if c not in gone)
        found = {c.asset: ids for c in record.in_doubt if (ids := known.get(c.asset)) is not None}
        after = replace(record, changes=changes)
        if found:
            after = _with_found(after, [c for c in changes if c.asset in found], next(iter(found.values()))[1])
        given_up = [claim for c in gone for claim in reservations(record.site, c, twins.get(c.asset))]
        if after.wanted == "erased" or not found:
            return Edit(after, given_up=given_up)
        done = applied(after, twins, rejoined=True, now=now, longest=longest_release(runtime))
        pairs.clear()
        pairs.extend(done.twins)
        taken = [Claim(AXLE_SITE, str(after.axle_site_id), record.site)] if record.axle_site_id is None else []
        return Edit(done.record, done.twins, taken=taken, given_up=given_up)

    change_site(record.site, of_call(call, rule), runtime)
    return pairs


def report_taken_back(site: str, changes: Sequence[Change], runtime: Runtime) -> None:
    """Report to the app that onboardings were not finished and were taken back. A site may have no twin yet."""
    text = "The onboarding was not finished within an hour and was taken back. Repeat the PUT of the site."
    detail = {"site": site, "at": runtime.now().isoformat(), "reason": Reason.ONBOARDING_TAKEN_BACK, "text": text}
    put_events([BusEvent(Event.NEEDS_ATTENTION, {"asset": c.asset, **detail, "detail": {}}) for c in changes], runtime)


def _resolved(change: Change, found: tuple[str, str] | None) -> Change:
    if change.axle_asset_id is not None:
        return change
    return replace(change, looked_up=True) if found is None else replace(change, axle_asset_id=found[0])


def _with_found(record: SiteRecord, found: Sequence[Change], axle_site_id: str) -> SiteRecord:
    """The record with the site-wide requests of the onboardings that Axle has accepted."""
    latest = max(found, key=lambda change: change.begun_at)
    newest_wish = record.wanted != "erased" and (record.wanted_at is None or latest.begun_at >= record.wanted_at)
    removed = {
        asset for change in found for asset in change.terms.removes if change.begun_at >= _asked_at(asset, record)
    }
    return replace(
        with_removals(record, removed),
        axle_site_id=record.axle_site_id or axle_site_id,
        wanted="enrolled" if newest_wish else record.wanted,
        wanted_at=latest.begun_at if newest_wish else record.wanted_at,
        enrolment=None,
        rejoin=latest.terms.rejoin,
        timezone=latest.terms.timezone,
    ).consenting(latest.terms.consent_at, latest.terms.consent_version)


def _asked_at(asset: str, record: SiteRecord) -> datetime:
    """The time of the latest unfinished request for an asset."""
    return max((c.begun_at for c in record.changes if c.asset == asset), default=datetime.min.replace(tzinfo=UTC))


def _found(change: Change, record: SiteRecord, runtime: Runtime) -> tuple[str, str] | None:
    """Axle's ids of the asset and its site, if Axle accepted the change; an asset at a foreign site is deleted."""
    found = find_at_axle(change.asset, runtime)
    if found is None:
        return None
    axle_site_id = str(found.get("site_id") or record.axle_site_id or "")
    owner = runtime.records.owner_of(AXLE_SITE, axle_site_id) if axle_site_id else None
    foreign = owner is not None and owner != record.site
    if (
        foreign
        or (record.axle_site_id is not None and not is_same_id(axle_site_id, record.axle_site_id))
        or not axle_site_id
    ):
        if runtime.records.owner_of("axle", str(found["id"])) is None:
            delete_at_axle(str(found["id"]), runtime)
        return None
    power_kw = (found.get("properties") or {}).get("power_kw")
    as_asked = power_kw is None or float(power_kw) == float(change.body["power_kw"])
    return (str(found["id"]), axle_site_id) if as_asked else None
