"""The end of the connection to a vehicle that a site gave up, at its car maker.

What is left to end stands on the site's record, written with the change that gave the vehicle up; site sync repeats it
until the maker has acknowledged it. Until then the owner's tokens are kept, because the maker asks for one.
"""

from driveway.auth.token_source import TokenError
from driveway.domain.sites.record import DISCONNECT_GIVEN_UP_AFTER, Disconnect, SiteCall, SiteRecord
from driveway.domain.sites.steps import EndConnection
from driveway.domain.twin import Vehicle
from driveway.runtime.context import Runtime
from driveway.runtime.metrics import emit
from driveway.sites.changing import Edit, Twins, change_site, of_call
from driveway.store.sites import Claim, OwnedError
from driveway.store.tokens import TokenStoreError
from driveway.values import replace
from driveway.vehicles.accounts import account_of, forget_accounts, revoke_account
from driveway.vehicles.connections import connect_to_leave
from driveway.vehicles.leaving import NotEndedError
from driveway.vehicles.registry import leaving


def end_connection(step: EndConnection, record: SiteRecord, call: SiteCall, runtime: Runtime) -> None:
    """End one connection and the owner's access that only it needed, or note when to ask the maker again.

    The vehicle is reserved meanwhile, so that no onboarding takes it while its connection ends.
    """
    ended = step.disconnect
    left: tuple[Disconnect, ...] = ()
    claim = Claim(ended.provider, ended.vehicle_id, f"{record.site}/leaving", reserved=True)
    try:
        if _is_reserved(ended, claim, record, call, runtime):
            _end(ended.vehicle, runtime)
        _end_access(ended.vehicle, record, runtime)
    except (NotEndedError, TokenError, TokenStoreError) as error:
        left = _left(ended, error, record.site, runtime)

    def rule(record: SiteRecord, _: Twins) -> Edit:
        return Edit(_with(record, ended, left), given_up=[claim])

    change_site(record.site, of_call(call, rule), runtime)


def _with(record: SiteRecord, ended: Disconnect, left: tuple[Disconnect, ...]) -> SiteRecord:
    others = tuple(one for one in record.disconnects if one.place != ended.place)
    return replace(record, disconnects=(*others, *left))


def _left(ended: Disconnect, error: Exception, site: str, runtime: Runtime) -> tuple[Disconnect, ...]:
    """What is left to end after a failure: the same, later; nothing once it is given up."""
    now = runtime.now()
    given_up = now - ended.begun_at >= DISCONNECT_GIVEN_UP_AFTER
    about = {"site": site, "provider": ended.provider, "detail": str(error)}
    runtime.logger.warning("a connection was given up" if given_up else "a connection has not ended", extra=about)
    if given_up:
        emit({"ConnectionsGivenUp": 1}, runtime)
        return ()
    return (ended.put_off(now, getattr(error, "retry_after_s", None)),)


def _is_reserved(ended: Disconnect, claim: Claim, record: SiteRecord, call: SiteCall, runtime: Runtime) -> bool:
    """Whether the vehicle is reserved for the end of its connection now; not if an asset has it again.

    Raises:
        NotEndedError: the vehicle is being onboarded again, and nobody knows yet whether it will be.
    """

    def rule(record: SiteRecord, _: Twins) -> Edit:
        return Edit(_with(record, ended, (ended.put_off(runtime.now()),)), taken=[claim])

    try:
        change_site(record.site, of_call(call, rule), runtime)
    except OwnedError:
        if _is_in_use(*ended.place, runtime):
            return False
        raise NotEndedError("The vehicle is being onboarded again.") from None
    return True


def _end(vehicle: Vehicle, runtime: Runtime) -> None:
    half = leaving(vehicle.provider)
    if half is not None:
        call = connect_to_leave(vehicle, runtime)
        half.disconnect(call, vehicle, lambda other: _is_in_use(vehicle.provider, other, runtime))


def _is_in_use(provider: str, vehicle_id: str, runtime: Runtime) -> bool:
    return runtime.records.asset_for(provider, vehicle_id) is not None


def _end_access(vehicle: Vehicle, record: SiteRecord, runtime: Runtime) -> None:
    """End the access to the owner's account, unless another connection of the site still has to end with it."""
    account = account_of(vehicle)
    pending = [one for one in record.disconnects if one.place != (vehicle.provider, vehicle.vehicle_id)]
    if account is None or any(account_of(one.vehicle) == account for one in pending):
        return
    revoke_account(account, record.site, runtime)
    forget_accounts([account], record.site, runtime)
