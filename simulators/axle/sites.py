"""Eligibility, onboarding, enrolment and offboarding."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import HTTPException

from simulators.axle.models import (
    AssetBody,
    AssetUpdateBody,
    EligibilityBody,
    EligibilityCode,
    EnrolBody,
    OnboardBody,
    Proposition,
    SiteBody,
)
from simulators.axle.world import Asset, MpanFacts, Site, World

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", re.IGNORECASE)
_SITE_FIELDS = ("postcode", "street_address", "email", "gave_boundary_meter_consent_at")
_CHECK_WEIGHTS = (3, 5, 7, 13, 17, 19, 23, 29, 31, 37, 41, 43)
_PROPOSITIONS: tuple[Proposition, ...] = ("limited_pause", "full_asset_schedule_control")


def mpan_errors(mpan: str, *, check_digit: bool) -> list[str]:
    """The faults in the form of an MPAN, as texts; empty if it is well formed."""
    if not re.fullmatch(r"[0-9]{13}", mpan):
        return ["MPAN must be 13 digits"]
    total = sum(weight * int(digit) for weight, digit in zip(_CHECK_WEIGHTS, mpan[:12], strict=True))
    if check_digit and total % 11 % 10 != int(mpan[12]):
        return ["MPAN check digit is invalid"]
    return []


def check_eligibility(world: World, body: EligibilityBody) -> dict[str, Any]:
    """The answer of ``check-eligibility``: 404 for an unknown model, nothing is stored."""
    with world.lock:
        if mpan_errors(body.mpan, check_digit=world.config.mpan_check_digit):
            raise HTTPException(404, f"MPAN {body.mpan!r} not found")
        _known_model(world, body.asset_model)
        facts = world.facts(body.mpan)
        issues = _issues(world, facts, body.asset_model, dated=True)
        return {
            "is_half_hourly_settled": facts.half_hourly_settled,
            "propositions": [
                {"proposition": proposition, "is_eligible": not issues, "issues": issues}
                for proposition in _PROPOSITIONS
            ],
        }


def onboard(world: World, body: OnboardBody) -> dict[str, Any]:
    """Upsert the site (by MPAN) and its assets (by external id), and enrol it: everything or nothing."""
    with world.lock:
        known = world.sites.get(world.site_by_mpan.get(body.site.mpan, UUID(int=0)))
        site, site_fields = _merged_site(world, body.site, known)
        external_ids = [asset.external_id for asset in body.assets]
        if not external_ids or len(set(external_ids)) < len(external_ids):
            raise HTTPException(400, "One or more assets are required, each with an external_id of its own")
        assets = [_merged_asset(world, asset, site) for asset in body.assets]
        status = _enrolment(
            world,
            site,
            [asset for asset, _ in assets],
            body.proposition,
            override_withdrawal=body.override_withdrawal,
        )
        answers = [_stored_asset(world, site, asset, fields) for asset, fields in assets]
        world.sites[site.id] = site
        world.site_by_mpan[site.mpan] = site.id
        _enrolled(world, site, body.proposition, status)
        warnings = [] if site.email else ["No email address was given: payments need one"]
        return {
            "site": {
                "site_id": str(site.id),
                "site_created": known is None,
                "fields_updated": site_fields,
                "warnings": warnings,
            },
            "assets": answers,
            "enrolment": {"site_id": str(site.id), "status": status},
        }


def enrol(world: World, site_id: UUID, body: EnrolBody) -> dict[str, Any]:
    """Inactive to active; an enrolled site stays as it is."""
    with world.lock:
        site = world.site(site_id)
        assets = [world.assets[asset_id] for asset_id in site.asset_ids]
        status = _enrolment(world, site, assets, body.proposition, override_withdrawal=body.override_withdrawal)
        if body.gave_boundary_meter_consent_at:
            site.gave_boundary_meter_consent_at = body.gave_boundary_meter_consent_at
        _enrolled(world, site, body.proposition, status)
        return {"site_id": str(site.id), "status": status}


def unenrol(world: World, site_id: UUID, proposition: Proposition) -> dict[str, Any]:
    """Active to inactive; the household counts as withdrawn from the proposition."""
    with world.lock:
        site = world.site(site_id)
        if proposition not in site.propositions:
            return {"site_id": str(site.id), "status": "already_unenrolled"}
        site.propositions.remove(proposition)
        facts = world.facts(site.mpan)
        world.mpans[site.mpan] = facts.model_copy(update={"withdrew": sorted({*facts.withdrew, proposition})})
        return {"site_id": str(site.id), "status": "unenrolled"}


def offboard(world: World, site_id: UUID) -> dict[str, Any]:
    """Delete the site with its assets. The answer describes one asset, as Axle's does."""
    with world.lock:
        site = world.site(site_id)
        assets = [world.assets[asset_id] for asset_id in site.asset_ids]
        answer = {"site": site_response(site)}
        if assets:
            answer["asset"] = asset_response(assets[0])
        for asset in assets:
            world.remove_asset(asset)
        del world.sites[site.id]
        del world.site_by_mpan[site.mpan]
        return answer


def update_asset(world: World, asset_id: UUID, body: AssetUpdateBody) -> dict[str, Any]:
    """Change the given properties of an asset."""
    with world.lock:
        asset = world.asset(asset_id)
        _known_model(world, body.asset_model, status=400)
        for name, value in _given(body).items():
            setattr(asset, name, value)
        return asset_response(asset)


