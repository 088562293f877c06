"""A site from outside: its state and its assets."""

from typing import Any

from driveway.domain.instants import utc_text_or_none
from driveway.domain.sites.record import SiteRecord
from driveway.domain.sites.steps import to_come
from driveway.runtime.context import Runtime
from driveway.runtime.problems import not_found
from driveway.status.axle_state import axle_sync_status
from driveway.store.table import UnknownAssetError


def site_body(site: str, runtime: Runtime) -> dict[str, Any]:
    """The body of ``GET /sites/{site}``. Raises ProblemError (404)."""
    record, now = runtime.sites.get(site), runtime.now()
    if record is None:
        raise not_found("site", site)
    snoozed = record.snoozed_until is not None and now < record.snoozed_until
    steps = to_come(record)
    return {
        "site": record.site,
        "state": record.state,
        "axle_site_id": record.axle_site_id,
        "enrolment": record.enrolment,
        "timezone": record.timezone,
        "consent_at": utc_text_or_none(record.consent_at),
        "consent_version": record.consent_version,
        "snoozed_until": utc_text_or_none(record.snoozed_until) if snoozed else None,
        "warnings": list(record.warnings),
        "assets": [_asset_line(asset, site, runtime) for asset in record.known_assets],
        "unfinished": _unfinished(record, steps) if steps else None,
    }


def _unfinished(record: SiteRecord, steps: list[str]) -> dict[str, Any]:
    return {"begun_at": utc_text_or_none(record.begun_at), "text": " ".join(steps), "last_error": record.last_error}


def _asset_line(asset: str, site: str, runtime: Runtime) -> dict[str, Any]:
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return {"asset": asset, "state": "unfinished"}
    link = twin.link
    if link.site != site:
        return {"asset": asset, "state": "unfinished"}
    return {
        "asset": asset,
        "axle_asset_id": link.axle_asset_id,
        "type": link.type,
        "state": "leaving" if link.leaving else "active" if link.enrolled else "unenrolled",
        "enrolled": link.enrolled,
        "plugged_in": twin.presence.session is not None,
        "in_sync": axle_sync_status(twin, runtime.now())["axle"]["in_sync"],
    }
