"""Drivers' accounts at the car makers: whose tokens are kept for a home, and when they are forgotten.

Every change of a record is on condition of the version that was read, and a record is read before the assets that need
it: so what is deleted is what nobody needed. What a request leaves undone is due on the record, and is done by
``commands.accounts``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from driveway.auth import account
from driveway.auth.oauth import revoke_token
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.store.tokens import AccountRecord, TokenStoreError
from driveway.values import replace
from driveway.vehicles.connections import account_key, has_owners_tokens, revocation_endpoint

MOST_TRIES = 8
CHECKED_AFTER = timedelta(minutes=1)
"""How soon an account is checked after a home began to give it up, if that home's request dies."""


class Account(Struct, frozen=True, order=True):
    """A driver's account at a provider whose refresh tokens are good for one use."""

    provider: str
    user_id: str

    @property
    def key(self) -> str:
        """The key of its record."""
        return account_key(self.provider, self.user_id)


def account_at(key: str) -> Account:
    """The account whose record has a key."""
    _, provider, user_id = key.split("#", 2)
    return Account(provider, user_id)


def account_of(vehicle: Vehicle | None) -> Account | None:
    """The account whose tokens are needed to command a vehicle; None where the operator's own credentials are used."""
    if vehicle is None or not has_owners_tokens(vehicle.provider) or vehicle.user_id is None:
        return None
    return Account(vehicle.provider, vehicle.user_id)


def accounts_given_up(pairs: Iterable[tuple[Twin | None, Twin]]) -> set[Account]:
    """The accounts that twins had before a change and do not have after it."""
    changed = ((account_of(before.link.vehicle), account_of(after.link.vehicle)) for before, after in pairs if before)
    return {had for had, has in changed if had is not None and had != has}


def keep_tokens(
    vehicles: Iterable[tuple[str, Vehicle | None, str | None]], site: str, runtime: Runtime
) -> set[Account]:
    """Keep the refresh tokens that a site's ``PUT`` gives, before its twins are written.

    Until then nobody needs the account, so it is reserved for the site: another site that gives it up meanwhile leaves
    it, and if the ``PUT`` never ends it is forgotten when the reservation ends.

    Args:
        vehicles: each asset's id, its vehicle, and the refresh token in the body if there is one.

    Returns:
        the accounts to be checked once the twins are written: those that are reserved, or have a new token.

    Raises:
        TokenStoreError: the table does not answer, or the account is being changed by others: repeat the ``PUT``.
    """
    by_account: dict[Account, list[tuple[str, str | None]]] = {}
    for asset, vehicle, token in vehicles:
        needed = account_of(vehicle)
        if needed is not None:
            by_account.setdefault(needed, []).append((asset, token))
    return {needed for needed, given in by_account.items() if _keep(needed, given, site, runtime)}


def _keep(needed: Account, given: Sequence[tuple[str, str | None]], site: str, runtime: Runtime) -> bool:
    tokens = [token for _, token in given if token is not None]
    for _ in range(MOST_TRIES):
        record = runtime.accounts.get(needed.key)
        if record is None and not tokens:
            return False
        record = record or account.new_record(runtime.now())
        in_use = {asset for asset, _ in given} <= set(runtime.records.assets_of_user(needed.provider, needed.user_id))
        new = account.offered(record, tokens, None if in_use else site, runtime.now())
        if not in_use:
            runtime.site_accounts.add(site, needed.key)
        if new == record or put_account(needed, new, runtime):
            return new != record
    raise TokenStoreError("The account's tokens are being changed by others.")


def accounts_of_site(site: str, runtime: Runtime) -> set[Account]:
    """The accounts that a site was onboarded with, those of a ``PUT`` that never ended included."""
    return {account_at(key) for key in runtime.site_accounts.of(site)}


def begin_to_forget(accounts: Iterable[Account], runtime: Runtime) -> None:
    """Note that accounts are about to be given up, so that they are forgotten even if the present request dies.

    Raises:
        TokenStoreError: the table does not answer, or the account is being changed by others.
    """
    for given_up in sorted(accounts):
        _note_check(given_up, runtime.now() + CHECKED_AFTER, runtime)


def _note_check(noted: Account, at: datetime, runtime: Runtime) -> None:
    for _ in range(MOST_TRIES):
        record = runtime.accounts.get(noted.key)
        if record is None or (record.check_at is not None and record.check_at <= at):
            return
        if put_account(noted, replace(record, check_at=at), runtime):
            return
    raise TokenStoreError("The account's tokens are being changed by others.")


def hold_accounts(accounts: Iterable[Account], site: str, until: datetime, runtime: Runtime) -> None:
    """Keep accounts for a site that has given them up, because a car maker still has to end a connection with them.

    Raises:
        TokenStoreError: the table does not answer, or the account is being changed by others.
    """
    for held in sorted(accounts):
        for _ in range(MOST_TRIES):
            record = runtime.accounts.get(held.key)
            if record is None:
                break
            runtime.site_accounts.add(site, held.key)
            if put_account(held, replace(record, reserved={**record.reserved, site: until}), runtime):
                break
        else:
            raise TokenStoreError("The account's tokens are being changed by others.")


def revoke_account(given_up: Account, site: str, runtime: Runtime) -> None:
    """Revoke the tokens of an account at its maker, unless an asset or another site needs it.

    Nothing is called where the operator has named no address for it: the tokens are only forgotten then.

    Raises:
        TokenError: the maker has not acknowledged it.
        TokenStoreError: the table does not answer.
    """
    endpoint, record = revocation_endpoint(given_up.provider, runtime), runtime.accounts.get(given_up.key)
    in_use = bool(runtime.records.assets_of_user(given_up.provider, given_up.user_id))
    if endpoint is None or record is None or in_use:
        return
    now = runtime.now()
    if account.released(record, site, now).reserved:
        return
    for token in account.exchangeable(record, now, offers_first=False):
        revoke_token(runtime.http, endpoint, token)


def forget_accounts(accounts: Iterable[Account], site: str | None, runtime: Runtime) -> None:
    """Delete what is held of accounts that no asset needs any more and no other site is being onboarded with.

    Args:
        site: the site that gives them up, whose own reservation ends.

    Raises:
        TokenStoreError: the table does not answer, or the account is being changed by others; the clock goes on.
    """
    for given_up in sorted(accounts):
        forget_account(given_up, site, runtime)
        if site is not None:
            runtime.site_accounts.remove(site, given_up.key)


def forget_account(given_up: Account, site: str | None, runtime: Runtime) -> bool:
    """Whether nothing is left to renew: the record is gone, or kept for nobody but a site that is being onboarded."""
    for _ in range(MOST_TRIES):
        record = runtime.accounts.get(given_up.key)
        if record is None:
            return True
        now, in_use = runtime.now(), bool(runtime.records.assets_of_user(given_up.provider, given_up.user_id))
        left = account.released(record, site, now)
        if not in_use and not left.reserved:
            if runtime.accounts.delete_if(given_up.key, record.version):
                return True
            continue
        if in_use:
            done = left == record
        else:
            left = replace(left, check_at=now + CHECKED_AFTER)
            done = record.check_at is not None and record.check_at > now and left.reserved == record.reserved
        if done or put_account(given_up, left, runtime):
            return not in_use
    raise TokenStoreError("The account's tokens are being changed by others.")


def put_account(changed: Account, new: AccountRecord, runtime: Runtime) -> bool:
    """Write an account's record in place of the version that it was read at; False when another write came first."""
    written = replace(new, version=(new.version or new.claims) + 1)
    return runtime.accounts.put_if(changed.key, written, new.version)
