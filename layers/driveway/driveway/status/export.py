"""Everything that is held about a home, for a driver's access request: ``GET /sites/{site}/export``.

It is read by partition, not by kind, so that a kind of item that is added later is in it, too.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.runtime.answer_types import AppId, Instant, utc, utc_or_none
from driveway.runtime.context import Runtime
from driveway.runtime.problems import not_found
from driveway.store.items import asset_key, site_key
from driveway.store.sites import claims_of
from driveway.store.table import UnknownAssetError
from driveway.vehicles.accounts import Account, accounts_of_site

KINDS = {
    "SITE": "site",
    "ACCOUNT#": "accounts_named",
    "CONNECT#": "connections",
    "CONNECTED#": "vehicles_connected",
    "TWIN": "state",
    "LOG#": "timeline",
    "SLOT#": "half_hours",
    "SESSION#": "sessions",
    "PLAN#": "plans",
}
"""The names of the kinds of items, by how their sort keys begin. Any other kind is exported under ``other``."""

OF_THE_TABLE = frozenset({"pk", "expires_at"})
"""Members of items that only the table uses, besides those of its indexes (``_shard``, ``_due``)."""

NOT_HELD = (
    "The meter point (MPAN), the postcode, the address and the email go to Axle and are not kept here.",
    "A position of a car is used to see whether it is at home, and is not kept.",
    "The refresh token of a car maker's account is held and is not shown: it is a key, and says nothing of the driver.",
)


class ExportedConsent(Struct, frozen=True, kw_only=True):
    """The consent that was given."""

    at: Annotated[Instant | None, Meta(description="When.")]
    version: Annotated[str | None, Meta(description="To which text.")]


class ExportedAccount(Struct, frozen=True, kw_only=True):
    """A driver's account at a car maker."""

    provider: Annotated[str, Meta(description="The car maker.")]
    user_id: Annotated[str, Meta(description="The account there.")]
    has_tokens: Annotated[bool, Meta(description="Whether we hold tokens of it; they are not shown.")]
    signed_in_at: Annotated[Instant | None, Meta(description="When the driver last signed in.")] | UnsetType = UNSET
    renewed_at: Annotated[Instant | None, Meta(description="When the tokens were last renewed.")] | UnsetType = UNSET
    lost_at: Annotated[Instant | None, Meta(description="When the access was lost.")] | UnsetType = UNSET


class Export(Struct, frozen=True, kw_only=True):
    """Everything that is held about a home."""

    site: AppId
    exported_at: Annotated[Instant, Meta(description="When this was read.")]
    consent: ExportedConsent
    held: Annotated[dict[str, list[dict[str, Any]]], Meta(description="The items by kind, as they are stored.")]
    assets: Annotated[
        list[Annotated[dict[str, Any], Meta(description="An asset: its items by kind, and its aliases.")]], Meta()
    ]
    accounts: list[ExportedAccount]
    not_held: Annotated[list[str], Meta(description="What is not kept.")]


def export_body(site: str, runtime: Runtime) -> Export:
    """Everything that is held about a site, in one document. Raises ProblemError (404)."""
    record = runtime.sites.get(site)
    if record is None:
        raise not_found("site", site)
    assets = {asset: _kinds(asset_key(asset), runtime) for asset in record.known_assets}
    return Export(
        site=site,
        exported_at=utc(runtime.now()),
        consent=ExportedConsent(at=utc_or_none(record.consent_at), version=record.consent_version),
        held=_kinds(site_key(site), runtime),
        assets=[{"asset": asset, **kinds, "aliases": _aliases(asset, runtime)} for asset, kinds in assets.items()],
        accounts=[_account(account, runtime) for account in sorted(accounts_of_site(site, runtime))],
        not_held=list(NOT_HELD),
    )


def _kinds(partition: str, runtime: Runtime) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for item in runtime.records.items_of(partition):
        name = next((name for begins, name in KINDS.items() if item["sk"].startswith(begins)), "other")
        found.setdefault(name, []).append(_shown(item))
    return found


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in item.items()
        if name not in OF_THE_TABLE and not name.endswith(("_shard", "_due"))
    }


def _aliases(asset: str, runtime: Runtime) -> list[str]:
    """The identifiers by which Axle's and the car makers' messages find the asset."""
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return []
    return [claim.key["pk"].removeprefix("ALIAS#") for claim in claims_of(twin)]


def _account(account: Account, runtime: Runtime) -> ExportedAccount:
    """A driver's account at a car maker, without its tokens."""
    dates = runtime.accounts.dates(account.key)
    return ExportedAccount(
        provider=account.provider,
        user_id=account.user_id,
        has_tokens=dates is not None and dates.holds_tokens,
        signed_in_at=UNSET if dates is None else utc_or_none(dates.signed_in_at),
        renewed_at=UNSET if dates is None else utc_or_none(dates.renewed_at),
        lost_at=UNSET if dates is None else utc_or_none(dates.lost_at),
    )
