"""A site from outside: its state and its assets."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.axle_sync.differences import in_sync
from driveway.domain.sites.record import SiteRecord, SiteState
from driveway.domain.sites.steps import to_come
from driveway.domain.twin import AssetType
from driveway.runtime.answer_types import AppId, Enrolment, Instant, utc_or_none
from driveway.runtime.context import Runtime
from driveway.runtime.problems import not_found
from driveway.store.table import UnknownAssetError


class SiteAsset(Struct, frozen=True, kw_only=True):
    """An asset of a site, in short."""

    asset: AppId
    axle_asset_id: Annotated[str, Meta(description="Axle's id.")] | UnsetType = UNSET
    type: AssetType | UnsetType = UNSET
    state: Literal["active", "unenrolled", "leaving", "unfinished"]
    enrolled: Annotated[bool, Meta(description="Whether it takes part.")] | UnsetType = UNSET
    plugged_in: Annotated[bool, Meta(description="Whether it is plugged in at home.")] | UnsetType = UNSET
    in_sync: Annotated[bool, Meta(description="Whether Axle knows everything.")] | UnsetType = UNSET


class Unfinished(Struct, frozen=True, kw_only=True):
    """What was begun and is not finished."""

    begun_at: Annotated[Instant | None, Meta(description="When it was begun.")]
    text: Annotated[str, Meta(description="What is still to come, and what to do.")]
    last_error: Annotated[str | None, Meta(description="Why the last try failed.")]


class Site(Struct, frozen=True, kw_only=True):
    """A site: its state and its assets."""

    site: AppId
    state: SiteState
    axle_site_id: Annotated[str | None, Meta(description="Axle's id; null while it is not onboarded.")]
    enrolment: Enrolment
    timezone: Annotated[str | None, Meta(description="IANA.")]
    consent_at: Annotated[Instant | None, Meta(description="When consent for the boundary meter was given.")]
    consent_version: Annotated[str | None, Meta(description="The text that was consented to, as the app named it.")]
    snoozed_until: Annotated[Instant | None, Meta(description="Until when smart charging is paused.")]
    warnings: Annotated[list[str], Meta(description="Axle's, about the site.")]
    assets: list[SiteAsset]
    unfinished: Unfinished | None


def site_answer(site: str, runtime: Runtime) -> Site:
    """The answer to ``GET /sites/{site}``. Raises ProblemError (404)."""
    record, now = runtime.sites.get(site), runtime.now()
    if record is None:
        raise not_found("site", site)
    snoozed = record.snoozed_until is not None and now < record.snoozed_until
    steps = to_come(record)
    return Site(
        site=record.site,
        state=record.state,
        axle_site_id=record.axle_site_id,
        enrolment=record.enrolment,
        timezone=record.timezone,
        consent_at=utc_or_none(record.consent_at),
        consent_version=record.consent_version,
        snoozed_until=utc_or_none(record.snoozed_until) if snoozed else None,
        warnings=list(record.warnings),
        assets=[_asset_line(asset, site, runtime) for asset in record.known_assets],
        unfinished=_unfinished(record, steps) if steps else None,
    )


def _unfinished(record: SiteRecord, steps: list[str]) -> Unfinished:
    return Unfinished(begun_at=utc_or_none(record.begun_at), text=" ".join(steps), last_error=record.last_error)


def _asset_line(asset: str, site: str, runtime: Runtime) -> SiteAsset:
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return SiteAsset(asset=asset, state="unfinished")
    link = twin.link
    if link.site != site:
        return SiteAsset(asset=asset, state="unfinished")
    return SiteAsset(
        asset=asset,
        axle_asset_id=link.axle_asset_id,
        type=link.type,
        state="leaving" if link.leaving else "active" if link.enrolled else "unenrolled",
        enrolled=link.enrolled,
        plugged_in=twin.presence.session is not None,
        in_sync=in_sync(twin, runtime.now()),
    )


ANSWERS = (Site,)