def site_response(site: Site) -> dict[str, Any]:
    """The site as Axle shows it, without unknown members."""
    consent = site.gave_boundary_meter_consent_at
    shown = {
        "id": str(site.id),
        "mpan": site.mpan,
        "postcode": site.postcode,
        "address": site.street_address,
        "asset_ids": [str(asset_id) for asset_id in site.asset_ids],
        "markets": ["wholesale"] if site.propositions else [],
        "dispatch_methods": sorted(site.propositions),
        "gave_boundary_meter_consent_at": consent.isoformat() if consent else None,
    }
    return {name: value for name, value in shown.items() if value is not None}


def asset_response(asset: Asset) -> dict[str, Any]:
    """The asset as Axle shows it."""
    properties = {"power_kw": asset.power_kw, "capacity_kwh": asset.capacity_kwh}
    return {
        "id": str(asset.id),
        "external_id": asset.external_id,
        "type": asset.type,
        "site_id": str(asset.site_id),
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def _known_model(world: World, name: str | None, status: int = 404) -> None:
    if name is not None and name not in world.config.asset_models:
        raise HTTPException(status, f"Asset model {name!r} not found")


def _issues(world: World, facts: MpanFacts, model: str | None, *, dated: bool) -> list[EligibilityCode]:
    issues = list(facts.issues)
    if facts.half_hourly_settled:
        return issues
    if model is None:
        issues.append("asset_model_not_set")
    elif not world.config.asset_models[model]:
        issues.append("asset_model_not_cop11_qualified")
    if not dated:
        issues.append("asset_installation_date_not_set")
    return list(dict.fromkeys(issues))


def _merged_site(world: World, body: SiteBody, known: Site | None) -> tuple[Site, list[str]]:
    errors = mpan_errors(body.mpan, check_digit=world.config.mpan_check_digit)
    if not POSTCODE.fullmatch(body.postcode.strip()):
        errors.append("postcode is not a UK postcode")
    if body.email is not None and not _EMAIL.fullmatch(body.email):
        errors.append("email is not a valid email address")
    consent = body.gave_boundary_meter_consent_at or (known and known.gave_boundary_meter_consent_at)
    if consent is None:
        errors.append("gave_boundary_meter_consent_at is required: boundary meter consent is missing")
    if errors:
        raise HTTPException(400, "; ".join(errors))
    if not world.facts(body.mpan).connected:
        raise HTTPException(404, f"No connected import meter was found for MPAN {body.mpan}")
    given = {name: getattr(body, name) for name in _SITE_FIELDS if getattr(body, name) is not None}
    if known is None:
        return Site(id=uuid.uuid4(), mpan=body.mpan, **given), []
    fields = sorted(name for name, value in given.items() if getattr(known, name) != value)
    merged = replace(known, **given, asset_ids=list(known.asset_ids), propositions=set(known.propositions))
    return merged, fields


def _given(body: AssetBody | AssetUpdateBody) -> dict[str, Any]:
    properties = body.properties
    given = {
        "power_kw": properties and properties.power_kw,
        "capacity_kwh": properties and properties.capacity_kwh,
        "asset_model": body.asset_model,
        "installation_date": body.installation_date,
    }
    return {name: value for name, value in given.items() if value is not None}


def _merged_asset(world: World, body: AssetBody, site: Site) -> tuple[Asset, list[str]]:
    _known_model(world, body.asset_model)
    given = _given(body)
    known_id = world.asset_by_external_id.get(body.external_id)
    if known_id is None:
        return Asset(id=uuid.uuid4(), external_id=body.external_id, type=body.type, site_id=site.id, **given), []
    known = world.assets[known_id]
    if known.site_id != site.id:
        raise HTTPException(409, f"Asset {body.external_id!r} is registered at a different site")
    if known.type != body.type:
        raise HTTPException(409, f"Asset {body.external_id!r} is registered as {known.type!r}, not {body.type!r}")
    fields = sorted(name for name, value in given.items() if getattr(known, name) != value)
    return replace(known, **given), fields


def _enrolment(
    world: World, site: Site, assets: Sequence[Asset], proposition: Proposition, *, override_withdrawal: bool
) -> str:
    if proposition in site.propositions:
        return "already_enrolled"
    facts = world.facts(site.mpan)
    if proposition in facts.withdrew and not override_withdrawal:
        raise HTTPException(
            422,
            f"Site previously withdrew from proposition '{proposition}'. Set override_withdrawal to true to re-enrol.",
        )
    for asset in assets:
        issues = _issues(world, facts, asset.asset_model, dated=asset.installation_date is not None)
        if issues:
            raise HTTPException(
                422, f"Asset {asset.external_id!r} is not eligible for '{proposition}': {', '.join(issues)}"
            )
    return "enrolled"


def _stored_asset(world: World, site: Site, asset: Asset, fields_updated: list[str]) -> dict[str, Any]:
    created = asset.id not in world.assets
    world.assets[asset.id] = asset
    world.asset_by_external_id[asset.external_id] = asset.id
    if asset.id not in site.asset_ids:
        site.asset_ids.append(asset.id)
        asset.unreported = {"plug state", "tariff", "intent"}
    return {
        "asset_id": str(asset.id),
        "external_id": asset.external_id,
        "asset_created": created,
        "fields_updated": fields_updated,
        "warnings": [] if asset.power_kw else ["power_kw is not set"],
    }


def _enrolled(world: World, site: Site, proposition: Proposition, status: str) -> None:
    if status == "already_enrolled":
        return
    site.propositions.add(proposition)
    facts = world.facts(site.mpan)
    withdrew = [name for name in facts.withdrew if name != proposition]
    if site.mpan in world.mpans:
        world.mpans[site.mpan] = facts.model_copy(update={"withdrew": withdrew})
    for asset_id in site.asset_ids:
        world.assets[asset_id].unreported = {"plug state", "tariff", "intent"}
