"""``PUT /sites/{site}``: onboard or update, with Axle first and then in one transaction here.

Every step can be repeated. Before Axle is called it is noted that something was begun, so that whatever fails after is
seen until a repetition has finished it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.axle.connection import axle_client
from driveway.domain.preferences.intent import intent_body
from driveway.domain.preferences.tariff import tariff_body
from driveway.domain.twin import Home, Twin, changed_groups
from driveway.observations.metering_intake import meter_twin
from driveway.outbox.account_checks import queue_checks
from driveway.outbox.wakeups import QueueError
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError, busy
from driveway.sites.axle_problems import problem_of
from driveway.sites.bodies import SiteBody
from driveway.sites.release import delete_at_axle, erase_asset, leaving, send_last_readings, wait_until_released
from driveway.sites.requested import (
    AssetRequest,
    axle_body,
    checked,
    default_intent,
    default_tariff,
    with_what_is_kept,
    without_personal,
)
from driveway.sites.twins import Terms, changes_vehicle, twin_of_named_asset, twin_of_other_asset
from driveway.store.conditional import ContentionError
from driveway.store.sites import AXLE_SITE, Claim, OwnedError, Pair, SiteRecord, claims_of
from driveway.store.table import UnknownAssetError
from driveway.store.tokens import TokenStoreError
from driveway.vehicles.accounts import Account, accounts_given_up, begin_to_forget, forget_accounts, keep_tokens

MOST_TRIES = 6


PLUG_UNKNOWN = (
    "No plug state was given: the car is asked now. Until it is known, Axle is told that the car is not plugged in."
)
PLUG_UNKNOWN_WITHOUT_VEHICLE = (
    "No plug state was given and no vehicle to ask: until it is reported, Axle is told that the car is not plugged in."
)


@dataclass(frozen=True, slots=True)
class _Call:
    """One ``PUT`` as it was checked. ``was`` is the site's record before it."""

    site: str
    body: SiteBody
    mpan: str
    wanted: list[AssetRequest]
    was: SiteRecord | None
    now: datetime

    def wants(self, asset: str) -> AssetRequest | None:
        """What is wanted of an asset; None if the call does not name it."""
        return next((wanted for wanted in self.wanted if wanted.body.asset == asset), None)

    def changes_vehicle(self, twin: Twin | None) -> bool:
        """Whether the call gives the asset of a twin another vehicle."""
        wanted = self.wants(twin.link.asset) if twin else None
        return wanted is not None and changes_vehicle(twin, wanted)


def put_site(site: str, body: SiteBody, runtime: Runtime) -> Answer:
    """Onboard or update a site. Raises ProblemError."""
    strict = runtime.settings.text("MPAN_CHECK_DIGIT", "strict") == "strict"
    was = runtime.sites.get(site)
    held = [twin for asset in (was.known_assets if was else ()) if (twin := _present(asset, site, runtime)) is not None]
    body = with_what_is_kept(body, held)
    mpan, wanted = checked(body, check_digit=strict, twins=held)
    call = _Call(site, body, mpan, wanted, was, runtime.now())
    if call.was is not None and call.was.state == "leaving":
        raise ProblemError(
            409, "site-leaving", "The site is being erased", "Finish its DELETE first, then onboard it again."
        )
    named = {w.body.asset: _present(w.body.asset, site, runtime) for w in wanted}
    removed = [asset for asset in body.remove_assets if _present(asset, site, runtime) is not None]
    _refuse_foreign_vehicles(call, named, runtime)
    noted = _noted(call, named, removed, runtime)
    axle = _onboard_at_axle(call, noted, runtime)
    _refuse_foreign_site(call, noted, axle, runtime)
    swapped = [asset for asset, twin in named.items() if call.changes_vehicle(twin)]
    release_vehicles([*swapped, *removed], runtime)
    _remove(call, removed, runtime)
    to_check = _keep_tokens(call, runtime)
    stored = _store(call, noted, axle, runtime)
    _after(call, stored, to_check, runtime)
    return _answer(call, stored, axle)


def _present(asset: str, site: str, runtime: Runtime) -> Twin | None:
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return None
    if twin.link.site != site:
        raise _owned(f"The asset {asset!r} belongs to the site {twin.link.site!r}.", twin.link.site)
    return replace(twin, news=())


