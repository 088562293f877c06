"""Letting go of assets: the car is left able to charge, the last readings are told, then everything is erased."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.axle.connection import axle_client
from driveway.axle.readings import drain_of
from driveway.domain.control.released import LONGEST_RELEASE, is_released, with_leftovers_reported
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.runtime.problems import busy
from driveway.sites.axle_problems import problem_of
from driveway.store.items import asset_key
from driveway.store.sites import claims_of
from driveway.store.table import UnknownAssetError
from driveway.vehicles.accounts import account_of, begin_to_forget, forget_accounts

RELEASE_WAIT_S = 8.0
POLL_S = 0.2
LONGEST_RELEASE_REAL_S = 30.0
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def leaving(twin: Twin, now: datetime) -> Twin:
    """The twin marked as leaving, which makes charge control release its car; the same twin if it is so marked."""
    if twin.link.leaving:
        return twin
    return replace(twin, link=replace(twin.link, leaving=True, leaving_since=now))


def wait_until_released(assets: Sequence[str], runtime: Runtime) -> None:
    """Wait a little for the cars of assets that are leaving to be released; not for ever, if they cannot be reached.

    Raises:
        ProblemError: they are not released yet (503): the same call goes on waiting.
    """
    deadline = time.monotonic() + RELEASE_WAIT_S
    while any(_holds_up(asset, runtime) for asset in assets):
        if time.monotonic() >= deadline:
            raise busy("The car is being released, so that it can charge by itself. Repeat the call.")
        time.sleep(POLL_S)
    for asset in assets:
        _report_leftovers(asset, runtime)


def _report_leftovers(asset: str, runtime: Runtime) -> None:
    """Say what stays in a car that could not be released in time: to its driver, and to the operator."""
    now = runtime.now()
    try:
        change = runtime.table.change_twin(asset, lambda twin: with_leftovers_reported(twin, now), now=now)
    except UnknownAssetError:
        return
    if change.after.news:
        runtime.logger.warning("a car could not be released", extra={"asset": asset})
        emit({"ReleasesGivenUp": 1}, runtime)


def _holds_up(asset: str, runtime: Runtime) -> bool:
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        return False
    now, since = runtime.now(), twin.link.leaving_since
    longest = max(LONGEST_RELEASE, runtime.clock.real_time(LONGEST_RELEASE_REAL_S))
    return not is_released(twin, now) and (since is None or now - since < longest)


def send_last_readings(asset: str, runtime: Runtime) -> None:
    """Tell Axle every half-hour of the asset that it has not heard, without waiting for late data.

    Raises:
        ProblemError: Axle cannot take them now (503).
    """
    report = drain_of(runtime, time_left=lambda: 0.0).flush(asset, EVER)
    if report.unavailable is not None:
        raise busy("Axle cannot take the last readings now. Repeat the call; nothing is lost.")


def delete_at_axle(axle_asset_id: str, runtime: Runtime) -> None:
    """Delete an asset at Axle; one that is not there is deleted. Raises ProblemError."""
    try:
        axle_client(runtime).delete(f"/entities/asset/{axle_asset_id}")
    except AxleRefusedError as error:
        if error.status != 404:
            raise problem_of(error, "delete-asset") from None
    except AxleUnavailableError as error:
        raise problem_of(error, "delete-asset") from None


def erase_asset(asset: str, site: str, runtime: Runtime) -> None:
    """Erase what the table holds of a site's asset; one of another site stays. Erasing again does no harm.

    Whatever is on its way into the partition meanwhile is swept once the table's stream tells of the twin's end.
    """
    try:
        twin = runtime.table.twin(asset)
    except UnknownAssetError:
        runtime.records.sweep(asset_key(asset))
        return
    if twin.link.site != site:
        return
    account = account_of(twin.link.vehicle)
    given_up = {account} if account is not None else set()
    begin_to_forget(given_up, runtime)
    for claim in claims_of(twin):
        runtime.sites.release_claim(claim)
    forget_accounts(given_up, site, runtime)
    runtime.records.delete(asset_key(asset), "TWIN")
    runtime.records.sweep(asset_key(asset))
