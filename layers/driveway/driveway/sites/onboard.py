"""``PUT /sites/{site}``: onboard or update, with Axle first and then in one transaction here."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.domain.intent import check_intent_fits, intent_body, parse_intent
from driveway.domain.mpan import MpanError, core_mpan
from driveway.domain.observation import Observation
from driveway.domain.preference_error import PreferenceError
from driveway.domain.presence import observe
from driveway.domain.presence_rules import PresenceRules
from driveway.domain.reasons import Reason
from driveway.domain.sight import with_presence
from driveway.domain.tariff import parse_tariff, tariff_body
from driveway.domain.twin import AxleState, Entry, Home, Intent, Link, Tariff, Twin, Vehicle, changed_groups
from driveway.domain.wall_time import UnknownZoneError, find_zone
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, busy
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import AssetBody, SiteBody, refused
from driveway.store.sites import Claim, OwnedError, SiteRecord
from driveway.store.table import UnknownAssetError

PROPOSITION = "full_asset_schedule_control"
DEFAULT_TARIFF = {"off_peak": "00:00-06:00", "timezone": "Europe/London", "tariff_type": "unknown"}
DEFAULT_READY_BY = "07:00"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One asset as the body asks for it. None where the body leaves a preference as it is."""

    body: AssetBody
    tariff: Tariff | None
    intent: Intent | None
    warnings: tuple[str, ...]


def put_site(site: str, body: SiteBody, current: Runtime) -> Answer:
    """Onboard or update a site. Raises ProblemError."""
    mpan = _mpan(body, current)
    wanted = [_wanted(place, asset, body.timezone) for place, asset in enumerate(body.assets)]
    now, sites = current.now(), current.sites
    record = sites.get(site)
    _refuse_if_leaving(record)
    before = {w.body.asset: _present(w.body.asset, site, current) for w in wanted}
    _refuse_foreign_vehicles(wanted, current)
    begun = sites.begin(site, now)
    try:
        answer = current.axle.post("/entities/site/onboard", _axle_body(body, mpan))
    except AxleRefusedError as error:
        sites.abandon(begun)
        raise problem_of(error, "onboard") from None
    except AxleUnavailableError as error:
        raise problem_of(error, "onboard") from None
    return _store(_Onboarding(site, body, wanted, before, begun, answer, now), current)


@dataclass(frozen=True, slots=True)
class _Onboarding:
    site: str
    body: SiteBody
    wanted: list[Wanted]
    before: dict[str, Twin | None]
    record: SiteRecord
    axle: dict[str, Any]
    now: datetime


def _mpan(body: SiteBody, current: Runtime) -> str:
    errors: list[tuple[str, str]] = []
    mpan = ""
    try:
        mpan = core_mpan(body.site.mpan, check_digit=current.settings.text("MPAN_CHECK_DIGIT", "strict") == "strict")
    except MpanError as error:
        errors.append(("/site/mpan", str(error)))
    try:
        find_zone(body.timezone)
    except UnknownZoneError as error:
        errors.append(("/timezone", str(error)))
    names = [asset.asset for asset in body.assets]
    if len(set(names)) != len(names):
        errors.append(("/assets", "An asset is given twice."))
    if errors:
        raise refused(errors)
    return mpan


def _wanted(place: int, asset: AssetBody, timezone: str) -> Wanted:
    pointer = f"/assets/{place}"
    tariff: Tariff | None = None
    intent: Intent | None = None
    warnings: tuple[str, ...] = ()
    try:
        if asset.tariff is not None:
            result = parse_tariff({"timezone": timezone, **asset.tariff})
            tariff, warnings = result.tariff, result.warnings
    except PreferenceError as error:
        raise refused(list(error.under(f"{pointer}/tariff").errors)) from None
    try:
        if asset.intent is not None:
            intent = parse_intent(asset.intent)
            check_intent_fits(intent, battery_kwh=asset.battery_kwh)
    except PreferenceError as error:
        raise refused(list(error.under(f"{pointer}/intent").errors)) from None
    return Wanted(asset, tariff, intent, warnings)


