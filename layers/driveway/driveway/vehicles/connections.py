"""The base URL and the credentials with which a provider's API is called."""

from collections.abc import Mapping

from driveway.auth.account_tokens import AccountTokens
from driveway.auth.oauth import TokenEndpoint
from driveway.auth.token_source import TokenSource
from driveway.auth.tokens import SharedTokens, StaticToken
from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.values import replace
from driveway.vehicles.provider import Call
from driveway.vehicles.registry import PROVIDERS
from driveway.vehicles.request_meter import RequestMeter


def connect(vehicle: Vehicle, twin: Twin, meter: RequestMeter, runtime: Runtime) -> Call:
    """The call context for a vehicle's provider, from the settings, the secrets and the shared tokens.

    ``meter`` counts its requests.
    """
    return Call(
        base_url=runtime.settings.text(f"{vehicle.provider.upper()}_BASE_URL").rstrip("/"),
        http=runtime.http,
        tokens=_tokens(vehicle, runtime),
        now=runtime.now(),
        extra=_extra(vehicle, twin, runtime),
        wait=runtime.clock.sleep,
        spend=meter.spend,
        answered=meter.answered,
    )


def has_connection_to_end(vehicle: Vehicle, runtime: Runtime) -> bool:
    """Whether a vehicle's maker has to be asked to end the connection; not where the operator does not call it."""
    called = runtime.settings.text(f"{vehicle.provider.upper()}_BASE_URL", "")
    return bool(called) and PROVIDERS[vehicle.provider].leaving is not None


def connect_to_leave(vehicle: Vehicle, runtime: Runtime) -> Call:
    """The call context for ending the connection to a vehicle that no asset has any more."""
    return Call(
        base_url=runtime.settings.text(f"{vehicle.provider.upper()}_BASE_URL").rstrip("/"),
        http=runtime.http,
        tokens=_tokens(vehicle, runtime),
        now=runtime.now(),
        extra=_of_stage(vehicle.provider, runtime),
        spend=RequestMeter(vehicle.provider, runtime, lets_charge=False).spend,
    )


def _of_stage(provider: str, runtime: Runtime) -> dict[str, str]:
    settings = PROVIDERS[provider].settings
    of_stage = {name: runtime.settings.text(setting, "") for name, setting in settings.items()}
    return {name: value for name, value in of_stage.items() if value}


def _extra(vehicle: Vehicle, twin: Twin, runtime: Runtime) -> Mapping[str, str]:
    """The known settings of the home, the connection and a charger, under the names of the providers' modules.

    What is given for the charger itself stands in place of the stage's setting.
    """
    home = twin.link.home
    known: dict[str, float | str | None] = {
        "latitude": home.latitude if home else None,
        "longitude": home.longitude if home else None,
        "power_kw": twin.link.power_kw,
        "home_timezone": twin.link.timezone,
        "connector_id": vehicle.connector_id,
        "phases": vehicle.phases,
        "rate_unit": vehicle.rate_unit,
        "stack_level": vehicle.stack_level,
    }
    given = {name: str(value) for name, value in known.items() if value is not None}
    return _of_stage(vehicle.provider, runtime) | given


def has_owners_tokens(provider: str) -> bool:
    """Whether each owner's account has its own tokens, from refresh tokens that can be used once."""
    return PROVIDERS[provider].tokens == "owner"


def account_key(provider: str, user_id: str | None) -> str:
    """The key of the record of a driver's account."""
    return f"TOKEN#{provider}#{user_id}"


def account_tokens(provider: str, user_id: str | None, runtime: Runtime) -> AccountTokens:
    """The tokens of a driver's account at a provider where every owner has their own."""
    key, credentials = account_key(provider, user_id), credentials_of(provider, runtime)

    def make() -> AccountTokens:
        tokens = AccountTokens.of(key, _endpoint(provider, credentials, runtime), runtime.accounts, runtime)
        tokens.unstored = runtime.unstored_tokens
        return tokens

    return runtime.cached(key, credentials, make)


def store_held_tokens(runtime: Runtime) -> None:
    """Store the tokens that were granted to this instance and whose write failed, if the write succeeds now."""
    for key in list(runtime.unstored_tokens):
        _, provider, user_id = key.split("#", 2)
        account_tokens(provider, user_id, runtime).store_held()


def _tokens(vehicle: Vehicle, runtime: Runtime) -> TokenSource:
    """One token for each provider, or for each owner where owners have their own."""
    provider = vehicle.provider
    if has_owners_tokens(provider):
        return account_tokens(provider, vehicle.user_id, runtime)
    key, credentials = f"TOKEN#{provider}", credentials_of(provider, runtime)

    def make() -> TokenSource:
        if PROVIDERS[provider].tokens == "fixed":
            return StaticToken(credentials.get("token", ""))
        return SharedTokens.of(key, _endpoint(provider, credentials, runtime), runtime.tokens, runtime)

    return runtime.cached(key, credentials, make)


def credentials_of(provider: str, runtime: Runtime) -> Mapping[str, str]:
    """Our own credentials at a provider, from the secret; nothing where there are none."""
    found: Mapping[str, str] = runtime.secret("PROVIDERS_SECRET").get(provider, {})
    return found


def revocation_endpoint(provider: str, runtime: Runtime) -> TokenEndpoint | None:
    """Where the provider revokes an owner's tokens (RFC 7009); None where the operator has not named an address."""
    url = runtime.settings.text(f"{provider.upper()}_REVOKE_URL", "")
    return replace(_endpoint(provider, credentials_of(provider, runtime), runtime), url=url) if url else None


def _endpoint(provider: str, credentials: Mapping[str, str], runtime: Runtime) -> TokenEndpoint:
    return TokenEndpoint(
        url=runtime.settings.text(f"{provider.upper()}_TOKEN_URL"),
        client_id=credentials.get("client_id", ""),
        client_secret=credentials.get("client_secret"),
        client_auth="basic" if PROVIDERS[provider].tokens == "app_basic" else "form",
    )
