"""Assets that leave: the car is released, then Axle deletes the asset."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from driveway.axle.client import AxleRefusedError
from driveway.axle.connection import axle_client
from driveway.domain.control.released import LONGEST_RELEASE, is_released, with_leftovers_reported
from driveway.domain.twin import Twin
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.store.table import UnknownAssetError
from driveway.values import replace

LONGEST_RELEASE_REAL_S = 30.0


def leaving(twin: Twin, now: datetime, *, swapping: bool = False) -> Twin:
    """The twin marked as leaving, which makes charge control release its car; the same twin if it is so marked.

    ``swapping``: another vehicle takes the place of its car, and the asset stays.
    """
    since = twin.link.leaving_since if twin.link.leaving else now
    link = replace(twin.link, leaving=True, leaving_since=since, swapping=swapping)
    return twin if link == twin.link else replace(twin, link=link)


def is_held(twin: Twin, now: datetime, longest: timedelta) -> bool:
    """Whether a twin's car is not released yet; at most until ``longest`` after the release began."""
    since = twin.link.leaving_since
    return not is_released(twin, now) and (since is None or now - since < longest)


def longest_release(runtime: Runtime) -> timedelta:
    """How long a car that cannot be reached or does not follow delays the steps that wait for its release."""
    return max(LONGEST_RELEASE, runtime.clock.real_time(LONGEST_RELEASE_REAL_S))


def report_leftovers(asset: str, runtime: Runtime) -> None:
    """Report to driver and operator that a car was not released in time, and what may stay in force in it."""
    now = runtime.now()
    try:
        change = runtime.table.change_twin(asset, lambda twin: with_leftovers_reported(twin, now), now=now)
    except UnknownAssetError:
        return
    if change.after.news:
        runtime.logger.warning("a car could not be released", extra={"asset": asset})
        emit({"ReleasesGivenUp": 1}, runtime)


def is_same_id(one: str | None, other: str | None) -> bool:
    """Whether two ids of Axle's are the same: they are UUIDs, which compare without case (RFC 9562 §4)."""
    return one is not None and other is not None and one.lower() == other.lower()


def delete_at_axle(axle_asset_id: str, runtime: Runtime) -> None:
    """Delete an asset at Axle; one that is not there is deleted. Raises AxleError."""
    try:
        axle_client(runtime).delete(f"/entities/asset/{axle_asset_id}")
    except AxleRefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def offboard_at_axle(axle_site_id: str, runtime: Runtime) -> None:
    """Offboard a site with its assets; one that Axle does not know is offboarded. Raises AxleError."""
    try:
        axle_client(runtime).post(f"/entities/site/{axle_site_id}/offboard-site-and-assets")
    except AxleRefusedError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise


def find_at_axle(asset: str, runtime: Runtime) -> dict[str, Any] | None:
    """An asset as Axle has it, found by our id; None if Axle does not know it. Raises AxleError."""
    try:
        found = axle_client(runtime).get(f"/entities/asset/external-id/{quote(asset, safe='')}")
    except AxleRefusedError as error:
        if error.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return dict(found)
