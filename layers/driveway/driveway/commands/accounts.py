"""What is left to do for a driver's account at a car maker: renew it, forget it, inform its assets.

An account is due whenever something is left to do for it. ``check_account`` does that and can be repeated; the clock
asks for it every minute until nothing is due.
"""

from driveway.auth import account
from driveway.auth.account_tokens import AccountTokens, lost_text
from driveway.auth.token_source import TokenError
from driveway.commands.counted import read_counted
from driveway.domain.reports.account_connection import granted_again, lost_again
from driveway.domain.twin import Twin
from driveway.observations.webhook_intake import take_observations
from driveway.runtime.context import Runtime
from driveway.store.table import UnknownAssetError
from driveway.store.tokens import AccountRecord, TokenStoreError
from driveway.values import replace
from driveway.vehicles.accounts import CHECKED_AFTER, MOST_TRIES, Account, forget_account, put_account
from driveway.vehicles.connections import account_tokens
from driveway.vehicles.request_meter import RequestMeter


def check_account(checked: Account, runtime: Runtime, *, onboarded: str | None = None) -> None:
    """Do what is left to do for an account. Nothing, if nothing is due.

    Args:
        onboarded: a site that was just onboarded with it: once an asset has the account, it needs no reservation.

    Raises:
        TokenStoreError: the table does not answer; the account stays due.
    """
    tokens = account_tokens(checked.provider, checked.user_id, runtime)
    tokens.store_held()
    record = runtime.accounts.get(checked.key)
    if record is None or record.due is None or (record.due > runtime.now() and onboarded is None):
        return
    in_use = bool(runtime.records.assets_of_user(checked.provider, checked.user_id))
    if forget_account(checked, onboarded if in_use else None, runtime):
        return
    _renew_if_due(checked, tokens, runtime)
    _inform_assets(checked, runtime)
    _end_check(checked, runtime)


def _renew_if_due(checked: Account, tokens: AccountTokens, runtime: Runtime) -> None:
    record = runtime.accounts.get(checked.key)
    if record is None:
        return
    troubled = bool(record.offers) and any(_is_troubled(twin) for twin in _twins(checked, runtime))
    if not account.wants_exchange(record, runtime.now(), troubled=troubled):
        return
    try:
        tokens.renew(offers_first=troubled)
    except TokenError as error:
        # What is left to do stands on the record.
        runtime.logger.info("account not renewed", extra={"provider": checked.provider, "detail": str(error)})


def _is_troubled(twin: Twin) -> bool:
    """Whether commands to the car were refused for its account, even if the car has reported since."""
    commands = (twin.control.command, twin.control.schedule_command)
    refused = any(command is not None and command.outcome == "NEEDS_USER" for command in commands)
    return twin.presence.needs_user is not None or refused


def _twins(checked: Account, runtime: Runtime) -> list[Twin]:
    found = []
    for asset in runtime.records.assets_of_user(checked.provider, checked.user_id):
        try:
            found.append(runtime.table.twin(asset))
        except UnknownAssetError:
            continue
    return found


def _inform_assets(checked: Account, runtime: Runtime) -> None:
    """Note on every asset of the account that it is connected again, or why it is lost."""
    informed: AccountRecord | None = None
    for _ in range(MOST_TRIES):
        record = runtime.accounts.get(checked.key)
        if record is None:
            return
        is_new = informed is None or lost_text(informed) != lost_text(record)
        if record.news is None and (informed is None or not is_new):
            return
        if is_new:
            _inform(checked, record, runtime)
            informed = record
        if record.news is None or put_account(checked, replace(record, news=None, news_at=None), runtime):
            return
    raise TokenStoreError("The account's tokens are being changed by others.")


def _inform(checked: Account, record: AccountRecord, runtime: Runtime) -> None:
    now, lost = runtime.now(), lost_text(record)

    def rule(twin: Twin) -> Twin:
        if lost is None:
            return granted_again(twin, now)
        return lost_again(twin, lost, signed_in_at=record.signed_in_at, now=now)

    for asset in runtime.records.assets_of_user(checked.provider, checked.user_id):
        try:
            twin = runtime.table.change_twin(asset, rule, now=now).after
            if lost is None:
                _read_state(twin, runtime)
        except UnknownAssetError:
            continue


def _read_state(twin: Twin, runtime: Runtime) -> None:
    """Ask the provider for the car's present state: while the account was lost it may not have reported."""
    vehicle = twin.link.vehicle
    if vehicle is None:
        return
    meter = RequestMeter(vehicle.provider, runtime, lets_charge=False, calls=0)
    outcome = read_counted(twin, vehicle, meter, runtime)
    meter.give_back()
    if outcome is not None and outcome.observations:
        take_observations(twin.link.asset, outcome.observations, runtime)


def _end_check(checked: Account, runtime: Runtime) -> None:
    """Note that the check that was asked for is done. One that was asked for meanwhile stays."""
    record = runtime.accounts.get(checked.key)
    now = runtime.now()
    if record is None or record.check_at is None or record.check_at > now:
        return
    if account.wants_exchange(record, now, troubled=False):
        # An exchange that did not come about is repeated in a minute.
        put_account(checked, replace(record, check_at=now + CHECKED_AFTER), runtime)
    else:
        put_account(checked, replace(record, check_at=None), runtime)
