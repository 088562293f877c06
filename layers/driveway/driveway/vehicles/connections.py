"""Where and with which credentials a provider's API is called."""

from driveway.domain.twin import Twin, Vehicle
from driveway.runtime.context import Runtime
from driveway.vehicles.provider import Call, TokenSource
from driveway.vehicles.tokens import SharedTokens, StaticToken, TokenEndpoint


def connect(vehicle: Vehicle, twin: Twin, current: Runtime) -> Call:
    """The call context for a vehicle's provider, from the settings, the secrets and the shared tokens."""
    name = vehicle.provider.upper()
    home = twin.link.home
    extra = {"latitude": str(home.latitude), "longitude": str(home.longitude)} if home else {}
    return Call(
        base_url=current.settings.text(f"{name}_BASE_URL").rstrip("/"),
        http=current.http,
        tokens=current.provider_tokens(_token_key(vehicle), lambda: _tokens(vehicle, current)),
        now=current.now(),
        extra=extra | {"power_kw": str(twin.link.power_kw), "home_timezone": twin.link.timezone},
        wait=current.clock.sleep,
    )


def _token_key(vehicle: Vehicle) -> str:
    """One token a provider, but for Tesla, whose owners each have their own."""
    return f"TOKEN#tesla#{vehicle.user_id}" if vehicle.provider == "tesla" else f"TOKEN#{vehicle.provider}"


def _tokens(vehicle: Vehicle, current: Runtime) -> TokenSource:
    credentials = current.secret("PROVIDERS_SECRET").get(vehicle.provider, {})
    if vehicle.provider == "ocpp":
        return StaticToken(credentials.get("token", ""))
    endpoint = TokenEndpoint(
        url=current.settings.text(f"{vehicle.provider.upper()}_TOKEN_URL"),
        client_id=credentials.get("client_id", ""),
        client_secret=credentials.get("client_secret"),
        client_auth="basic" if vehicle.provider == "enode" else "form",
    )
    return SharedTokens(
        key=_token_key(vehicle),
        endpoint=endpoint,
        store=current.records,
        http=current.http,
        now=current.now,
        lease=current.clock.machine(30),
        rotating=vehicle.provider == "tesla",
    )
