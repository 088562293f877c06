"""The assets that a ``PUT /sites/{site}`` requests, checked without calls to other services."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from driveway.domain.mpan import MpanError, core_mpan
from driveway.domain.preferences.answer_warnings import fitted, intent_warnings
from driveway.domain.preferences.errors import PreferenceError
from driveway.domain.preferences.intent import check_intent_fits, parse_intent
from driveway.domain.preferences.tariff import parse_tariff
from driveway.domain.sites.record import Change, SiteTerms
from driveway.domain.twin import Intent, Tariff, Twin, Vehicle
from driveway.domain.wall_time import UnknownZoneError, find_zone
from driveway.sites.bodies import AssetBody, HomeBody, SiteBody, refused
from driveway.store.sites import ASSET, Claim
from driveway.vehicles.registry import capabilities

PROPOSITION = "full_asset_schedule_control"
DEFAULT_TARIFF = {"off_peak": "00:00-06:00", "timezone": "Europe/London", "tariff_type": "unknown"}
DEFAULT_INTENT = {"ready_by": "07:00"}


class AssetRequest(Struct, frozen=True):
    """One asset as the body asks for it. A preference is None where the body leaves it as it is."""

    body: AssetBody
    tariff: Tariff | None
    intent: Intent | None
    warnings: tuple[str, ...] = ()

    @property
    def vehicle(self) -> Vehicle | None:
        """The vehicle as the twin knows it."""
        given = self.body.vehicle
        if given is None:
            return None
        return Vehicle(
            given.provider,
            given.vehicle_id,
            given.home_location_id,
            given.user_id,
            connector_id=given.connector_id,
            phases=given.phases,
            rate_unit=given.rate_unit,
            stack_level=given.stack_level,
            capabilities=capabilities(given.provider),
        )


def change_of(request: AssetRequest, terms: SiteTerms, now: datetime) -> Change:
    """The requested asset as the site's record keeps it until it is applied."""
    body = request.body.model_dump(mode="json", exclude_none=True, exclude={"vehicle": {"refresh_token"}})
    return Change(request.body.asset, body, terms, begun_at=now)


def request_of(change: Change) -> AssetRequest:
    """The requested asset that a site's record keeps."""
    return _wanted("", AssetBody.model_validate(change.body), change.terms.timezone, [])


def reservations(site: str, change: Change, twin: Twin | None) -> list[Claim]:
    """The identifiers reserved for a change that is not applied yet; ``twin`` is the asset's present one."""
    claims = [] if twin is not None else [Claim(ASSET, change.asset, site)]
    return [*claims, *vehicle_reservations(change, twin)]


def vehicle_reservations(change: Change, twin: Twin | None) -> list[Claim]:
    """The vehicle reserved for a change that is not applied yet; none if the asset has it already."""
    vehicle, held = request_of(change).vehicle, twin.link.vehicle if twin is not None else None
    if vehicle is None or (held and (held.provider, held.vehicle_id) == (vehicle.provider, vehicle.vehicle_id)):
        return []
    return [Claim(vehicle.provider, vehicle.vehicle_id, change.asset, reserved=True)]


NO_CONSENT = (
    "Give the time at which the driver agreed that the readings of the boundary meter are used: Axle takes no site "
    "without it."
)


def default_tariff() -> Tariff:
    """The tariff of an asset for which the app gave none."""
    return parse_tariff(DEFAULT_TARIFF).tariff


def default_intent() -> Intent:
    """The intent of an asset for which the app gave none."""
    return parse_intent(DEFAULT_INTENT)


def with_what_is_kept(body: SiteBody, twins: Sequence[Twin]) -> SiteBody:
    """The body with the site's home and zone where it does not name them; ``twins`` are the site's, as they are."""
    kept: dict[str, Any] = {}
    home = next((twin.link.home for twin in twins if twin.link.home is not None), None)
    if "home" not in body.model_fields_set and home is not None:
        kept["home"] = HomeBody(latitude=home.latitude, longitude=home.longitude, radius_m=home.radius_m)
    if "timezone" not in body.model_fields_set and twins:
        kept["timezone"] = twins[0].link.timezone
    return body.model_copy(update=kept) if kept else body