def _refuse_if_leaving(record: SiteRecord | None) -> None:
    if record is not None and record.state == "leaving":
        raise ProblemError(
            409, "site-leaving", "The site is being erased", "Finish its DELETE first, then onboard it again."
        )


def _present(asset: str, site: str, current: Runtime) -> Twin | None:
    try:
        twin = current.table.twin(asset)
    except UnknownAssetError:
        return None
    if twin.link.site != site:
        raise _owned(f"The asset {asset!r} belongs to the site {twin.link.site!r}.")
    return twin


def _refuse_foreign_vehicles(wanted: list[Wanted], current: Runtime) -> None:
    for asset in (w.body for w in wanted):
        if asset.vehicle is None:
            continue
        owner = current.records.asset_for(asset.vehicle.provider, asset.vehicle.vehicle_id)
        if owner is not None and owner != asset.asset:
            raise _owned(f"The vehicle of {asset.asset!r} belongs to the asset {owner!r} already.")


def _owned(detail: str) -> ProblemError:
    return ProblemError(409, "owned-elsewhere", "It belongs to another", detail)


def _axle_body(body: SiteBody, mpan: str) -> dict[str, Any]:
    details = body.site.model_dump(mode="json", exclude_none=True) | {"mpan": mpan}
    return {
        "site": details,
        "assets": [_axle_asset(asset) for asset in body.assets],
        "proposition": PROPOSITION,
        "override_withdrawal": body.rejoin,
    }


