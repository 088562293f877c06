"""``DELETE /sites/{site}``: let the car go, tell the last readings, offboard at Axle, and forget everything.

Every step can be repeated, and the record goes last: as long as it is there, the same call finishes what was begun.
"""

from dataclasses import replace
from urllib.parse import quote

from driveway.axle.client import AxleError, AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.runtime.context import Runtime
from driveway.runtime.http_api import Answer
from driveway.runtime.problems import ProblemError
from driveway.sites.axle_problems import problem_of
from driveway.sites.membership import change_site
from driveway.sites.release import delete_at_axle, erase_asset, leaving, send_last_readings, wait_until_released
from driveway.sites.rewards import balance_pence, withdrawal_link
from driveway.store.items import asset_key
from driveway.store.sites import AXLE_SITE, Claim, SiteRecord
from driveway.store.table import UnknownAssetError
from driveway.vehicles.accounts import accounts_of_site, forget_accounts

ERASED = Answer(204)


def delete_site(site: str, runtime: Runtime, *, forfeit_balance: bool) -> Answer:
    """Erase a site. One that is not there (any more) is erased: 204 as well.

    Raises:
        ProblemError: a reward balance is outstanding (409), the car is still being released, or Axle cannot answer
            (503).
    """
    record = runtime.sites.get(site)
    if record is None:
        return ERASED
    if record.state != "leaving":
        if record.axle_site_id is not None and not forfeit_balance:
            _refuse_while_owed(record.axle_site_id, runtime)
        now = runtime.now()
        record = change_site(
            site, lambda r: replace(r, state="leaving", begun_at=None), lambda twin: leaving(twin, now), runtime
        )
    assets = [asset for asset in record.known_assets if _is_of(asset, site, runtime)]
    wait_until_released(assets, runtime)
    for asset in assets:
        send_last_readings(asset, runtime)
    _offboard(record, runtime)
    for asset in record.known_assets:
        erase_asset(asset, site, runtime)
    for asset in assets:
        # What was on its way while the others were erased.
        runtime.records.sweep(asset_key(asset))
    # Those of a PUT that never ended, too.
    forget_accounts(accounts_of_site(site, runtime), site, runtime)
    present = runtime.sites.get(site)
    if present is not None:
        if present.axle_site_id is not None:
            runtime.sites.release_claim(Claim(AXLE_SITE, present.axle_site_id, site))
        runtime.sites.delete_record(present, receipt_at=runtime.now())
    return ERASED


def _is_of(asset: str, site: str, runtime: Runtime) -> bool:
    try:
        return runtime.table.twin(asset).link.site == site
    except UnknownAssetError:
        return False


def _refuse_while_owed(axle_site_id: str, runtime: Runtime) -> None:
    amount = balance_pence(axle_site_id, runtime)
    if amount <= 0:
        return
    try:
        link = withdrawal_link(axle_site_id, runtime)
    except AxleError as error:
        raise problem_of(error, "withdrawal-link") from None
    raise ProblemError(
        409,
        "balance-outstanding",
        "There are rewards to withdraw",
        f"£{amount / 100:.2f} have not been withdrawn and are lost with the site. Withdraw them first, or repeat the"
        " call with ?forfeit_balance=true.",
        extra={"amount_pence": amount, "withdrawal": link},
    )


def _offboard(record: SiteRecord, runtime: Runtime) -> None:
    """Offboard at Axle; a site that Axle does not know is offboarded. Raises ProblemError."""
    if record.axle_site_id is not None:
        _offboard_site(record.axle_site_id, runtime)
        return
    for asset in record.known_assets:
        # Axle may have taken a PUT whose answer never arrived.
        found = _at_axle(asset, runtime)
        if found is None:
            continue
        axle_asset_id, axle_site_id = found
        if runtime.records.asset_for("axle", axle_asset_id) is not None:
            continue
        if axle_site_id is None or runtime.records.asset_for(AXLE_SITE, axle_site_id) is not None:
            delete_at_axle(axle_asset_id, runtime)
        else:
            _offboard_site(axle_site_id, runtime)


def _offboard_site(axle_site_id: str, runtime: Runtime) -> None:
    try:
        axle_client(runtime).post(f"/entities/site/{axle_site_id}/offboard-site-and-assets")
    except AxleError as error:
        if not (isinstance(error, AxleRefusedError) and error.status == 404):
            raise problem_of(error, "offboard") from None


def _at_axle(asset: str, runtime: Runtime) -> tuple[str, str | None] | None:
    """The ids of an asset and its site at Axle, found by our id; None if Axle does not know it."""
    try:
        found = axle_client(runtime).get(f"/entities/asset/external-id/{quote(asset, safe='')}")
    except AxleError as error:
        if isinstance(error, AxleRefusedError) and error.status == 404:
            return None
        raise problem_of(error, "find-asset") from None
    return found["id"], found.get("site_id")