def checked(
    body: SiteBody, *, check_digit: bool, twins: Sequence[Twin] = (), has_consent: bool = False
) -> tuple[str, list[AssetRequest]]:
    """The core MPAN and the requested assets; ``twins`` are the site's, as they are.

    ``has_consent``: the site's record has the time of the driver's consent, so the body need not give it.

    Raises:
        ProblemError: the body cannot be accepted (422), with a pointer to every fault.
    """
    errors = _faults(body)
    mpan = ""
    try:
        mpan = core_mpan(body.site.mpan, check_digit=check_digit)
    except MpanError as error:
        errors.append(("/site/mpan", str(error)))
    wanted = [_wanted(f"/assets/{place}", asset, body.timezone, errors) for place, asset in enumerate(body.assets)]
    errors += _missing_batteries(wanted, {twin.link.asset: twin for twin in twins})
    if body.site.gave_boundary_meter_consent_at is None and not has_consent:
        errors.append(("/site/gave_boundary_meter_consent_at", NO_CONSENT))
    if errors:
        raise refused(errors)
    return mpan, wanted


def _faults(body: SiteBody) -> list[tuple[str, str]]:
    errors = []
    try:
        find_zone(body.timezone)
    except UnknownZoneError as error:
        errors.append(("/timezone", str(error)))
    names = [asset.asset for asset in body.assets]
    if _has_twice(names):
        errors.append(("/assets", "An asset is given twice."))
    if set(names) & set(body.remove_assets):
        errors.append(("/remove_assets", "An asset is given and removed at once."))
    vehicles = [(asset.vehicle.provider, asset.vehicle.vehicle_id) for asset in body.assets if asset.vehicle]
    if _has_twice(vehicles):
        errors.append(("/assets", "Two assets are given the same vehicle."))
    return errors


def _missing_batteries(requests: Sequence[AssetRequest], twins: Mapping[str, Twin]) -> list[tuple[str, str]]:
    """A fault for each asset that would have a target state of charge without the battery's size."""
    message = "An intent has a target state of charge, which needs the battery's size: give battery_kwh."
    return [
        (f"/assets/{place}/battery_kwh", message)
        for place, request in enumerate(requests)
        if request.body.battery_kwh is None
        and (twin := twins.get(request.body.asset)) is not None
        and _needs_battery(twin, request.intent)
    ]


def _needs_battery(twin: Twin, intent: Intent | None) -> bool:
    """Whether an intent that stays has a target for a battery whose size only the asset has.

    A target of the body's own ``intent`` is checked with it.
    """
    kept = [twin.intent] if intent is None else []
    kept += [own.intent for own in twin.vehicle_intents.values() if own.battery_kwh is None]
    return any(one.target_soc_pct is not None for one in kept)


def _has_twice(values: Sequence[object]) -> bool:
    return len(set(values)) != len(values)


def _wanted(pointer: str, asset: AssetBody, timezone: str, errors: list[tuple[str, str]]) -> AssetRequest:
    tariff: Tariff | None = None
    intent: Intent | None = None
    warnings: tuple[str, ...] = ()
    if asset.tariff is not None:
        try:
            result = parse_tariff({"timezone": timezone, **asset.tariff})
            tariff, warnings = result.tariff, result.warnings
        except PreferenceError as error:
            errors += error.under(f"{pointer}/tariff").errors
    if asset.intent is not None:
        try:
            asked = parse_intent(asset.intent)
            check_intent_fits(asked, battery_kwh=asset.battery_kwh)
            intent = fitted(asked, battery_kwh=asset.battery_kwh)
            warnings += intent_warnings(asked, battery_kwh=asset.battery_kwh, power_kw=asset.power_kw)
        except PreferenceError as error:
            errors += error.under(f"{pointer}/intent").errors
    return AssetRequest(asset, tariff, intent, warnings)


def axle_body(body: SiteBody, mpan: str) -> dict[str, Any]:
    """The body of Axle's ``POST /entities/site/onboard``."""
    return {
        "site": body.site.model_dump(mode="json", exclude_none=True) | {"mpan": mpan},
        "assets": [_axle_asset(asset) for asset in body.assets],
        "proposition": PROPOSITION,
        "override_withdrawal": body.rejoin,
    }


def _axle_asset(asset: AssetBody) -> dict[str, Any]:
    properties = {"power_kw": asset.power_kw, "capacity_kwh": asset.battery_kwh}
    fields = {
        "external_id": asset.asset,
        "type": asset.type,
        "properties": {name: value for name, value in properties.items() if value is not None},
        "asset_model": asset.asset_model,
        "installation_date": asset.installation_date.isoformat() if asset.installation_date else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def without_personal(warnings: Sequence[str], body: SiteBody, mpan: str) -> tuple[str, ...]:
    """Axle's warnings with personal data replaced by an ellipsis."""
    secrets = {mpan, *body.site.model_dump(include={"mpan", "postcode", "street_address", "email"}).values()}
    return tuple(_without(warning, filter(None, secrets)) for warning in warnings)


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "…")
    return text
