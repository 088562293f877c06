"""Sends commands to the car makers. Each provider has its own queue and its own rate, which all instances share."""

from typing import Any

from driveway.commands.batch import send_batch
from driveway.commands.dispatch import carry_out
from driveway.commands.vehicle_requests import KINDS, carry_out_request
from driveway.runtime.context import Runtime, current_runtime
from driveway.store.table import UnknownAssetError
from driveway.vehicles.connections import store_held_tokens


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The partial-batch answer: the messages that are delivered again."""
    runtime = current_runtime()
    runtime.deadline.begin(context)
    store_held_tokens(runtime)
    answer = send_batch(event.get("Records", []), _carry, runtime)
    store_held_tokens(runtime)
    return answer


def _carry(detail: dict[str, Any], runtime: Runtime) -> None:
    if "account" in detail:
        _check(detail, runtime)
        return
    try:
        if detail.get("action") in KINDS:
            carry_out_request(detail, runtime)
        else:
            carry_out(detail, runtime)
    except UnknownAssetError:
        runtime.logger.info("the asset is gone")


def _check(detail: dict[str, Any], runtime: Runtime) -> None:
    from driveway.commands.accounts import check_account
    from driveway.outbox.wakeups import await_due
    from driveway.vehicles.accounts import account_at

    await_due(detail, runtime)
    check_account(account_at(detail["account"]), runtime, onboarded=detail.get("site"))