def _refuse_foreign_vehicles(call: _Call, named: Mapping[str, Twin | None], runtime: Runtime) -> None:
    """Refuse a vehicle that is another asset's, unless that asset gives it up by this very call."""
    for asset, vehicle in ((w.body.asset, w.vehicle) for w in call.wanted):
        owner = runtime.records.asset_for(vehicle.provider, vehicle.vehicle_id) if vehicle else None
        if owner is None or owner == asset or owner in call.body.remove_assets:
            continue
        if call.changes_vehicle(named.get(owner)):
            continue
        raise _owned(f"The vehicle of {asset!r} belongs to the asset {owner!r} already.", owner)


def _owned(detail: str, owner: str) -> ProblemError:
    return ProblemError(409, "owned-elsewhere", "It belongs to another", detail, extra={"owner": owner})


def _noted(call: _Call, named: Mapping[str, Twin | None], removed: list[str], runtime: Runtime) -> SiteRecord:
    """The site's record, noted as begun if this call has more to do than to repeat what is so."""
    settled = call.was is not None and call.was.state == "active" and call.was.begun_at is None
    new = any(twin is None or call.changes_vehicle(twin) for twin in named.values())
    record = call.was or SiteRecord(call.site)
    if settled and not new and not removed:
        return record
    return runtime.sites.begin(record, named, call.now)


def _onboard_at_axle(call: _Call, noted: SiteRecord, runtime: Runtime) -> dict[str, Any]:
    try:
        answer = axle_client(runtime).post("/entities/site/onboard", axle_body(call.body, call.mpan))
    except AxleRefusedError as error:
        runtime.sites.take_back(noted, call.was)
        raise problem_of(error, "onboard") from None
    except AxleUnavailableError as error:
        raise problem_of(error, "onboard") from None
    ids = {item["external_id"] for item in answer["assets"]}
    if not ids >= {wanted.body.asset for wanted in call.wanted}:
        raise busy("Axle's answer does not name every asset. Repeat the call.")
    return dict(answer)


def _refuse_foreign_site(call: _Call, noted: SiteRecord, axle: Mapping[str, Any], runtime: Runtime) -> None:
    """Refuse a meter point that another site of ours has, and take back what Axle has made of the call."""
    owner = runtime.records.asset_for(AXLE_SITE, axle["site"]["site_id"])
    if owner is None or owner == call.site:
        return
    for item in axle["assets"]:
        if item.get("asset_created"):
            delete_at_axle(item["asset_id"], runtime)
    runtime.sites.take_back(noted, call.was)
    raise _owned(f"The meter point belongs to the site {owner!r}.", owner)


def release_vehicles(assets: list[str], runtime: Runtime) -> None:
    now = runtime.now()
    for asset in assets:
        runtime.table.change_twin(asset, lambda twin: leaving(twin, now), now=now)
    wait_until_released(assets, runtime)


def _remove(call: _Call, removed: list[str], runtime: Runtime) -> None:
    for asset in removed:
        send_last_readings(asset, runtime)
        delete_at_axle(runtime.table.twin(asset).link.axle_asset_id, runtime)
        erase_asset(asset, call.site, runtime)


def _keep_tokens(call: _Call, runtime: Runtime) -> set[Account]:
    """Keep the drivers' refresh tokens, so that no command to a car that is known here finds none."""
    given = [(w.body.asset, w.vehicle, w.body.vehicle.refresh_token if w.body.vehicle else None) for w in call.wanted]
    try:
        return keep_tokens(given, call.site, runtime)
    except TokenStoreError:
        raise busy("The refresh token could not be stored. Repeat the call.") from None


def _store(call: _Call, noted: SiteRecord, axle: Mapping[str, Any], runtime: Runtime) -> list[Pair]:
    """Write everything at once; when a twin was changed meanwhile, once more on what it is now."""
    record = _record(call, noted, axle)
    for _ in range(MOST_TRIES):
        pairs, others = _twins(call, record, axle, runtime)
        claims = [claim for _, after in pairs for claim in claims_of(after)]
        claims.append(Claim(AXLE_SITE, axle["site"]["site_id"], call.site))
        try:
            begin_to_forget(accounts_given_up(pairs), runtime)
            runtime.sites.commit(record, [*pairs, *others], claims, now=call.now)
        except OwnedError as error:
            raise _owned(str(error), error.owner) from None
        except ContentionError:
            if runtime.sites.get(call.site) != noted:
                break
        except Exception:
            runtime.logger.exception("Axle accepted a site that could not be stored")
            break
        else:
            return pairs
    raise busy("Axle has accepted the site, but it could not be stored here. Repeat the call.")


