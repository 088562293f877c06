"""The answer to a ``PUT /sites/{site}`` once Axle has acknowledged it."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from driveway.domain.preferences.answers import IntentAnswer, TariffAnswer
from driveway.domain.preferences.intent import intent_answer
from driveway.domain.preferences.tariff import tariff_answer
from driveway.domain.sites.record import SiteRecord, SiteState
from driveway.domain.sites.steps import to_come
from driveway.domain.twin import Twin
from driveway.runtime.answer_types import AppId, Enrolment
from driveway.runtime.http_api import Answer
from driveway.sites.onboarding_twins import changed_fields
from driveway.sites.put_request import PutRequest
from driveway.sites.requested import AssetRequest, default_intent, default_tariff
from driveway.sites.site_answers import ToCome
from driveway.store.sites import Pair

PLUG_UNKNOWN = "No plug state was given, so we ask the car now. Until it is known, Axle has the car as not plugged in."
PLUG_UNKNOWN_WITHOUT_VEHICLE = (
    "No plug state was given, and there is no vehicle to ask. Until it is reported, Axle has the car as not plugged in."
)


class OnboardedAsset(Struct, frozen=True, kw_only=True):
    """An asset as it is onboarded."""

    asset: AppId
    axle_asset_id: Annotated[str, Meta(description="Axle's id.")]
    created: Annotated[bool, Meta(description="Whether the asset is new.")]
    changed: Annotated[
        list[str],
        Meta(description="The fields that changed: `power_kw`, `vehicle`, `home`, `tariff`, ...; empty if none did."),
    ]
    warnings: Annotated[list[str], Meta(description="What was lost or assumed, in sentences.")]
    tariff: TariffAnswer
    intent: IntentAnswer
    plugged_in: Annotated[
        bool | None, Meta(description="Whether it is plugged in at home. Null: nothing is known yet.")
    ]


class OnboardedSite(Struct, frozen=True, kw_only=True):
    """A site as it is onboarded."""

    site: AppId
    state: SiteState
    axle_site_id: Annotated[str, Meta(description="Axle's id.")]
    enrolment: Enrolment
    warnings: Annotated[list[str], Meta(description="Axle's, about the site.")]
    assets: list[OnboardedAsset]
    removed: Annotated[list[str], Meta(description="The assets that `remove_assets` took out.")]
    to_come: ToCome | UnsetType = UNSET


def put_answer(put: PutRequest, pairs: list[Pair], axle: Mapping[str, Any], record: SiteRecord) -> Answer:
    answers = {item["external_id"]: item for item in axle["assets"]}
    before_and_after = {after.link.asset: (before, after) for before, after in pairs if after is not None}
    assets = [
        _asset_answer(request, answers[request.body.asset], before_and_after.get(request.body.asset), record)
        for request in put.requests
    ]
    waits = {change.asset for change in record.changes} & put.names or set(record.removals)
    is_unfinished = bool(waits or record.disconnects or record.enrolment != record.wanted)
    body = OnboardedSite(
        site=put.site,
        state=record.state,
        axle_site_id=axle["site"]["site_id"],
        enrolment=record.enrolment,
        warnings=axle["site"].get("warnings", []),
        assets=assets,
        removed=[name for name in put.body.remove_assets if name not in record.removals],
        to_come=to_come(record) if is_unfinished else UNSET,
    )
    created = put.was is None or put.was.axle_site_id is None
    return Answer(202 if is_unfinished else 201 if created else 200, body)


def _asset_answer(
    request: AssetRequest, axle: Mapping[str, Any], pair: tuple[Twin | None, Twin] | None, record: SiteRecord
) -> OnboardedAsset:
    before, twin = pair if pair is not None else (None, None)
    tariff = twin.tariff if twin else request.tariff or default_tariff()
    intent = twin.intent if twin else request.intent or default_intent()
    return OnboardedAsset(
        asset=request.body.asset,
        axle_asset_id=axle["asset_id"],
        created=before is None,
        changed=changed_fields(before, twin) if before is not None and twin is not None else [],
        warnings=[*axle.get("warnings", []), *request.warnings, *_filled(request, twin)],
        tariff=tariff_answer(tariff),
        intent=intent_answer(intent),
        plugged_in=None if twin is None or twin.presence.plugged_in is None else twin.presence.session is not None,
    )


def _filled(request: AssetRequest, twin: Twin | None) -> list[str]:
    """Warnings for the values that were filled in because the app has never given them."""
    filled = []
    if request.tariff is None and (twin is None or twin.tariff == default_tariff()):
        filled.append("No tariff was given: off-peak is taken to be 00:00-06:00 Europe/London.")
    if request.intent is None and (twin is None or twin.intent == default_intent()):
        filled.append("No intent was given: four hours of charging by 07:00 are assumed.")
    if request.body.plugged_in is None and twin is not None and twin.presence.plugged_in is None:
        filled.append(PLUG_UNKNOWN if request.vehicle is not None else PLUG_UNKNOWN_WITHOUT_VEHICLE)
    return filled
