"""Sends commands to the car makers. Each provider has its own queue, whose concurrency is the rate limit."""

from typing import Any

from driveway.commands.dispatch import carry_out
from driveway.commands.vehicle_requests import KINDS, carry_out_request
from driveway.runtime.batch import queue_function
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError
from driveway.vehicles.connections import store_held_tokens


def _command(body: dict[str, Any], runtime: Runtime) -> None:
    store_held_tokens(runtime)
    if "account" in body:
        _check(body, runtime)
        return
    try:
        if body.get("action") in KINDS:
            carry_out_request(body, runtime)
        else:
            carry_out(body, runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")
    store_held_tokens(runtime)


def _check(body: dict[str, Any], runtime: Runtime) -> None:
    from driveway.commands.accounts import check_account
    from driveway.outbox.wakeups import await_due
    from driveway.vehicles.accounts import account_at

    await_due(body, runtime)
    check_account(account_at(body["account"]), runtime, onboarded=body.get("site"))


handler = queue_function(_command)