def _axle_asset(asset: AssetBody) -> dict[str, Any]:
    properties = {"power_kw": asset.power_kw, "capacity_kwh": asset.battery_kwh}
    told = {
        "external_id": asset.asset,
        "type": asset.type,
        "properties": {name: value for name, value in properties.items() if value is not None},
        "asset_model": asset.asset_model,
        "installation_date": asset.installation_date.isoformat() if asset.installation_date else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _store(onboarding: _Onboarding, current: Runtime) -> Answer:
    ids = {item["external_id"]: item for item in onboarding.axle["assets"]}
    site_id = onboarding.axle["site"]["site_id"]
    twins = [_twin(w, onboarding, site_id, ids[w.body.asset]["asset_id"]) for w in onboarding.wanted]
    record = replace(
        onboarding.record,
        state="active",
        axle_site_id=site_id,
        enrolment="enrolled",
        timezone=onboarding.body.timezone,
        consent_at=onboarding.body.site.gave_boundary_meter_consent_at or onboarding.record.consent_at,
        assets=tuple(sorted({*onboarding.record.assets, *onboarding.before})),
        begun_at=None,
    )
    try:
        current.sites.commit(
            record,
            [(onboarding.before[twin.link.asset], twin) for twin in twins],
            [claim for twin in twins for claim in _claims(twin)],
            now=onboarding.now,
        )
    except OwnedError as error:
        raise _owned(str(error)) from None
    except Exception:
        current.logger.exception("Axle accepted an onboarding that could not be stored")
        raise busy("Axle has accepted the site, but it could not be stored here. Repeat the call.") from None
    _keep_refresh_tokens(onboarding, current)
    return _answer(onboarding, twins, ids)


def _claims(twin: Twin) -> list[Claim]:
    asset, vehicle = twin.link.asset, twin.link.vehicle
    claims = [Claim("axle", twin.link.axle_asset_id, asset)]
    if vehicle is not None:
        claims.append(Claim(vehicle.provider, vehicle.vehicle_id, asset))
        if vehicle.user_id is not None:
            claims.append(Claim(f"{vehicle.provider}-user", vehicle.user_id, asset, shared=True))
    return claims


def _twin(wanted: Wanted, onboarding: _Onboarding, axle_site_id: str, axle_asset_id: str) -> Twin:
    before, now, asset = onboarding.before[wanted.body.asset], onboarding.now, wanted.body
    home = onboarding.body.home
    link = Link(
        site=onboarding.site,
        asset=asset.asset,
        type=asset.type,
        power_kw=asset.power_kw,
        timezone=onboarding.body.timezone,
        axle_site_id=axle_site_id,
        axle_asset_id=axle_asset_id,
        enrolled=True,
        onboarded_at=before.link.onboarded_at if before else now,
        asset_model=asset.asset_model,
        installation_date=asset.installation_date.isoformat() if asset.installation_date else None,
        battery_kwh=asset.battery_kwh,
        vehicle=_vehicle(asset),
        home=Home(home.latitude, home.longitude, home.radius_m) if home else None,
        snoozed_until=before.link.snoozed_until if before else None,
    )
    if before is not None:
        axle = before.axle if before.link.enrolled and before.link.axle_asset_id == axle_asset_id else AxleState()
        after = replace(
            before,
            link=link,
            tariff=wanted.tariff or before.tariff,
            intent=wanted.intent or before.intent,
            axle=axle,
            news=(),
        )
        if not changed_groups(before, after):
            return before
        return after.tell(Entry(now, "SiteUpdated", Reason.UPDATED_BY_APP, "The site was updated."))
    tariff = wanted.tariff or parse_tariff(DEFAULT_TARIFF).tariff
    intent = wanted.intent or parse_intent({"ready_by": DEFAULT_READY_BY})
    twin = Twin(link=link, tariff=tariff, intent=intent, revision=1, version=1)
    twin = twin.tell(Entry(now, "Onboarded", Reason.ONBOARDED, "The asset was onboarded with Axle."))
    seen = Observation(at=now, source="app", plugged_in=asset.plugged_in, at_home=asset.plugged_in or None)
    step = observe(twin.presence, seen, now=now, rules=PresenceRules())
    return with_presence(twin, step, (seen,), now)


def _vehicle(asset: AssetBody) -> Vehicle | None:
    if asset.vehicle is None:
        return None
    vehicle = asset.vehicle
    return Vehicle(vehicle.provider, vehicle.vehicle_id, vehicle.home_location_id, vehicle.user_id)


def _keep_refresh_tokens(onboarding: _Onboarding, current: Runtime) -> None:
    for vehicle in (w.body.vehicle for w in onboarding.wanted):
        if vehicle is not None and vehicle.refresh_token is not None and vehicle.user_id is not None:
            current.sites.keep_refresh_token(vehicle.provider, vehicle.user_id, vehicle.refresh_token)


def _answer(onboarding: _Onboarding, twins: list[Twin], ids: dict[str, Any]) -> Answer:
    created = onboarding.record.axle_site_id is None
    assets = []
    for wanted, twin in zip(onboarding.wanted, twins, strict=True):
        told, before = ids[wanted.body.asset], onboarding.before[wanted.body.asset]
        assets.append(
            {
                "asset": wanted.body.asset,
                "axle_asset_id": twin.link.axle_asset_id,
                "warnings": [*told.get("warnings", []), *wanted.warnings, *_defaults_filled(wanted, before)],
                "changed": "created" if before is None else list(changed_groups(before, twin)),
                "tariff": tariff_body(twin.tariff),
                "intent": intent_body(twin.intent),
                "plugged_in": twin.presence.session is not None,
            }
        )
    axle = onboarding.axle
    body = {
        "site": onboarding.site,
        "state": "active",
        "axle_site_id": axle["site"]["site_id"],
        "enrolment": axle["enrolment"]["status"],
        "warnings": axle["site"].get("warnings", []),
        "assets": assets,
    }
    return Answer(201 if created else 200, body)


def _defaults_filled(wanted: Wanted, before: Twin | None) -> list[str]:
    if before is not None:
        return []
    filled = []
    if wanted.tariff is None:
        filled.append("No tariff was given: off-peak is taken to be 00:00-06:00 Europe/London.")
    if wanted.intent is None:
        filled.append(f"No intent was given: four hours of charging by {DEFAULT_READY_BY} are assumed.")
    return filled
