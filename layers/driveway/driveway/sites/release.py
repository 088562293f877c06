"""Letting go of assets: the car is left able to charge, the last readings are told, then everything is erased."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from driveway.axle.client import AxleRefusedError, AxleUnavailableError
from driveway.axle.connection import axle_client
from driveway.axle.readings import drain_of
from driveway.domain.control.command_states import REFUSED, TAKEN
from driveway.domain.control.required_command import holds_car
from driveway.domain.control.vehicle_schedules import may_hold_our_schedule
from driveway.domain.twin import Command, Twin
from driveway.runtime.context import Runtime
from driveway.runtime.problems import busy
from driveway.sites.axle_problems import problem_of
from driveway.store.items import asset_key
from driveway.store.sites import claims_of
from driveway.store.table import UnknownAssetError
from driveway.vehicles.accounts import account_of, begin_to_forget, forget_accounts

RELEASE_WAIT_S = 8.0
POLL_S = 0.2
LONGEST_RELEASE = timedelta(minutes=15)
LONGEST_RELEASE_REAL_S = 30.0
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def leaving(twin: Twin, now: datetime) -> Twin:
    """The twin marked as leaving, which makes charge control release its car; the same twin if it is so marked."""
    if twin.link.leaving:
        return twin
    return replace(twin, link=replace(twin.link, leaving=True, leaving_since=now))


def is_released(twin: Twin, now: datetime) -> bool:
    """Whether a twin's car can charge by itself as far as we can bring it about, or releasing it was given up."""
    if twin.link.vehicle is None:
        return True
    return _car_is_released(twin, twin.control.command, now) and _keeps_nothing(twin, twin.control.schedule_command)


def _keeps_nothing(twin: Twin, schedule_command: Command | None) -> bool:
    """Whether no schedule of ours is left in the car or charger, or removing it was refused for good."""
    if (
        schedule_command is not None
        and schedule_command.action == "remove_default"
        and schedule_command.state == "failed"
    ):
        return schedule_command.outcome in REFUSED
    return not may_hold_our_schedule(twin)


def _car_is_released(twin: Twin, command: Command | None, now: datetime) -> bool:
    """A command that was not sent does not count: none is sent of an asset that is leaving, but to release it."""
    if command is not None and command.release:
        taken = command.state == "sent" and command.outcome in TAKEN
        return taken or command.state in {"confirmed", "failed"} or not holds_car(twin, now)
    under_way = command is not None and command.state == "sent" and command.outcome is None
    return not under_way and not holds_car(twin, now)


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