def _record(call: _Call, noted: SiteRecord, axle: Mapping[str, Any]) -> SiteRecord:
    words = [*axle["site"].get("warnings", [])]
    for item in axle["assets"]:
        words += [f"{item['external_id']}: {said}" for said in item.get("warnings", [])]
    assets = {*noted.assets, *(w.body.asset for w in call.wanted)} - {*call.body.remove_assets}
    return replace(
        noted,
        state="active",
        axle_site_id=axle["site"]["site_id"],
        enrolment="enrolled",
        timezone=call.body.timezone,
        consent_at=call.body.site.gave_boundary_meter_consent_at or noted.consent_at,
        assets=tuple(sorted(assets)),
        warnings=without_personal(words, call.body, call.mpan),
        begun_at=None,
        pending=(),
    )


def _twins(call: _Call, record: SiteRecord, axle: Mapping[str, Any], runtime: Runtime) -> tuple[list[Pair], list[Pair]]:
    """The twins before and after: of the assets that the call names, and of the site's others."""
    home, snoozed_until = call.body.home, record.snoozed_until
    terms = Terms(
        site=call.site,
        axle_site_id=axle["site"]["site_id"],
        timezone=call.body.timezone,
        home=Home(home.latitude, home.longitude, home.radius_m) if home else None,
        rejoined=axle["enrolment"]["status"] == "enrolled",
        snoozed_until=snoozed_until if snoozed_until and snoozed_until > call.now else None,
        now=call.now,
    )
    ids = {item["external_id"]: item["asset_id"] for item in axle["assets"]}
    pairs: list[Pair] = []
    for wanted in call.wanted:
        before = _present(wanted.body.asset, call.site, runtime)
        pairs.append((before, twin_of_named_asset(before, wanted, ids[wanted.body.asset], terms)))
    unnamed = [_present(asset, call.site, runtime) for asset in record.assets if call.wants(asset) is None]
    others: list[Pair] = [(twin, twin_of_other_asset(twin, terms)) for twin in unnamed if twin is not None]
    return pairs, others


def _after(call: _Call, stored: list[Pair], to_check: set[Account], runtime: Runtime) -> None:
    """What follows the write and does no harm twice: accounts forgotten and checked, the plug state metered."""
    due = [(account.key, call.now) for account in sorted(to_check)]
    try:
        forget_accounts(accounts_given_up(stored), call.site, runtime)
        queue_checks(runtime, due, call.now, onboarded=call.site)
    except (TokenStoreError, QueueError):
        runtime.logger.exception("The clock does what is left to do for the accounts.")
    for _, after in stored:
        meter_twin(after, (), runtime)


def _answer(call: _Call, stored: list[Pair], axle: Mapping[str, Any]) -> Answer:
    told = {item["external_id"]: item for item in axle["assets"]}
    assets = []
    for wanted, (before, after) in zip(call.wanted, stored, strict=True):
        warnings = [*told[wanted.body.asset].get("warnings", []), *wanted.warnings, *_filled(wanted, after)]
        assets.append(
            {
                "asset": wanted.body.asset,
                "axle_asset_id": after.link.axle_asset_id,
                "created": before is None,
                "changed": list(changed_groups(before, after)) if before else [],
                "warnings": warnings,
                "tariff": tariff_body(after.tariff),
                "intent": intent_body(after.intent),
                "plugged_in": None if after.presence.plugged_in is None else after.presence.session is not None,
            }
        )
    body = {
        "site": call.site,
        "state": "active",
        "axle_site_id": axle["site"]["site_id"],
        "enrolment": "enrolled",
        "warnings": axle["site"].get("warnings", []),
        "assets": assets,
        "removed": list(call.body.remove_assets),
    }
    created = call.was is None or call.was.axle_site_id is None
    return Answer(201 if created else 200, body)


def _filled(wanted: AssetRequest, twin: Twin) -> list[str]:
    """What was filled in because the app has never said it."""
    filled = []
    if wanted.tariff is None and twin.tariff == default_tariff():
        filled.append("No tariff was given: off-peak is taken to be 00:00-06:00 Europe/London.")
    if wanted.intent is None and twin.intent == default_intent():
        filled.append("No intent was given: four hours of charging by 07:00 are assumed.")
    if wanted.body.plugged_in is None and twin.presence.plugged_in is None:
        filled.append(PLUG_UNKNOWN if wanted.vehicle is not None else PLUG_UNKNOWN_WITHOUT_VEHICLE)
    return filled
